from __future__ import annotations

from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import LONG_RUNNING, template
from auditor.model import Answer, Fault, Judges, NotApplicable, Resource, Severity


@policy(
    id="CTL006",
    practice=2,
    severity=Severity.ERROR,
    kinds=(*LONG_RUNNING, "CronJob", "Job"),
    remedy="set restartPolicy to Always for what shall stay, to OnFailure or Never for Jobs",
    judges=Judges.DECLARED,
)
def restart_policy(resource: Resource, around: Surroundings) -> Answer:
    """The restart policy suits the controller.

    What a Deployment, StatefulSet, DaemonSet or ReplicaSet runs is restarted always; a Job ends, so it restarts on failure or
    never, and must say so, because absent means Always. The API server refuses everything else, and the rollout never starts.
    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
    """
    found = template(resource)
    if found is None:
        return NotApplicable("it has no Pod template")
    value = found.spec.get("restartPolicy")
    if resource.ref.kind in LONG_RUNNING:
        if value not in (None, "", "Always"):
            path = (*found.path, "restartPolicy")
            message = f"a {resource.ref.kind} takes only restartPolicy Always, not {value}"
            yield Fault(path, message, surplus=(path,))
    elif value in (None, ""):
        yield Fault(found.path, "a Job without restartPolicy is refused: absent means Always")
    elif value not in ("OnFailure", "Never"):
        yield Fault((*found.path, "restartPolicy"), f"a Job takes restartPolicy OnFailure or Never, not {value}")
    return None
