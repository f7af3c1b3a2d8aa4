from __future__ import annotations

from collections.abc import Iterator

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.index import VERTICAL, target_of
from auditor.kube.limits import controlled
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import containers, owners
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity


@policy(
    id="HPA005",
    practice=10,
    severity=Severity.ERROR,
    kinds=("HorizontalPodAutoscaler", "ScaledObject.keda.sh", VERTICAL),
    remedy="keep one of the two, or let them act on different resources",
)
def two_autoscalers(resource: Resource, around: Surroundings) -> Answer:
    """One autoscaler decides.

    Two that write the same number undo each other's decisions. A vertical one that writes the requests a horizontal one measures
    against moves its target each time. https://kubernetes.io/docs/concepts/workloads/autoscaling/
    """
    if any(owner.get("kind") == "ScaledObject" for owner in owners(resource)):
        return NotApplicable("KEDA made it for a ScaledObject")
    kind, name = target_of(resource)
    others = around.sharing_target(resource) if kind and name else ()
    if not others:
        return NotApplicable("no other autoscaler has its target")
    field = "targetRef" if _is_vertical(resource) else "scaleTargetRef"
    for other in others:
        severity = None
        if _is_vertical(resource) != _is_vertical(other):
            vertical, horizontal = (resource, other) if _is_vertical(resource) else (other, resource)
            mode = text(at(vertical.body, "spec", "updatePolicy", "updateMode"))
            if not _overlap(vertical, horizontal, around):
                continue
            severity = Severity.WARNING if mode == "Initial" else None
        message = f"{other.ref} scales {kind.partition('.')[0]} {name} too"
        yield Fault(("spec", field), message, severity, subject=f"{other.ref.kind}/{other.ref.name}")
    return None


def _is_vertical(autoscaler: Resource) -> bool:
    return autoscaler.ref.kind == "VerticalPodAutoscaler"


def _overlap(vertical: Resource, horizontal: Resource, around: Surroundings) -> bool:
    """Whether the one writes a request against which the other measures, of any container of their target."""
    kind, name = target_of(vertical)
    target = next((one for one in around.read(kind, vertical) if one.ref.name == name), None)
    names = [one.name for one in containers(target, "app", "sidecar")] if target else []
    measured = set(_measured(horizontal))
    return any(
        (amount, where) in measured
        for one in names or ["*"]
        for amount in controlled(vertical, one)
        for where in ("*", one)
    )


def _measured(autoscaler: Resource) -> Iterator[tuple[str, str]]:
    """(cpu or memory, container or "*") that a horizontal autoscaler measures."""
    spec = mapping(autoscaler.body.get("spec"))
    metrics = sequence(spec.get("metrics"))
    if autoscaler.ref.group == "keda.sh":
        for trigger in sequence(spec.get("triggers")):
            yield text(at(trigger, "type")), text(at(trigger, "metadata", "containerName")) or "*"
    elif autoscaler.api_version == "autoscaling/v1" or not metrics:
        yield "cpu", "*"
    for metric in metrics:
        for field in ("resource", "containerResource"):
            if name := text(at(metric, field, "name")):
                yield name, text(at(metric, field, "container")) or "*"
