from __future__ import annotations

from collections.abc import Iterator

from auditor.kube.conditions import condition, holds
from auditor.kube.fields import at, mapping, sequence, text, whole
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import controller_of, is_terminating, replicas
from auditor.model import Answer, Fault, NotApplicable, Resource, Scope, Severity, Unknown

SEEN = 10 * 60
ROLLED = {"StatefulSet": 10 * 60, "DaemonSet": 15 * 60}


@policy(
    id="HIST002",
    practice=5,
    severity=Severity.ERROR,
    kinds=("DaemonSet", "Deployment", "StatefulSet"),
    remedy="see why the new Pods do not become ready, or go back: `kubectl rollout undo`",
    reads=("Pod", "ReplicaSet", "ControllerRevision"),
    skips_hooks=True,
    scope=Scope.RUNS,
)
def stuck_rollout(resource: Resource, around: Surroundings) -> Answer:
    """A rollout comes to its end.

    A rollout that hangs leaves old and new versions side by side, and the next change waits behind it.
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment
    """
    if reason := around.not_running(resource):
        return reason
    spec, status = mapping(resource.body.get("spec")), mapping(resource.body.get("status"))
    if spec.get("paused") is True:
        return NotApplicable("it is paused")
    if resource.ref.kind != "DaemonSet" and replicas(resource) == 0:
        return NotApplicable("it is scaled to zero")
    update = mapping(spec.get("updateStrategy"))
    if update.get("type") == "OnDelete" or (whole(at(update, "rollingUpdate", "partition")) or 0) > 0:
        return NotApplicable("its update strategy holds Pods back by design")
    seen, written = whole(status.get("observedGeneration")), whole(resource.metadata.get("generation"))
    if seen is not None and written is not None and seen < written:
        age = _since_written(resource, around)
        if age is None:
            return Unknown("since when its controller has not looked at the last change is not known")
        if age > SEEN:
            yield Fault(("spec",), f"its controller has not looked at the last change for {int(age // 60)} min")
        return None
    if resource.ref.kind == "Deployment":
        yield from _deployment(resource, around)
        return None
    stuck = _unfinished(resource)
    if not stuck:
        return None
    age = _since_revision(resource, around)
    if age is None:
        return Unknown("since when its rollout has made no progress is not known")
    if age > ROLLED[resource.ref.kind]:
        yield Fault(("status",), f"{stuck} for {int(age // 60)} min{_trouble(resource, around)}")
    return None


def _deployment(resource: Resource, around: Surroundings) -> Iterator[Fault]:
    status = mapping(resource.body.get("status"))
    if holds(resource, "Progressing", "False", "ProgressDeadlineExceeded", "ReplicaSetCreateError"):
        said = condition(resource, "Progressing")
        done, wanted = whole(status.get("updatedReplicas")) or 0, replicas(resource)
        age = around.seconds_since(said.get("lastTransitionTime"))
        since = f" for {int(age // 60)} min" if age is not None else ""
        message = f"its rollout is stuck{since} ({said.get('reason')}): {done} of {wanted} Pods updated{_trouble(resource, around)}"
        yield Fault(("status", "conditions"), message)
    elif holds(resource, "ReplicaFailure", "True"):
        reason = condition(resource, "ReplicaFailure").get("reason")
        yield Fault(("status", "conditions"), f"its Pods cannot be made ({reason})")


def _unfinished(resource: Resource) -> str:
    status = mapping(resource.body.get("status"))
    if resource.ref.kind == "StatefulSet":
        current, new = text(status.get("currentRevision")), text(status.get("updateRevision"))
        if current and new and current != new:
            return f"{whole(status.get('updatedReplicas')) or 0} of {replicas(resource)} Pods have been updated"
        return ""
    done, wanted = whole(status.get("updatedNumberScheduled")) or 0, whole(status.get("desiredNumberScheduled")) or 0
    return f"{done} of {wanted} Pods have been updated" if done < wanted else ""


def _since_written(resource: Resource, around: Surroundings) -> float | None:
    """Seconds since somebody last wrote `spec`, as managedFields tell."""
    times = [
        age
        for entry in map(mapping, sequence(resource.metadata.get("managedFields")))
        if "f:spec" in mapping(entry.get("fieldsV1")) and (age := around.seconds_since(entry.get("time"))) is not None
    ]
    return min(times, default=None)


def _since_revision(resource: Resource, around: Surroundings) -> float | None:
    """Seconds since the newest revision of a StatefulSet or DaemonSet was made, else since its spec was written."""
    ages = [
        age
        for revision in around.read("ControllerRevision", resource)
        if (owner := controller_of(revision))
        and (owner.get("kind"), owner.get("name")) == (resource.ref.kind, resource.ref.name)
        if (age := around.seconds_since(revision.metadata.get("creationTimestamp"))) is not None
    ]
    return min(ages, default=_since_written(resource, around))


def _trouble(resource: Resource, around: Surroundings) -> str:
    """What the first Pod that is not ready waits for."""
    for pod in around.pods_of(resource):
        for status in map(mapping, sequence(at(pod.body, "status", "containerStatuses"))):
            reason = at(status, "state", "waiting", "reason")
            if reason and not is_terminating(pod):
                return f", Pod {pod.ref.name}: {reason}"
    return ""
