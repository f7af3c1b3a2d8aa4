from __future__ import annotations

from auditor.kube.limits import has_limit
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity


@policy(
    id="RES003",
    practice=8,
    severity=Severity.WARNING,
    kinds=(TEMPLATED,),
    remedy="set resources.limits.memory, or a default in a LimitRange of the namespace",
    reads=("LimitRange",),
)
def memory_limit_missing(resource: Resource, around: Surroundings) -> Answer:
    """Containers have a bound on memory.

    Memory cannot be taken back. A container without a limit that leaks takes its node's memory, until the kernel kills something
    there, and not always the culprit. https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/
    """
    found = tuple(containers(resource, "app", "sidecar", "init"))
    if not found:
        return NotApplicable("it has no containers")
    for container in found:
        if not has_limit(resource, container, around, "memory"):
            severity = Severity.INFO if container.role == "init" else None
            yield Fault(container.path, f"{container} has no memory limit", severity)
    return None
