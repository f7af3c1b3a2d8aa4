from __future__ import annotations

from auditor.kube.limits import has_limit
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity


@policy(
    id="RES004",
    practice=8,
    severity=Severity.INFO,
    kinds=(TEMPLATED,),
    remedy="set resources.limits.cpu, if noisy neighbours trouble you more than throttling",
    reads=("LimitRange",),
    enabled=False,
)
def cpu_limit_missing(resource: Resource, around: Surroundings) -> Answer:
    """Containers have a bound on CPU.

    Off by default, because both answers are defensible: a limit throttles a container although its node is idle; without one a
    busy neighbour is bounded only by the requests of the others.
    https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-limits-are-run
    """
    found = tuple(containers(resource, "app", "sidecar"))
    if not found:
        return NotApplicable("it has no containers")
    for container in found:
        if not has_limit(resource, container, around, "cpu"):
            yield Fault(container.path, f"{container} has no cpu limit")
    return None
