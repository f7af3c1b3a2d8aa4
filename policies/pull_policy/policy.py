from __future__ import annotations

from auditor.kube.fields import text
from auditor.kube.images import is_placeholder, moves, parse
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers
from auditor.model import Answer, Fault, Judges, NotApplicable, Resource, Severity


@policy(
    id="IMG002",
    practice=0,
    severity=Severity.WARNING,
    kinds=(TEMPLATED,),
    remedy="name a version that does not move; then the policy is right as it is",
    judges=Judges.DECLARED,
)
def pull_policy(resource: Resource, around: Surroundings) -> Answer:
    """A tag that moves is not kept.

    With IfNotPresent or Never a node keeps the first image it pulled under a tag that moves: which version runs depends on the node
    that a Pod happens to land on. https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy
    """
    asked = False
    for container in containers(resource):
        chosen, written = container.body.get("imagePullPolicy"), text(container.body.get("image"))
        if chosen not in ("IfNotPresent", "Never") or is_placeholder(written):
            continue
        asked = True
        try:
            why = moves(parse(written))
        except ValueError:
            continue  # IMG001 says so
        if why:
            yield Fault((*container.path, "imagePullPolicy"), f"{container}: imagePullPolicy {chosen}, and {why}")
    return None if asked else NotApplicable("no container keeps its image by a policy of its own")
