from __future__ import annotations

from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Resource, Severity

TRACKED_BY_ANNOTATION = ("kubernetes.io/change-cause", "argocd.argoproj.io/tracking-id", "meta.helm.sh/release-name")
TRACKED_BY_LABEL = (
    "app.kubernetes.io/version",
    "helm.sh/chart",
    "helm.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/name",
)


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
    annotations, labels = resource.annotations(), resource.labels()
    if any(annotations.get(key) for key in TRACKED_BY_ANNOTATION) or any(labels.get(key) for key in TRACKED_BY_LABEL):
        return None
    if labels.get("app.kubernetes.io/managed-by") == "Helm":
        return None
    instance = labels.get("app.kubernetes.io/instance")
    if isinstance(instance, str) and around.elsewhere("Application.argoproj.io", instance):
        return None
    yield Fault(("metadata",), f"nothing says what a revision of {resource.ref.name} was made for")
    return None
