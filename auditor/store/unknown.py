"""What a run could not know, and so may not close.

In: the audit, its rows, and what stands open. Out: the rows again, with what is unknown said; and for each table the function
that tells whether an open row stays. A finding is resolved when it was looked for and not found, never because its object could
not be read; the same holds for drift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, Select, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from auditor.model import Audit, Cell, CellState, Outcome
from auditor.store import facts
from auditor.store.rows import Row, Rows
from auditor.store.tables import objects, runs
from auditor.store.texts import clean

_UNREAD: Final = (CellState.DENIED, CellState.UNAVAILABLE)
_UNDECIDED: Final = (Outcome.UNKNOWN.value, Outcome.BROKEN.value)


@dataclass(frozen=True, slots=True)
class Open:
    """An open interval: its id, the run its episode began with, and its row as the fact orders columns."""

    id: int
    since: int
    row: Row


def settle(
    connection: Connection,
    cluster_id: int,
    audit: Audit,
    wanted: dict[str, Rows],
    standing: Mapping[str, Mapping[Row, Open]],
    judged: set[str],
) -> dict[str, Callable[[Row], bool]]:
    """Add to `wanted` what the run leaves unknown, and date new drift back to when its object was last seen in order."""
    unread = _unread_objects(connection, cluster_id, audit)
    verdicts = wanted["verdicts"]
    for key, found in standing["verdicts"].items() if unread else ():
        cell = unread.get(key[0])
        # An object that nobody could read has lost its verdict, not passed: the last one would present old data as new.
        if cell is not None and key not in verdicts and (not judged or key[1] in judged):
            verdicts[key] = (*key, Outcome.UNKNOWN.value, found.row[3], clean(str(cell)), *found.row[5:])
    compared = {key[0] for key in wanted["drift"]}
    blind = ({key[0] for key in wanted["not_compared"]} | unread.keys()) - compared
    _date_back(connection, cluster_id, audit, wanted, standing)

    def undecided(finding: Row) -> bool:
        verdict = verdicts.get((finding[1], finding[2]))
        return verdict is not None and verdict[2] in _UNDECIDED

    def unseen(row: Row) -> bool:
        return row[0] in blind

    return {"findings": undecided, "drift": unseen, "drift_fields": unseen, "seen": lambda row: row[0] in unread}


def _unread_objects(connection: Connection, cluster_id: int, audit: Audit) -> dict[int, Cell]:
    """The known objects that this run could not read, with the cell that says why.

    A kind without a cell was not wanted: nothing keeps open what nobody asks about any more. Likewise what a setting excludes,
    and a kind that the server no longer serves.
    """
    cells = {(clean(c.group), clean(c.kind), clean(c.namespace or "")): c for c in audit.coverage.cells}
    kinds = {(group, kind) for (group, kind, _), c in cells.items() if c.state in _UNREAD}
    if not kinds:
        return {}
    o = objects.c
    found = {}
    for key, group, kind, namespace in connection.execute(
        select(o.id, o.grp, o.kind, o.namespace).where(o.cluster_id == cluster_id, o.kind.in_({k for _, k in kinds}))
    ):
        cell = cells.get((group, kind, namespace)) or cells.get((group, kind, ""))
        if cell is not None and cell.state in _UNREAD:
            found[key] = cell
    return found


def _date_back(
    connection: Connection,
    cluster_id: int,
    audit: Audit,
    wanted: dict[str, Rows],
    standing: Mapping[str, Mapping[Row, Open]],
) -> None:
    """Give new drift its window: from the last run that saw the object in order, which need not be the last run."""
    before = _run_before(connection, cluster_id, None)
    # Almost always nothing was hidden from the last run, and that one is the answer for all.
    hidden = any(found.row[3] in _UNREAD for found in standing["cells"].values())
    uncompared = {key[0] for key in standing["not_compared"]}
    sights: dict[int, datetime | None] = {}
    for name in ("drift", "drift_fields"):
        rows = wanted[name]
        for key, row in rows.items():
            if key in standing[name]:
                continue
            own = key[0]
            if own not in sights:
                walk = hidden or own in uncompared
                sights[own] = _last_sight(connection, cluster_id, own, before) if walk else before and before[1]
            rows[key] = (*row[:-2], sights[own], row[-1] or audit.at)


def _last_sight(
    connection: Connection, cluster_id: int, object_id: int, run: tuple[int, datetime] | None
) -> datetime | None:
    """When the last run was published that could read and compare the object; None if there was none."""
    o = objects.c
    group, kind, namespace = connection.execute(select(o.grp, o.kind, o.namespace).where(o.id == object_id)).one()
    n, c = facts.NOT_COMPARED.table.c, facts.CELLS.table.c
    of_kind = select(c.namespace, c.state, c.opened_run).where(
        c.cluster_id == cluster_id, c.grp == group, c.kind == kind, c.namespace.in_(("", namespace))
    )
    while run is not None:
        begun = list(
            connection.execute(_during(select(n.opened_run).where(n.object_id == object_id), n, run[0])).scalars()
        )
        cells = connection.execute(_during(of_kind, c, run[0])).all()
        own = max(
            cells, key=lambda cell: len(cell.namespace), default=None
        )  # its own cell before that of the whole kind
        if own is not None and own.state in _UNREAD:
            begun.append(own.opened_run)
        if not begun:
            return run[1]
        run = _run_before(connection, cluster_id, min(begun))
    return None


def _during(query: Select[Any], c: ReadOnlyColumnCollection[str, Column[Any]], run: int) -> Select[Any]:
    return query.where(c.opened_run <= run, c.closed_run.is_(None) | (c.closed_run > run))


def _run_before(connection: Connection, cluster_id: int, run: int | None) -> tuple[int, datetime] | None:
    # What runs before retention's edge could not see is no longer known, so they vouch for nothing.
    query = select(runs.c.id, runs.c.at).where(
        runs.c.cluster_id == cluster_id, runs.c.status == "published", runs.c.pruned.is_(False)
    )
    if run is not None:
        query = query.where(runs.c.id < run)
    row = connection.execute(query.order_by(runs.c.id.desc()).limit(1)).first()
    return (row.id, row.at) if row else None
