"""History that is old enough to go.

In: an engine and a moment. Out: how many rows went. What is open stays, with the runs that date it; so does the last published
run of each cluster, and which reports were made. Each step is a short transaction of its own: runs and readers go on meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, Table, delete, func, select, update

from auditor.store.connection import reading, writing
from auditor.store.facts import FACTS, VERDICTS
from auditor.store.rows import SELF
from auditor.store.tables import clusters, objects, runs

BATCH: Final = 5_000


def prune(engine: Engine, before: datetime) -> int:
    """Remove what was over before that moment: intervals, the runs that nothing refers to any more, and objects of which nothing
    is known any more. States of before then can no longer be shown. Rows removed; raises `Unavailable`."""
    with reading(engine) as connection:
        keys = list(connection.execute(select(clusters.c.id)).scalars())
    return sum(_prune(engine, key, before) for key in keys)


def _prune(engine: Engine, cluster_id: int, before: datetime) -> int:
    with writing(engine) as connection:
        last = _last_to_go(connection, cluster_id, before)
        if last is None:
            return 0
        # First of all: from here on nobody is shown a state that is being taken apart.
        connection.execute(update(runs).where(runs.c.cluster_id == cluster_id, runs.c.id <= last).values(pruned=True))
    gone = 0
    for fact in FACTS.values():
        c = fact.table.c
        while True:
            with writing(engine) as connection:
                some = select(c.id).where(c.cluster_id == cluster_id, c.closed_run <= last).limit(BATCH)
                count = _delete(connection, fact.table, list(connection.execute(some).scalars()))
            gone += count
            if count < BATCH:
                break
    with writing(engine) as connection:
        gone += _drop_runs(connection, cluster_id, last)
    with writing(engine) as connection:
        # Held against publications, which look up the ids of objects before they refer to them.
        connection.execute(select(clusters.c.id).where(clusters.c.id == cluster_id).with_for_update())
        gone += _drop_objects(connection, cluster_id)
    return gone


def _last_to_go(connection: Connection, cluster_id: int, before: datetime) -> int | None:
    """The last run that may go: older than the moment and than the last published run. Runs that still run stay too."""
    own = runs.c.cluster_id == cluster_id
    kept = connection.execute(select(func.max(runs.c.id)).where(own, runs.c.status == "published")).scalar()
    begun = connection.execute(select(func.min(runs.c.id)).where(own, runs.c.status == "running")).scalar()
    query = select(func.max(runs.c.id)).where(own, func.coalesce(runs.c.at, runs.c.started) < before)
    for bound in (kept, begun):
        if bound is not None:
            query = query.where(runs.c.id < bound)
    return connection.execute(query).scalar()


def _drop_runs(connection: Connection, cluster_id: int, last: int) -> int:
    needed: set[int] = set()
    for fact in FACTS.values():
        c = fact.table.c
        for column in (c.opened_run, c.since_run):
            query = select(column).distinct().where(c.cluster_id == cluster_id, column <= last)
            needed.update(connection.execute(query).scalars())
    old = connection.execute(select(runs.c.id).where(runs.c.cluster_id == cluster_id, runs.c.id <= last)).scalars()
    return _delete(connection, runs, [key for key in old if key not in needed])


def _drop_objects(connection: Connection, cluster_id: int) -> int:
    needed: set[int] = set()
    for fact in FACTS.values():
        c = fact.table.c
        if "object_id" in c:
            query = select(c.object_id).distinct().where(c.cluster_id == cluster_id, c.object_id.is_not(None))
            needed.update(connection.execute(query).scalars())
    v = VERDICTS.table.c
    for text in connection.execute(select(v.concerns).distinct().where(v.cluster_id == cluster_id)).scalars():
        if text != SELF:
            needed.update(map(int, text.split()))
    known = connection.execute(select(objects.c.id).where(objects.c.cluster_id == cluster_id)).scalars()
    return _delete(connection, objects, [key for key in known if key not in needed])


def _delete(connection: Connection, table: Table, keys: list[int]) -> int:
    for start in range(0, len(keys), 500):
        connection.execute(delete(table).where(table.c.id.in_(keys[start : start + 500])))
    return len(keys)
