"""What the store answers with: plain frozen values, nothing of a database in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from auditor.model import Audit, Cause, Cell, Change, Drift, Finding, Ref, Score, Source

CellKey: TypeAlias = tuple[str, str, str | None]
"""Group, kind, namespace."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `status`: running, published, failed, interrupted. `at` is the moment it judged as of, None unless published;
    `phases` are seconds by phase; `reason` says why it failed. Larger ids are later runs."""

    id: int
    uuid: str
    cluster: str
    status: str
    trigger: str
    started: datetime
    finished: datetime | None
    at: datetime | None
    reason: str
    sources: tuple[Source, ...]
    coverage: float | None
    phases: Mapping[str, float]
    tool_version: str
    formula: int | None
    policy_set: str


@dataclass(frozen=True, slots=True)
class State:
    """A cluster as a published run left it.

    `audit` is what that run learned, and beside it what it could not know and earlier ones did: findings of verdicts that are
    unknown, drift of objects that could not be read. `stale` has the latter drift's refs, and those findings' fingerprints.
    `since`: when an open finding (by fingerprint), drift (by ref and path, "" for the object) or cell was first seen so.
    """

    run: Run
    audit: Audit
    finding_since: Mapping[str, datetime] = field(default_factory=dict)
    drift_since: Mapping[tuple[Ref, str], datetime] = field(default_factory=dict)
    cell_since: Mapping[CellKey, datetime] = field(default_factory=dict)
    stale: frozenset[Ref | str] = frozenset()


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that was open without a gap, as it last was: a finding, the drift of an object with its fields, or one field.

    `since`: of the first run that saw it; `until`: of the run that no longer did, None while open. Causes are None where none was
    recorded; `opened_cause` is that of the beginning of the episode.
    """

    ref: Ref
    what: Finding | Drift | Change
    since: datetime
    until: datetime | None
    opened_cause: Cause | None
    closed_cause: Cause | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What began and ended in a period; what did both is in both. A field of drift can begin while its object drifts already."""

    findings_opened: tuple[Episode, ...] = ()
    findings_resolved: tuple[Episode, ...] = ()
    drift_opened: tuple[Episode, ...] = ()
    drift_resolved: tuple[Episode, ...] = ()
    fields_opened: tuple[Episode, ...] = ()
    fields_resolved: tuple[Episode, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """One interval of one thing, for timelines.

    `of` is the table ("verdicts", "findings", "drift", "drift_fields", "workload_scores", "not_compared", "seen"); `what` its
    columns as stored; `replaced`: ended because its value changed; `since`: of the episode it belongs to.
    """

    of: str
    what: Mapping[str, Any]
    since: datetime
    opened: datetime
    opened_run: int
    opened_cause: Cause | None
    closed: datetime | None
    closed_run: int | None
    closed_cause: Cause | None
    replaced: bool


@dataclass(frozen=True, slots=True)
class Point:
    """A score from a moment on, until the next point. `score` is None where nothing applied."""

    at: datetime
    score: Score


@dataclass(frozen=True, slots=True)
class Report:
    """A report that fell due. `state`: claimed (being made), made, released (failed, to be tried again); `detail` says why."""

    kind: str
    period: str
    state: str
    changed: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class Blindness:
    """A cell that could not be read, and for how long."""

    cell: Cell
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that audits are made under, as it changed: `kind` "policy", "setting" or "auditor"; None where it was not, or is not."""

    at: datetime
    kind: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """What one cause did to a score at one run: `points` up (or down, below 0), when replayed in the order of time.

    `turned`: verdicts by object and policy, with their outcomes before and after ("" where there was none). `findings`, `changes`:
    what it brought; `gone`, `undone`: what it ended.
    """

    at: datetime
    cause: Cause | None
    points: float
    turned: tuple[tuple[Ref, str, str, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    gone: tuple[Finding, ...] = ()
    changes: tuple[tuple[Ref, Change], ...] = ()
    undone: tuple[tuple[Ref, Change], ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """A score at two moments, and what moved it. `rest`: the points that no part explains, such as by another formula."""

    scope: str
    name: str
    since: datetime
    until: datetime
    before: Score | None
    after: Score | None
    parts: tuple[Part, ...] = ()
    rest: float = 0.0
