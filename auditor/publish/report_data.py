"""What a report is made from: plain values of a period. `gathered` asks a store for them, tests make them by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from auditor.model import Audit, Cause, Cell, Drift, Finding, Scores
from auditor.store import Condition, Drifter, Move, Resolved


@dataclass(frozen=True, slots=True)
class Opened:
    """A finding or a drift, when it was first seen, and when it was no longer (None: still open at the end of the period)."""

    what: Finding | Drift
    since: datetime
    until: datetime | None = None
    cause: Cause | None = None
    """Why it began; `ended` why it is over. None where that was not recorded."""
    ended: Cause | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A list that could not be read, from when to when (None: still not)."""

    cell: Cell
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReportData:
    """One cluster and one period, after `since` and up to `until`.

    `audit`: the last one published by the end, from the period or before it; `then`: the scores at its start, None where there
    were none yet. `published` and `failed` count runs of the period; without a published one the report says nothing of it.
    """

    cluster: str
    since: datetime
    until: datetime
    zone: tzinfo = UTC
    audit: Audit | None = None
    then: Scores | None = None
    published: int = 0
    failed: int = 0
    failures: tuple[str, ...] = ()
    """Why runs failed, in words, each once."""
    opened: tuple[Opened, ...] = ()
    resolved: tuple[Opened, ...] = ()
    finding_since: Mapping[str, datetime] = field(default_factory=dict)
    """Fingerprint -> when it was first seen, of what is open at the end."""
    unread: tuple[Unread, ...] = ()
    gaps: tuple[tuple[datetime, datetime], ...] = ()
    """Times without a published run that are longer than they should be."""
    revisions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Source -> the revisions that were audited, oldest first."""
    moves: tuple[Move, ...] = ()
    """What moved scores: the cluster's first, then those of namespaces that moved most."""
    conditions: tuple[Condition, ...] = ()
    """Policies, settings and programs that changed in the period."""
    resolved_after: tuple[Resolved, ...] = ()
    """How long it took to resolve what was resolved, by namespace and severity."""
    drifters: tuple[Drifter, ...] = ()
    """Which tools made fields drift, and how many."""
