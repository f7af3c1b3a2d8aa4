from __future__ import annotations

from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.tracking import applied_by
from auditor.model import Answer, Fault, Resource, Severity

CAUSE, VERSION = "kubernetes.io/change-cause", "app.kubernetes.io/version"


@policy(
    id="HIST004",
    practice=5,
    severity=Severity.INFO,
    kinds=("DaemonSet", "Deployment", "StatefulSet"),
    remedy="let a GitOps tool or a chart apply it, or annotate kubernetes.io/change-cause with commit and reason",
    reads=("Application.argoproj.io",),
    skips_hooks=True,
)
def no_change_cause(resource: Resource, around: Surroundings) -> Answer:
    """Each revision says why it is there.

    `kubectl rollout history` is a list of numbers unless something says what each was: a change cause, a version, or the marks of the
    tool that applied a commit. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#checking-rollout-history-of-a-deployment
    """
    labels = resource.labels()
    if applied_by(resource) or resource.annotations().get(CAUSE) or labels.get(VERSION):
        return None
    instance = labels.get("app.kubernetes.io/instance")
    if isinstance(instance, str) and around.elsewhere("Application.argoproj.io", instance):
        return None
    yield Fault(("metadata",), f"nothing says what a revision of {resource.ref.name} was made for")
    return None
