from __future__ import annotations

from auditor.kube.cron import shortest_gap
from auditor.kube.fields import at, text, whole
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

DEADLINE = ("spec", "startingDeadlineSeconds")
LOOKS_EVERY = 10
RUNS_FOR = (("spec", "jobTemplate", "spec"), ("spec", "jobTemplate", "spec", "template", "spec"))


@policy(
    id="CTL008",
    practice=2,
    severity=Severity.INFO,
    kinds=("CronJob",),
    remedy="set concurrencyPolicy to Forbid or Replace, and leave startingDeadlineSeconds at 10 or more",
)
def cronjob_safety(resource: Resource, around: Surroundings) -> Answer:
    """Runs of a CronJob do not pile up, and are not missed.

    With concurrencyPolicy Allow a run that takes longer than its schedule meets the next one. The controller looks every ten seconds:
    with a shorter starting deadline a run may never start. https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#job-creation
    """
    if at(resource.body, "spec", "suspend") is True:
        return NotApplicable("it is suspended")
    deadline = whole(at(resource.body, *DEADLINE))
    if deadline is not None and deadline < LOOKS_EVERY:
        message = (
            f"with startingDeadlineSeconds {deadline} a run may be missed: the controller looks every {LOOKS_EVERY} s"
        )
        yield Fault(DEADLINE, message, Severity.WARNING)
    if at(resource.body, "spec", "concurrencyPolicy") not in (None, "", "Allow"):
        return None
    longest = next(
        (limit for path in RUNS_FOR if (limit := whole(at(resource.body, *path, "activeDeadlineSeconds")))), None
    )
    try:
        gap = shortest_gap(text(at(resource.body, "spec", "schedule")))
    except ValueError:
        return None
    if longest and gap < longest:
        yield Fault(
            ("spec", "schedule"), f"it runs every {gap} s, a run may take {longest} s, and concurrencyPolicy is Allow"
        )
    return None
