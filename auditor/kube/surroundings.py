"""What stands around an object: both sides of an audit in, answers to what rules ask of other objects out.

A Secret in git or on the cluster exists, so both sides are asked together; where both hold an object, `prefer` says whose word
counts. What could not be read is never answered with "there is none": such a question raises `Unreadable`. Objects of one
source that name no namespace belong together; where one end of a question names a namespace and the other does not, and the
answer could depend on it, the question raises `Unplaced`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final, TypeVar

from auditor.kube import kinds
from auditor.kube.index import AUTOSCALERS, NOWHERE, VERTICAL, Index, Where, grouped, selector_of, space, target_of
from auditor.kube.providers import Made
from auditor.kube.workloads import WORKLOADS, Template, controller_of, template
from auditor.model import (
    NOTHING_GIVEN,
    Cell,
    CellState,
    Given,
    NotApplicable,
    Ref,
    Resource,
    Severity,
    Side,
    Snapshot,
    Unknown,
    Unreadable,
)

Built = TypeVar("Built")

_UNREAD: Final = frozenset({CellState.DENIED, CellState.UNAVAILABLE, CellState.EXCLUDED})


class Unplaced(Unreadable):
    """The answer depends on a namespace that neither the manifest nor its source names. The verdict of the asker is unknown."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(Cell("", kind, None, CellState.UNAVAILABLE, "namespace not named"))
        self.args = (f"whether {kind} {name} is in the same namespace cannot be told: one of the two names none",)


class Surroundings:
    """Both sides of an audit, asked together. At least one of them must be given."""

    def __init__(
        self,
        desired: Snapshot | None,
        live: Snapshot | None,
        *,
        prefer: Side = Side.LIVE,
        at: datetime | None = None,
        given: Given = NOTHING_GIVEN,
    ) -> None:
        self.desired, self.live, self.at, self.given = desired, live, at, given
        self._built: dict[str, Any] = {}
        self._scopes: dict[tuple[str, str], bool | None] = {}
        order = (desired, live) if prefer is Side.GIT else (live, desired)
        self._index = Index([snapshot for snapshot in order if snapshot])

    @property
    def has_live(self) -> bool:
        """Whether a cluster (or a dump of one) was read at all."""
        return self.live is not None

    def side_of(self, ref: Ref) -> Side | None:
        """Which side holds the object; None for neither."""
        in_git = self.desired is not None and ref in self.desired.by_ref
        in_live = self.live is not None and ref in self.live.by_ref
        return Side.BOTH if in_git and in_live else Side.GIT if in_git else Side.LIVE if in_live else None

    def once(self, key: str, build: Callable[[], Built]) -> Built:
        """What `build` returns, built the first time it is asked for under the key: for what many objects ask of many others."""
        if key not in self._built:
            self._built[key] = build()
        found: Built = self._built[key]
        return found

    def is_namespaced(self, ref: Ref) -> bool | None:
        """Whether objects of this kind live in namespaces; None where nobody here knows: a custom kind without its definition."""
        kind = (ref.group, ref.kind)
        if kind not in self._scopes:
            self._scopes[kind] = kinds.scope(*kind, (self.desired, self.live))
        return True if ref.namespace else self._scopes[kind]

    def not_running(self, resource: Resource) -> NotApplicable | Unknown | None:
        """For rules about what only runs: why this resource is not the one to judge, or None for the live object itself."""
        if self.live is None:
            return Unknown("this needs what runs: a cluster, or a dump of one")
        if self.live.by_ref.get(resource.ref) is resource:
            return None
        cell = self.live.cell_of(resource.ref)
        return Unknown(str(cell)) if cell.state in _UNREAD else NotApplicable("it does not run")

    def seconds_since(self, moment: Any) -> float | None:
        """Seconds from an RFC 3339 text to the moment that is judged; None where one of the two is not known."""
        if self.at is None or not isinstance(moment, str):
            return None
        try:
            return (self.at - datetime.fromisoformat(moment)).total_seconds()
        except (TypeError, ValueError):  # no zone, or no time
            return None

    def pods_of(self, resource: Resource) -> tuple[Resource, ...]:
        """The Pods of a workload, also those that its ReplicaSets and Jobs made. Raises `Unreadable` where there are none to see."""
        kind = kinds.called(resource.ref.group, resource.ref.kind)
        found = self._index.pods.get((space(resource), kind, resource.ref.name), ())
        if not found:
            self.require("Pod", where=resource)
        return found

    def absence(self, severity: Severity) -> tuple[Severity, str]:
        """How bad it is that something is nowhere, and how to say so: one lower where only files were looked at."""
        if self.live is None:
            return (Severity.WARNING if severity is Severity.ERROR else Severity.INFO), "is not in these files"
        return severity, "is not in the cluster" if self.desired is None else "is neither in git nor in the cluster"

    def of_kind(self, kind: str, *, group: str | None = None, namespace: Where | None = None) -> tuple[Resource, ...]:
        """All objects of a kind (`Service`, `ScaledObject.keda.sh`), in one namespace or everywhere. Raises `Unreadable`."""
        name = kind if group is None else kinds.called(group, kind)
        self.require(name, where=namespace)
        spaces = self._index.spaces(name)
        if namespace is not None:
            return tuple(spaces.get(space(namespace), {}).values())
        return tuple(resource for found in spaces.values() for resource in found.values())

    def find(self, kind: str, namespace: Where | None, name: str, *, group: str | None = None) -> Resource | None:
        """The object of that name, or None where there surely is none. Raises `Unreadable`; `namespace` None: cluster-scoped."""
        kind = kind if group is None else kinds.called(group, kind)
        spaces = self._index.spaces(kind)
        if namespace is None:
            found = next((objects[name] for objects in spaces.values() if name in objects), None)
        else:
            here = space(namespace)
            found = spaces.get(here, {}).get(name)
            if found is None and any(name in spaces[there] for there in self._index.doubtful(kind, here)):
                raise Unplaced(kind.partition(".")[0], name)
        if found is None:
            self.require(kind, where=namespace)
        return found

    def elsewhere(self, kind: str, name: str) -> tuple[Resource, ...]:
        """Objects of that kind and name in whatever namespace was read: for saying what was probably meant. Raises nothing."""
        return tuple(objects[name] for objects in self._index.spaces(kind).values() if name in objects)

    def read(self, kind: str, namespace: Where) -> tuple[Resource, ...]:
        """The objects of a kind that were read in a namespace, whatever could not be: for evidence. Raises nothing."""
        return tuple(self._index.spaces(kind).get(space(namespace), {}).values())

    def every(self, kind: str) -> tuple[Resource, ...]:
        """The objects of a kind that were read anywhere, whatever could not be: for evidence. Raises nothing."""
        return tuple(one for objects in self._index.spaces(kind).values() for one in objects.values())

    def custom_in(self, namespace: Where) -> tuple[Resource, ...]:
        """The objects in a namespace whose kinds are not built in: of operators that may make other objects. Raises nothing."""
        return self._index.custom.get(space(namespace), ())

    def perhaps(self, kind: str, namespace: Where) -> tuple[Resource, ...]:
        """Objects of a kind of which it cannot be told whether they are in the namespace. Raises nothing."""
        spaces = self._index.spaces(kind)
        return tuple(one for there in self._index.doubtful(kind, space(namespace)) for one in spaces[there].values())

    def require(self, *names: str, where: Where | None = None) -> None:
        """Raise `Unreadable` unless every one of the kinds could be read there (everywhere, without `where`)."""
        live = self.live
        if live is None:
            return
        namespace = None if where is None or space(where).startswith(NOWHERE) else space(where)
        for name in names:
            for kind in kinds.of_name(name):
                if kind.namespaced and namespace is None:
                    cells = self._cells.get((kind.group, kind.kind)) or (live.cell(kind.group, kind.kind, None),)
                else:
                    cells = (live.cell(kind.group, kind.kind, namespace if kind.namespaced else None),)
                for cell in cells:
                    if cell.state in _UNREAD and not self._not_served(kind):
                        raise Unreadable(cell)

    def templated(self, namespace: Where) -> tuple[tuple[Resource, Template], ...]:
        """Everything read with a Pod template in the namespace, also what a controller made. Raises nothing."""
        return self._index.templated.get(space(namespace), ())

    def workloads_in(self, namespace: Where) -> tuple[Resource, ...]:
        """The workloads of a namespace that nothing else controls. Raises `Unreadable`."""
        self.require(*WORKLOADS, where=namespace)
        return tuple(resource for resource, _ in self.templated(namespace) if not controller_of(resource))

    def selected_by(self, service: Resource) -> tuple[Resource, ...]:
        """Whatever carries the labels that a Service (or budget, or controller) selects, controlled Pods too.

        () where it selects nothing by design. Raises `Unreadable` where nothing was found and something could not be read.
        """
        selector = selector_of(service)
        return self.selected(selector, service) if selector is not None else ()

    def selected(self, selector: Mapping[str, Any], namespace: Where) -> tuple[Resource, ...]:
        """Whatever carries the labels of a LabelSelector in a namespace. Raises as `selected_by`."""
        here = space(namespace)
        found = tuple(self._index.carrying(selector, here))
        if not found:
            for there in self._index.doubtful("", here):
                for other in self._index.carrying(selector, there):
                    raise Unplaced(other.ref.kind, other.ref.name)
            self.require(*WORKLOADS, where=namespace)
        return found

    def services_selecting(self, resource: Resource) -> tuple[Resource, ...]:
        """The Services whose selector matches the labels of the Pods of a workload. Raises `Unreadable`."""
        return self.selecting("Service", resource)

    def selecting(self, kind: str, resource: Resource) -> tuple[Resource, ...]:
        """The objects of a kind (Service, PodDisruptionBudget, NetworkPolicy, a controller) whose selector matches the labels
        of the Pods of a workload. Raises `Unreadable` where none was found and the kind could not be read."""
        found = template(resource)
        if found is None:
            return ()
        here = space(resource)
        objects = tuple(self._index.selecting(kind, found.labels, here))
        if not objects:
            for there in self._index.doubtful(kind, here):
                for other in self._index.selecting(kind, found.labels, there):
                    raise Unplaced(kind, other.ref.name)
            self.require(kind, where=resource)
        return objects

    def autoscalers_of(self, of: Ref | Resource) -> tuple[Resource, ...]:
        """HorizontalPodAutoscalers and KEDA ScaledObjects that scale the workload; of the pair that KEDA makes, its own object.

        Raises `Unreadable` where none was found and autoscalers could not be read.
        """
        return self._scaling(of, AUTOSCALERS)

    def vertical_autoscalers_of(self, of: Ref | Resource) -> tuple[Resource, ...]:
        """The VerticalPodAutoscalers of the workload. Raises as `autoscalers_of`."""
        return self._scaling(of, (VERTICAL,))

    def _scaling(self, of: Ref | Resource, scalers: tuple[str, ...]) -> tuple[Resource, ...]:
        ref = of.ref if isinstance(of, Resource) else of
        known = of if isinstance(of, Resource) else self._index.resource(of)
        here, kind = space(known or ref.namespace or NOWHERE), kinds.called(ref.group, ref.kind)
        found: list[Resource] = []
        for there, autoscaler in self._index.autoscalers.get((kind, ref.name), ()):
            if (autoscaler.ref.kind == "VerticalPodAutoscaler") is not (scalers == (VERTICAL,)):
                continue
            if there == here:
                found.append(autoscaler)
            elif not found and (there.startswith(NOWHERE) or here.startswith(NOWHERE)):
                raise Unplaced(autoscaler.ref.kind, autoscaler.ref.name)
        if not found:
            self.require(*scalers, where=known or here)
        return tuple(found)

    def sharing_target(self, autoscaler: Resource) -> tuple[Resource, ...]:
        """The other autoscalers, horizontal and vertical, of what this one scales. Raises nothing."""
        here = space(autoscaler)
        found = self._index.autoscalers.get(target_of(autoscaler), ())
        return tuple(other for there, other in found if there == here and other.ref != autoscaler.ref)

    def references_to(self, kind: str, namespace: Where, name: str) -> tuple[Resource, ...]:
        """The workloads whose Pod template names the ConfigMap, Secret or PersistentVolumeClaim. Raises nothing."""
        return self._index.references.get((kind, space(namespace), name), ())

    def providers_of(self, kind: str, namespace: Where, name: str) -> tuple[tuple[Resource, Made], ...]:
        """Objects whose controllers will make the Secret (or ConfigMap). Raises nothing."""
        return self._index.providers.get((kind, space(namespace), name), ())

    def concerns(self, resource: Resource) -> tuple[Ref, ...]:
        """The workloads whose score a verdict on the object counts for: those it serves, () where none. Raises nothing."""
        if template(resource):
            return (resource.ref,)
        index, here = self._index, space(resource)
        served: Iterable[Resource] = ()
        match kinds.called(resource.ref.group, resource.ref.kind):
            case "HorizontalPodAutoscaler" | "ScaledObject.keda.sh":
                kind, name = target_of(resource)
                target = index.spaces(kind).get(here, {}).get(name)
                served = (target,) if target else ()
            case "Service" | "PodDisruptionBudget":
                selector = selector_of(resource)
                served = index.carrying(selector, here) if selector is not None else ()
            case "ConfigMap" | "Secret" as kind:
                served = self.references_to(kind, resource, resource.ref.name)
        return tuple(sorted((one.ref for one in served if not controller_of(one)), key=lambda ref: ref.key))

    @cached_property
    def _cells(self) -> Mapping[tuple[str, str], tuple[Cell, ...]]:
        return grouped(((cell.group, cell.kind), cell) for cell in (self.live.cells if self.live else ()))

    def _not_served(self, kind: kinds.Kind) -> bool:
        """Whether nothing at all says that the cluster serves an add-on's kind: of a plain List, that is as good as absent."""
        if (kind.group, kind.kind) not in kinds.ADD_ONS or (kind.group, kind.kind) in self._cells or self.live is None:
            return False
        return all(group != kind.group for group, _ in self.live.kinds())
