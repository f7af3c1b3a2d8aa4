"""Which side moved: what git said before, what was last applied and who owns a place in, a direction out. Pure.

*git-ahead* is said only where live is what an earlier commit had there, and there is proof that the newer commit was never
applied. A hand that puts an old value back is *live-changed*; what cannot be decided is *unknown*, and counts as drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auditor.drift.bodies import value_at
from auditor.drift.counts import Counted
from auditor.drift.owners import Writer
from auditor.drift.tree import Difference, differences
from auditor.drift.values import MISSING
from auditor.kube.schema import Node
from auditor.model import ChangeKind, Direction, OwnerClass


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of an object's past: comparable parts of what earlier commits said (None: nothing), newest first, each
    with the commit that ended it; whether any history was read at all; and the last-applied part (None: not known)."""

    earlier: Sequence[tuple[str, Mapping[str, Any] | None]] = ()
    history: bool = False
    applied: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Guess:
    """A direction. `moved`: git changed this place in the commits looked back at; `commit`: which of them did, where that is
    known; `old`: live is what an earlier commit had there."""

    direction: Direction
    commit: str = ""
    moved: bool = False
    old: bool = False


def same_part(a: Any, b: Any, node: Node | None) -> bool:
    """Whether two values of one place say the same, as git and live would be compared."""
    if a is MISSING or b is MISSING:
        return a is b
    return not differences({"value": a}, {"value": b}, None if node is None else _Around(node))


class _Around(Node):
    """A struct with one field, `value`, of a given type."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Node) -> None:
        super().__init__("object")
        self._inner = inner

    def child(self, name: str) -> Node | None:
        return self._inner


def guess(difference: Difference, counted: Counted, before: Before, root: Node | None) -> Guess:
    """The direction of one change, by its own evidence alone; `joined` adds what its neighbours tell."""
    steps, node = difference.spot.steps, _type_at(difference)
    want = MISSING if difference.form == "extra" else difference.desired
    have = MISSING if difference.form == "missing" else difference.live
    told = [(until, MISSING if body is None else value_at(body, steps, root)) for until, body in before.earlier]
    changed = next((until for until, value in told if not same_part(value, want, node)), None)
    old = any(same_part(value, have, node) for _, value in told)
    found = Guess(Direction.UNKNOWN, changed or "", changed is not None, old)
    if before.applied is not None:
        return _by_applied(found, value_at(before.applied, steps, root), want, have, node, counted)
    return _by_owners(found, counted, before)


def _type_at(difference: Difference) -> Node | None:
    spot = difference.spot
    if spot.parent is None or difference.form == "order":
        return None
    node = spot.parent.child(spot.name)
    return node if node is None or isinstance(spot.steps[-1], str) else node.items


def _by_applied(found: Guess, applied: Any, want: Any, have: Any, node: Node | None, counted: Counted) -> Guess:
    """The last-applied annotation says what was applied last: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/"""
    if same_part(applied, want, node):
        return Guess(Direction.LIVE_CHANGED)  # the commit was applied, whatever it did elsewhere
    if not same_part(applied, have, node):
        return Guess(Direction.BOTH if found.moved else Direction.LIVE_CHANGED)
    if found.old:
        return replace(found, direction=Direction.GIT_AHEAD)
    return replace(found, direction=Direction.LIVE_CHANGED if _strangers(counted.owners) else Direction.UNKNOWN)


def _by_owners(found: Guess, counted: Counted, before: Before) -> Guess:
    """Who owns a value has written it: an update takes a field from all others, an apply shares it only while it agrees.

    https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
    """
    direction = Direction.UNKNOWN
    applied = any(entry.applies for entry in counted.owners)
    if _strangers(counted.owners) and not applied:
        direction = Direction.LIVE_CHANGED
    elif counted.owners:
        direction = Direction.GIT_AHEAD if found.old else Direction.UNKNOWN
    elif not found.old and (counted.change is ChangeKind.ADDED or (before.history and not found.moved)):
        direction = Direction.LIVE_CHANGED  # git never moved here, so live did
    return replace(found, direction=direction)


def _strangers(owners: Iterable[Writer]) -> bool:
    return any(entry.owner_class is not OwnerClass.GITOPS for entry in owners)


def unapplied(guesses: Iterable[Guess]) -> frozenset[str]:
    """Commits of which some change is known not to be applied yet."""
    return frozenset(each.commit for each in guesses if each.direction is Direction.GIT_AHEAD and each.commit)


def joined(one: Guess, pending: frozenset[str]) -> Direction:
    """The direction, given what the same commit changed elsewhere and was not applied either."""
    if not one.commit or one.commit not in pending:
        return one.direction
    if one.direction is Direction.UNKNOWN and one.old:
        return Direction.GIT_AHEAD
    if one.direction is Direction.LIVE_CHANGED and not one.old:
        return Direction.BOTH
    return one.direction


def together(directions: Iterable[Direction]) -> Direction:
    """The direction of an object: git-ahead only where all of it is."""
    found = set(directions)
    if len(found) == 1:
        return found.pop()
    if Direction.BOTH in found or {Direction.LIVE_CHANGED, Direction.GIT_AHEAD} <= found:
        return Direction.BOTH
    return Direction.LIVE_CHANGED if Direction.LIVE_CHANGED in found else Direction.UNKNOWN
