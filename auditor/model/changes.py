"""Drift: what differs, who wrote it and why; and what is known of before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from auditor.model.objects import Body, Place, Ref
from auditor.model.words import CauseKind, Certainty, ChangeKind, Direction, DriftKind, OwnerClass, Severity


@dataclass(frozen=True, slots=True)
class Owner:
    """Who wrote a field, as the server recorded it: a tool, never a person. `time` is an upper bound for the field."""

    manager: str
    operation: str
    subresource: str
    time: datetime | None
    owner_class: OwnerClass
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Window:
    """Between the last run that did not see a change (None: there was none) and the first that did."""

    after: datetime | None
    before: datetime


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an interval began or ended.

    `revision` (in full), `author` and `subject` are of a commit, `manager`, `operation`, `subresource` of a writer on the cluster:
    a tool, never a person. `at` is when the commit was made, or an upper bound for what the tool wrote; `window` bounds what nobody
    dated. `place` is the line in git that it is about; `detail` says the rest: which policy or setting, and from what to what.
    """

    kind: CauseKind
    certainty: Certainty = Certainty.RECORDED
    detail: str = ""
    revision: str = ""
    author: str = ""
    subject: str = ""
    at: datetime | None = None
    manager: str = ""
    operation: str = ""
    subresource: str = ""
    window: Window | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `desired` and `live` are JSON values, None where absent, `Sealed` where secret."""

    path: str
    change: ChangeKind
    desired: Any
    live: Any
    severity: Severity
    place: Place | None = None
    owner: Owner | None = None
    window: Window | None = None
    direction: Direction = Direction.UNKNOWN
    words: str = ""
    """The difference within a long text, worded (by DeepDiff); empty for short values."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One object that is not what git says. `changes` is empty for an unmanaged or orphaned one."""

    ref: Ref
    kind: DriftKind
    direction: Direction
    severity: Severity
    changes: tuple[Change, ...] = ()
    reason: str = ""
    place: Place | None = None
    window: Window | None = None

    @property
    def pending(self) -> bool:
        """Git is ahead and nothing else: listed apart, no exit 1, not in drift metrics."""
        return self.direction is Direction.GIT_AHEAD


@dataclass(frozen=True, slots=True)
class Given:
    """What rules are told beside the two sides, as plain values.

    `drift`: of this run, by object; None where nothing was compared. `registries`: those that a setting allows, () for no list.
    """

    drift: Mapping[Ref, Drift] | None = None
    registries: tuple[str, ...] = ()


NOTHING_GIVEN: Final = Given()


@dataclass(frozen=True, slots=True)
class NotCompared:
    """What could not be compared, and why. `path` where it is one field; "" where it is the object as a whole."""

    ref: Ref
    reason: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A difference that is no drift, and why: a default, an injection, a controller's field. Told only where it was asked for."""

    ref: Ref
    path: str
    reason: str
    desired: Any = None
    live: Any = None
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier commit said of an object; `body` is None where it did not have it.

    `until` is the commit that changed it into what came after, "" where that is not known: what one commit changed is
    applied together or not at all.
    """

    revision: str
    body: Body | None
    until: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of before, as plain values.

    `earlier`: for objects whose files changed in the commits looked back at, what those said, newest first.
    `seen`: objects that a published run saw live. `last_run_at`: of the last published run, None if there was none.
    `windows`: of what is open, by (ref, path); path "" is the object as a whole.
    """

    earlier: Mapping[Ref, tuple[Earlier, ...]] = field(default_factory=dict)
    seen: frozenset[Ref] = frozenset()
    last_run_at: datetime | None = None
    windows: Mapping[tuple[Ref, str], Window] = field(default_factory=dict)
