from __future__ import annotations

from auditor.kube.index import VERTICAL
from auditor.kube.limits import has_request
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity


@policy(
    id="RES002",
    practice=8,
    severity=Severity.WARNING,
    kinds=(TEMPLATED,),
    remedy="set resources.requests.cpu to what it needs, or a default in a LimitRange of the namespace",
    reads=("LimitRange", VERTICAL),
)
def cpu_request_missing(resource: Resource, around: Surroundings) -> Answer:
    """Containers say how much CPU they need.

    Requests are what a node shares CPU out by: one without gets next to nothing when its neighbours are busy, and an autoscaler has
    nothing to measure use against. https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
    """
    found = tuple(containers(resource, "app", "sidecar", "init"))
    if not found:
        return NotApplicable("it has no containers")
    for container in found:
        if not has_request(resource, container, around, "cpu"):
            severity = Severity.INFO if container.role == "init" else None
            yield Fault(container.path, f"{container} has no cpu request", severity)
    return None
