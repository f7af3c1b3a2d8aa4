from __future__ import annotations

from auditor.kube.fields import at
from auditor.kube.index import target_of
from auditor.kube.policy import policy
from auditor.kube.scaling import bounds
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Resource, Severity


@policy(
    id="HPA004",
    practice=10,
    severity=Severity.WARNING,
    kinds=("HorizontalPodAutoscaler", "ScaledObject.keda.sh"),
    remedy="let it range from at least 2 to more than that",
    reads=("Service", "Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"),
)
def useless_range(resource: Resource, around: Surroundings) -> Answer:
    """An autoscaler has room to scale.

    With minimum and maximum alike nothing is ever scaled. With a minimum of one behind a Service every node that is drained, and
    every rollout that goes wrong, is an outage. https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
    """
    names = (
        ("minReplicaCount", "maxReplicaCount") if resource.ref.group == "keda.sh" else ("minReplicas", "maxReplicas")
    )
    least, most = bounds(resource)
    if most < least:
        yield Fault(("spec", names[1]), f"{names[1]} {most} is less than {names[0]} {least}", Severity.ERROR)
        return None
    if most == least:
        yield Fault(("spec", names[1]), f"{names[0]} and {names[1]} are both {most}: nothing is ever scaled")
        return None
    if least != 1:
        return None
    kind, name = target_of(resource)
    target = around.find(kind, resource, name) if kind and name else None
    service = next(iter(around.services_selecting(target)), None) if target else None
    if service:
        said = f"{names[0]} 1" if at(resource.body, "spec", names[0]) is not None else f"absent {names[0]} means 1"
        yield Fault(("spec", names[0]), f"{said}: one replica alone may serve Service {service.ref.name}")
    return None
