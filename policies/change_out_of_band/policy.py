from __future__ import annotations

from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import (
    Answer,
    Change,
    Direction,
    Fault,
    NotApplicable,
    OwnerClass,
    Resource,
    Scope,
    Severity,
    Side,
    Unknown,
)

REVISION = "deployment.kubernetes.io/revision"
# `kubectl rollout restart` writes it: the same template, started anew.
RESTARTED = "kubectl.kubernetes.io/restartedAt"
# They put newer images into what runs, and are meant to.
MUTATING = frozenset({"argocd-image-updater", "image-automation-controller", "keel"})


@policy(
    id="HIST008",
    practice=5,
    severity=Severity.WARNING,
    kinds=("Deployment",),
    remedy="bring the change into git, or sync: what `kubectl rollout undo` and `kubectl set image` do lasts until then",
    skips_hooks=True,
    scope=Scope.RUNS,
)
def change_out_of_band(resource: Resource, around: Surroundings) -> Answer:
    """Every revision comes from git.

    A rollout that somebody began by hand is undone by the next sync, and until then what runs is written down nowhere.
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-back-a-deployment
    """
    if reason := around.not_running(resource):
        return reason
    if around.side_of(resource.ref) is not Side.BOTH:
        return NotApplicable("git does not declare it")
    if around.given.drift is None:
        return Unknown("what runs was not compared with git")
    drift = around.given.drift.get(resource.ref)
    changes = [one for one in drift.changes if _is_of_pods(one)] if drift else []
    by_hand = [one for one in changes if one.direction in (Direction.LIVE_CHANGED, Direction.BOTH)]
    if by_hand:
        number = resource.annotations().get(REVISION)
        fields = ", ".join(one.path.removeprefix("spec.template.") for one in by_hand[:3])
        more = f" and {len(by_hand) - 3} more" if len(by_hand) > 3 else ""
        who = next((one.owner.manager for one in by_hand if one.owner), "")
        message = f"revision {number} was not made from git" if number else "its Pods were not made from git"
        yield Fault(("spec", "template"), f"{message}: {fields}{more}" + (f", by {who}" if who else ""))
        return None
    if any(one.direction is Direction.UNKNOWN for one in changes):
        return Unknown("whether git or the cluster changed its template is not known yet")
    return None


def _is_of_pods(change: Change) -> bool:
    """Whether a change of the template makes a revision that nobody but a controller would answer for."""
    owner = change.owner
    by_controller = owner is not None and (owner.owner_class is OwnerClass.CONTROLLER or owner.manager in MUTATING)
    return change.path.startswith("spec.template.") and RESTARTED not in change.path and not by_controller
