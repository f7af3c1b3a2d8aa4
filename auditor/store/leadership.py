"""Who runs the audits of a cluster: one process at a time.

In: an engine and a cluster. Out: a `Lead`, whose token goes with each run; the database refuses runs of any other token.

PostgreSQL: the leader is who holds the cluster's advisory lock, on a session of its own that says every two seconds that it
lives. The server ends a session that has been silent for eight seconds (`idle_session_timeout`), which frees the lock also
where TCP still believes in the connection; the leader counts its lead as lost two seconds before that. A connection that ends
is noticed at once. Where a pause or a lost packet breaks that order, and two believe for a moment that they lead, the token
decides: the database takes the runs of the newest alone.
SQLite: the leader is who holds a lock on a file beside the database. It is one for all clusters of the file.
"""

from __future__ import annotations

import fcntl
import os
import select as polling
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Integer, cast, func, select, text, update

from auditor.logs import logger
from auditor.model import Unavailable
from auditor.store import keys
from auditor.store.connection import (
    database_file,
    guard,
    insert_new,
    is_sqlite,
    session_name,
    single,
    unavailable,
    within,
    writing,
)
from auditor.store.tables import clusters, leaders
from auditor.store.texts import clean
from auditor.store.writes import interrupt

log = logger()

_LOCKS: Final = 0x61756469  # "audi": the first half of the advisory lock's number; the second is the cluster's id


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between two signs of life, without one until the lead counts as lost, until the server ends the session, and
    between two tries to lead. Each but the last must be larger than the one before."""

    beat: float = 2.0
    lost: float = 6.0
    idle: float = 8.0
    again: float = 1.0


PACE: Final = Pace()


@dataclass(slots=True)
class Lead:
    """That this process leads the audits of a cluster, for as long as `holds()`."""

    cluster: str
    token: int
    interrupted: tuple[int, ...] = ()
    """Runs of earlier leaders that never ended."""
    good_until: float = float("inf")

    def holds(self) -> bool:
        """Whether nobody else can lead; by this process's own clock, so that a silent server cannot delay the answer."""
        return time.monotonic() < self.good_until

    def check(self) -> None:
        """Raises `Unavailable`, of reason "superseded", once the lead is lost."""
        if not self.holds():
            raise Unavailable(
                "store",
                f"this process no longer leads the audits of {self.cluster!r}: its connection to the database was lost",
                remedy="nothing to mend if another replica leads; else see that the database answers",
                reason="superseded",
            )

    def give_up(self) -> None:
        """From now on the lead is lost."""
        self.good_until = float("-inf")


@contextmanager
def leading(engine: Engine, cluster: str, pace: Pace = PACE) -> Iterator[Lead]:
    """The lead of a cluster for one piece of work. Raises `Unavailable` of reason "locked" where another process has it."""
    if is_sqlite(engine):
        with _file_lock(engine):
            with writing(engine) as connection:
                lead = _enter(connection, cluster, f"process {os.getpid()} on {socket.gethostname()}")
            try:
                yield lead
            finally:
                lead.give_up()
        return
    with _session(engine, pace) as session:
        found = session.take(cluster)
        if found is None:
            raise session.led(cluster)
        ended = threading.Event()
        keeper = threading.Thread(target=_keep, args=(session, found, ended), name="leadership", daemon=True)
        keeper.start()
        try:
            yield found
        finally:
            ended.set()
            keeper.join()
            found.give_up()


def campaign(
    engine: Engine,
    cluster: str,
    *,
    ready: Callable[[], bool],
    changed: Callable[[Lead | None], None],
    ended: threading.Event,
    pace: Pace = PACE,
) -> None:
    """Until `ended`: tries to lead a cluster on PostgreSQL, leads, and after a loss tries again.

    `ready`: whether this process could lead now. `changed` is told each lead, and None when it is lost.
    """
    said = ""
    while not ended.is_set():
        lead: Lead | None = None
        try:
            with _session(engine, pace) as session:
                while lead is None and not ended.is_set():
                    if ready():
                        lead = session.take(cluster)
                    else:
                        session.wait()
                    if lead is None:
                        ended.wait(pace.again)
                if lead is not None:
                    said = ""
                    changed(lead)
                    _keep(session, lead, ended)
        except Unavailable as broken:
            if broken.message != said:  # once, not every second
                log.warning("cannot lead the audits", cluster=cluster, reason=broken.message, remedy=broken.remedy)
            said = broken.message
        finally:
            if lead is not None:
                lead.give_up()
                changed(None)
        ended.wait(pace.again)


def refuse_pooling(engine: Engine) -> None:
    """Raises `Unavailable` where a proxy stands before PostgreSQL that hands each transaction to any session."""
    if not is_sqlite(engine):
        with _session(engine, PACE):
            pass


def _keep(session: _Session, lead: Lead, ended: threading.Event) -> None:
    """Says that the lead lives, until it does not or `ended`."""
    try:
        while session.rest(ended) and session.confirm(lead):
            pass
    except Unavailable as broken:
        log.warning("the lead of the audits is lost", cluster=lead.cluster, reason=broken.message)
    if not ended.is_set():
        lead.give_up()


@dataclass(frozen=True, slots=True)
class _Session:
    """A connection of its own on which nothing takes longer than the lead would last."""

    engine: Engine
    alone: Engine
    connection: Connection
    backend: int
    pace: Pace

    @contextmanager
    def bounded(self) -> Iterator[Connection]:
        with within(self.alone, self.pace.lost - self.pace.beat), guard(self.engine):
            yield self.connection

    def rest(self, ended: threading.Event) -> bool:
        """Until the next sign of life is due, or the server has something to say: that it ends the session, most often."""
        driver: Any = self.connection.connection.driver_connection
        until = time.monotonic() + self.pace.beat
        wire = polling.poll()
        wire.register(driver.fileno(), polling.POLLIN)
        while not ended.is_set() and (left := until - time.monotonic()) > 0 and not wire.poll(min(left, 0.2) * 1000):
            pass
        return not ended.is_set()

    def wait(self) -> None:
        """Says only that we are there."""
        with self.bounded() as connection:
            connection.execute(select(1))

    def take(self, cluster: str) -> Lead | None:
        """The lead, with a token that no run had before; None where another process has it."""
        sent = time.monotonic()
        with self.bounded() as connection:
            number = keys.cluster_id(connection, cluster)
            lock = func.pg_try_advisory_lock(cast(_LOCKS, Integer), cast(number, Integer))
            locked, backend = connection.execute(select(lock, func.pg_backend_pid())).one()
        if backend != self.backend:
            raise _pooled(self.engine)
        if not locked:
            return None
        try:
            lead = self._enter(cluster)
        except Unavailable as broken:
            if broken.reason != "locked":
                raise
            self._end_sessions_before(number)
            lead = self._enter(cluster)
        lead.good_until = sent + self.pace.lost
        return lead if self.confirm(lead) else None

    def confirm(self, lead: Lead) -> bool:
        """Whether the server still says that the lead is ours; if so, it holds from the moment of asking on."""
        sent = time.monotonic()
        number = select(clusters.c.id).where(clusters.c.name == clean(lead.cluster)).scalar_subquery()
        token = select(leaders.c.token).where(leaders.c.cluster_id == number).scalar_subquery()
        with self.bounded() as connection:
            found = connection.execute(select(func.pg_backend_pid(), token)).one()
        if found != (self.backend, lead.token):
            return False
        lead.good_until = sent + self.pace.lost
        return True

    def led(self, cluster: str) -> Unavailable:
        """Who leads, as a sentence."""
        with self.bounded() as connection:
            query = select(leaders.c.since).join(clusters).where(clusters.c.name == clean(cluster))
            since = connection.execute(query).scalar()
        when = f" since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
        return _led(self.engine, f"another auditor leads the audits of {cluster!r}{when}")

    def _enter(self, cluster: str) -> Lead:
        driver: Any = self.connection.connection.driver_connection
        with self.bounded() as connection, driver.transaction():
            return _enter(connection, cluster, session_name(self.engine))

    def _end_sessions_before(self, number: int) -> None:
        # The leader before us lost its lock, but a transaction of its stands open: whoever was cut off cannot end it.
        query = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = (SELECT replica FROM leaders WHERE cluster_id = :number) "
            "AND application_name <> :own"
        )
        with self.bounded() as connection:
            connection.execute(query, {"number": number, "own": session_name(self.engine)})


@contextmanager
def _session(engine: Engine, pace: Pace) -> Iterator[_Session]:
    alone = single(engine)
    connection: Connection | None = None
    try:
        with within(alone, pace.lost), guard(engine):
            connection = alone.connect().execution_options(isolation_level="AUTOCOMMIT")
            if (connection.dialect.server_version_info or (0,)) < (14,):
                raise unavailable(engine, "other", "is older than PostgreSQL 14", "use PostgreSQL 14 or newer")
            _refuse_pooling(engine, alone, connection)
            limits = {"idle_session_timeout": pace.idle, "lock_timeout": pace.beat}
            for name, seconds in limits.items():
                connection.execute(select(func.set_config(name, str(int(seconds * 1000)), False)))
            backend = connection.execute(select(func.pg_backend_pid())).scalar_one()
        yield _Session(engine, alone, connection, backend, pace)
    finally:
        with suppress(Unavailable), guard(engine):
            if connection is not None:
                connection.close()
        alone.dispose()


def _refuse_pooling(engine: Engine, alone: Engine, connection: Connection) -> None:
    """Two connections that ask in turns are answered by two processes, each by its own; a pool of transactions mixes them."""
    with alone.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
        asked = [
            one.execute(select(func.pg_backend_pid())).scalar_one() for _ in range(3) for one in (connection, other)
        ]
    if len(set(asked[::2])) > 1 or set(asked[::2]) & set(asked[1::2]):
        raise _pooled(engine)


def _pooled(engine: Engine) -> Unavailable:
    return unavailable(
        engine,
        "other",
        "is reached through a pooler that hands each transaction to any session: no lock can be held through it",
        "give the address of PostgreSQL itself, or of a pool in session mode",
    )


def _led(engine: Engine, what: str) -> Unavailable:
    return unavailable(
        engine, "locked", f"takes runs of one auditor only, and {what}", "let it run the audits, or end it first"
    )


def _enter(connection: Connection, cluster: str, replica: str) -> Lead:
    number = keys.cluster_id(connection, cluster)
    # A publication holds the cluster's row to its end: after this, none of an earlier leader is on its way.
    connection.execute(select(clusters.c.id).where(clusters.c.id == number).with_for_update())
    before = connection.execute(select(leaders.c.token).where(leaders.c.cluster_id == number)).scalar()
    # The time is in it because a database that fell back to a copy may have forgotten the last token.
    token = max((before or 0) + 1, time.time_ns() // 1_000_000)
    values = {"token": token, "replica": replica, "since": datetime.now(UTC)}
    connection.execute(insert_new(connection, leaders).values(cluster_id=number, **values))
    connection.execute(update(leaders).where(leaders.c.cluster_id == number).values(values))
    return Lead(cluster, token, interrupt(connection, number))


@contextmanager
def _file_lock(engine: Engine) -> Iterator[None]:
    database = database_file(engine)
    try:
        handle = database.with_name(database.name + ".leader").open("a+")
    except OSError as error:
        raise unavailable(engine, "readonly", f"cannot be locked: {error.strerror}") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise _led(engine, f"{handle.read(200).strip() or 'another process'} writes to it") from None
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        handle.flush()
        yield  # closing the file gives the lock back, as the end of the process does
