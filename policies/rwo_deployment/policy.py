from __future__ import annotations

from auditor.kube.claims import claims, single_node
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.scaling import most_replicas
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown


@policy(
    id="CTL003",
    practice=2,
    severity=Severity.ERROR,
    kinds=("Deployment",),
    remedy="make it a StatefulSet with volumeClaimTemplates, or use a volume that many nodes can mount",
    reads=("PersistentVolumeClaim", *AUTOSCALERS),
)
def rwo_deployment(resource: Resource, around: Surroundings) -> Answer:
    """Replicas that keep data have a volume each.

    A ReadWriteOnce volume is attached to one node. The replicas that land on another wait for it for ever, and those that land on
    the same one write over each other. https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes
    """
    if not any(claims(resource, around)):
        return NotApplicable("it claims no volume")
    if most_replicas(resource, around) < 2:
        return None
    claim = single_node(resource, around)
    if isinstance(claim, Unknown):
        return claim
    if claim:
        name = claim.reference.name
        message = f"{most_replicas(resource, around)} replicas share claim {name}, which one node alone can mount"
        yield Fault(claim.reference.path, message)
    return None
