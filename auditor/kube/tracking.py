"""The marks that GitOps tools and Helm leave on what they apply: a Resource in, the name of the tool out.

Sources: Argo CD's resource tracking, Flux's Kustomization and HelmRelease labels, Helm's labels and annotations.
"""

from __future__ import annotations

from typing import Final

from auditor.model import Resource

_ANNOTATIONS: Final = {"argocd.argoproj.io/tracking-id": "Argo CD", "meta.helm.sh/release-name": "Helm"}
_LABELS: Final = {
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "helm.sh/chart": "Helm",
}


def applied_by(resource: Resource) -> str | None:
    """The tool whose marks the object carries, or None. A label `app.kubernetes.io/instance` alone is nobody's mark."""
    annotations, labels = resource.annotations(), resource.labels()
    for marks, known in ((annotations, _ANNOTATIONS), (labels, _LABELS)):
        for key, tool in known.items():
            if marks.get(key):
                return tool
    return "Helm" if labels.get("app.kubernetes.io/managed-by") == "Helm" else None
