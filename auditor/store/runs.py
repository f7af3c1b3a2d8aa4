"""Runs as they were: lists, counts, the last attempt, and which one shows a moment.

In: a connection. Out: `Run` values, newest first.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from auditor.model import Source
from auditor.store.tables import clusters, runs
from auditor.store.texts import clean
from auditor.store.views import Run


def cluster_names(connection: Connection) -> tuple[str, ...]:
    """Every cluster that a run was ever begun for."""
    return tuple(connection.execute(select(clusters.c.name).order_by(clusters.c.name)).scalars())


def cluster_id(connection: Connection, name: str) -> int | None:
    return connection.execute(select(clusters.c.id).where(clusters.c.name == clean(name))).scalar()


def found(
    connection: Connection,
    cluster: str,
    *,
    status: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int | None = 100,
) -> tuple[Run, ...]:
    """Runs of a cluster that started after `since` and up to `until`, with ids below `before`, newest first."""
    query = _QUERY.where(clusters.c.name == clean(cluster)).order_by(runs.c.id.desc())
    if status is not None:
        query = query.where(runs.c.status == status)
    if since is not None:
        query = query.where(runs.c.started > since)
    if until is not None:
        query = query.where(runs.c.started <= until)
    if before is not None:
        query = query.where(runs.c.id < before)
    return tuple(_run(row) for row in connection.execute(query.limit(limit)))


def one(connection: Connection, run: int) -> Run | None:
    row = connection.execute(_QUERY.where(runs.c.id == run)).first()
    return _run(row) if row else None


def as_of(connection: Connection, cluster: str, at: datetime | None, *, pruned: bool = False) -> Run | None:
    """The last published run, or the last one that judged as of `at` or earlier; None if there is none, or no longer. `pruned`: also
    one whose state can no longer be shown; its scores may be there."""
    query = _QUERY.where(clusters.c.name == clean(cluster), runs.c.status == "published")
    if not pruned:
        query = query.where(runs.c.pruned.is_(False))
    if at is not None:
        query = query.where(runs.c.at <= at)
    row = connection.execute(query.order_by(runs.c.id.desc()).limit(1)).first()
    return _run(row) if row else None


def first(connection: Connection, cluster: str) -> Run | None:
    """The first run that was published, of those still on record."""
    published = _QUERY.where(clusters.c.name == clean(cluster), runs.c.status == "published")
    row = connection.execute(published.order_by(runs.c.id).limit(1)).first()
    return _run(row) if row else None


def counts(connection: Connection, cluster: str) -> dict[tuple[str, str], int]:
    """How many runs are on record, by trigger and status."""
    query = select(runs.c.trigger, runs.c.status, func.count()).join(clusters).where(clusters.c.name == clean(cluster))
    grouped = connection.execute(query.group_by(runs.c.trigger, runs.c.status))
    return {(trigger, status): number for trigger, status, number in grouped}


def moments(connection: Connection, ids: set[int]) -> dict[int, datetime]:
    """When the runs with these ids judged as of."""
    found: dict[int, datetime] = {}
    keys = sorted(ids)
    for start in range(0, len(keys), 500):
        some = select(runs.c.id, runs.c.at).where(runs.c.id.in_(keys[start : start + 500]))
        found.update({key: at for key, at in connection.execute(some) if at is not None})
    return found


_QUERY = select(runs, clusters.c.name.label("cluster")).join(clusters)


def _run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        uuid=row.uuid,
        cluster=row.cluster,
        status=row.status,
        trigger=row.trigger,
        started=row.started,
        finished=row.finished,
        at=row.at,
        reason=row.reason,
        sources=tuple(_source(source) for source in json.loads(row.sources or "[]")),
        coverage=row.coverage,
        phases=json.loads(row.phases or "{}"),
        tool_version=row.tool_version,
        formula=row.formula,
        policy_set=row.policy_set or "",
    )


def _source(found: dict[str, Any]) -> Source:
    def time(name: str) -> datetime | None:
        return datetime.fromisoformat(found[name]) if found.get(name) else None

    return Source(
        name=found["name"],
        revision=found["revision"],
        fetched_at=time("fetched_at"),
        commit_at=time("commit_at"),
        branch=found["branch"],
        appliers=tuple(found["appliers"]),
        tools=tuple(found.get("tools", ())),
        authored_at=time("authored_at"),
    )
