from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.kube.fields import at, mapping, sequence, text, whole
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, Container, containers, is_finished, is_terminating
from auditor.model import Answer, Fault, NotApplicable, Resource, Scope, Severity, Unknown

PATIENCE = 10 * 60
PULL_FAILED = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})


@policy(
    id="INIT005",
    practice=3,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="look at its log: `kubectl logs POD -c CONTAINER`; the application starts only when it has ended well",
    reads=("Pod", "ReplicaSet", "Job"),
    scope=Scope.RUNS,
)
def init_stuck(resource: Resource, around: Surroundings) -> Answer:
    """Init containers come to their end.

    While one of them fails or waits the application does not start; behind a rolling update the old version goes on, and nobody
    notices for days. https://kubernetes.io/docs/tasks/debug/debug-application/debug-init-containers/
    """
    if reason := around.not_running(resource):
        return reason
    inits = {container.name: container for container in containers(resource, "init")}
    if not inits:
        return NotApplicable("it has no init containers")
    pods = [pod for pod in around.pods_of(resource) if not is_terminating(pod) and not is_finished(pod)]
    if not pods:
        return NotApplicable("no Pod of it is there")
    unknown, told = "", set()
    for pod in pods:
        for status in map(mapping, sequence(at(pod.body, "status", "initContainerStatuses"))):
            container = inits.get(text(status.get("name")))
            if container is None or at(status, "state", "terminated", "exitCode") == 0:
                continue
            said = _trouble(container, status, pod, around)
            if isinstance(said, Unknown):
                unknown = said.reason
            elif said and container.name not in told:
                told.add(container.name)
                yield Fault(container.path, f"{said} in Pod {pod.ref.name}: the application does not start")
            break  # those after it wait for it
    return Unknown(unknown) if unknown else None


def _trouble(
    container: Container, status: Mapping[str, Any], pod: Resource, around: Surroundings
) -> str | Unknown | None:
    waiting = text(at(status, "state", "waiting", "reason"))
    restarts = whole(status.get("restartCount")) or 0
    code = at(status, "lastState", "terminated", "exitCode")
    if waiting in PULL_FAILED:
        return f"{container} has no image ({waiting})"
    if restarts >= 3 and (waiting == "CrashLoopBackOff" or code not in (None, 0)):
        return f"{container} has failed {restarts} times" + (f" (exit code {code})" if code is not None else "")
    since = at(pod.body, "status", "startTime") or at(pod.body, "metadata", "creationTimestamp")
    age = around.seconds_since(since)
    if age is None:
        return Unknown(f"since when {container} runs in Pod {pod.ref.name} is not known")
    if age <= PATIENCE:
        return None
    if waiting == "PodInitializing" and not restarts and not status.get("imageID"):
        pulls = {
            text(event.body.get("reason")) for event in around.read("Event", pod) if _is_about(event, pod, container)
        }
        if "Pulling" not in pulls:
            return Unknown(f"whether the image of {container} is still being pulled is not known")
        if "Pulled" not in pulls:
            return None
    return f"{container} has not come to its end for {int(age // 60)} min"


def _is_about(event: Resource, pod: Resource, container: Container) -> bool:
    about = mapping(event.body.get("involvedObject"))
    return about.get("name") == pod.ref.name and f"{{{container.name}}}" in text(about.get("fieldPath"))
