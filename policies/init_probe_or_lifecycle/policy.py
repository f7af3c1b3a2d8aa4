from __future__ import annotations

from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers
from auditor.model import Answer, Fault, Judges, NotApplicable, Resource, Severity

FORBIDDEN = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle")


@policy(
    id="INIT001",
    practice=3,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="move it to the application's container, or make the init container a sidecar with restartPolicy: Always",
    judges=Judges.DECLARED,
)
def init_probe_or_lifecycle(resource: Resource, around: Surroundings) -> Answer:
    """Init containers run to their end, without probes.

    An init container is done when it exits; there is nothing to probe and no life to hook into, so the API server refuses the
    whole object. https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#differences-from-regular-containers
    """
    found = tuple(containers(resource, "init"))
    if not found:
        return NotApplicable("it has no init containers")
    for container in found:
        for field in FORBIDDEN:
            if container.body.get(field):
                yield Fault(
                    (*container.path, field), f"{container} has a {field}, which only containers that stay may have"
                )
    return None
