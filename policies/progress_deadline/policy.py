from __future__ import annotations

from auditor.kube.fields import at, whole
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Judges, Resource, Severity

PATH = ("spec", "progressDeadlineSeconds")
NEVER = 2**31 - 1
DEFAULT = 600


@policy(
    id="HIST006",
    practice=5,
    severity=Severity.WARNING,
    kinds=("Deployment",),
    remedy="let it be longer than minReadySeconds, and shorter than anybody's patience",
    judges=Judges.DECLARED,
    skips_hooks=True,
)
def progress_deadline(resource: Resource, around: Surroundings) -> Answer:
    """A rollout that is stuck is told to be.

    progressDeadlineSeconds is what turns a rollout that hangs into a condition, an alert, and a reason to roll back. It must be
    longer than minReadySeconds. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#progress-deadline-seconds
    """
    written = whole(at(resource.body, *PATH))
    deadline = DEFAULT if written is None else written
    ready = whole(at(resource.body, "spec", "minReadySeconds")) or 0
    if deadline >= NEVER:
        yield Fault(
            PATH,
            f"progressDeadlineSeconds {deadline} means never: a stuck rollout is not told",
            surplus=() if ready >= DEFAULT else (PATH,),
        )
    elif deadline <= ready:
        said = (
            f"progressDeadlineSeconds {deadline}"
            if written is not None
            else f"the default progressDeadlineSeconds {deadline}"
        )
        yield Fault(
            PATH if written is not None else ("spec", "minReadySeconds"),
            f"{said} is not more than minReadySeconds {ready}: it is refused",
        )
    return None
