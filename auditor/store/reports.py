"""Which reports were made, so that each is made once, by whichever process comes first.

In: an engine, a kind of report and a period, any words that name them. Out: whether this process is the one to make it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, and_, or_, select, update

from auditor.store.connection import insert_new, writing
from auditor.store.tables import reports
from auditor.store.texts import NAME_LIMIT, clean
from auditor.store.views import Report

RETRY: Final = timedelta(minutes=10)
"""How long a report that failed rests before it is tried again."""
GIVEN_UP: Final = timedelta(hours=1)
"""After this long, whoever claimed a report and did not say that it is made has died over it."""


def claim(engine: Engine, kind: str, period: str, at: datetime | None = None) -> bool:
    """Whether the caller shall make this report; true for one caller only, until it releases the report or dies."""
    now = at or datetime.now(UTC)
    with writing(engine) as connection:
        row = {"kind": _word(kind), "period": _word(period), "state": "claimed", "changed": now}
        new = insert_new(connection, reports).values(row).returning(reports.c.id)
        if connection.execute(new).first() is not None:
            return True
        r = reports.c
        free = or_(
            and_(r.state == "released", r.changed <= now - RETRY),
            and_(r.state == "claimed", r.changed <= now - GIVEN_UP),
        )
        again = update(reports).where(r.kind == _word(kind), r.period == _word(period), free)
        return connection.execute(again.values(state="claimed", changed=now)).rowcount == 1


def release(engine: Engine, kind: str, period: str, reason: str, at: datetime | None = None) -> None:
    """A claimed report could not be made; it may be tried again after `RETRY`."""
    _set(engine, kind, period, "released", reason, at)


def made(engine: Engine, kind: str, period: str, at: datetime | None = None) -> None:
    """A claimed report is made and sent."""
    _set(engine, kind, period, "made", "", at)


def found(connection: Connection, kind: str) -> tuple[Report, ...]:
    """The reports of a kind, the newest first."""
    r = reports.c
    rows = connection.execute(select(reports).where(r.kind == _word(kind)).order_by(r.changed.desc(), r.id.desc()))
    return tuple(Report(row.kind, row.period, row.state, row.changed, row.detail) for row in rows)


def _set(engine: Engine, kind: str, period: str, state: str, detail: str, at: datetime | None) -> None:
    with writing(engine) as connection:
        own = update(reports).where(reports.c.kind == _word(kind), reports.c.period == _word(period))
        connection.execute(own.values(state=state, detail=clean(detail), changed=at or datetime.now(UTC)))


def _word(text: str) -> str:
    return clean(text, NAME_LIMIT)
