"""Questions of a year: each one query over an index, whatever the length of the history.

In: a connection, a cluster, a period. Out: plain values. A period is after its start and up to its end; what a run found is dated
by the run. Rows are counted by the database and never handed over one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, select

from auditor.model import CellState, Ref
from auditor.store import runs as run_list
from auditor.store.connection import is_sqlite
from auditor.store.facts import CELLS, DRIFT_FIELDS, FACTS, FINDINGS, Fact
from auditor.store.past import ref_of
from auditor.store.rows import identity
from auditor.store.tables import objects, runs

UNREAD: Final = (CellState.DENIED.value, CellState.UNAVAILABLE.value)


@dataclass(frozen=True, slots=True)
class Resolved:
    """How long findings of one namespace and severity that ended in a period had been open: how many, and the mean."""

    namespace: str
    severity: str
    count: int
    mean: timedelta


@dataclass(frozen=True, slots=True)
class Noise:
    """How often something of one object began or ended in a period."""

    ref: Ref
    turns: int


@dataclass(frozen=True, slots=True)
class Drifter:
    """How many fields one tool made drift in a period, and of how many objects."""

    owner_class: str
    manager: str
    fields: int
    objects: int


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was known of an object as of a moment: the run that says so, how long before the moment it looked, whether the object's
    kind could be read then, and how many findings and drifting fields it had. `compared` is false where a reason kept it from being."""

    ref: Ref
    run: int
    age: timedelta
    readable: bool
    compared: bool
    seen: bool
    findings: int
    fields: int


def _bounds(connection: Connection, cluster: str, since: datetime, until: datetime) -> tuple[int, int, int] | None:
    """The cluster's id, and the published runs that a period is after and ends with."""
    last, key = run_list.as_of(connection, cluster, until), run_list.cluster_id(connection, cluster)
    if last is None or key is None:
        return None
    first = run_list.as_of(connection, cluster, since)
    return key, first.id if first else 0, last.id


def opened_and_resolved(connection: Connection, cluster: str, since: datetime, until: datetime) -> tuple[int, int]:
    """How many findings began and how many ended in a period; what did both is in both."""
    found = _bounds(connection, cluster, since, until)
    if found is None:
        return 0, 0
    key, first, last = found
    c = FINDINGS.table.c
    began = select(func.count()).where(
        c.cluster_id == key, c.opened_run > first, c.opened_run <= last, c.since_run == c.opened_run
    )
    ended = select(func.count()).where(
        c.cluster_id == key, c.closed_run > first, c.closed_run <= last, c.replaced.is_(False)
    )
    row = connection.execute(select(began.scalar_subquery(), ended.scalar_subquery())).one()
    return int(row[0]), int(row[1])


def oldest_open(connection: Connection, cluster: str) -> tuple[str, Ref, datetime] | None:
    """The finding that has been open for longest: its fingerprint, its object, and since when; None where none is open."""
    c, o = FINDINGS.table.c, objects.c
    query = (
        select(c.fingerprint, o.grp, o.kind, o.namespace, o.name, runs.c.at)
        .join(objects, o.id == c.object_id)
        .join(runs, runs.c.id == c.since_run)
        .where(c.cluster_id == run_list.cluster_id(connection, cluster), c.closed_run.is_(None))
        .order_by(c.since_run, c.fingerprint)
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else (row[0], ref_of(cluster, *row[1:5]), row[5])


def time_to_resolve(connection: Connection, cluster: str, since: datetime, until: datetime) -> tuple[Resolved, ...]:
    """The mean time from first seen to resolved of findings that ended in a period, by namespace and severity, slowest first."""
    found = _bounds(connection, cluster, since, until)
    if found is None:
        return ()
    key, first, last = found
    c, o = FINDINGS.table.c, objects.c
    began, ended = runs.alias(), runs.alias()
    seconds = _seconds(connection, ended.c.at) - _seconds(connection, began.c.at)
    query = (
        select(o.namespace, c.severity, func.count().label("count"), func.avg(seconds).label("mean"))
        .select_from(FINDINGS.table)
        .join(objects, o.id == c.object_id)
        .join(began, began.c.id == c.since_run)
        .join(ended, ended.c.id == c.closed_run)
        .where(c.cluster_id == key, c.closed_run > first, c.closed_run <= last, c.replaced.is_(False))
        .group_by(o.namespace, c.severity)
    )
    rows = [
        Resolved(row[0], row[1], row[2], timedelta(seconds=round(float(row[3])))) for row in connection.execute(query)
    ]
    return tuple(sorted(rows, key=lambda one: (-one.mean, one.namespace, one.severity)))


def _seconds(connection: Connection, moment: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.unixepoch(moment) if is_sqlite(connection) else func.extract("epoch", moment)


def noisiest(
    connection: Connection, cluster: str, since: datetime, until: datetime, *, most: int = 10
) -> tuple[Noise, ...]:
    """The objects of which findings and drift began and ended most often in a period."""
    found = _bounds(connection, cluster, since, until)
    if found is None:
        return ()
    key, first, last = found
    turns = [
        select(c.object_id).where(c.cluster_id == key, run > first, run <= last, over)
        for fact in (FINDINGS, DRIFT_FIELDS)
        for c in (fact.table.c,)
        for run, over in ((c.opened_run, c.since_run == c.opened_run), (c.closed_run, c.replaced.is_(False)))
    ]
    every = turns[0].union_all(*turns[1:]).subquery()
    counted = select(every.c.object_id, func.count().label("turns")).group_by(every.c.object_id)
    top = counted.order_by(func.count().desc(), every.c.object_id).limit(most).subquery()
    o = objects.c
    query = select(o.grp, o.kind, o.namespace, o.name, top.c.turns).join(top, top.c.object_id == o.id)
    rows = [Noise(ref_of(cluster, *row[:4]), row[4]) for row in connection.execute(query)]
    return tuple(sorted(rows, key=lambda one: (-one.turns, one.ref.key)))


def drifters(connection: Connection, cluster: str, since: datetime, until: datetime) -> tuple[Drifter, ...]:
    """Who made fields drift in a period, by class and tool; "" where no owner is on record. Never a person."""
    found = _bounds(connection, cluster, since, until)
    if found is None:
        return ()
    key, first, last = found
    c = DRIFT_FIELDS.table.c
    kind, tool = func.coalesce(c.owner_class, ""), func.coalesce(c.owner_manager, "")
    query = (
        select(kind, tool, func.count(), func.count(c.object_id.distinct()))
        .where(c.cluster_id == key, c.opened_run > first, c.opened_run <= last, c.since_run == c.opened_run)
        .where(c.direction != "git-ahead")
        .group_by(kind, tool)
    )
    rows = [Drifter(*row) for row in connection.execute(query)]
    return tuple(sorted(rows, key=lambda one: (-one.fields, one.owner_class, one.manager)))


def known(connection: Connection, ref: Ref, at: datetime) -> Knowledge | None:
    """What was known of an object as of a moment, and how complete; None where no run was published by then, or none that is
    still on record, or the object was never heard of."""
    run = run_list.as_of(connection, ref.cluster, at)
    o = objects.c
    group, kind, namespace, name = identity(ref)
    own = select(o.id).where(
        o.cluster_id == run_list.cluster_id(connection, ref.cluster),
        o.grp == group,
        o.kind == kind,
        o.namespace == namespace,
        o.name == name,
    )
    object_id = connection.execute(own).scalar()
    if run is None or run.at is None or object_id is None:
        return None
    counts = connection.execute(
        select(
            *(
                _held(fact, run.id, object_id).scalar_subquery()
                for fact in ("findings", "drift_fields", "not_compared", "seen")
            ),
            _unreadable(run.id, own, group, kind, namespace).scalar_subquery(),
        )
    ).one()
    return Knowledge(ref, run.id, at - run.at, not counts[4], not counts[2], bool(counts[3]), counts[0], counts[1])


def _open_at(fact: Fact, run: int) -> ColumnElement[bool]:
    c = fact.table.c
    return and_(c.opened_run <= run, c.closed_run.is_(None) | (c.closed_run > run))


def _held(name: str, run: int, object_id: int) -> Select[Any]:
    fact = FACTS[name]
    return select(func.count()).select_from(fact.table).where(fact.table.c.object_id == object_id, _open_at(fact, run))


def _unreadable(run: int, own: Select[Any], group: str, kind: str, namespace: str) -> Select[Any]:
    """1 where the object's cell, else that of its whole kind, could not be read."""
    c = CELLS.table.c
    cluster = select(objects.c.cluster_id).where(objects.c.id == own.scalar_subquery()).scalar_subquery()
    unread = case((c.state.in_(UNREAD), 1), else_=0)
    return (
        select(unread)
        .where(
            c.cluster_id == cluster,
            c.grp == group,
            c.kind == kind,
            c.namespace.in_(("", namespace)),
            _open_at(CELLS, run),
        )
        .order_by(func.length(c.namespace).desc())
        .limit(1)
    )
