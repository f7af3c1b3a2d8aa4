from __future__ import annotations

from auditor.kube.fields import at
from auditor.kube.index import selector_of
from auditor.kube.policy import policy
from auditor.kube.selectors import is_empty
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import LONG_RUNNING, controller_of
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

# What has a selector of its own; a Rollout by reference to a Deployment shares it by design.
CONTROLLERS = (*LONG_RUNNING, "Job", "Rollout")


@policy(
    id="LBL003",
    practice=0,
    severity=Severity.ERROR,
    kinds=LONG_RUNNING,
    remedy="give each its own labels, and select by those",
    reads=LONG_RUNNING,
)
def overlapping_selectors(resource: Resource, around: Surroundings) -> Answer:
    """A controller selects no Pods but its own.

    Where a selector also matches the Pods of another controller, both count and delete them: one scales down what the other scales
    up, for ever, and nothing in their status says so. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector
    """
    selector = selector_of(resource)
    if selector is None or is_empty(selector):
        return NotApplicable("it has no selector")
    for other in around.selected(selector, resource):
        if other.ref == resource.ref or other.ref.kind not in CONTROLLERS or controller_of(other):
            continue
        if other.ref.kind == "Job" and at(other.body, "spec", "manualSelector") is not True:
            continue
        if other.ref.kind == "Rollout" and at(other.body, "spec", "workloadRef"):
            continue
        yield Fault(
            ("spec", "selector"),
            f"its selector matches the Pods of {other.ref} too",
            subject=f"{other.ref.kind}/{other.ref.name}",
        )
    return None
