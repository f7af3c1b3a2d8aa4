"""What happened: timelines of objects, what began and ended in a period, scores over time, and what could not be seen.

In: a connection, a cluster and times. Out: episodes, spans and points. A period is after its start and up to its end, and what
is said of it does not depend on when it is asked: what ended later counts as open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, case, func, select

from auditor.model import Cell, CellState, Finding, Ref, Score
from auditor.store import cause_rows, states
from auditor.store import runs as run_list
from auditor.store.facts import CELLS, CONDITIONS, DRIFT, DRIFT_FIELDS, FACTS, FINDINGS, SCORES, Fact
from auditor.store.past import ref_of
from auditor.store.rows import identity
from auditor.store.tables import objects
from auditor.store.texts import NAME_LIMIT, clean, value_of
from auditor.store.views import Blindness, Changes, Condition, Episode, Point, Span

_TIMELINE: Final = ("verdicts", "findings", "drift", "drift_fields", "not_compared", "workload_scores", "seen")
_NONE: Final = (0, -1)  # the key of no cause
_UNREAD: Final = (CellState.DENIED.value, CellState.UNAVAILABLE.value)


def between(connection: Connection, cluster: str, since: datetime, until: datetime) -> Changes:
    """The findings, the drift and its fields that began or ended in a period."""
    period = Period.of(connection, cluster, since, until)
    if period is None:
        return Changes()
    return Changes(
        findings_opened=period.episodes(FINDINGS, opened=True),
        findings_resolved=period.episodes(FINDINGS, opened=False),
        drift_opened=period.episodes(DRIFT, opened=True),
        drift_resolved=period.episodes(DRIFT, opened=False),
        fields_opened=period.episodes(DRIFT_FIELDS, opened=True),
        fields_resolved=period.episodes(DRIFT_FIELDS, opened=False),
    )


class Period:
    """The published runs of a cluster after `first` and up to `last`, and what they began and ended."""

    def __init__(self, connection: Connection, cluster: str, key: int, first: int, last: int) -> None:
        self.connection, self.cluster_id, self.first, self.last = connection, key, first, last
        self.refs = states.refs_by_id(connection, key, cluster)

    @classmethod
    def of(
        cls, connection: Connection, cluster: str, since: datetime, until: datetime, *, pruned: bool = False
    ) -> Period | None:
        last = run_list.as_of(connection, cluster, until, pruned=pruned)
        key = run_list.cluster_id(connection, cluster)
        if last is None or key is None:
            return None
        first = run_list.as_of(connection, cluster, since, pruned=pruned)
        return cls(connection, cluster, key, first.id if first else 0, last.id)

    def episodes(self, fact: Fact, *, opened: bool) -> tuple[Episode, ...]:
        c = fact.table.c
        if opened:
            rows = self.last_of_each(
                fact, self.rows(fact, c.opened_run > self.first, c.opened_run <= self.last, c.since_run > self.first)
            )
        else:
            rows = self.rows(fact, c.closed_run > self.first, c.closed_run <= self.last, c.replaced.is_(False))
        return self.told(fact, rows)

    def told(self, fact: Fact, rows: list[Any]) -> tuple[Episode, ...]:
        """The episodes that intervals are the last of, each with why it began and ended."""
        at = run_list.moments(self.connection, {key for row in rows for key in (row.since_run, self._end(row)) if key})
        fields = self._fields(rows) if fact is DRIFT else {}
        firsts = self._firsts(fact, rows)
        causes = cause_rows.of_rows(self.connection, [*rows, *firsts.values()])
        found = [
            Episode(
                ref=self.refs[row.object_id],
                what=self._what(fact, row, fields),
                since=at[row.since_run],
                until=at[end] if (end := self._end(row)) else None,
                opened_cause=causes.get(cause_rows.opened(firsts.get(self._episode(fact, row), row)) or _NONE),
                closed_cause=causes.get(cause_rows.closed(row) or _NONE) if end else None,
            )
            for row in rows
        ]
        return tuple(sorted(found, key=lambda episode: (episode.since, episode.ref.key, str(episode.what))))

    def _episode(self, fact: Fact, row: Any) -> tuple[Any, ...]:
        return (*(getattr(row, name) for name in fact.key), row.since_run)

    def _firsts(self, fact: Fact, rows: Iterable[Any]) -> dict[tuple[Any, ...], Any]:
        """Of the episodes whose first interval is not among the rows: that one, by episode."""
        later = {self._episode(fact, row): row for row in rows if row.since_run != row.opened_run}
        found: dict[tuple[Any, ...], Any] = {}
        runs = sorted({row.since_run for row in later.values()})
        c = fact.table.c
        for start in range(0, len(runs), 400):
            some = runs[start : start + 400]
            for row in self.rows(fact, c.opened_run.in_(some), c.since_run == c.opened_run):
                if self._episode(fact, row) in later:
                    found[self._episode(fact, row)] = row
        return found

    def rows(self, fact: Fact, *conditions: ColumnElement[bool]) -> list[Any]:
        query = select(fact.table).where(fact.table.c.cluster_id == self.cluster_id, *conditions)
        return list(self.connection.execute(query).all())

    def last_of_each(self, fact: Fact, rows: Iterable[Any]) -> list[Any]:
        """Of each episode, the interval that was its last by the end of the period."""
        found: dict[tuple[Any, ...], Any] = {}
        for row in sorted(rows, key=lambda row: (row.opened_run, row.id)):
            found[self._episode(fact, row)] = row
        return list(found.values())

    def _end(self, row: Any) -> int | None:
        """The run that ended the episode, if that was within the period."""
        over = row.closed_run is not None and row.closed_run <= self.last and not row.replaced
        return int(row.closed_run) if over else None

    def _what(self, fact: Fact, row: Any, fields: dict[int, list[Any]]) -> Any:
        if fact is FINDINGS:
            return states.finding_of(row, self.refs)
        if fact is DRIFT_FIELDS:
            return states.change_of(row)
        moment = (self._end(row) or self.last + 1) - 1  # just before it ended, or at the end of the period
        held = [
            f for f in fields.get(row.object_id, ()) if f.opened_run <= moment and (f.closed_run or moment + 1) > moment
        ]
        return states.drifts([row], held, self.refs)[0]

    def _fields(self, rows: Iterable[Any]) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = {}
        keys = sorted({row.object_id for row in rows})
        for start in range(0, len(keys), 500):
            for row in self.rows(DRIFT_FIELDS, DRIFT_FIELDS.table.c.object_id.in_(keys[start : start + 500])):
                found.setdefault(row.object_id, []).append(row)
        return found


def history(connection: Connection, ref: Ref, *, limit: int | None = None) -> tuple[Span, ...]:
    """All that was ever recorded of an object, newest first."""
    o = objects.c
    group, kind, namespace, name = identity(ref)
    cluster = run_list.cluster_id(connection, ref.cluster)
    own = select(o.id).where(
        o.cluster_id == cluster, o.grp == group, o.kind == kind, o.namespace == namespace, o.name == name
    )
    object_id = connection.execute(own).scalar()
    if object_id is None:
        return ()
    rows = [
        (of, row)
        for of in _TIMELINE
        for row in connection.execute(select(FACTS[of].table).where(FACTS[of].table.c.object_id == object_id))
    ]
    rows.sort(key=lambda entry: (-entry[1].opened_run, entry[0], entry[1].id))
    return tuple(_spans(connection, rows[:limit]))


def finding_history(connection: Connection, cluster: str, fingerprint: str) -> tuple[Span, ...]:
    """Every interval in which a finding was open, newest first."""
    c = FINDINGS.table.c
    key = run_list.cluster_id(connection, cluster)
    query = select(FINDINGS.table).where(c.cluster_id == key, c.fingerprint == clean(fingerprint, NAME_LIMIT))
    rows = connection.execute(query.order_by(c.opened_run.desc(), c.id.desc())).all()
    return tuple(_spans(connection, [("findings", row) for row in rows]))


def finding(connection: Connection, cluster: str, fingerprint: str) -> Finding | None:
    """A finding as it is, or last was; None if it never was."""
    c = FINDINGS.table.c
    key = run_list.cluster_id(connection, cluster)
    query = select(FINDINGS.table).where(c.cluster_id == key, c.fingerprint == clean(fingerprint, NAME_LIMIT))
    row = connection.execute(query.order_by(c.opened_run.desc(), c.id.desc()).limit(1)).first()
    if row is None or key is None:
        return None
    o = objects.c
    own = connection.execute(select(o.grp, o.kind, o.namespace, o.name).where(o.id == row.object_id)).one()
    return states.finding_of(row, {row.object_id: ref_of(cluster, *own)})


def named(connection: Connection, cluster: str, kind: str, namespace: str | None, name: str) -> tuple[Ref, ...]:
    """Every object of that kind and name that is on record, in whatever API group; the kind in any case."""
    o = objects.c
    query = select(o.grp, o.kind, o.namespace, o.name).where(
        o.cluster_id == run_list.cluster_id(connection, cluster),
        o.namespace == clean(namespace or "", NAME_LIMIT),
        o.name == clean(name, NAME_LIMIT),
    )
    rows = connection.execute(query.order_by(o.grp)).all()
    return tuple(ref_of(cluster, *row) for row in rows if row.kind.lower() == kind.lower())


def drifting(connection: Connection, ref: Ref) -> tuple[Episode, ...]:
    """The fields of an object that differ from git now, by path."""
    last = run_list.as_of(connection, ref.cluster, None)
    if last is None or last.at is None:
        return ()
    period = Period.of(connection, ref.cluster, last.at, last.at)
    assert period is not None
    c = DRIFT_FIELDS.table.c
    keys = [key for key, known in period.refs.items() if known == ref]
    return period.told(DRIFT_FIELDS, period.rows(DRIFT_FIELDS, c.object_id.in_(keys), c.closed_run.is_(None)))


def fingerprints(
    connection: Connection, cluster: str, *, prefix: str = "", policy: str = "", ref: Ref | None = None
) -> tuple[str, ...]:
    """The fingerprints of findings, those that are open first: that begin so, or are of a policy or an object. At most 100."""
    c, o = FINDINGS.table.c, objects.c
    query = select(c.fingerprint, func.min(case((c.closed_run.is_(None), 0), else_=1)).label("over")).where(
        c.cluster_id == run_list.cluster_id(connection, cluster)
    )
    if prefix:
        # A range, not LIKE: the index on open findings is of no use to it otherwise. Fingerprints are hexadecimal.
        query = query.where(c.fingerprint >= prefix, c.fingerprint < prefix + "g")
    if policy:
        query = query.where(c.policy == policy)
    if ref is not None:
        group, kind, namespace, name = identity(ref)
        own = select(o.id).where(o.kind == kind, o.namespace == namespace, o.name == name)
        query = query.where(c.object_id.in_(own.where(o.grp == group) if group else own))
    rows = connection.execute(query.group_by(c.fingerprint).order_by("over", c.fingerprint).limit(100))
    return tuple(row.fingerprint for row in rows)


def _spans(connection: Connection, rows: list[tuple[str, Any]]) -> Iterator[Span]:
    at = run_list.moments(
        connection, {key for _, row in rows for key in (row.opened_run, row.since_run, row.closed_run) if key}
    )
    causes = cause_rows.of_rows(connection, [row for _, row in rows])
    for of, row in rows:
        what = {name: getattr(row, name) for name in FACTS[of].columns if name not in ("object_id", "concerns", "n")}
        for side in ("desired", "live"):
            if side in what:
                what[side] = value_of(what[side], side=side)
        yield Span(
            of=of,
            what=what,
            since=at[row.since_run],
            opened=at[row.opened_run],
            opened_run=row.opened_run,
            opened_cause=causes.get(cause_rows.opened(row) or _NONE),
            closed=at[row.closed_run] if row.closed_run else None,
            closed_run=row.closed_run,
            closed_cause=causes.get(cause_rows.closed(row) or _NONE),
            replaced=row.replaced,
        )


def conditions(connection: Connection, cluster: str, since: datetime, until: datetime) -> tuple[Condition, ...]:
    """What audits are made under, as it changed in a period: policies, settings, this program. What the first run found is no change."""
    period = Period.of(connection, cluster, since, until)
    if period is None:
        return ()
    c = CONDITIONS.table.c
    began = period.rows(CONDITIONS, c.opened_run > period.first, c.opened_run <= period.last)
    ended = period.rows(CONDITIONS, c.closed_run > period.first, c.closed_run <= period.last)
    found: dict[tuple[int, str, str], list[str | None]] = {}
    for row in began:
        found.setdefault((row.opened_run, row.kind, row.name), [None, None])[1] = row.value
    for row in ended:
        found.setdefault((row.closed_run, row.kind, row.name), [None, None])[0] = row.value
    first = run_list.first(connection, cluster)
    at = run_list.moments(connection, {key[0] for key in found})
    told = [
        Condition(at[run], kind, name, before, after)
        for (run, kind, name), (before, after) in found.items()
        if first is None or run != first.id
    ]
    return tuple(sorted(told, key=lambda one: (one.at, one.kind, one.name)))


def score_points(
    connection: Connection, cluster: str, since: datetime, until: datetime, *, scope: str = "cluster", name: str = ""
) -> tuple[Point, ...]:
    """A score over a period, for `scope` "cluster", "namespace" or "team": a point where it changed, and one for what held when
    the period began. A score that ended (a namespace went) is followed by one of None over no workloads."""
    period = Period.of(connection, cluster, since, until, pruned=True)  # scores are kept longer than the rest
    if period is None:
        return ()
    c = SCORES.table.c
    rows = period.rows(
        SCORES,
        c.scope == scope,
        c.name == clean(name, NAME_LIMIT),
        c.opened_run <= period.last,
        c.closed_run.is_(None) | (c.closed_run > period.first),
    )
    at = run_list.moments(connection, {key for row in rows for key in (row.opened_run, row.closed_run) if key})
    points = [Point(max(at[row.opened_run], since), states.score_of(row)) for row in rows]
    points += [
        Point(at[row.closed_run], Score(None, None, 0, None))
        for row in rows
        if row.closed_run and not row.replaced and row.closed_run <= period.last
    ]
    return tuple(sorted(points, key=lambda point: point.at))


def blindness(connection: Connection, cluster: str, since: datetime, until: datetime) -> tuple[Blindness, ...]:
    """The cells that could not be read at some time in a period, and from when until when; the longest first."""
    period = Period.of(connection, cluster, since, until)
    if period is None:
        return ()
    c = CELLS.table.c
    held = period.rows(
        CELLS, c.state.in_(_UNREAD), c.opened_run <= period.last, c.closed_run.is_(None) | (c.closed_run > period.first)
    )
    rows = period.last_of_each(CELLS, held)
    ends = {row.closed_run for row in rows if row.closed_run and row.closed_run <= period.last}
    at = run_list.moments(connection, {row.since_run for row in rows} | ends)
    found = [
        Blindness(
            Cell(row.grp, row.kind, row.namespace or None, CellState(row.state), row.reason, row.objects),
            at[row.since_run],
            at[row.closed_run] if row.closed_run in ends else None,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda blind: (blind.since, str(blind.cell))))
