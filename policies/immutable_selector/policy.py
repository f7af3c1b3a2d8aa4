from __future__ import annotations

from auditor.kube.fields import at
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Judges, NotApplicable, Resource, Scope, Severity, Unknown, Unreadable

PATH = ("spec", "selector")


@policy(
    id="LBL004",
    practice=0,
    severity=Severity.ERROR,
    kinds=("DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"),
    remedy="put the selector back, or delete the object and let it be made anew (with --cascade=orphan to keep its Pods)",
    judges=Judges.DECLARED,
    scope=Scope.RUNS,
)
def immutable_selector(resource: Resource, around: Surroundings) -> Answer:
    """A selector stays as it was made.

    It cannot be changed on an object that exists: the API server refuses every apply, and nothing that is in git reaches the cluster
    any more. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#label-selector-updates
    """
    selector = at(resource.body, *PATH)
    if selector is None:
        return NotApplicable("git declares no selector")
    if around.live is None:
        return Unknown("what runs is not known here")
    live = around.live.by_ref.get(resource.ref)
    if live is None:
        try:
            around.require(resource.ref.kind, where=resource)
        except Unreadable as unreadable:
            return Unknown(str(unreadable))
        return NotApplicable("it does not run")
    if at(live.body, *PATH) != selector:
        yield Fault(PATH, "the selector differs from that of the object that runs, and cannot be changed")
    return None
