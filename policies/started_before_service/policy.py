from __future__ import annotations

from datetime import datetime

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.policy import policy
from auditor.kube.service_env import uses
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers, is_terminating
from auditor.model import Answer, Fault, NotApplicable, Resource, Scope, Severity


@policy(
    id="ORD004",
    practice=4,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="restart it: `kubectl rollout restart`",
    reads=("Service", "Pod", "ReplicaSet", "Job"),
    scope=Scope.RUNS,
)
def started_before_service(resource: Resource, around: Surroundings) -> Answer:
    """What runs has the variables of its Services.

    A container that started before the Service it asks for has no FOO_SERVICE_HOST, and gets none until it is started again; nothing
    in its status says so. https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
    """
    if reason := around.not_running(resource):
        return reason
    used = {container.name: tuple(uses(container)) for container in containers(resource)}
    if not any(used.values()):
        return NotApplicable("it uses no variable of a Service")
    told: set[tuple[str, str]] = set()
    for pod in around.pods_of(resource):
        if is_terminating(pod):
            continue
        for status in map(mapping, sequence(at(pod.body, "status", "containerStatuses"))):
            started, name = _moment(at(status, "state", "running", "startedAt")), text(status.get("name"))
            for use in used.get(name, ()):
                service = around.find("Service", resource, use.service)
                made = _moment(at(service.body, "metadata", "creationTimestamp")) if service else None
                if started and made and started < made and (name, use.service) not in told:
                    told.add((name, use.service))
                    message = f"container {name} of Pod {pod.ref.name} started before Service {use.service} was made: {use.variable} is empty"
                    yield Fault(use.path, message, subject=use.service)
    return None


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
