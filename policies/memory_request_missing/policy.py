from __future__ import annotations

from auditor.kube.index import VERTICAL
from auditor.kube.limits import has_request
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity


@policy(
    id="RES001",
    practice=8,
    severity=Severity.WARNING,
    kinds=(TEMPLATED,),
    remedy="set resources.requests.memory to what it needs, or a default in a LimitRange of the namespace",
    reads=("LimitRange", VERTICAL),
)
def memory_request_missing(resource: Resource, around: Surroundings) -> Answer:
    """Containers say how much memory they need.

    The scheduler places Pods by their requests. One without is placed on a node that may be full, and is the first to be evicted
    when memory runs short. https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
    """
    found = tuple(containers(resource, "app", "sidecar", "init"))
    if not found:
        return NotApplicable("it has no containers")
    for container in found:
        if not has_request(resource, container, around, "memory"):
            severity = Severity.INFO if container.role == "init" else None
            yield Fault(container.path, f"{container} has no memory request", severity)
    return None
