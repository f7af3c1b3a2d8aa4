from __future__ import annotations

from auditor.kube.claims import claims, single_node
from auditor.kube.fields import at
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.scaling import is_switched_off, most_replicas
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown


@policy(
    id="CTL003b",
    practice=2,
    severity=Severity.WARNING,
    kinds=("Deployment",),
    remedy="set strategy Recreate (or maxSurge 0), or make it a StatefulSet",
    reads=("PersistentVolumeClaim", *AUTOSCALERS),
)
def rwo_rolling_update(resource: Resource, around: Surroundings) -> Answer:
    """A rollout does not wait for its own volume.

    A rolling update starts the new Pod before it stops the old one. Where the volume can be attached to one node only, the new Pod
    waits for the old, and the old for the new. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy
    """
    if not any(claims(resource, around)):
        return NotApplicable("it claims no volume")
    if most_replicas(resource, around) > 1:
        return NotApplicable("it runs several replicas (CTL003 judges that)")
    if is_switched_off(resource, around):
        return NotApplicable("it is scaled to zero")
    strategy = at(resource.body, "spec", "strategy")
    if at(strategy, "type") == "Recreate" or at(strategy, "rollingUpdate", "maxSurge") in (0, "0", "0%"):
        return None  # the old Pod goes first
    claim = single_node(resource, around)
    if isinstance(claim, Unknown):
        return claim
    if claim:
        message = (
            f"the new Pod waits for claim {claim.reference.name}, which the old one holds unless both are on one node"
        )
        yield Fault(claim.reference.path, message)
    return None
