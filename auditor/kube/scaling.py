"""How many replicas a workload runs: a Resource and its autoscalers in, numbers out."""

from __future__ import annotations

from auditor.kube.fields import at, whole
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import replicas
from auditor.model import Resource


def bounds(autoscaler: Resource) -> tuple[int, int]:
    """Least and most replicas of a HorizontalPodAutoscaler (absent minReplicas is 1) or ScaledObject (absent: 0 and 100)."""
    if autoscaler.ref.group == "keda.sh":
        least, most = at(autoscaler.body, "spec", "minReplicaCount"), at(autoscaler.body, "spec", "maxReplicaCount")
        return _or(least, 0), _or(most, 100)
    least, most = at(autoscaler.body, "spec", "minReplicas"), at(autoscaler.body, "spec", "maxReplicas")
    return _or(least, 1), _or(most, 1)


def most_replicas(resource: Resource, around: Surroundings) -> int:
    """The most replicas that the workload may come to: its own, or what an autoscaler may set. Raises `Unreadable`."""
    return max([replicas(resource), *(bounds(one)[1] for one in around.autoscalers_of(resource))])


def is_switched_off(resource: Resource, around: Surroundings) -> bool:
    """Whether it is scaled to zero with nothing that would scale it up again. Raises `Unreadable`."""
    return (
        at(resource.body, "spec", "replicas") is not None
        and replicas(resource) == 0
        and not around.autoscalers_of(resource)
    )


def _or(value: object, default: int) -> int:
    written = whole(value)
    return default if written is None else written
