"""What a run could not know, and so may not close.

In: the audit, its rows, and what stands open. Out: the rows again, with what is unknown said; and for each table the function
that tells whether an open row stays. A finding is resolved when it was looked for and not found, never because its object could
not be read; the same holds for drift, and for a field of it that could not be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from auditor.model import Audit, Cell, CellState, Outcome
from auditor.store.rows import Row, Rows
from auditor.store.tables import objects
from auditor.store.texts import NAME_LIMIT, clean

UNREAD: Final = (CellState.DENIED, CellState.UNAVAILABLE)
UNDECIDED: Final = (Outcome.UNKNOWN, Outcome.BROKEN)


@dataclass(frozen=True, slots=True)
class Open:
    """An open interval: its id, the run its episode began with, and its row as the fact orders columns; the run that opened it,
    and the number of its cause within that run."""

    id: int
    since: int
    row: Row
    opened: int = 0
    cause: int | None = None


def settle(
    connection: Connection,
    cluster_id: int,
    audit: Audit,
    wanted: dict[str, Rows],
    standing: Mapping[str, Mapping[Row, Open]],
    judged: set[str],
) -> dict[str, Callable[[Row], bool]]:
    """Add to `wanted` what the run leaves unknown; for each table, whether an open row that is not wanted stays."""
    unread = _unread_objects(connection, cluster_id, audit)
    verdicts = wanted["verdicts"]
    for key, found in standing["verdicts"].items() if unread else ():
        cell = unread.get(key[0])
        # An object that nobody could read has lost its verdict, not passed: the last one would present old data as new.
        if cell is not None and key not in verdicts and (not judged or key[1] in judged):
            verdicts[key] = (*key, Outcome.UNKNOWN.value, found.row[3], clean(str(cell)), *found.row[5:])

    def undecided(finding: Row) -> bool:
        verdict = verdicts.get((finding[1], finding[2]))
        return verdict is not None and verdict[2] in UNDECIDED

    drift, fields = _uncompared(unread.keys(), wanted, standing)
    return {"findings": undecided, "drift": drift, "drift_fields": fields, "seen": lambda row: row[0] in unread}


def _uncompared(
    unread: Set[int], wanted: Mapping[str, Rows], standing: Mapping[str, Mapping[Row, Open]]
) -> tuple[Callable[[Row], bool], Callable[[Row], bool]]:
    """Which drift, and which fields of drift, stay because they could not be compared."""
    paths: dict[int, list[str]] = {}
    for object_id, path, _ in wanted["not_compared"]:
        paths.setdefault(object_id, []).append(path)
    compared = {key[0] for key in wanted["drift"]}
    blind = ({object_id for object_id, found in paths.items() if "" in found} | unread) - compared

    def hidden(object_id: int, path: str) -> bool:
        return any(covers(outer, path) for outer in paths.get(object_id, ()) if outer)

    # An object that was compared but for some fields drifts on as long as one of those does.
    held = {
        key[:2]
        for key in (standing["drift_fields"] if paths else ())
        if key[0] not in compared and hidden(key[0], key[2])
    }

    def drift(row: Row) -> bool:
        return row[0] in blind or row[:2] in held

    def field(row: Row) -> bool:
        return row[0] in blind or (hidden(row[0], row[2]) and (row[:2] in wanted["drift"] or row[:2] in held))

    return drift, field


def covers(outer: str, inner: str) -> bool:
    """Whether a keyed path is the other, or leads to it."""
    return inner.startswith(outer) and (len(inner) == len(outer) or inner[len(outer)] in ".[(")


def _unread_objects(connection: Connection, cluster_id: int, audit: Audit) -> dict[int, Cell]:
    """The known objects that this run could not read, with the cell that says why.

    A kind without a cell was not wanted: nothing keeps open what nobody asks about any more. Likewise what a setting excludes,
    and a kind that the server no longer serves.
    """
    cells = {
        (clean(c.group, NAME_LIMIT), clean(c.kind, NAME_LIMIT), clean(c.namespace or "", NAME_LIMIT)): c
        for c in audit.coverage.cells
    }
    kinds = {(group, kind) for (group, kind, _), c in cells.items() if c.state in UNREAD}
    if not kinds:
        return {}
    o = objects.c
    found = {}
    for key, group, kind, namespace in connection.execute(
        select(o.id, o.grp, o.kind, o.namespace).where(o.cluster_id == cluster_id, o.kind.in_({k for _, k in kinds}))
    ):
        cell = cells.get((group, kind, namespace)) or cells.get((group, kind, ""))
        if cell is not None and cell.state in UNREAD:
            found[key] = cell
    return found
