from __future__ import annotations

import re

from auditor.kube.fields import at, sequence, text
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

LOOP = re.compile(r"(?:^|[\s;&|(])(?:until|while)\s")
PROBE = re.compile(
    r"\b(?:curl|dig|grpc_health_probe|mysqladmin|nc|ncat|nslookup|pg_isready|ping|redis-cli|wait-for|wget)\b"
)
COUNTER = re.compile(r"-(?:lt|le|gt|ge|eq)\b|\(\(|\bSECONDS\b|\bbreak\b|\bexit\s+[1-9]")
BOUNDED = re.compile(r"(?:^|[\s;&|(])timeout\s+(?:-\S+\s+)*\S+\s+(?:\S*/)?(?:ba|a|da)?sh\b")


@policy(
    id="INIT004",
    practice=3,
    severity=Severity.INFO,
    kinds=(TEMPLATED,),
    remedy="count the tries, or put `timeout 300` before the shell, and fail: the Pod then shows what it waits for",
    skips_hooks=True,
)
def unbounded_wait(resource: Resource, around: Surroundings) -> Answer:
    """An init container that waits gives up some time.

    A loop without end shows as Init:0/1 and nothing more. One that fails is restarted all the same, and its failure is counted, seen
    and alerted on. https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#detailed-behavior
    """
    found, asked = template(resource), False
    for container in containers(resource, "init"):
        words = [text(word) for field in ("command", "args") for word in sequence(container.body.get(field))]
        script = " ".join(words)
        if not LOOP.search(script) or not PROBE.search(script):
            continue
        asked = True
        ends = COUNTER.search(script) or BOUNDED.search(script)
        if not ends and not _has_deadline(resource, found.spec if found else {}):
            field = "command" if LOOP.search(" ".join(map(text, sequence(container.body.get("command"))))) else "args"
            yield Fault((*container.path, field), f"{container} waits without end")
    return None if asked else NotApplicable("no init container waits in a loop that can be seen here")


def _has_deadline(resource: Resource, spec: object) -> bool:
    """A deadline of the Pod or of its Job; templates of controllers that keep Pods running must not have one."""
    paths = (("spec", "activeDeadlineSeconds"), ("spec", "jobTemplate", "spec", "activeDeadlineSeconds"))
    return at(spec, "activeDeadlineSeconds") is not None or any(at(resource.body, *path) is not None for path in paths)
