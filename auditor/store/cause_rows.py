"""Causes as rows: the changes of a run in, their causes written with them; the keys of causes in, `Cause` values out.

A cause is numbered within the run that found it, and an interval names it by that number: its `opened_run` or `closed_run` says
the rest. So a run's causes are few where one commit did much, and they go when the run does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, select

from auditor.model import Cause, CauseKind, Certainty, Place, Window
from auditor.store import keys
from auditor.store.tables import causes
from auditor.store.texts import PATH_LIMIT, clean

CauseKey: TypeAlias = tuple[int, int]
"""A run and a number within it."""

_COLUMNS: Final = tuple(column.name for column in causes.c)
_AT_ONCE: Final = 400


def write(connection: Connection, run: int, found: Sequence[Cause]) -> list[int]:
    """Store each cause once; the number of each within the run, in the order given."""
    numbers: dict[Cause, int] = {}
    by_place: dict[int, int] = {}  # the first run gives one cause to everything: to compare where it lies is enough
    given = []
    for cause in found:
        number = by_place.get(id(cause))
        if number is None:
            number = by_place[id(cause)] = numbers.setdefault(cause, len(numbers))
        given.append(number)
    keys.insert_rows(connection, causes, _COLUMNS, [(run, n, *_row(cause)) for cause, n in numbers.items()])
    return given


def _row(cause: Cause) -> tuple[Any, ...]:
    place, window = cause.place, cause.window
    texts = (clean(text, PATH_LIMIT) or None for text in (cause.detail, cause.revision, cause.author, cause.subject))
    tool = (clean(text, PATH_LIMIT) or None for text in (cause.manager, cause.operation, cause.subresource))
    return (
        cause.kind.value,
        cause.certainty.value,
        *texts,
        cause.at,
        *tool,
        window.after if window else None,
        window.before if window else None,
        *((clean(place.source), clean(place.file), place.line, place.column) if place else (None,) * 4),
    )


def read(connection: Connection, wanted: Iterable[CauseKey | None]) -> Mapping[CauseKey, Cause]:
    """The causes with these keys."""
    asked: dict[int, set[int]] = {}
    for key in wanted:
        if key is not None:
            asked.setdefault(key[0], set()).add(key[1])
    found: dict[CauseKey, Cause] = {}
    runs = sorted(asked)
    for start in range(0, len(runs), _AT_ONCE):
        query = select(causes).where(causes.c.run_id.in_(runs[start : start + _AT_ONCE]))
        for row in connection.execute(query):
            if row.n in asked[row.run_id]:
                found[row.run_id, row.n] = _cause(row)
    return found


def opened(row: Any) -> CauseKey | None:
    """The key of why an interval began."""
    return None if row.opened_cause is None else (row.opened_run, row.opened_cause)


def closed(row: Any) -> CauseKey | None:
    """The key of why an interval ended."""
    return None if row.closed_cause is None or row.closed_run is None else (row.closed_run, row.closed_cause)


def of_rows(connection: Connection, rows: Sequence[Any]) -> Mapping[CauseKey, Cause]:
    """The causes of the beginning and end of intervals."""
    return read(connection, (key for row in rows for key in (opened(row), closed(row))))


def _cause(row: Any) -> Cause:
    placed = row.place_line is not None
    return Cause(
        kind=CauseKind(row.kind),
        certainty=Certainty(row.certainty),
        detail=row.detail or "",
        revision=row.revision or "",
        author=row.author or "",
        subject=row.subject or "",
        at=row.at,
        manager=row.manager or "",
        operation=row.operation or "",
        subresource=row.subresource or "",
        window=Window(row.window_after, row.window_before) if row.window_before else None,
        place=Place(row.place_source, row.place_file, row.place_line, row.place_column) if placed else None,
    )
