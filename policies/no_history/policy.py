from __future__ import annotations

from auditor.kube.fields import at, whole
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Judges, Resource, Severity

PATH = ("spec", "revisionHistoryLimit")


@policy(
    id="HIST001",
    practice=5,
    severity=Severity.ERROR,
    kinds=("DaemonSet", "Deployment", "StatefulSet"),
    remedy="keep at least 2 revisions, or leave the field out: the default is 10",
    judges=Judges.DECLARED,
    skips_hooks=True,
)
def no_history(resource: Resource, around: Surroundings) -> Answer:
    """A rollout can be rolled back.

    `revisionHistoryLimit: 0` throws every earlier revision away as soon as the new one runs, and `kubectl rollout undo` has
    nothing to go back to. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy
    """
    limit = whole(at(resource.body, *PATH))
    if limit is None:
        return None
    if limit <= 0:
        yield Fault(PATH, "revisionHistoryLimit 0 keeps nothing to roll back to", surplus=(PATH,))
    elif limit == 1:
        yield Fault(
            PATH, "revisionHistoryLimit 1 keeps one step to go back, and no more", Severity.INFO, surplus=(PATH,)
        )
    elif limit > 50:
        yield Fault(
            PATH, f"revisionHistoryLimit {limit} keeps more revisions than anybody looks through", Severity.INFO
        )
    return None
