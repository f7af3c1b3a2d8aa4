from __future__ import annotations

from auditor.kube.conditions import condition, holds
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import owners
from auditor.model import Answer, Fault, NotApplicable, Resource, Scope, Severity, Unknown

PATIENCE = 10 * 60
DAY = 86_400


@policy(
    id="HPA008",
    practice=10,
    severity=Severity.ERROR,
    kinds=("HorizontalPodAutoscaler", "ScaledObject.keda.sh"),
    remedy="see `kubectl describe hpa`: metrics that are missing, a target without requests, or a maximum that is too low",
    scope=Scope.RUNS,
)
def hpa_broken(resource: Resource, around: Surroundings) -> Answer:
    """An autoscaler works.

    One that cannot read its metrics or reach its target leaves the replicas as they are, whatever the load; one that has stood at its
    maximum for a day has run out of room. https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#appendix-horizontal-pod-autoscaler-status-conditions
    """
    if reason := around.not_running(resource):
        return reason
    autoscaler = resource
    if resource.ref.group == "keda.sh":  # the conditions are on the autoscaler that KEDA makes for it
        made = next(
            (
                one
                for one in around.of_kind("HorizontalPodAutoscaler", namespace=resource)
                if any(
                    owner.get("kind") == "ScaledObject" and owner.get("name") == resource.ref.name
                    for owner in owners(one)
                )
            ),
            None,
        )
        if made is None:
            return NotApplicable("KEDA has made no autoscaler for it")
        autoscaler = made
    elif any(owner.get("kind") == "ScaledObject" for owner in owners(resource)):
        return NotApplicable("its ScaledObject is judged")
    unknown = ""
    for kind in ("ScalingActive", "AbleToScale"):
        said = condition(autoscaler, kind)
        if said.get("status") != "False" or said.get("reason") == "ScalingDisabled":
            continue
        age = around.seconds_since(said.get("lastTransitionTime"))
        if age is None:
            unknown = f"since when {kind} is false is not known"
        elif age > PATIENCE:
            yield Fault(
                ("status", "conditions"),
                f"{kind} has been false for {int(age // 60)} min: {said.get('reason')}",
                subject=kind,
            )
    if holds(autoscaler, "ScalingLimited", "True", "TooManyReplicas"):
        age = around.seconds_since(condition(autoscaler, "ScalingLimited").get("lastTransitionTime"))
        if age is not None and age > DAY:
            message = f"it has stood at its maximum for {int(age // 3600)} hours"
            yield Fault(("spec", "maxReplicas"), message, Severity.WARNING, subject="ScalingLimited")
    return Unknown(unknown) if unknown else None
