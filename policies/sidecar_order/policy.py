from __future__ import annotations

import re

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.policy import policy
from auditor.kube.ports import port_numbers
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, Container, containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

LOCAL = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\]):(\d{1,5})")
PORT = re.compile(r"--\S*port[= ](\d{1,5})|:(\d{1,5})\b")


@policy(
    id="INIT008",
    practice=3,
    severity=Severity.INFO,
    kinds=(TEMPLATED,),
    remedy="give the sidecar a startupProbe: those after it start once it has succeeded",
)
def sidecar_order(resource: Resource, around: Surroundings) -> Answer:
    """What needs a sidecar starts when the sidecar serves.

    The next init container starts as soon as the process of a sidecar runs, or its startupProbe has succeeded. Without that probe it
    asks a port that nobody listens on yet. https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """
    asked = False
    starting = containers(resource, "init", "sidecar")
    for position, sidecar in enumerate(starting):
        if sidecar.role != "sidecar":
            continue
        needing = next((one for one in starting[position + 1 :] if one.role == "init" and _needs(one, sidecar)), None)
        asked = asked or needing is not None
        if needing and not sidecar.body.get("startupProbe") and not at(sidecar.body, "lifecycle", "postStart"):
            yield Fault(sidecar.path, f"{needing} needs {sidecar}, and may start before that serves")
    return None if asked else NotApplicable("no init container needs a sidecar that starts before it")


def _needs(container: Container, sidecar: Container) -> bool:
    said = _said(container)
    ports = {str(port) for port in port_numbers(sidecar)}
    ports |= {first or second for first, second in PORT.findall(_said(sidecar))}
    if any(port in ports for port in LOCAL.findall(said)):
        return True
    shared = {at(mount, "name") for mount in sequence(container.body.get("volumeMounts"))}
    return ".sock" in said and any(at(mount, "name") in shared for mount in sequence(sidecar.body.get("volumeMounts")))


def _said(container: Container) -> str:
    words = (text(word) for field in ("command", "args") for word in sequence(container.body.get(field)))
    return " ".join((*words, *(text(mapping(entry).get("value")) for entry in sequence(container.body.get("env")))))
