"""When drift can have begun: after the last run that saw its object in order.

In: the rows of an audit, and what stands open. Out: the same rows, with the window of what is new. The run before is no witness
where it could not read or compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Select, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from auditor.model import Audit
from auditor.store import facts
from auditor.store.rows import Row, Rows
from auditor.store.tables import objects, runs
from auditor.store.unknown import UNREAD, Open, covers


def date_back(
    connection: Connection,
    cluster_id: int,
    audit: Audit,
    wanted: dict[str, Rows],
    standing: Mapping[str, Mapping[Row, Open]],
) -> None:
    """Give new drift its window: from the last run that saw the object in order, which need not be the last run."""
    before = run_before(connection, cluster_id, None)
    # Almost always nothing was hidden from the last run, and that one is the answer for all.
    hidden = any(found.row[3] in UNREAD for found in standing["cells"].values())
    uncompared = {key[0] for key in standing["not_compared"]}
    sights: dict[tuple[int, str], datetime | None] = {}
    for name in ("drift", "drift_fields"):
        rows = wanted[name]
        for key, row in rows.items():
            if key in standing[name]:
                continue
            own = (key[0], key[2] if name == "drift_fields" else "")
            if own not in sights:
                walk = hidden or own[0] in uncompared
                sights[own] = _last_sight(connection, cluster_id, *own, before) if walk else before and before[1]
            rows[key] = (*row[:-2], sights[own], row[-1] or audit.at)


def _last_sight(
    connection: Connection, cluster_id: int, object_id: int, path: str, run: tuple[int, datetime] | None
) -> datetime | None:
    """When the last run was published that could read and compare the object, at that path; None if there was none."""
    o = objects.c
    group, kind, namespace = connection.execute(select(o.grp, o.kind, o.namespace).where(o.id == object_id)).one()
    n, c = facts.NOT_COMPARED.table.c, facts.CELLS.table.c
    of_object = select(n.path, n.opened_run).where(n.object_id == object_id)
    of_kind = select(c.namespace, c.state, c.opened_run).where(
        c.cluster_id == cluster_id, c.grp == group, c.kind == kind, c.namespace.in_(("", namespace))
    )
    while run is not None:
        reasons = connection.execute(_during(of_object, n, run[0])).all()
        begun = [row.opened_run for row in reasons if not row.path or covers(row.path, path)]
        cells = connection.execute(_during(of_kind, c, run[0])).all()
        # Its own cell before that of the whole kind.
        own = max(cells, key=lambda cell: len(cell.namespace), default=None)
        if own is not None and own.state in UNREAD:
            begun.append(own.opened_run)
        if not begun:
            return run[1]
        run = run_before(connection, cluster_id, min(begun))
    return None


def _during(query: Select[Any], c: ReadOnlyColumnCollection[str, Column[Any]], run: int) -> Select[Any]:
    return query.where(c.opened_run <= run, c.closed_run.is_(None) | (c.closed_run > run))


def run_before(connection: Connection, cluster_id: int, run: int | None) -> tuple[int, datetime] | None:
    """The last published run that is still whole (before that one): its id and when it judged as of."""
    # What runs before retention's edge could not see is no longer known, so they vouch for nothing.
    query = select(runs.c.id, runs.c.at).where(
        runs.c.cluster_id == cluster_id, runs.c.status == "published", runs.c.pruned.is_(False)
    )
    if run is not None:
        query = query.where(runs.c.id < run)
    row = connection.execute(query.order_by(runs.c.id.desc()).limit(1)).first()
    return (row.id, row.at) if row else None
