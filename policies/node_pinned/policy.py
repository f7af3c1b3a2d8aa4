from __future__ import annotations

from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, template
from auditor.model import Answer, Fault, Judges, NotApplicable, Resource, Severity


@policy(
    id="POD003",
    practice=1,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="remove nodeName; if it must run on certain nodes, say which by nodeSelector or node affinity",
    judges=Judges.DECLARED,
)
def node_pinned(resource: Resource, around: Surroundings) -> Answer:
    """The scheduler chooses the node.

    `nodeName` goes past the scheduler: nobody looks whether the node has room, is tainted or about to be drained, and when it
    is gone the Pod waits for it for ever. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename
    """
    found = template(resource)
    if found is None:
        return NotApplicable("it has no Pod template")
    if resource.ref.kind == "Pod" and around.desired is None:
        return NotApplicable("the scheduler writes nodeName into Pods that run")
    if found.spec.get("nodeName"):
        yield Fault((*found.path, "nodeName"), f"nodeName {found.spec['nodeName']} bypasses the scheduler")
    return None
