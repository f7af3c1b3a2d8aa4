"""Which differences count as drift: a difference and what is known of its object in, the kind of change or the reason why
it does not count out. Pure.

Every difference in a field that git declares counts, whoever made it, except replicas that an autoscaler writes and
certificate bundles that a controller injects. A field that only live has counts if it was applied once, or if somebody
owns it who is no applier, no known controller and no writer of defaults; what nobody owns was injected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from auditor.drift.bodies import value_at
from auditor.drift.normalise import is_housekeeping
from auditor.drift.owners import Writer, likely_remover, made, owners_of, owns_exactly, recorded
from auditor.drift.tree import Difference
from auditor.drift.values import MISSING, absent, is_list, is_map
from auditor.kube.custom import CustomNode
from auditor.kube.paths import Step
from auditor.kube.schema import Node, kubernetes_version
from auditor.model import ChangeKind, Owner, OwnerClass

REPLICAS: Final = ("spec", "replicas")
PLACEHOLDERS: Final = frozenset({"", "Cg==", "Cgo=", "e30=", "PENDING", "TO_BE_SET", "XXX", "Xx=="})
"""Bundles that are written only because a field had to be."""
ALLOCATED: Final = frozenset({"clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies"})
"""Fields of a Service that the server fills in and then hardly lets anybody change: whoever sends a whole Service back owns
them. https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/"""
FINALIZERS: Final = frozenset(
    {
        *("kubernetes.io/pvc-protection", "kubernetes.io/pv-protection", "foregroundDeletion", "orphan"),
        *("batch.kubernetes.io/job-tracking", "service.kubernetes.io/load-balancer-cleanup"),
        *("external-provisioner.volume.kubernetes.io/finalizer", "customresourcecleanup.apiextensions.k8s.io"),
    }
)
"""Kubernetes' own: an apply that states one more finalizer states these too.
https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/"""


@dataclass(frozen=True, slots=True)
class View:
    """What is known of one live object, beside its body.

    `applied`: the comparable part of the last-applied annotation, None where there is none (or another way to apply has
    followed). `autoscaled`: whether an autoscaler targets it, None where that could not be read; `to_zero`: whether that one
    may leave no replica at all. `node`: its type.
    """

    writers: tuple[Writer, ...]
    applied: Mapping[str, Any] | None
    node: Node | None
    created: datetime | None = None
    autoscaled: bool | None = False
    to_zero: bool = False
    last_run_at: datetime | None = None

    @property
    def custom(self) -> bool:
        """Whether what a server writes by itself is not fully known: webhooks and operators know more than a schema."""
        return self.node is None or isinstance(self.node, CustomNode)


@dataclass(frozen=True, slots=True)
class Counted:
    """A difference that counts. `owners`: all who own the place."""

    change: ChangeKind
    owner: Owner | None
    owners: tuple[Writer, ...] = ()


def weigh(difference: Difference, view: View) -> Counted | str:
    """The change that it is, or why it is none."""
    match difference.form:
        case "missing":
            return _missing(difference, view)
        case "extra":
            return _extra(difference, view)
        case _:
            return _changed(difference, view)


def incomparable(difference: Difference, entries: Iterable[Writer] = ()) -> str:
    """Why nothing can be said of a place; empty where something can.

    The server drops a field that its type does not have (misspelt, or of another version), so that it is absent tells
    nothing about what runs.
    """
    if difference.form == "sealed":
        return "its value is encrypted, or was sealed elsewhere"
    parent, name = difference.spot.parent, difference.spot.name
    if isinstance(parent, CustomNode):
        dropped = difference.form == "missing" and parent.kind == "object" and not parent.open
        return "its type has no such field, and the server has dropped it" * (dropped and name not in parent.fields())
    if difference.form == "missing" and difference.leaves == () and _kept_by_applier(difference, entries):
        return "the server does not keep it, though its applier still owns it: a feature may be off"
    if difference.form == "missing" and parent is not None and parent.kind == "object" and parent.child(name) is None:
        return f"Kubernetes {kubernetes_version()} has no such field, and the server has dropped it"
    return ""


def _kept_by_applier(difference: Difference, entries: Iterable[Writer]) -> bool:
    """A removal by hand takes the path from every owner; what the server drops on its way to storage stays owned.

    Measured on 1.36: alpha fields of features that are off, `Lease.spec.strategy`, parts of `ServiceAccount.secrets`.
    """
    spot = difference.spot
    known = spot.parent is not None and spot.parent.kind == "object"
    return (
        known
        and isinstance(spot.steps[-1], str)
        and not spot.in_list
        and not _is_empty(difference.desired)
        and any(entry.applies and owns_exactly(entry.fields, spot.fields) for entry in entries)
    )


def _missing(difference: Difference, view: View) -> Counted | str:
    spot = difference.spot
    known = spot.parent is not None and spot.parent.kind == "object"
    if (
        not known
        and _is_empty(difference.desired)
        and any(entry.applies for entry in owners_of(view.writers, spot.fields, view.node))
    ):
        # A removal by hand takes the path from every owner; a zero dropped on the way to storage stays owned. Of known
        # types the table of pointers tells (`values.absent`), whoever applied them.
        return "the server dropped an empty value that its applier still owns"
    return Counted(ChangeKind.MISSING, likely_remover(view.writers, view.last_run_at))


def _is_empty(value: Any) -> bool:
    return value is False or value in ("", 0, 0.0) or (not value and (is_map(value) or is_list(value)))


def _changed(difference: Difference, view: View) -> Counted | str:
    steps = difference.spot.steps
    owners = owners_of(view.writers, difference.spot.fields, view.node)
    classes = {entry.owner_class for entry in owners}
    if steps == REPLICAS and _autoscaler_wrote(difference.live, owners, view):
        return "an autoscaler sets the replicas"
    parent, name = difference.spot.parent, difference.spot.name
    says_nothing = difference.desired == "" and absent(parent, name, "") and not difference.spot.in_list
    if says_nothing and classes <= {OwnerClass.GITOPS} and isinstance(steps[-1], str):
        return "git wrote an empty text, and the server filled it in"
    if difference.desired == "" and _is_servers(difference, view):
        return "the server chose it"
    if steps[-1] == "caBundle" and OwnerClass.HUMAN not in classes:
        placeholder = isinstance(difference.desired, str) and difference.desired.strip() in PLACEHOLDERS
        if classes <= {OwnerClass.CONTROLLER} or (placeholder and OwnerClass.UNKNOWN in classes):
            return "a controller injects the certificate bundle"
    return Counted(ChangeKind.CHANGED, recorded(owners), owners)


def _autoscaler_wrote(replicas: Any, owners: tuple[Writer, ...], view: View) -> bool:
    """https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/: it writes through the scale subresource.

    That leaves no entry where nobody owned the replicas before, and none for zero (measured on 1.36: an empty field of a
    Scale owns nothing). An autoscaler goes to zero only where it says so; otherwise zero is a hand that switched it off.
    """
    if replicas == 0 and not view.to_zero:
        return False
    if not owners:
        return view.autoscaled is True
    if any(entry.owner_class is not OwnerClass.CONTROLLER for entry in owners):
        return False
    return view.autoscaled is True or (
        view.autoscaled is None and all(entry.subresource == "scale" for entry in owners)
    )


def _extra(difference: Difference, view: View) -> Counted | str:
    spot = difference.spot
    if _is_bookkeeping(spot.steps, difference.live) or _is_argo_label(spot.steps, view):
        return "bookkeeping of an applier or a controller"
    if _is_servers(difference, view):
        return "the server chose it"
    if view.applied is not None and _was_applied(difference, view.applied, view.node):
        return Counted(
            ChangeKind.REMOVED_IN_GIT,
            recorded(owners_of(view.writers, spot.fields, view.node)),
            owners_of(view.writers, spot.fields, view.node),
        )
    found = [(_whose(leaf, difference, view), owners_of(view.writers, leaf, view.node)) for leaf in difference.leaves]
    theirs = all(entry.owner_class is OwnerClass.GITOPS for _, entries in found for entry in entries)
    if difference.unsaid and theirs and not spot.in_list and spot.steps != REPLICAS:
        return "git leaves it to the server"  # who applies a null owns the field, and the server fills it in
    for change in (ChangeKind.ADDED, ChangeKind.REMOVED_IN_GIT):
        owners = tuple({id(entry): entry for told, entries in found if told is change for entry in entries}.values())
        if owners:
            return Counted(change, recorded(owners), owners)
    unowned = not any(entries for _, entries in found)
    if spot.steps == REPLICAS and unowned and not _autoscaler_wrote(difference.live, (), view):
        # a scale of replicas that nobody owned leaves no trace: only the number tells
        return Counted(ChangeKind.ADDED, None)
    return next((told for told, _ in found if isinstance(told, str) and told), "injected: nobody owns it")


def _is_servers(difference: Difference, view: View) -> bool:
    """Whether the server chose the value, though a hand that sent it back may own it."""
    spot = difference.spot
    if spot.steps[:2] == ("metadata", "finalizers") and isinstance(difference.live, str):
        return difference.live in FINALIZERS
    parent = spot.parent.name if spot.parent is not None else ""
    if parent == "core.v1.ServiceSpec":
        return spot.name in ALLOCATED
    # who writes a port anew (its number is part of its key) brings the node's port along
    return parent == "core.v1.ServicePort" and spot.name == "nodePort" and made(view.writers, spot.fields[:-1])


def _was_applied(difference: Difference, applied: Mapping[str, Any], node: Node | None) -> bool:
    value = value_at(applied, difference.spot.steps, node)
    return value is not MISSING and (value is not None or node is None or node.name == "core.v1.Secret")


def _whose(leaf: tuple[Any, ...], difference: Difference, view: View) -> ChangeKind | str:
    """What one leaf that only live has is: drift by its owners, or the reason why not."""
    owners = owners_of(view.writers, leaf, view.node)
    if any(entry.applies for entry in owners):
        if difference.spot.in_list and view.custom:
            return "a default in a list that its applier owns as a whole"
        return ChangeKind.REMOVED_IN_GIT
    strangers = [entry for entry in owners if entry.owner_class in (OwnerClass.HUMAN, OwnerClass.UNKNOWN)]
    strangers = [entry for entry in strangers if not _writes_defaults(entry, view)]
    if difference.spot.steps[-1] == "caBundle" or difference.spot.steps[:2] == ("metadata", "finalizers"):
        # what controllers put there, whatever they are called: https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/
        strangers = [entry for entry in strangers if entry.owner_class is OwnerClass.HUMAN]
    if strangers:
        return ChangeKind.ADDED
    if any(entry.owner_class is OwnerClass.GITOPS for entry in owners):
        if view.applied is not None or view.custom:
            return "a default, written down with what was applied"
        return ChangeKind.REMOVED_IN_GIT
    if any(entry.owner_class is OwnerClass.CONTROLLER for entry in owners):
        # a list that is written as a whole is declared as a whole
        return ChangeKind.ADDED if difference.spot.in_list and view.node is not None else "a controller sets it"
    return "a default, written down with what was created" if owners else ""


def _writes_defaults(entry: Writer, view: View) -> bool:
    """Whether what this writer owns may be defaults that came with its request.

    Who creates an object without server-side apply owns all of it, defaults too. Those of known types are told by the
    table; those of custom resources are not, so what came with the creation is left alone there.
    """
    if entry.manager == "before-first-apply":
        return True
    if not view.custom or view.created is None or entry.time is None or entry.operation != "Update":
        return False
    return abs(entry.time - view.created) <= timedelta(seconds=1)


def _is_argo_label(steps: tuple[Step, ...], view: View) -> bool:
    """Argo CD can mark its objects, and their templates, by a label: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/"""
    marked = steps[-1] == "app.kubernetes.io/instance" and steps[-2:-1] == ("labels",)
    return marked and any(entry.manager.startswith("argocd") for entry in view.writers)


def _is_bookkeeping(steps: tuple[Step, ...], value: Any) -> bool:
    return (
        len(steps) >= 3
        and steps[-3] == "metadata"
        and steps[-2] in ("labels", "annotations")
        and isinstance(steps[-1], str)
        and is_housekeeping(steps[-1], value)
    )
