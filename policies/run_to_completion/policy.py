from __future__ import annotations

from auditor.kube.fields import at, mapping, sequence, text, whole
from auditor.kube.policy import policy
from auditor.kube.ports import MESH
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import containers, is_terminating
from auditor.model import Answer, Fault, NotApplicable, Resource, Scope, Severity

OFTEN = 3
DAY, HOUR = 86_400, 3_600


@policy(
    id="CTL007",
    practice=2,
    severity=Severity.WARNING,
    kinds=("Deployment", "StatefulSet"),
    remedy="make it a Job, or a CronJob if it shall run again at set times",
    reads=("Pod", "ReplicaSet"),
    scope=Scope.RUNS,
)
def run_to_completion(resource: Resource, around: Surroundings) -> Answer:
    """What ends by itself is a Job.

    A process that does its work and exits is started over and over by a Deployment, with longer and longer breaks: it looks like a
    crash loop, and its work is done too often or too late. https://kubernetes.io/docs/concepts/workloads/controllers/job/
    """
    if reason := around.not_running(resource):
        return reason
    own = {container.name: container for container in containers(resource, "app") if container.name not in MESH}
    pods = [pod for pod in around.pods_of(resource) if not is_terminating(pod)]
    if not pods:
        return NotApplicable("no Pod of it is there")
    told: set[str] = set()
    for pod in pods:
        age = around.seconds_since(at(pod.body, "metadata", "creationTimestamp"))
        for status in map(mapping, sequence(at(pod.body, "status", "containerStatuses"))):
            container = own.get(text(status.get("name")))
            last = mapping(at(status, "lastState", "terminated"))
            restarts = whole(status.get("restartCount")) or 0
            if container is None or container.name in told or last.get("exitCode") != 0 or restarts < OFTEN:
                continue
            if container.body.get("livenessProbe") and _was_killed(pod, container.name, around):
                continue
            since = around.seconds_since(last.get("finishedAt"))
            recent = (age is not None and age <= DAY) or (since is not None and since <= HOUR)
            if recent or (age is None and since is None):
                told.add(container.name)
                message = f"{container} has ended well and been restarted {restarts} times in Pod {pod.ref.name}"
                yield Fault(container.path, message)
    return None


def _was_killed(pod: Resource, container: str, around: Surroundings) -> bool:
    """Whether an event says that a liveness probe ended the container: then exit code 0 is a graceful end, not its choice."""
    for event in around.read("Event", pod):
        about = mapping(event.body.get("involvedObject"))
        if about.get("name") == pod.ref.name and event.body.get("reason") in ("Unhealthy", "Killing"):
            field = text(about.get("fieldPath"))
            if not field or f"{{{container}}}" in field:
                return True
    return False
