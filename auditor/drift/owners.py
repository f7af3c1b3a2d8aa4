"""Who wrote a field: the managedFields of a live object in, the tools that own a path out, with their class.

A manager's name is chosen by the client: a hint, never proof, and never a person. What the server records, and what it
does not: https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers and `docs/architecture.md`. A removal
leaves no trace; entries for `scale` have no time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from auditor.drift.values import is_list, is_map
from auditor.kube.paths import FieldStep, read_field_step
from auditor.kube.schema import Node
from auditor.model import Certainty, Owner, OwnerClass, Resource

APPLIERS: Final = re.compile(
    r"argocd-(application-)?controller|argocd|kustomize-controller|helm-controller|source-controller|flux.*|helm|Helm"
    r"|gitops-agent|kluctl|kubectl-client-side-apply"
)
"""Managers that bring git's side to the cluster. A plain `kubectl` is one where its operation is Apply."""

BY_HAND: Final = re.compile(
    r"kubectl(-(edit|patch|set|scale|label|annotate|replace|create|run|rollout|autoscale|expose|taint|debug))?"
    r"|k9s|[Ll]ens|OpenLens|Freelens|rancher|dashboard|kubernetes-dashboard|Mozilla|node-fetch|octant|headlamp|curl"
)
"""Managers behind which a person sits: command lines, consoles, browsers."""

CONTROLLERS: Final = re.compile(
    r"kube-controller-manager|kube-scheduler|kubelet|kube-apiserver|(openshift-|cloud-)controller-manager"
    r"|clusterrole-aggregation-controller|cainjector|cert-manager.*|service-ca-operator|vpa-.*|keda-operator.*|rollouts-controller"
    r"|istio.*|pilot-discovery|linkerd.*|kyverno.*|gatekeeper.*|cilium.*|calico.*|csi-.*|external-dns|external-secrets|karpenter"
    r"|endpoint(slice)?-controller|deployment-controller|horizontal-pod-autoscaler|aws-load-balancer-controller|elasticsearch-operator"
)
"""Managers that look after objects by themselves."""

_TRACKED: Final = re.compile(
    r"argocd\.argoproj\.io/(tracking-id|instance)|(kustomize|helm)\.toolkit\.fluxcd\.io/name|meta\.helm\.sh/release-name"
)
"""Labels and annotations of objects that an applier looks after, even where hands have taken every field from it."""

BEFORE_RECORDS: Final = frozenset({"before-first-apply", "ancient-changes"})
"""Entries that the server makes of what it had no record of, or no room for."""


@dataclass(frozen=True, slots=True)
class Writer:
    """One entry of managedFields. `time` is that of the entry's last change: an upper bound for each of its fields."""

    manager: str
    operation: str
    subresource: str
    time: datetime | None
    owner_class: OwnerClass
    fields: Mapping[str, Any]

    @property
    def applies(self) -> bool:
        """Whether it is an applier that states all it wants in each request: what it owns, git once declared."""
        return self.owner_class is OwnerClass.GITOPS and self.operation == "Apply"


@lru_cache(maxsize=1024)
def class_of(manager: str, operation: str, subresource: str, appliers: tuple[str, ...] = ()) -> OwnerClass:
    """What kind of writer this is. `appliers`: further regular expressions of managers that apply a source."""
    if any(re.fullmatch(pattern, manager) for pattern in appliers):
        return OwnerClass.GITOPS
    if APPLIERS.fullmatch(manager) or (manager == "kubectl" and operation == "Apply"):
        return OwnerClass.GITOPS
    if BY_HAND.fullmatch(manager):
        return OwnerClass.HUMAN
    if CONTROLLERS.fullmatch(manager) or subresource == "status":
        return OwnerClass.CONTROLLER
    return OwnerClass.UNKNOWN


def writers(live: Resource, appliers: tuple[str, ...] = ()) -> tuple[Writer, ...]:
    """The entries of an object that can be read; others are passed over, as any client may write them.

    `kubectl apply` looks the same from a pipeline and from a desk. It counts as an applier, but not on an object that
    another applier (Argo CD, Flux, Helm) looks after: there it is a hand.
    """
    entries = live.metadata.get("managedFields")
    found = []
    for entry in entries if is_list(entries) else ():
        if not is_map(entry) or not is_map(entry.get("fieldsV1")) or not isinstance(entry.get("manager"), str):
            continue
        operation, subresource = (
            text if isinstance(text := entry.get(key), str) else "" for key in ("operation", "subresource")
        )
        kind = class_of(entry["manager"], operation, subresource, appliers)
        found.append(
            Writer(entry["manager"], operation, subresource, moment(entry.get("time")), kind, entry["fieldsV1"])
        )
    applied = any(entry.owner_class is OwnerClass.GITOPS and not entry.manager.startswith("kubectl") for entry in found)
    if not applied and not any(_TRACKED.fullmatch(key) for key in (*live.labels(), *live.annotations())):
        return tuple(found)
    return tuple(_as_hand(entry) if _may_be_hand(entry, appliers) else entry for entry in found)


def _may_be_hand(entry: Writer, appliers: tuple[str, ...]) -> bool:
    return entry.manager.startswith("kubectl") and not any(re.fullmatch(pattern, entry.manager) for pattern in appliers)


def _as_hand(entry: Writer) -> Writer:
    return replace(entry, owner_class=OwnerClass.HUMAN)


def moment(text: Any) -> datetime | None:
    """A time as Kubernetes writes it; None for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def owns(
    fields: Mapping[str, Any], path: tuple[FieldStep, ...], node: Node | None = None, *, lists_only: bool = False
) -> bool:
    """Whether a fieldsV1 holds the path: itself, something below it, or a whole above it that is owned as one.

    A leaf above the path is such a whole (an atomic list or map), or just a struct that was sent empty: `node`, the type of
    the object, tells them apart. Where no type is known, `lists_only` takes only lists for wholes.
    """
    at: Any = fields
    for depth, step in enumerate(path):
        if not is_map(at):
            return False
        if depth and not at:
            return _is_whole(node) if node is not None else not lists_only or step[0] != "f"
        at = _below(at, step)
        if node is not None:
            node = node.child(step[1]) if step[0] == "f" else node.items
    return is_map(at)


def _is_whole(node: Node) -> bool:
    return node.atomic or node.list_type == "atomic" or node.kind not in ("object", "map", "list")


def _below(at: Mapping[str, Any], step: FieldStep) -> Any:
    form, value = step
    if form in ("f", "i"):
        return at.get(f"{form}:{value}")
    return next((below for key, below in at.items() if key.startswith(form) and read_field_step(key) == step), None)


def owners_of(entries: Iterable[Writer], path: tuple[FieldStep, ...], node: Node | None = None) -> tuple[Writer, ...]:
    """All who own a path. An applier that sent an empty map of a type nobody knows does not own what others put into it."""
    return tuple(
        entry for entry in entries if owns(entry.fields, path, node, lists_only=entry.owner_class is OwnerClass.GITOPS)
    )


def owns_exactly(fields: Mapping[str, Any], path: tuple[FieldStep, ...]) -> bool:
    """Whether a fieldsV1 names the path itself, or something below it."""
    return _at(fields, path) is not None


def made(entries: Iterable[Writer], path: tuple[FieldStep, ...]) -> bool:
    """Whether somebody who is no applier has made the list element at the path: who does owns the element itself (`.`)."""
    return any("." in at for entry in entries if not entry.applies and is_map(at := _at(entry.fields, path)))


def _at(fields: Any, path: tuple[FieldStep, ...]) -> Any:
    for step in path:
        if not is_map(fields):
            return None
        fields = _below(fields, step)
    return fields


_RANK: Final = {OwnerClass.HUMAN: 3, OwnerClass.UNKNOWN: 2, OwnerClass.CONTROLLER: 1, OwnerClass.GITOPS: 0}
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def pick(entries: Iterable[Writer]) -> Writer | None:
    """The one to name of several: a person before a stranger before a controller before an applier, then the newest."""
    return max(entries, key=lambda entry: (_RANK[entry.owner_class], entry.time or _LONG_AGO), default=None)


def recorded(entries: Iterable[Writer]) -> Owner | None:
    """The owner of a value that stands: the server wrote down who set it. None where nobody owns it."""
    entry = pick(entries)
    if entry is None:
        return None
    certainty = Certainty.UNKNOWN if entry.manager in BEFORE_RECORDS else Certainty.RECORDED
    return _owner(entry, certainty)


def likely_remover(entries: Iterable[Writer], since: datetime | None) -> Owner | None:
    """Who may have removed something: the last hand or stranger that wrote after it was seen; nothing better is known."""
    found = [
        entry
        for entry in entries
        if entry.owner_class in (OwnerClass.HUMAN, OwnerClass.UNKNOWN)
        and entry.subresource == ""
        and entry.manager not in BEFORE_RECORDS
        and not (since and entry.time and entry.time < since)
    ]
    entry = max(found, key=lambda each: each.time or _LONG_AGO, default=None)
    return None if entry is None else _owner(entry, Certainty.LIKELY)


def _owner(entry: Writer, certainty: Certainty) -> Owner:
    return Owner(entry.manager, entry.operation, entry.subresource, entry.time, entry.owner_class, certainty)
