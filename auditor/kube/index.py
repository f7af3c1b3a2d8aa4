"""What was read on both sides, found by space, name, label, target and reference: snapshots in, lookups out.

Lookups decide nothing and raise nothing: whether something that is not found is surely not there is for `surroundings`. Every
index is built once, when it is first needed. A *space* is a namespace, or for objects that name none, "where their source
puts them".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, TypeAlias

from auditor.kube import kinds, selectors
from auditor.kube.fields import at, mapping, text
from auditor.kube.providers import PROVIDERS, Made, makes
from auditor.kube.references import references
from auditor.kube.workloads import Template, controller_of, owners, template
from auditor.model import Ref, Resource, Snapshot

Where: TypeAlias = Resource | str
"""A namespace: by name, or that of a resource (which may not name one)."""

AUTOSCALERS: Final = ("HorizontalPodAutoscaler", "ScaledObject.keda.sh")
"""Kinds that write `spec.replicas`, as `Policy.reads` names them."""

VERTICAL: Final = "VerticalPodAutoscaler.autoscaling.k8s.io"
"""The kind that writes requests."""

NOWHERE: Final = "?"
"""Begins the space of objects that name no namespace; no namespace can be called so."""


def space(where: Where) -> str:
    """The namespace, or for a resource that names none a word for "where this source puts such objects"."""
    if isinstance(where, str):
        return where
    return where.ref.namespace or NOWHERE + (where.origin.source if where.origin else "")


def target_of(autoscaler: Resource) -> tuple[str, str]:
    """(kind as `kinds.called` gives it, name) of what an autoscaler scales, with KEDA's defaults; "" where it is not said.

    Without an apiVersion the kind stands as written: what is meant is clear, though it does not work (HPA001 says so).
    """
    field = "targetRef" if autoscaler.ref.kind == "VerticalPodAutoscaler" else "scaleTargetRef"
    ref = mapping(at(autoscaler.body, "spec", field))
    kind, version = text(ref.get("kind")), text(ref.get("apiVersion"))
    if autoscaler.ref.group == "keda.sh":
        kind, version = kind or "Deployment", version or "apps/v1"
    return kinds.called(kinds.split_api_version(version)[0], kind) if version else kind, text(ref.get("name"))


class Index:
    """Lookups over snapshots; of two objects with one identity the first snapshot's counts."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = tuple(snapshots)
        self._by_kind: dict[str, dict[str, dict[str, Resource]]] = {}
        self._by_selector: dict[str, Any] = {}
        self._unnamed: dict[str, tuple[str, ...]] = {}

    def resource(self, ref: Ref) -> Resource | None:
        return next((snapshot.by_ref[ref] for snapshot in self._snapshots if ref in snapshot.by_ref), None)

    def spaces(self, kind: str) -> Mapping[str, Mapping[str, Resource]]:
        """Objects of a kind by space and name, both in their order: which of several a message names depends on no file."""
        found = self._by_kind.get(kind)
        if found is None:
            held: dict[str, dict[str, Resource]] = {}
            for snapshot in self._snapshots:
                for group, name in self._groups.get(kind, ()):
                    for resource in snapshot.of_kind(group, name):
                        held.setdefault(space(resource), {}).setdefault(resource.ref.name, resource)
            found = self._by_kind[kind] = {here: dict(sorted(held[here].items())) for here in sorted(held)}
        return found

    def doubtful(self, kind: str, here: str) -> Iterable[str]:
        """The other spaces with objects of a kind ("": with Pod templates) that may turn out to be this one."""
        held: Iterable[str] = self.spaces(kind) if kind else self.templated
        if here.startswith(NOWHERE):
            return (there for there in held if there != here)
        if kind not in self._unnamed:
            self._unnamed[kind] = tuple(there for there in held if there.startswith(NOWHERE))
        return self._unnamed[kind]

    @cached_property
    def templated(self) -> Mapping[str, tuple[tuple[Resource, Template], ...]]:
        """Everything with a Pod template, by space; also what a controller made."""
        return grouped(
            (here, (resource, found))
            for kind in self._groups
            for here, objects in self.spaces(kind).items()
            for resource in objects.values()
            if (found := template(resource))
        )

    def carrying(self, selector: Mapping[str, Any], here: str) -> Iterator[Resource]:
        """What in a space carries the labels of a LabelSelector."""
        required = [(here, key, value) for key, value in selectors.pairs(selector)]
        if required:
            candidates = min((self._by_label.get(pair, ()) for pair in required), key=len)
        else:
            candidates = self.templated.get(here, ())
        for resource, found in candidates:
            if selectors.matches(selector, found.labels):
                yield resource

    def selecting(self, kind: str, labels: Mapping[str, Any], here: str) -> Iterator[Resource]:
        """The objects of a kind in a space whose selector the labels satisfy (`selector_of` says which selector that is)."""
        if kind not in self._by_selector:
            self._by_selector[kind] = self._selectors(kind)
        by_pair = self._by_selector[kind].get(here)
        if by_pair:
            for pair in (None, *labels.items()):
                for resource, selector in by_pair.get(pair, ()) if pair is None or isinstance(pair[1], str) else ():
                    if selectors.matches(selector, labels):
                        yield resource

    @cached_property
    def autoscalers(self) -> Mapping[tuple[str, str], tuple[tuple[str, Resource], ...]]:
        """(space, autoscaler) by (kind, name) of their target; those that KEDA makes for its own objects are left out."""
        return grouped(
            (target_of(resource), (here, resource))
            for kind in (*AUTOSCALERS, VERTICAL)
            for here, objects in self.spaces(kind).items()
            for resource in objects.values()
            if not any(owner.get("kind") == "ScaledObject" for owner in owners(resource))
        )

    @cached_property
    def pods(self) -> Mapping[tuple[str, str, str], tuple[Resource, ...]]:
        """Pods by (space, kind, name) of the workload they belong to in the end: a Deployment, not its ReplicaSet."""

        def belong() -> Iterator[tuple[tuple[str, str, str], Resource]]:
            for here, objects in self.spaces("Pod").items():
                for pod in objects.values():
                    kind, name = "Pod", pod.ref.name
                    made: Resource | None = pod
                    for _ in range(5):  # Pod, ReplicaSet, Deployment; owners that own each other end too
                        owner = controller_of(made) if made else None
                        if owner is None:
                            break
                        group = kinds.split_api_version(text(owner.get("apiVersion")))[0]
                        kind, name = kinds.called(group, text(owner.get("kind"))), text(owner.get("name"))
                        made = self.spaces(kind).get(here, {}).get(name)
                    mark = f"-{pod.labels().get('pod-template-hash')}"
                    if kind == "ReplicaSet" and made is None and name.endswith(mark):  # ReplicaSets were not read
                        kind, name = "Deployment", name.removesuffix(mark)
                    yield (here, kind, name), pod

        return grouped(belong())

    @cached_property
    def custom(self) -> Mapping[str, tuple[Resource, ...]]:
        """Objects of kinds that are not built in, by space."""
        return grouped(
            (here, resource)
            for kind, known in self._groups.items()
            if all(group not in kinds.GROUPS for group, _ in known)
            for here, objects in self.spaces(kind).items()
            for resource in objects.values()
        )

    @cached_property
    def references(self) -> Mapping[tuple[str, str, str], tuple[Resource, ...]]:
        """Workloads by (kind, space, name) of what their Pod template refers to."""
        return grouped(
            ((kind, here, name), resource)
            for here, every in self.templated.items()
            for resource, _ in every
            for kind, name in dict.fromkeys((found.kind, found.name) for found in references(resource))
        )

    @cached_property
    def providers(self) -> Mapping[tuple[str, str, str], tuple[tuple[Resource, Made], ...]]:
        """What will make the Secret or ConfigMap of (kind, space, name)."""
        return grouped(
            ((made.kind, here, made.name), (resource, made))
            for kind in PROVIDERS
            for here, objects in self.spaces(kind).items()
            for resource in objects.values()
            for made in makes(resource)
        )

    @cached_property
    def _groups(self) -> Mapping[str, tuple[tuple[str, str], ...]]:
        every = sorted({kind for snapshot in self._snapshots for kind in snapshot.kinds()})
        return grouped((kinds.called(group, kind), (group, kind)) for group, kind in every)

    @cached_property
    def _by_label(self) -> Mapping[tuple[str, str, str], tuple[tuple[Resource, Template], ...]]:
        return grouped(
            ((here, key, value), (resource, found))
            for here, every in self.templated.items()
            for resource, found in every
            for key, value in found.labels.items()
            if isinstance(value, str)
        )

    def _selectors(
        self, kind: str
    ) -> dict[str, dict[tuple[str, str] | None, tuple[tuple[Resource, Mapping[str, Any]], ...]]]:
        """By space and one pair that the selector requires (None: it requires none): whatever it matches carries that pair."""
        return {
            here: grouped(
                (next(selectors.pairs(selector), None), (resource, selector))
                for resource in objects.values()
                if (selector := selector_of(resource)) is not None
            )
            for here, objects in self.spaces(kind).items()
        }


def selector_of(resource: Resource) -> Mapping[str, Any] | None:
    """The selector by which an object chooses Pods, as a LabelSelector; None where it has none, or selects nothing by design."""
    spec = mapping(resource.body.get("spec"))
    if resource.ref.kind in ("Service", "ReplicationController") and resource.ref.group == "":
        plain = mapping(spec.get("selector"))
        return {"matchLabels": plain} if plain and spec.get("type") != "ExternalName" else None
    selector = spec.get("podSelector" if resource.ref.kind == "NetworkPolicy" else "selector")
    return selector if isinstance(selector, Mapping) else None


def grouped(items: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Pairs to a mapping of tuples, in the order they come."""
    found: dict[Any, list[Any]] = {}
    for key, value in items:
        found.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in found.items()}
