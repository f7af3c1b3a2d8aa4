"""What is remembered: every run, and what each learned, as intervals, in SQLite or PostgreSQL.

In: one `Audit` a run. Out: the past for the next run, and any moment, timeline or difference for pages, metrics and reports.
Every function raises `Unavailable("store", …)` where the database fails, with a sentence and a remedy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, func, select

from auditor.model import Audit, Finding, Misuse, Past, Policy, Ref, Scores
from auditor.store import backup as copies
from auditor.store import (
    changes,
    invariants,
    leadership,
    migrate,
    moves,
    past,
    questions,
    reports,
    retention,
    states,
    writes,
)
from auditor.store import runs as run_list
from auditor.store.connection import BUSY_SECONDS, connect, is_sqlite, reading, sever, unavailable, within
from auditor.store.leadership import PACE, Lead, Pace
from auditor.store.questions import Drifter, Knowledge, Noise, Resolved
from auditor.store.retention import Keep
from auditor.store.tables import HEAD
from auditor.store.views import Blindness, Changes, Condition, Episode, Move, Part, Point, Report, Run, Span, State
from auditor.store.writes import Written

if TYPE_CHECKING:
    from auditor.causes import Evidence
    from auditor.settings import StoreSettings


@dataclass(frozen=True, slots=True)
class Store:
    """An open database of this version. Threads may share it."""

    engine: Engine

    def close(self) -> None:
        """Close its connections."""
        self.engine.dispose()

    # Leadership

    @property
    def takes_replicas(self) -> bool:
        """Whether several processes may serve on it, of which one leads: PostgreSQL; of SQLite there is one."""
        return not is_sqlite(self.engine)

    def sever(self) -> None:
        """See `connection.sever`."""
        sever(self.engine)

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """See `connection.within`."""
        return within(self.engine, seconds)

    def leading(self, cluster: str, pace: Pace = PACE) -> AbstractContextManager[Lead]:
        """See `leadership.leading`."""
        return leadership.leading(self.engine, cluster, pace)

    def campaign(
        self,
        cluster: str,
        *,
        ready: Callable[[], bool],
        changed: Callable[[Lead | None], None],
        ended: threading.Event,
        pace: Pace = PACE,
    ) -> None:
        """See `leadership.campaign`."""
        leadership.campaign(self.engine, cluster, ready=ready, changed=changed, ended=ended, pace=pace)

    def refuse_pooling(self) -> None:
        """See `leadership.refuse_pooling`."""
        leadership.refuse_pooling(self.engine)

    # Runs

    def begin(self, cluster: str, trigger: str, at: datetime, *, token: int | None = None) -> int:
        """See `writes.begin`."""
        return writes.begin(self.engine, cluster, trigger, at, token=token)

    def publish(
        self,
        run: int,
        audit: Audit,
        *,
        phases: Mapping[str, float] | None = None,
        judged: Sequence[Policy] = (),
        evidence: Evidence | None = None,
        finished: datetime | None = None,
    ) -> Written:
        """See `writes.publish`."""
        return writes.publish(
            self.engine, run, audit, phases=phases, judged=judged, evidence=evidence, finished=finished
        )

    def fail(self, run: int, reason: str, finished: datetime | None = None) -> None:
        """See `writes.fail`."""
        writes.fail(self.engine, run, reason, finished)

    def close_interrupted(self, cluster: str, token: int | None = None) -> tuple[int, ...]:
        """See `writes.close_interrupted`."""
        return writes.close_interrupted(self.engine, cluster, token)

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

    def run(self, run: int) -> Run | None:
        """One run by its id."""
        with reading(self.engine) as connection:
            return run_list.one(connection, run)

    def last_attempt(self, cluster: str) -> datetime | None:
        """When the last run of a cluster started, whatever became of it."""
        found = self.runs(cluster, limit=1)
        return found[0].started if found else None

    def run_counts(self, cluster: str) -> Mapping[tuple[str, str], int]:
        """How many runs are on record, by (trigger, status)."""
        with reading(self.engine) as connection:
            return run_list.counts(connection, cluster)

    def clusters(self) -> tuple[str, ...]:
        """Every cluster that a run was ever begun for, by name."""
        with reading(self.engine) as connection:
            return run_list.cluster_names(connection)

    # States and changes

    def latest(self, cluster: str) -> State | None:
        """The cluster as the last published run left it; None before the first."""
        return self.state(cluster, None)

    def state(self, cluster: str, at: datetime | None) -> State | None:
        """The cluster as of a moment; None if no run was published by then, or its history was pruned."""
        with reading(self.engine) as connection:
            return states.state(connection, cluster, at)

    def scores(self, cluster: str, at: datetime | None = None) -> Scores | None:
        """The scores as of a moment, without the rest of the state."""
        with reading(self.engine) as connection:
            found = states.reader(connection, cluster, at)
            return states.scores_of(found) if found else None

    def score_points(
        self, cluster: str, since: datetime, until: datetime, *, scope: str = "cluster", name: str = ""
    ) -> tuple[Point, ...]:
        """See `changes.score_points`."""
        with reading(self.engine) as connection:
            return changes.score_points(connection, cluster, since, until, scope=scope, name=name)

    def move(
        self, cluster: str, since: datetime, until: datetime, *, scope: str = "cluster", name: str = ""
    ) -> Move | None:
        """See `moves.move`."""
        with reading(self.engine) as connection:
            return moves.move(connection, cluster, since, until, scope=scope, name=name)

    # Questions of a year

    def opened_and_resolved(self, cluster: str, since: datetime, until: datetime) -> tuple[int, int]:
        """See `questions.opened_and_resolved`."""
        with reading(self.engine) as connection:
            return questions.opened_and_resolved(connection, cluster, since, until)

    def oldest_open(self, cluster: str) -> tuple[str, Ref, datetime] | None:
        """See `questions.oldest_open`."""
        with reading(self.engine) as connection:
            return questions.oldest_open(connection, cluster)

    def time_to_resolve(self, cluster: str, since: datetime, until: datetime) -> tuple[Resolved, ...]:
        """See `questions.time_to_resolve`."""
        with reading(self.engine) as connection:
            return questions.time_to_resolve(connection, cluster, since, until)

    def noisiest(self, cluster: str, since: datetime, until: datetime, *, most: int = 10) -> tuple[Noise, ...]:
        """See `questions.noisiest`."""
        with reading(self.engine) as connection:
            return questions.noisiest(connection, cluster, since, until, most=most)

    def drifters(self, cluster: str, since: datetime, until: datetime) -> tuple[Drifter, ...]:
        """See `questions.drifters`."""
        with reading(self.engine) as connection:
            return questions.drifters(connection, cluster, since, until)

    def known(self, ref: Ref, at: datetime) -> Knowledge | None:
        """See `questions.known`."""
        with reading(self.engine) as connection:
            return questions.known(connection, ref, at)

    def changes(self, cluster: str, since: datetime, until: datetime) -> Changes:
        """See `changes.between`."""
        with reading(self.engine) as connection:
            return changes.between(connection, cluster, since, until)

    def conditions(self, cluster: str, since: datetime, until: datetime) -> tuple[Condition, ...]:
        """See `changes.conditions`."""
        with reading(self.engine) as connection:
            return changes.conditions(connection, cluster, since, until)

    def blindness(self, cluster: str, since: datetime, until: datetime) -> tuple[Blindness, ...]:
        """See `changes.blindness`."""
        with reading(self.engine) as connection:
            return changes.blindness(connection, cluster, since, until)

    def history(self, ref: Ref, *, limit: int | None = None) -> tuple[Span, ...]:
        """See `changes.history`."""
        with reading(self.engine) as connection:
            return changes.history(connection, ref, limit=limit)

    def finding_history(self, cluster: str, fingerprint: str) -> tuple[Span, ...]:
        """See `changes.finding_history`."""
        with reading(self.engine) as connection:
            return changes.finding_history(connection, cluster, fingerprint)

    def drifting(self, ref: Ref) -> tuple[Episode, ...]:
        """See `changes.drifting`."""
        with reading(self.engine) as connection:
            return changes.drifting(connection, ref)

    def named(self, cluster: str, kind: str, namespace: str | None, name: str) -> tuple[Ref, ...]:
        """See `changes.named`."""
        with reading(self.engine) as connection:
            return changes.named(connection, cluster, kind, namespace, name)

    def finding(self, cluster: str, fingerprint: str) -> Finding | None:
        """See `changes.finding`."""
        with reading(self.engine) as connection:
            return changes.finding(connection, cluster, fingerprint)

    def fingerprints(
        self, cluster: str, *, prefix: str = "", policy: str = "", ref: Ref | None = None
    ) -> tuple[str, ...]:
        """See `changes.fingerprints`."""
        with reading(self.engine) as connection:
            return changes.fingerprints(connection, cluster, prefix=prefix, policy=policy, ref=ref)

    # Reports

    def reports_since(self, cluster: str, days: int) -> datetime | None:
        """From when on reports fall due: the first published run, but no longer ago than twice the days of a report; None
        before the first run, when there is nothing to report."""
        with reading(self.engine) as connection:
            first = run_list.first(connection, cluster)
        if first is None or first.at is None:
            return None
        return max(first.at, datetime.now(UTC) - timedelta(days=2 * days))

    def claim_report(self, kind: str, period: str, at: datetime | None = None) -> bool:
        """See `reports.claim`. `kind` is any word, such as the cluster's name."""
        return reports.claim(self.engine, kind, period, at)

    def release_report(self, kind: str, period: str, reason: str, at: datetime | None = None) -> None:
        """See `reports.release`."""
        reports.release(self.engine, kind, period, reason, at)

    def report_made(self, kind: str, period: str, at: datetime | None = None) -> None:
        """See `reports.made`."""
        reports.made(self.engine, kind, period, at)

    def reports(self, kind: str) -> tuple[Report, ...]:
        """See `reports.found`."""
        with reading(self.engine) as connection:
            return reports.found(connection, kind)

    # Care

    def backup(self, file: Path) -> int:
        """See `backup.backup`."""
        return copies.backup(self.engine, file)

    def restore(self, file: Path) -> int:
        """See `backup.restore`."""
        return copies.restore(self.engine, file)

    def now(self) -> datetime | None:
        """The time by the database's own clock; None for SQLite, which has ours."""
        if not self.takes_replicas:
            return None
        with reading(self.engine) as connection:
            found: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return found.astimezone(UTC)

    def prune(self, keep: Keep | datetime) -> int:
        """See `retention.prune`; a moment keeps everything from it on."""
        return retention.prune(self.engine, keep if isinstance(keep, Keep) else Keep(keep))

    def give_back(self) -> None:
        """See `retention.give_back`."""
        retention.give_back(self.engine)


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


def upgrade(target: StoreSettings | str) -> str:
    """Bring a database to this version; a sentence that says so. Raises `Unavailable`, `Misuse`."""
    engine = _engine(target)
    try:
        before = migrate.current(engine)
        migrate.upgrade(engine)
    finally:
        engine.dispose()
    return f"the database is at {HEAD}" + ("" if before == HEAD else f", from {before or 'nothing'}")


def downgrade(target: StoreSettings | str, revision: str = "base") -> str:
    """Take a database back to an earlier revision, `base` for an empty one; a sentence that says so."""
    engine = _engine(target)
    try:
        migrate.downgrade(engine, revision)
        return f"the database is at {migrate.current(engine) or 'nothing'}"
    finally:
        engine.dispose()


def current(target: StoreSettings | str) -> str:
    """A sentence about the revision of a database and that of this version. Makes and changes nothing."""
    engine = _engine(target)
    try:
        return f"the database is at {migrate.current(engine) or 'nothing'}, this version needs {HEAD}"
    finally:
        engine.dispose()


def revision(target: StoreSettings | str) -> str | None:
    """The revision a database is at, None for an empty one. Makes and changes nothing. Raises `Unavailable`, for a newer one too."""
    engine = _engine(target)
    try:
        found = migrate.current(engine)
        migrate.refuse_newer(engine, found)
        return found
    finally:
        engine.dispose()


def broken(target: StoreSettings | str) -> tuple[str, ...]:
    """See `invariants.broken`. Makes and changes nothing, so a database of another version is not looked into."""
    engine = _engine(target)
    try:
        found = migrate.current(engine)
        if found != HEAD:
            raise unavailable(
                engine,
                "other",
                f"is at {found or 'nothing'}, this version needs {HEAD}",
                "run `auditor db upgrade` first",
            )
        return invariants.broken(engine)
    finally:
        engine.dispose()


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


__all__ = [
    "PACE",
    "Blindness",
    "Changes",
    "Condition",
    "Drifter",
    "Episode",
    "Keep",
    "Lead",
    "Move",
    "Pace",
    "Part",
    "Point",
    "Report",
    "Resolved",
    "Run",
    "Span",
    "State",
    "Store",
    "Written",
    "broken",
    "current",
    "downgrade",
    "open_store",
    "opened",
    "revision",
    "upgrade",
]
