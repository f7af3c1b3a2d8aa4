from __future__ import annotations

from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Resource, Severity


@policy(
    id="CTL002",
    practice=2,
    severity=Severity.ERROR,
    kinds=("ReplicationController",),
    remedy="make it a Deployment",
)
def replication_controller(resource: Resource, around: Surroundings) -> Answer:
    """A Deployment stands where a ReplicationController stood.

    The ReplicationController is the predecessor of ReplicaSet and Deployment. It knows no rollout, no history and no set-based
    selectors, and the tools around it are long gone. https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller/
    """
    yield Fault(("kind",), f"ReplicationController {resource.ref.name} is the legacy predecessor of a Deployment")
    return None
