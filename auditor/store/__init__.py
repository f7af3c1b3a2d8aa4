"""What is remembered: every run, and what each learned, as intervals, in SQLite or PostgreSQL.

In: one `Audit` a run. Out: the past for the next run, and any moment, timeline or difference for pages, metrics and reports.
Every function raises `Unavailable("store", …)` where the database fails, with a sentence and a remedy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from auditor.model import Audit, Misuse, Past, Policy
from auditor.store import migrate, past, states, writes
from auditor.store import runs as run_list
from auditor.store.connection import BUSY_SECONDS, connect, reading
from auditor.store.views import Run, State
from auditor.store.writes import Written

if TYPE_CHECKING:
    from auditor.settings import StoreSettings


@dataclass(frozen=True, slots=True)
class Store:
    """An open database of this version. Threads may share it."""

    engine: Engine

    def close(self) -> None:
        """Close its connections."""
        self.engine.dispose()

    # Runs

    def begin(self, cluster: str, trigger: str, at: datetime) -> int:
        """See `writes.begin`."""
        return writes.begin(self.engine, cluster, trigger, at)

    def publish(
        self,
        run: int,
        audit: Audit,
        *,
        phases: Mapping[str, float] | None = None,
        judged: Sequence[Policy] = (),
        finished: datetime | None = None,
    ) -> Written:
        """See `writes.publish`."""
        return writes.publish(self.engine, run, audit, phases=phases, judged=judged, finished=finished)

    def fail(self, run: int, reason: str, finished: datetime | None = None) -> None:
        """See `writes.fail`."""
        writes.fail(self.engine, run, reason, finished)

    def close_interrupted(self, cluster: str) -> tuple[int, ...]:
        """See `writes.close_interrupted`."""
        return writes.close_interrupted(self.engine, cluster)

    def past(self, cluster: str) -> Past:
        """See `past.past`."""
        with reading(self.engine) as connection:
            return past.past(connection, cluster)

    def runs(
        self,
        cluster: str,
        *,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int | None = 100,
    ) -> tuple[Run, ...]:
        """See `runs.found`."""
        with reading(self.engine) as connection:
            return run_list.found(
                connection, cluster, status=status, since=since, until=until, before=before, limit=limit
            )

    def last_attempt(self, cluster: str) -> datetime | None:
        """When the last run of a cluster started, whatever became of it."""
        found = self.runs(cluster, limit=1)
        return found[0].started if found else None

    # States

    def latest(self, cluster: str) -> State | None:
        """The cluster as the last published run left it; None before the first."""
        return self.state(cluster, None)

    def state(self, cluster: str, at: datetime | None) -> State | None:
        """See `states.state`."""
        with reading(self.engine) as connection:
            return states.state(connection, cluster, at)


def open_store(target: StoreSettings | str, *, busy_seconds: float = BUSY_SECONDS) -> Store:
    """An open store, made or brought to this version where needed. Raises `Unavailable`, and `Misuse` for a URL that is none."""
    engine = _engine(target, busy_seconds)
    try:
        migrate.upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine)


@contextmanager
def opened(target: StoreSettings | str | None) -> Iterator[Store | None]:
    """`open_store`, closed at the end; None stands for no store at all."""
    if target is None:
        yield None
        return
    store = open_store(target)
    try:
        yield store
    finally:
        store.close()


def _engine(target: StoreSettings | str, busy_seconds: float = BUSY_SECONDS) -> Engine:
    if isinstance(target, str):
        return connect(target, busy_seconds=busy_seconds)
    password = None
    if target.password_file is not None:
        try:
            password = target.password_file.read_text().rstrip("\r\n")
        except OSError as error:
            raise Misuse(f"store.password_file: {target.password_file}: {error.strerror}") from None
    return connect(target.url, password=password, busy_seconds=busy_seconds)


__all__ = ["Run", "State", "Store", "Written", "open_store", "opened"]
