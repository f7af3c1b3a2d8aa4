from __future__ import annotations

from auditor.kube.conditions import holds
from auditor.kube.fields import at, whole
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import controller_of, replicas
from auditor.model import Answer, Fault, NotApplicable, Resource, Scope, Severity, Unknown

WEEK = 7 * 86_400


@policy(
    id="HIST003",
    practice=5,
    severity=Severity.INFO,
    kinds=("Deployment", "ReplicaSet"),
    remedy="delete the ReplicaSets that nobody goes back to; of two that are active, the one that is not the newest",
    reads=("ReplicaSet",),
    skips_hooks=True,
    scope=Scope.RUNS,
)
def stale_replicasets(resource: Resource, around: Surroundings) -> Answer:
    """Old ReplicaSets are history, and no more.

    More of them than the limit says, or one that nobody owns any more, clutter every list; one that still has Pods after the rollout
    is done serves an old version. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy
    """
    if reason := around.not_running(resource):
        return reason
    if resource.ref.kind == "ReplicaSet":
        age = around.seconds_since(resource.metadata.get("creationTimestamp"))
        if replicas(resource) > 0:
            return NotApplicable("it has Pods")
        if age is None:
            return Unknown("how old it is is not known")
        if age > WEEK:
            yield Fault(("kind",), f"nobody owns it, and it has had no Pods to keep for {int(age // 86_400)} days")
        return None
    around.require("ReplicaSet", where=resource)
    of_it = around.once(f"replicasets in {resource.ref.namespace}", lambda: _owned(resource, around)).get(
        resource.ref.name, ()
    )
    if at(resource.body, "spec", "paused") is True:
        return NotApplicable("it is paused")
    wanted = replicas(resource)
    updated = whole(at(resource.body, "status", "updatedReplicas")) or 0
    done = updated == wanted and holds(resource, "Progressing", "True", "NewReplicaSetAvailable")
    active = [one for one in of_it if replicas(one) > 0]
    if done and len(active) > 1:
        names = ", ".join(sorted(one.ref.name for one in active))
        yield Fault(
            ("status",), f"its rollout is done, and {len(active)} ReplicaSets have Pods: {names}", Severity.ERROR
        )
    limit = whole(at(resource.body, "spec", "revisionHistoryLimit"))
    old = [one for one in of_it if replicas(one) == 0]
    if done and len(old) > (10 if limit is None else limit):
        message = f"{len(old)} old ReplicaSets are kept, and its limit is {10 if limit is None else limit}"
        yield Fault(("spec", "revisionHistoryLimit"), message)
    return None


def _owned(resource: Resource, around: Surroundings) -> dict[str, list[Resource]]:
    """The ReplicaSets of the namespace by the Deployment that controls them."""
    found: dict[str, list[Resource]] = {}
    for one in around.read("ReplicaSet", resource):
        owner = controller_of(one)
        if owner and owner.get("kind") == "Deployment":
            found.setdefault(str(owner.get("name")), []).append(one)
    return found
