from __future__ import annotations

from collections.abc import Iterator

from auditor.kube.fields import at
from auditor.kube.nearest import nearest
from auditor.kube.policy import policy
from auditor.kube.ports import port_names
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import CUSTOM, LONG_RUNNING, Container, containers
from auditor.model import Answer, Fault, NotApplicable, RawPath, Resource, Severity

HANDLERS = (
    *(
        (probe, handler)
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        for handler in ("httpGet", "tcpSocket")
    ),
    ("lifecycle", "postStart", "httpGet"),
    ("lifecycle", "preStop", "httpGet"),
)


@policy(
    id="PROBE004",
    practice=7,
    severity=Severity.ERROR,
    kinds=(*LONG_RUNNING, CUSTOM),
    remedy="name a port that the container declares, or give its number",
    skips_hooks=True,
)
def probe_port_undefined(resource: Resource, around: Surroundings) -> Answer:
    """A probe asks a port that its container has.

    A port's name is looked up in the ports of the same container. Where no port is called so the probe fails each time: the container
    is never ready, or restarted for ever. https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
    """
    asked = False
    for container in containers(resource, "app", "sidecar"):
        names = port_names(container)
        for path, name in _named_ports(container):
            asked = True
            if name not in names:
                meant = nearest(name, names)
                hint = f"; did you mean {meant}?" if meant else ""
                yield Fault(path, f"{container} has no port called {name}{hint}")
    return None if asked else NotApplicable("no probe names a port by its name")


def _named_ports(container: Container) -> Iterator[tuple[RawPath, str]]:
    for handler in HANDLERS:
        port = at(container.body, *handler, "port")
        if isinstance(port, str) and not port.isdigit():  # a quoted number is refused as such
            yield (*container.path, *handler, "port"), port
