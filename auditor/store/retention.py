"""History that is old enough, or too much, to keep.

In: an engine and what to keep. Out: how many rows went. What is open stays, with the runs that date it; so does the last published
run of each cluster. Scores stay longer than the rest: they are few, and their course over years is what people ask for.

Every step is a short transaction of its own, and the rows to remove are looked for by readers: runs and pages go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, Table, delete, func, select, update

from auditor.store.connection import guard, is_sqlite, reading, writing
from auditor.store.facts import FACTS, SCORES, TEAMS, VERDICTS, WORKLOAD_SCORES, Fact
from auditor.store.rows import SELF
from auditor.store.tables import clusters, objects, reports, runs

BATCH: Final = 2_000
"""Rows in one step: some 30 ms."""
PAGES: Final = 500
"""Pages given back in one step: 2 MB."""

LASTING: Final = (SCORES, WORKLOAD_SCORES, TEAMS)
"""What `scores` speaks of; all the rest is details."""


@dataclass(frozen=True, slots=True)
class Keep:
    """From when on what ended is kept. `scores` and `reports` default to `details`; scores are kept at least as long as these.

    `rows`: how many ended rows of each kind (findings, verdicts, …) and cluster at most; 0 for any number. It never takes anything
    that ended after `at_least`.
    """

    details: datetime
    scores: datetime | None = None
    reports: datetime | None = None
    rows: int = 0
    at_least: datetime | None = None


def prune(engine: Engine, keep: Keep) -> int:
    """Remove what need not be kept: ended intervals, runs that nothing refers to any more, objects of which nothing is known any
    more, reports. States of before then can no longer be shown. Rows removed; raises `Unavailable`."""
    with reading(engine) as connection:
        keys = list(connection.execute(select(clusters.c.id)).scalars())
    gone = sum(_prune(engine, key, keep) for key in keys)
    old = select(reports.c.id).where(reports.c.changed < (keep.reports or keep.details), reports.c.state == "made")
    return gone + _remove(engine, reports, old)


def give_back(engine: Engine) -> None:
    """Return the space of what was removed: to the disk with SQLite; with PostgreSQL to the next rows, and what is at the end of a
    table to the disk. Raises `Unavailable`."""
    if not is_sqlite(engine):
        with guard(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("SET statement_timeout = 0")  # it takes as long as it takes, and holds up nobody
            for table in (*(fact.table for fact in FACTS.values()), objects, runs, reports):
                connection.exec_driver_sql(f'VACUUM (ANALYZE) "{table.name}"')
            connection.invalidate()  # with its setting
        return
    while True:
        with writing(engine) as connection:
            driver: Any = connection.connection.driver_connection
            left = driver.execute("PRAGMA freelist_count").fetchone()[0]
            driver.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
            now = driver.execute("PRAGMA freelist_count").fetchone()[0]
        if now == 0 or now >= left:
            break
    with guard(engine), engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _prune(engine: Engine, cluster_id: int, keep: Keep) -> int:
    lasting = [fact for fact in FACTS.values() if fact in LASTING]
    details = [fact for fact in FACTS.values() if fact not in LASTING]
    with writing(engine) as connection:
        last = _last_to_go(connection, cluster_id, keep.details, details, keep)
        if last is None:
            return 0
        last_score = min(last, _last_to_go(connection, cluster_id, keep.scores or keep.details, lasting, keep) or 0)
        # First of all: from here on nobody is shown a state that is being taken apart.
        own = runs.c.cluster_id == cluster_id
        connection.execute(update(runs).where(own, runs.c.id <= last, runs.c.pruned.is_(False)).values(pruned=True))
    gone = 0
    for facts, until in ((details, last), (lasting, last_score)):
        for fact in facts:
            c = fact.table.c
            ended = select(c.id).where(c.cluster_id == cluster_id, c.closed_run <= until)
            # The oldest first: should we be killed, what is left of a chain of intervals is its end, without a hole.
            gone += _remove(engine, fact.table, ended.order_by(c.closed_run, c.id))
    gone += _drop_runs(engine, cluster_id, last)
    return gone + _drop_objects(engine, cluster_id)


def _last_to_go(
    connection: Connection, cluster_id: int, before: datetime, facts: Iterable[Fact], keep: Keep
) -> int | None:
    """The last run that may go, by age or by number of rows: older than the last published run. Runs that still run stay too."""
    found = [
        run for run in (_by_age(connection, cluster_id, before), *_by_count(connection, cluster_id, facts, keep)) if run
    ]
    if not found:
        return None
    own = runs.c.cluster_id == cluster_id
    kept = connection.execute(select(func.max(runs.c.id)).where(own, runs.c.status == "published")).scalar()
    begun = connection.execute(select(func.min(runs.c.id)).where(own, runs.c.status == "running")).scalar()
    query = select(func.max(runs.c.id)).where(own, runs.c.id <= max(found))
    for bound in (kept, begun):
        if bound is not None:
            query = query.where(runs.c.id < bound)
    return connection.execute(query).scalar()


def _by_age(connection: Connection, cluster_id: int, before: datetime) -> int | None:
    old = func.coalesce(runs.c.at, runs.c.started) < before
    return connection.execute(select(func.max(runs.c.id)).where(runs.c.cluster_id == cluster_id, old)).scalar()


def _by_count(connection: Connection, cluster_id: int, facts: Iterable[Fact], keep: Keep) -> Iterator[int | None]:
    if not keep.rows:
        return
    bound = _by_age(connection, cluster_id, keep.at_least) if keep.at_least else None
    for fact in facts:
        c = fact.table.c
        ended = select(c.closed_run).where(c.cluster_id == cluster_id, c.closed_run.is_not(None))
        run = connection.execute(ended.order_by(c.closed_run.desc()).offset(keep.rows).limit(1)).scalar()
        if run is not None and (keep.at_least is None or bound is not None):
            yield min(run, bound) if bound is not None else run


def _drop_runs(engine: Engine, cluster_id: int, last: int) -> int:
    """Those that nothing refers to. None will: a new interval refers to its own run, or to one that the interval before it does."""
    needed: set[int] = set()
    with reading(engine) as connection:
        for fact in FACTS.values():
            c = fact.table.c
            for column in (c.opened_run, c.since_run, c.closed_run):
                query = select(column).distinct().where(c.cluster_id == cluster_id, column <= last)
                needed.update(connection.execute(query).scalars())
        old = connection.execute(select(runs.c.id).where(runs.c.cluster_id == cluster_id, runs.c.id <= last)).scalars()
        keys = [key for key in old if key not in needed]
    return _remove_keys(engine, runs, keys)


def _drop_objects(engine: Engine, cluster_id: int) -> int:
    with reading(engine) as connection:
        seen = connection.execute(select(func.max(runs.c.id)).where(runs.c.cluster_id == cluster_id)).scalar() or 0
        needed = _objects_since(connection, cluster_id, 0)
        known = connection.execute(select(objects.c.id).where(objects.c.cluster_id == cluster_id)).scalars()
        keys = [key for key in known if key not in needed]
    gone = 0
    for start in range(0, len(keys), BATCH):
        with writing(engine) as connection:
            # Held against publications, which look up the ids of objects before they refer to them.
            connection.execute(select(clusters.c.id).where(clusters.c.id == cluster_id).with_for_update())
            again = _objects_since(connection, cluster_id, seen)  # runs that were published since we looked
            gone += _delete(connection, objects, [key for key in keys[start : start + BATCH] if key not in again])
    return gone


def _objects_since(connection: Connection, cluster_id: int, run: int) -> set[int]:
    """The objects that intervals refer to which a run from this one on began."""
    needed: set[int] = set()
    for fact in FACTS.values():
        c = fact.table.c
        own = (c.cluster_id == cluster_id, c.opened_run >= run)
        if "object_id" in c:
            query = select(c.object_id).distinct().where(*own, c.object_id.is_not(None))
            needed.update(connection.execute(query).scalars())
    v = VERDICTS.table.c
    for text in connection.execute(
        select(v.concerns).distinct().where(v.cluster_id == cluster_id, v.opened_run >= run)
    ).scalars():
        if text != SELF:
            needed.update(map(int, text.split()))
    return needed


def _remove(engine: Engine, table: Table, which: Select[Any]) -> int:
    gone = 0
    while True:
        with writing(engine) as connection:
            some = list(connection.execute(which.limit(BATCH)).scalars())
            gone += _delete(connection, table, some)
        if len(some) < BATCH:
            return gone


def _remove_keys(engine: Engine, table: Table, keys: list[int]) -> int:
    for start in range(0, len(keys), BATCH):
        with writing(engine) as connection:
            _delete(connection, table, keys[start : start + BATCH])
    return len(keys)


def _delete(connection: Connection, table: Table, keys: list[int]) -> int:
    for start in range(0, len(keys), 500):
        connection.execute(delete(table).where(table.c.id.in_(keys[start : start + 500])))
    return len(keys)
