"""What must hold of every database, whatever happened to it: `auditor db check`.

In: an engine. Out: one sentence for each thing that does not hold; none for a whole database. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, func, or_, select, text

from auditor.store.connection import is_sqlite, reading
from auditor.store.facts import FACTS, Fact
from auditor.store.migrate import differences
from auditor.store.tables import leaders, objects, runs

FENCES: Final = ("runs_begin", "runs_publish")
"""Triggers that refuse the runs of a former leader."""


def broken(engine: Engine) -> tuple[str, ...]:
    """What does not hold, as sentences. Raises `Unavailable`, for a database of another version too (`migrate`)."""
    found = [f"the schema differs from that of its version: {step}" for step in differences(engine)]
    if found:
        return tuple(found)
    with reading(engine) as connection:
        return (*_file(connection), *_fences(connection), *_runs(connection), *_intervals(connection))


def _file(connection: Connection) -> Iterator[str]:
    if is_sqlite(connection):
        for (said,) in connection.execute(text("PRAGMA integrity_check")):
            if said != "ok":
                yield f"the file is damaged: {said}"
        for row in connection.execute(text("PRAGMA foreign_key_check")):
            yield f"{row[0]}: row {row[1]} refers to a row of {row[2]} that is not there"


def _fences(connection: Connection) -> Iterator[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if not is_sqlite(connection):
        query = "SELECT tgname FROM pg_trigger WHERE tgrelid = 'runs'::regclass AND tgenabled <> 'D'"
    there = set(connection.execute(text(query)).scalars())
    for name in FENCES:
        if name not in there:
            yield f"the trigger {name} is missing: runs of a former leader would be taken"


def _runs(connection: Connection) -> Iterator[str]:
    r = runs.c
    published = r.status == "published"
    yield from _each(
        connection,
        select(r.id).where(published, or_(r.at.is_(None), r.finished.is_(None), r.sources.is_(None))),
        "run {0} is published, but says not what it judged",
    )
    before = func.max(r.token).over(partition_by=r.cluster_id, order_by=r.id, rows=(None, -1)).label("before")
    ordered = select(r.id, r.token, before).where(published).subquery()
    yield from _each(
        connection,
        select(ordered.c.id).where(ordered.c.token < ordered.c.before),
        "run {0} was published by a leader whose successor had published before",
    )
    yield from _each(
        connection,
        select(r.id).join(leaders, leaders.c.cluster_id == r.cluster_id).where(r.token > leaders.c.token),
        "run {0} is of a leader that is not known",
    )


def _intervals(connection: Connection) -> Iterator[str]:
    for name, fact in FACTS.items():
        c = fact.table.c
        opened, closed, since = runs.alias(), runs.alias(), runs.alias()
        sound = [
            (c.opened_run, opened, "begins"),
            (c.closed_run, closed, "ends"),
        ]
        for column, run, word in sound:
            wrong = or_(run.c.id.is_(None), run.c.status != "published", run.c.cluster_id != c.cluster_id)
            query = select(c.id, column).outerjoin(run, run.c.id == column).where(column.is_not(None), wrong)
            yield from _each(
                connection, query, name + ": interval {0} " + word + " with run {1}, which was not published"
            )
        lost = select(c.id, c.since_run).outerjoin(since, since.c.id == c.since_run).where(since.c.id.is_(None))
        yield from _each(connection, lost, name + ": interval {0} goes back to run {1}, which is not on record")
        order = or_(c.closed_run <= c.opened_run, c.since_run > c.opened_run)
        yield from _each(connection, select(c.id).where(order), name + ": interval {0} ends before it begins")
        yield from _each(connection, _overlaps(fact), name + ": interval {0} overlaps the one before of the same thing")
        yield from _each(connection, _gaps(fact), name + ": interval {0} is replaced, but nothing follows it")
        if "object_id" in c:
            o = objects.c
            other = select(c.id).join(objects, o.id == c.object_id).where(o.cluster_id != c.cluster_id)
            yield from _each(connection, other, name + ": interval {0} is of an object of another cluster")


def _chain(fact: Fact) -> dict[str, Any]:
    """The intervals of one thing, in their order."""
    c = fact.table.c
    return {"partition_by": (c.cluster_id, *(c[column] for column in fact.key)), "order_by": c.opened_run}


def _overlaps(fact: Fact) -> Select[Any]:
    c = fact.table.c
    window = _chain(fact)
    before = select(
        c.id,
        c.opened_run,
        func.lag(c.id).over(**window).label("earlier"),
        func.lag(c.closed_run).over(**window).label("ended"),
    ).subquery()
    b = before.c
    return select(b.id).where(b.earlier.is_not(None), or_(b.ended.is_(None), b.ended > b.opened_run))


def _gaps(fact: Fact) -> Select[Any]:
    c = fact.table.c
    window = _chain(fact)
    after = select(c.id, c.closed_run, c.replaced, func.lead(c.opened_run).over(**window).label("next")).subquery()
    a = after.c
    return select(a.id).where(a.replaced, or_(a.closed_run.is_(None), a.next.is_(None), a.next != a.closed_run))


def _each(connection: Connection, query: Select[Any], sentence: str) -> Iterator[str]:
    """The first three, and how many more."""
    rows = connection.execute(query).all()
    for row in rows[:3]:
        yield sentence.format(*row)
    if len(rows) > 3:
        yield sentence.format(*("…" for _ in rows[0])) + f" ({len(rows) - 3} more)"
