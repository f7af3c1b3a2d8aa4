from __future__ import annotations

from auditor.kube.conditions import condition
from auditor.kube.fields import at
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, NotApplicable, Resource, Scope, Severity, Unknown

DAY = 86_400


@policy(
    id="HIST002b",
    practice=5,
    severity=Severity.WARNING,
    kinds=("Deployment",),
    remedy="resume it: `kubectl rollout resume`, or remove spec.paused from git",
    skips_hooks=True,
    scope=Scope.RUNS,
)
def paused_rollout(resource: Resource, around: Surroundings) -> Answer:
    """A rollout is not paused for ever.

    While a Deployment is paused no change of its template reaches a Pod, and a rollback is refused. A pause that outlives the day has
    been forgotten. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pausing-and-resuming-a-deployment
    """
    if reason := around.not_running(resource):
        return reason
    if at(resource.body, "spec", "paused") is not True:
        return NotApplicable("it is not paused")
    said = condition(resource, "Progressing")
    age = around.seconds_since(said.get("lastUpdateTime")) if said.get("reason") == "DeploymentPaused" else None
    if age is None:
        return Unknown("since when it is paused is not known")
    if age > DAY:
        yield Fault(("spec", "paused"), f"it has been paused for {int(age // 3600)} hours")
    return None
