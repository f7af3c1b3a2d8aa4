"""What of two objects is compared: the bodies as read in, the parts that can drift out. Nothing is changed in place.

Each rule here is about whole parts of a kind; what is said of single values is in `values`, `defaults` and `tree`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.drift.defaults import is_default_toleration
from auditor.drift.values import is_list, is_map
from auditor.kube import schema
from auditor.kube.fields import at
from auditor.kube.schema import Node
from auditor.kube.secrets import LAST_APPLIED
from auditor.model import Body, RawPath, Ref

METADATA: Final = ("labels", "annotations", "finalizers", "ownerReferences")
"""The parts of metadata that people write; the rest is the server's."""

_NOT_COMPARED: Final = frozenset({"apiVersion", "kind", "status", "metadata"})

_HOUSEKEEPING: Final = re.compile(
    "|".join(
        (
            # how appliers recognise their objects
            r"argocd\.argoproj\.io/.*",
            r"(kustomize|helm)\.toolkit\.fluxcd\.io/.*",
            r"meta\.helm\.sh/.*",
            r"objectset\.rio\.cattle\.io/.*",
            r"config\.k8s\.io/owning-inventory",
            # what controllers note on objects they look after
            r"deployment\.kubernetes\.io/.*",
            r"deprecated\.daemonset\.template\.generation",
            r"autoscaling\.alpha\.kubernetes\.io/.*",
            r"pv\.kubernetes\.io/.*",
            r"volume\.(beta\.)?kubernetes\.io/.*",
            r"batch\.kubernetes\.io/.*",
            r"endpoints\.kubernetes\.io/.*",
            r"openshift\.io/.*",
            r"field\.cattle\.io/.*",
            r"control-plane\.alpha\.kubernetes\.io/leader",
            r"kubernetes\.io/metadata\.name",
            # what admission, network and mesh plug-ins note on what they let in
            r"kubernetes\.io/limit-ranger",
            r"cni\.projectcalico\.org/.*",
            r"k8s\.v1\.cni\.cncf\.io/network-?status",
            r"k8s\.ovn\.org/.*",
            r"sidecar\.istio\.io/status",
            r"cloud\.google\.com/neg-status",
        )
    )
)


def is_housekeeping(key: str, value: Any) -> bool:
    """Whether a label or annotation that only live has belongs to an applier's or a controller's bookkeeping."""
    return _HOUSEKEEPING.fullmatch(key) is not None or (key == "app.kubernetes.io/managed-by" and value == "Helm")


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of one object, as they are compared. `moved`: where a path of `desired` is written in truth."""

    desired: Mapping[str, Any]
    live: Mapping[str, Any]
    node: Node | None
    moved: Mapping[RawPath, RawPath] = field(default_factory=dict)

    def written(self, path: RawPath) -> RawPath:
        for length in range(len(path), 0, -1):
            if path[:length] in self.moved:
                return (*self.moved[path[:length]], *path[length:])
        return path


def pair(ref: Ref, desired: Body, live: Body, custom: Node | None = None) -> Pair:
    """The comparable parts of both; the type is that of the version live has. `custom`: that of a custom resource."""
    node = schema.node_of(ref.group, ref.kind, live) or custom
    left, moved = part(ref, desired)
    right, _ = part(ref, live)
    if ref.kind == "ClusterRole" and (left.get("aggregationRule") or right.get("aggregationRule")):
        # the control plane fills in the rules of aggregated roles: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
        left, right = ({name: value for name, value in side.items() if name != "rules"} for side in (left, right))
    if ref.kind == "HorizontalPodAutoscaler":
        left = _autoscaler(left, desired, live)
    if ref.kind == "ReplicationController":
        right = _controller(left, right)
    if ref.group == "batch" and ref.kind == "Job":
        right = _job(left, right, _generated(ref, at(live, "metadata", "uid")))
    if ref.group == "" and ref.kind == "Namespace":
        right = _finalized(left, right)
    if ref.group == "" and ref.kind == "Node":
        right = _tainted(left, right)
    if ref.group == "" and ref.kind == "Pod":
        right = _pod(left, right)
    return Pair(left, right, node, moved)


def part(ref: Ref, body: Body) -> tuple[dict[str, Any], dict[RawPath, RawPath]]:
    """The comparable part of one side, and what moved within it."""
    kept: dict[str, Any] = {name: value for name, value in body.items() if name not in _NOT_COMPARED}
    metadata = body.get("metadata")
    kept["metadata"] = _metadata(metadata) if is_map(metadata) else {}
    moved: dict[RawPath, RawPath] = {}
    if ref.group == "" and ref.kind == "Secret":
        # stringData is written over data: https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/
        plain = kept.pop("stringData", None)
        if is_map(plain) and (is_map(kept.get("data")) or not kept.get("data")):
            kept["data"] = {**(kept.get("data") or {}), **plain}
            moved = {("data", key): ("stringData", key) for key in plain}
    return kept, moved


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: metadata[name] for name in METADATA if metadata.get(name)}
    notes = kept.get("annotations")
    if is_map(notes) and LAST_APPLIED in notes:
        kept["annotations"] = {key: value for key, value in notes.items() if key != LAST_APPLIED}
    return kept


_UID: Final = "batch.kubernetes.io/controller-uid"


def _generated(ref: Ref, uid: Any) -> dict[str, Any]:
    return {"controller-uid": uid, _UID: uid, "job-name": ref.name, "batch.kubernetes.io/job-name": ref.name}


def _job(left: dict[str, Any], right: dict[str, Any], generated: Mapping[str, Any]) -> dict[str, Any]:
    """Live without the labels that a Job without labels gets from its template (SetDefaults_Job), and what names the Job.

    https://kubernetes.io/docs/concepts/workloads/controllers/job/#specifying-your-own-pod-selector
    """
    selector = at(right, "spec", "selector", "matchLabels")
    if is_map(selector) and generated.get(_UID):
        chosen = {key: value for key, value in selector.items() if key != _UID or value != generated[_UID]}
        right = {**right, "spec": {**right["spec"], "selector": {**right["spec"]["selector"], "matchLabels": chosen}}}
    declared, labels = left["metadata"].get("labels"), right["metadata"].get("labels")
    if not is_map(labels):
        return right
    given = dict(generated)
    if not declared and is_map(template := at(left, "spec", "template", "metadata", "labels")):
        given.update(template)
    kept = {key: value for key, value in labels.items() if key in (declared or ()) or given.get(key) != value}
    return {**right, "metadata": {**right["metadata"], "labels": kept}}


def _finalized(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Live without the finalizer that every Namespace is given: pkg/registry/core/namespace/strategy.go."""
    declared, live = at(left, "spec", "finalizers"), at(right, "spec", "finalizers")
    if not declared or not is_list(live) or "kubernetes" in declared:
        return right
    return {**right, "spec": {**right["spec"], "finalizers": [each for each in live if each != "kubernetes"]}}


def _tainted(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Live without the taints that say how a Node is doing.

    https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
    """
    declared, live = at(left, "spec", "taints"), at(right, "spec", "taints")
    if not is_list(live):
        return right
    keys = {each.get("key") for each in declared if is_map(each)} if is_list(declared) else set()
    kept = [
        each
        for each in live
        if not is_map(each) or each.get("key") in keys or not str(each.get("key")).startswith("node.kubernetes.io/")
    ]
    return {**right, "spec": {**right["spec"], "taints": kept}}


def _pod(desired: dict[str, Any], live: dict[str, Any]) -> dict[str, Any]:
    """Live without the tolerations that admission gave it, where what is left may be git's."""
    tolerations, declared = (at(side, "spec", "tolerations") for side in (live, desired))
    if not is_list(tolerations):
        return live
    wanted = [each for each in declared if is_map(each)] if is_list(declared) else []
    keys = {each.get("key") for each in wanted}
    kept = [each for each in tolerations if not is_default_toleration(each) or each["key"] in keys]
    return {**live, "spec": {**live["spec"], "tolerations": kept}} if len(kept) == len(wanted) else live


def _controller(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Live without the labels and the selector that it has of its template: SetDefaults_ReplicationController."""
    template = at(left, "spec", "template", "metadata", "labels") or {}
    labels, selector = right["metadata"].get("labels"), at(right, "spec", "selector")
    if not left["metadata"].get("labels") and is_map(labels):
        kept = {key: value for key, value in labels.items() if template.get(key) != value}
        right = {**right, "metadata": {**right["metadata"], "labels": kept}}
    if not at(left, "spec", "selector") and selector == template:
        right = {**right, "spec": {name: value for name, value in right["spec"].items() if name != "selector"}}
    return right


def _autoscaler(side: dict[str, Any], desired: Body, live: Body) -> dict[str, Any]:
    """autoscaling/v1 as the server shows it in v2: pkg/apis/autoscaling/v1/conversion.go."""
    spec = side.get("spec")
    if desired.get("apiVersion") != "autoscaling/v1" or live.get("apiVersion") == "autoscaling/v1" or not is_map(spec):
        return side
    share = spec.get("targetCPUUtilizationPercentage")
    converted = {name: value for name, value in spec.items() if name != "targetCPUUtilizationPercentage"}
    if share is not None:
        target = {"type": "Utilization", "averageUtilization": share}
        converted["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**side, "spec": converted}
