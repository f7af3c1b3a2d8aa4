"""The desired side against the live side: two snapshots in, drift and what could not be compared out. Pure.

Equal objects cost almost nothing; the others are walked (`tree`), each difference is weighed (`counts`), given its
direction, severity and words, and stripped of what must not be shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson

from auditor.drift import objects, severity
from auditor.drift.counts import Counted, View, incomparable, weigh
from auditor.drift.direction import Before, Guess, guess, joined, together, unapplied
from auditor.drift.ignoring import Ignoring
from auditor.drift.normalise import Pair, pair, part
from auditor.drift.owners import Writer, moment, owners_of, recorded, writers
from auditor.drift.redaction import redacted
from auditor.drift.rules import Rule
from auditor.drift.tree import Difference, differences
from auditor.drift.values import is_map
from auditor.drift.words import words
from auditor.kube import custom, kinds, paths
from auditor.kube.index import target_of
from auditor.kube.kinds import split_api_version
from auditor.kube.schema import Node
from auditor.kube.secrets import LAST_APPLIED
from auditor.model import (
    CellState,
    Change,
    Direction,
    Drift,
    DriftKind,
    Ignored,
    NotCompared,
    OwnerClass,
    Past,
    Problem,
    Ref,
    Resource,
    Severity,
    Snapshot,
    Window,
)

_AUTOSCALERS = (("autoscaling", "HorizontalPodAutoscaler"), ("keda.sh", "ScaledObject"))


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found. `ignored` is filled only where it was asked for; `silenced`: how much of it would have counted
    but for a rule; `problems`: rules that are not right."""

    drift: tuple[Drift, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    silenced: int = 0
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """One object that both sides have, and what was found in it before its neighbours are asked."""

    resource: Resource
    pair: Pair
    changes: tuple[tuple[Difference, Counted, Guess], ...]


@dataclass(slots=True)
class _Result:
    drift: list[Drift] = field(default_factory=list)
    not_compared: list[NotCompared] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)


def compare(
    desired: Snapshot,
    live: Snapshot,
    *,
    past: Past | None = None,
    at: datetime,
    ignored: bool = False,
    rules: Sequence[Rule] = (),
) -> Comparison:
    """Everything in which the cluster is not what git says.

    `past`: what earlier runs and earlier commits tell; without it directions are mostly unknown. `at`: the moment of this
    run, the upper end of windows. `ignored`: also list what differs and does not count. `rules`: what is not to count, beside
    the rules that stand in git and in the objects of Argo CD and Flux. Raises nothing: what cannot be
    compared is in `not_compared`, with its reason.
    """
    return _Comparison(desired, live, past or Past(), at, ignored, rules).result()


class _Comparison:
    def __init__(
        self, desired: Snapshot, live: Snapshot, past: Past, at: datetime, ignored: bool, rules: Sequence[Rule]
    ) -> None:
        self.desired, self.live, self.past, self.at, self.ignored = desired, live, past, at, ignored
        self.ignoring = Ignoring(rules, desired, live, at)
        self.appliers = tuple(pattern for source in desired.sources for pattern in source.appliers)
        self.out = _Result()

    def result(self) -> Comparison:
        matches = objects.Matches(self.desired, self.live)
        matched: dict[Ref, Resource] = {}
        missing: list[tuple[Resource, str]] = []
        found: list[_Found] = []
        for ref, resource in self.desired.by_ref.items():
            other = matches.of(ref)
            if other is not None:
                matched[ref] = other
            why = objects.not_comparable(resource) or (
                "" if other else objects.unreadable(resource, self.live, self.past)
            )
            if why:
                self.out.not_compared.append(NotCompared(ref, why))
            elif other is None or objects.terminating(other):
                missing.append((resource, objects.terminating(other) if other else "git has it, the cluster does not"))
            elif not _equal(resource.body, other.body):
                found.append(self._inner(resource, other))
        pending = self._pending(found)
        self.out.drift.extend(self._modified(each, pending) for each in found if each.changes)
        self.out.drift.extend(
            self._missing(resource, reason, pending) for resource, reason in missing if not self._silenced(resource)
        )
        self.out.drift.extend(self._undeclared(matched))
        self.out.drift.sort(key=lambda drift: drift.ref.key)
        self.out.not_compared.sort(key=lambda each: each.ref.key)
        return Comparison(
            tuple(self.out.drift),
            tuple(self.out.not_compared),
            tuple(self.out.ignored),
            sum(self.ignoring.used.values()),
            tuple(self.ignoring.problems()),
        )

    # --- inside an object -------------------------------------------------------------------------------------------------

    def _inner(self, resource: Resource, other: Resource) -> _Found:
        ref = resource.ref
        both = pair(ref, resource.body, other.body, self._custom(other))
        raw = differences(both.desired, both.live, both.node)
        if not raw:
            return _Found(resource, both, ())
        view = self._view(resource, other, both)
        before = self._before(ref, view)
        rules = self.ignoring.of(resource, other)
        changes = []
        for each in raw:
            why = incomparable(each, view.writers)
            if why:
                path = paths.render(each.spot.steps)
                self.out.not_compared.append(NotCompared(ref, f"{path}: {why}", path))
                continue
            counted = weigh(each, view)
            if rules and isinstance(counted, Counted):
                counted = self.ignoring.change(rules, each.spot, counted.owner) or counted
            if isinstance(counted, Counted):
                changes.append((each, counted, guess(each, counted, before, both.node)))
            elif self.ignored:
                self.out.ignored.append(_ignored(ref, each, counted, view.writers))
        return _Found(resource, both, tuple(changes))

    @cached_property
    def _types(self) -> Mapping[tuple[str, str, str], Node]:
        """Of custom resources, as the cluster's definitions say, and git's where the cluster's could not be read."""
        sides = (self.desired, self.live)
        return custom.types(each for side in sides for each in side.of_kind(custom.GROUP, custom.KIND))

    def _custom(self, other: Resource) -> Node | None:
        group, version = split_api_version(other.api_version)
        return self._types.get((group, version, other.ref.kind))

    def _view(self, resource: Resource, other: Resource, both: Pair) -> View:
        entries = writers(other, self.appliers)
        autoscaled, to_zero = self._autoscaled(other.ref)
        return View(
            writers=entries,
            applied=_applied(other, entries),
            node=both.node,
            created=moment(other.metadata.get("creationTimestamp")),
            autoscaled=autoscaled,
            to_zero=to_zero,
            last_run_at=self.past.last_run_at,
        )

    def _before(self, ref: Ref, view: View) -> Before:
        earlier = tuple(
            (each.until, None if each.body is None else part(ref, each.body)[0])
            for each in self.past.earlier.get(ref, ())
        )
        return Before(earlier, bool(self.past.earlier), view.applied)

    @cached_property
    def _autoscalers(self) -> Mapping[tuple[str | None, str, str], bool]:
        """(namespace, kind, name) of what autoscalers of either side scale, and whether they may scale it to nothing."""
        found: dict[tuple[str | None, str, str], bool] = {}
        for group, kind in _AUTOSCALERS:
            for resource in (*self.desired.of_kind(group, kind), *self.live.of_kind(group, kind)):
                spec = resource.body.get("spec")
                to_zero = group == "keda.sh" or (is_map(spec) and spec.get("minReplicas") == 0)
                target = (resource.ref.namespace, *target_of(resource))
                found[target] = to_zero or found.get(target, False)
        return found

    def _autoscaled(self, ref: Ref) -> tuple[bool | None, bool]:
        """Whether an autoscaler targets it (None: they could not be read), and whether that may scale it to nothing."""
        to_zero = self._autoscalers.get((ref.namespace, kinds.called(ref.group, ref.kind), ref.name))
        if to_zero is not None:
            return True, to_zero
        group, kind = _AUTOSCALERS[0]
        return (False if self.live.cell(group, kind, ref.namespace).state is CellState.LISTED else None), False

    def _pending(self, found: Iterable[_Found]) -> frozenset[str]:
        return unapplied(change[2] for each in found for change in each.changes)

    def _modified(self, found: _Found, pending: frozenset[str]) -> Drift:
        ref = found.resource.ref
        changes = tuple(
            self._change(found, difference, counted, joined(told, pending))
            for difference, counted, told in found.changes
        )
        worst = max((change.severity for change in changes), key=lambda each: each.rank)
        return Drift(
            ref,
            DriftKind.MODIFIED,
            together(change.direction for change in changes),
            worst,
            changes,
            place=found.resource.place(found.pair.written(found.changes[0][0].spot.raw)),
            window=self._window(ref),
        )

    def _change(self, found: _Found, difference: Difference, counted: Counted, direction: Direction) -> Change:
        ref, spot = found.resource.ref, difference.spot
        path = paths.render(spot.steps)
        desired, live = redacted(spot, difference.desired), redacted(spot, difference.live)
        bad = Severity.INFO if direction is Direction.GIT_AHEAD else severity.of_change(ref, difference, counted)
        return Change(
            path=path,
            change=counted.change,
            desired=desired,
            live=live,
            severity=bad,
            place=found.resource.place(found.pair.written(spot.raw)),
            owner=counted.owner,
            window=self._window(ref, path),
            direction=direction,
            words=words(desired, live),
        )

    def _window(self, ref: Ref, path: str = "") -> Window:
        return self.past.windows.get((ref, path)) or Window(self.past.last_run_at, self.at)

    # --- whole objects ----------------------------------------------------------------------------------------------------

    def _missing(self, resource: Resource, reason: str, pending: frozenset[str]) -> Drift:
        ref = resource.ref
        direction = self._direction_of_missing(ref, pending)
        bad = Severity.INFO if direction is Direction.GIT_AHEAD else severity.of_object(ref, missing=True)
        return Drift(
            ref, DriftKind.MISSING, direction, bad, reason=reason, place=resource.place(), window=self._window(ref)
        )

    def _silenced(self, resource: Resource, other: Resource | None = None) -> bool:
        """Whether a rule says that an object as a whole does not count."""
        reason = self.ignoring.whole(resource, other)
        if reason and self.ignored:
            self.out.ignored.append(Ignored(resource.ref, "", reason))
        return bool(reason)

    def _direction_of_missing(self, ref: Ref, pending: frozenset[str]) -> Direction:
        """git-ahead only where an earlier commit lacked it, and it, or something else of that commit, was never applied."""
        if ref in self.past.seen:
            return Direction.LIVE_CHANGED
        added_by = next((each.until for each in self.past.earlier.get(ref, ()) if each.body is None), None)
        if added_by is not None and (self.past.last_run_at is not None or added_by in pending):
            return Direction.GIT_AHEAD
        return Direction.UNKNOWN

    def _undeclared(self, matched: Mapping[Ref, Resource]) -> Iterator[Drift]:
        for each in objects.undeclared(self.desired, self.live, matched, self.past, self.appliers):
            ref = each.resource.ref
            if self._silenced(each.resource, each.resource):
                continue
            if unread := objects.unread_manifest(self.desired):
                self.out.not_compared.append(
                    NotCompared(ref, f"it may be declared at {unread}, which could not be read")
                )
                continue
            kind = DriftKind.ORPHANED if each.orphaned else DriftKind.UNMANAGED
            bad = Severity.INFO if each.kept else severity.of_object(ref, missing=False)
            reason = f"{each.reason}; kept on purpose" if each.kept else each.reason
            direction = Direction.UNKNOWN if each.orphaned else Direction.LIVE_CHANGED
            yield Drift(ref, kind, direction, bad, reason=reason, window=self._window(ref))


def _equal(a: Any, b: Any) -> bool:
    """Whether two bodies are the same to the byte: Python alone takes true for 1. What is written in another order is walked."""
    return a is b or (bool(a == b) and repr(a) == repr(b))


def _applied(live: Resource, entries: tuple[Writer, ...]) -> Mapping[str, Any] | None:
    """What was last applied, by the annotation; None where it has none, or where who applies the object does not keep it."""
    text = live.annotations().get(LAST_APPLIED)
    if not isinstance(text, str):
        return None
    owners = owners_of(entries, (("f", "metadata"), ("f", "annotations"), ("f", LAST_APPLIED)))
    if entries and not any(entry.owner_class is OwnerClass.GITOPS and entry.operation == "Update" for entry in owners):
        return None
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return part(live.ref, body)[0] if is_map(body) else None


def _ignored(ref: Ref, difference: Difference, reason: str, entries: tuple[Writer, ...]) -> Ignored:
    spot = difference.spot
    desired, live = redacted(spot, difference.desired), redacted(spot, difference.live)
    owner = recorded(owners_of(entries, spot.fields))
    return Ignored(ref, paths.render(spot.steps), reason, desired, live, owner)
