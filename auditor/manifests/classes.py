"""Which files and documents are no manifests, and what they are instead: a name or a body in, a word out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

_KUSTOMIZATION: Final = {"kustomization.yaml", "kustomization.yml", "Kustomization"}
_CHART: Final = {
    "Chart.yaml",
    "Chart.lock",
    "values.yaml",
    "values.yml",
    "values.schema.json",
    "requirements.yaml",
    "requirements.lock",
}

KUSTOMIZATION: Final = "kustomization"
WAIVERS: Final = "waivers"
HELM_CHART: Final = "helm chart"
HELM_TEMPLATE: Final = "helm template"
NO_MANIFEST: Final = "no manifest"
TOOL: Final = "configuration of a tool"


def classify(file_name: str, siblings: Collection[str] = ()) -> str | None:
    """What a file is if it is no manifest: "kustomization", "helm chart", "helm template"; None where it may be one.

    `file_name` is a path with slashes; `siblings` are paths of the same source: a folder `templates` is a chart's where a
    `Chart.yaml` stands beside it, and `values.yaml` is one's where a `Chart.yaml` does.
    """
    folder, _, name = file_name.rpartition("/")
    if name in _KUSTOMIZATION:
        return KUSTOMIZATION
    if name == "Chart.yaml" or (name in _CHART and _beside(folder, "Chart.yaml") in siblings):
        return HELM_CHART
    while folder and siblings:
        folder, _, name = folder.rpartition("/")
        if name == "templates" and _beside(folder, "Chart.yaml") in siblings:
            return HELM_TEMPLATE
    return None


def holds_waivers(file_name: str) -> bool:
    """Whether a file by this name may be a waivers file: its documents that are no manifests grant waivers."""
    return file_name.rpartition("/")[2] in ("waivers.yaml", "waivers.yml")


def _beside(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


_PARTS: Final = {"apiversion", "kind", "metadata"}
# Configuration of tools, which never goes to an API server.
_TOOLS: Final = {
    "kustomize.config.k8s.io": KUSTOMIZATION,
    "kind.x-k8s.io": TOOL,
    "k3d.io": TOOL,
    "skaffold": TOOL,
    "kubeadm.k8s.io": TOOL,
    "kubelet.config.k8s.io": TOOL,
    "kubeproxy.config.k8s.io": TOOL,
    "kubescheduler.config.k8s.io": TOOL,
    "apiserver.config.k8s.io": TOOL,
    "apiserver.k8s.io": TOOL,
    "audit.k8s.io": TOOL,
}


def no_manifest(value: Any) -> str | None:
    """What a document is if it does not mean to be a Kubernetes object; None if it does.

    It does if it has one of apiVersion, kind and metadata, in whatever case. Grafana's `apiVersion: 1` and Drone's
    `kind: pipeline` alone do not make one.
    """
    if not isinstance(value, dict):
        return NO_MANIFEST
    found = {key.lower() for key in value} & _PARTS
    if not found:
        return NO_MANIFEST
    api_version, kind = value.get("apiVersion"), value.get("kind")
    if found == {"apiversion"} and not isinstance(api_version, str):
        return NO_MANIFEST
    if found == {"kind"} and isinstance(kind, str) and not kind[:1].isupper():
        return NO_MANIFEST
    if api_version == "v1" and kind == "Config" and "metadata" not in value:
        return TOOL  # a kubeconfig
    if isinstance(api_version, str) and (tool := _TOOLS.get(api_version.split("/")[0])):
        return tool
    return None
