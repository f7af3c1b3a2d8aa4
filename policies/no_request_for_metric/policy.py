from __future__ import annotations

from collections.abc import Iterator

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.index import VERTICAL, target_of
from auditor.kube.limits import has_request, written
from auditor.kube.policy import policy
from auditor.kube.quantities import same
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import Container, containers, template
from auditor.model import Answer, Fault, NotApplicable, RawPath, Resource, Severity, Unknown


@policy(
    id="HPA003",
    practice=10,
    severity=Severity.ERROR,
    kinds=("HorizontalPodAutoscaler", "ScaledObject.keda.sh"),
    remedy="give every container of the target a request for what the autoscaler measures",
    reads=("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "LimitRange", VERTICAL),
)
def no_request_for_metric(resource: Resource, around: Surroundings) -> Answer:
    """What an autoscaler measures against is there.

    Utilisation is a share of the request. Where one container has none the share cannot be computed, and the autoscaler does nothing
    at all: the commonest reason for it. https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
    """
    metrics = tuple(_utilisation(resource))
    if not metrics:
        return NotApplicable("it measures no use of a resource against requests")
    kind, name = target_of(resource)
    target = around.find(kind, resource, name) if kind and name else None
    found = template(target) if target else None
    if target is None or found is None:
        return Unknown("what it scales is not known here (HPA001 says so)")
    if mapping(at(found.spec, "resources", "requests")):
        return Unknown("its target has requests for the Pod as a whole; how the autoscaler uses them is not settled")
    running = tuple(containers(found, "app", "sidecar"))
    for path, amount, only, note in metrics:
        if only and not any(one.name == only for one in running):
            yield Fault(path, f"{target.ref} has no container {only}", subject=amount)
        for container in running:
            if (not only or container.name == only) and not _asks(target, container, around, amount):
                message = (
                    f"{container} of {target.ref} has no {amount} request, against which {amount} use is measured{note}"
                )
                yield Fault(path, message, subject=f"{amount}/{container.name}")
    return None


def _utilisation(resource: Resource) -> Iterator[tuple[RawPath, str, str, str]]:
    """(path, cpu or memory, the one container meant or "", a note) of each metric that is a share of requests."""
    spec = mapping(resource.body.get("spec"))
    if resource.ref.group == "keda.sh":
        for index, item in enumerate(sequence(spec.get("triggers"))):
            trigger = mapping(item)
            kind = text(trigger.get("type"))
            how = text(trigger.get("metricType")) or text(at(trigger, "metadata", "type")) or "Utilization"
            if kind in ("cpu", "memory") and how == "Utilization":
                yield ("spec", "triggers", index), kind, text(at(trigger, "metadata", "containerName")), ""
        return
    if resource.api_version == "autoscaling/v1":
        note = "" if spec.get("targetCPUUtilizationPercentage") else " (80 % cpu by default)"
        yield ("spec", "targetCPUUtilizationPercentage"), "cpu", "", note
        return
    metrics = sequence(spec.get("metrics"))
    if not metrics:
        yield ("spec",), "cpu", "", " (80 % cpu by default)"
    for index, item in enumerate(metrics):
        for field in ("resource", "containerResource"):
            metric = mapping(mapping(item).get(field))
            name = text(metric.get("name"))
            if name in ("cpu", "memory") and at(metric, "target", "type") == "Utilization":
                yield ("spec", "metrics", index), name, text(metric.get("container")), ""


def _asks(target: Resource, container: Container, around: Surroundings, amount: str) -> bool:
    own = written(container, "requests", amount)
    return has_request(target, container, around, amount) and not (own is not None and same(own, 0))
