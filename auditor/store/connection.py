"""Connections to SQLite and PostgreSQL, transactions, and what their errors mean.

In: the URL of a database. Out: an engine; `reading` and `writing` transactions on it. Every error of a driver leaves here as
`Unavailable("store", …)` with one of the reasons full, locked, readonly, newer, unreachable, superseded, other; no message
holds a password, a statement or a value.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Connection, Engine, NullPool, Table, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from auditor.model import Misuse, Unavailable


@dataclass(frozen=True, slots=True)
class _Sessions:
    """What PostgreSQL's view of sessions calls those of one engine, and their connections that are still open."""

    name: str
    connections: WeakSet[Any] = field(default_factory=WeakSet)


_SESSIONS: Final[WeakKeyDictionary[Engine, _Sessions]] = WeakKeyDictionary()

BUSY_SECONDS: Final = 15.0
"""How long a writer waits for another one."""

_MEND: Final = {
    "full": "free space on the disk of the database, or run `auditor db prune`",
    "locked": "see which other process writes to the database, and try again",
    "readonly": "make the database and its folder writable for the auditor",
    "unreachable": "check the address, the password and that the server answers",
    "superseded": "nothing to mend: the other one runs the audits",
    "other": "see the database's own log",
}


def connect(url: str, *, password: str | None = None, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """An engine for `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`. Opens nothing yet.

    Raises `Misuse` for any other URL, without repeating it: it might hold a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise Misuse("the database URL cannot be read", remedy=_FORMS) from None
    if parsed.drivername == "sqlite":
        return _sqlite(parsed, busy_seconds)
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return _postgres(parsed.set(drivername="postgresql+psycopg"), password, busy_seconds)
    raise Misuse(f"no database of the kind {parsed.drivername!r} is supported", remedy=_FORMS)


_FORMS: Final = "write `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`"


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    if not url.database or url.database == ":memory:" or url.host or url.query:
        raise Misuse(
            "a SQLite database must be a file", remedy="write `sqlite:///FILE`, with four slashes for an absolute path"
        )
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        # The driver begins no transactions of its own: it would commit before DDL, and a killed migration would leave half a schema.
        connection.isolation_level = None
        # FULL: a commit that was acknowledged survives a power cut, not only a kill. WAL with NORMAL may lose the last ones.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_size_limit = 67108864")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A reader that turns into a writer cannot wait for another writer; so writers say from the start that they are.
        writes = connection.get_execution_options().get("auditor_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres(url: URL, password: str | None, busy_seconds: float, name: str = "", **pool: Any) -> Engine:
    if password is not None:
        url = url.set(password=password)
    sessions = _Sessions(name or f"auditor {uuid.uuid4().hex[:12]}")
    engine = create_engine(
        url,
        hide_parameters=True,
        **(pool or {"pool_pre_ping": True, "pool_recycle": 1800, "pool_timeout": busy_seconds}),
        connect_args={
            "connect_timeout": 5,
            "application_name": sessions.name,
            # A peer that takes no more packets is given up within seconds, not after the quarter of an hour of TCP.
            "keepalives_idle": 5,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
    )
    _SESSIONS[engine] = sessions
    limits = {
        "lock_timeout": int(busy_seconds * 1000),
        "idle_in_transaction_session_timeout": 300_000,
        "statement_timeout": 120_000,
    }
    chosen = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in limits.items())

    @event.listens_for(engine, "connect", insert=True)  # before SQLAlchemy asks its first questions
    def _prepare(connection: Any, _record: object) -> None:
        sessions.connections.add(connection)
        # Not by the option at connection: poolers know no such option and refuse it.
        connection.execute(f"SELECT {chosen}")
        connection.commit()

    return engine


def single(engine: Engine) -> Engine:
    """Another engine for the same PostgreSQL that keeps no connections: each is of its own, under the same name."""
    return _postgres(engine.url, None, BUSY_SECONDS, session_name(engine), poolclass=NullPool)


def session_name(engine: Engine) -> str:
    """What this engine's sessions are called in `pg_stat_activity`; no other process has the same."""
    return _SESSIONS[engine].name


def sever(engine: Engine) -> None:
    """Break every connection of this engine now, also those that other threads wait on; they fail as if the server had gone.

    SQLite's connections wait for nobody: they stay.
    """
    found = _SESSIONS.get(engine)
    for connection in list(found.connections) if found else ():
        with (
            suppress(OSError, engine.dialect.loaded_dbapi.Error),  # closed meanwhile
            socket.socket(fileno=os.dup(connection.fileno())) as wire,
        ):
            wire.shutdown(socket.SHUT_RDWR)


@contextmanager
def within(engine: Engine, seconds: float) -> Iterator[None]:
    """What is done to this engine's connections inside takes no longer than that, however silent the server."""
    timer = threading.Timer(seconds, sever, [engine])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def is_sqlite(bound: Engine | Connection) -> bool:
    return bound.dialect.name == "sqlite"


def database_file(engine: Engine) -> Path:
    """The file of a SQLite engine."""
    assert engine.url.database
    return Path(engine.url.database)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one moment, and changes nothing. Raises `Unavailable`."""
    with guard(engine), engine.connect() as connection:
        if not is_sqlite(engine):  # SQLite's transactions see one moment anyway
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write: all of it is stored, or nothing. Raises `Unavailable`."""
    with guard(engine), engine.connect() as connection:
        if is_sqlite(engine):
            connection = connection.execution_options(auditor_writes=True)
        with connection.begin():
            yield connection


def insert_new(connection: Connection, table: Table) -> Any:
    """An insert that leaves rows alone that are there, also those that another writer has just made."""
    if is_sqlite(connection):
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects.postgresql import insert as postgres_insert

    return postgres_insert(table).on_conflict_do_nothing()


@contextmanager
def guard(engine: Engine) -> Generator[None]:
    """Turns the errors of SQLAlchemy and the drivers into `Unavailable`. This is the only place that catches them."""
    try:
        yield
    except PoolTimeout:
        raise unavailable(engine, "locked", "has no free connection") from None
    except DBAPIError as error:
        raise _explain(engine, error.orig) from None
    except StatementError as error:  # a value that we should not have handed over: our own fault, not the database's
        raise (error.orig or error) from None
    except NoSuchModuleError:
        raise unavailable(engine, "other", "has no driver installed") from None
    except (sqlite3.Error, SQLAlchemyError) as error:  # the driver's own, from `connect`; the rest of SQLAlchemy's
        raise _explain(engine, error) from None
    except engine.dialect.loaded_dbapi.Error as error:  # the driver's own, where it is used past SQLAlchemy: COPY
        raise _explain(engine, error) from None


def unavailable(engine: Engine, reason: str, what: str, remedy: str = "") -> Unavailable:
    """An `Unavailable` about this database: "the database FILE is full"."""
    return Unavailable("store", f"the database {_name(engine)} {what}", remedy=remedy or _MEND[reason], reason=reason)


def _name(engine: Engine) -> str:
    url = engine.url
    if is_sqlite(engine):
        return str(url.database)
    return f"{url.database or ''} on {url.host or url.query.get('host') or 'localhost'}"


def _explain(engine: Engine, error: Any) -> Unavailable:
    return _explain_sqlite(engine, error) if is_sqlite(engine) else _explain_postgres(engine, error)


_SQLITE: Final = {
    "SQLITE_FULL": ("full", "cannot grow: the disk is full"),
    "SQLITE_BUSY": ("locked", "is locked by another process"),
    "SQLITE_LOCKED": ("locked", "is locked by another connection"),
    "SQLITE_READONLY": ("readonly", "may not be written"),
    "SQLITE_PERM": ("readonly", "may not be written"),
    "SQLITE_CANTOPEN": ("unreachable", "cannot be opened"),
    "SQLITE_CONSTRAINT_TRIGGER": ("superseded", "did not take this run: another auditor leads the cluster by now"),
    "SQLITE_NOTADB": ("other", "is a file, but no SQLite database"),
    "SQLITE_CORRUPT": ("other", "is damaged"),
    # A write that the disk did not take: short of space, over a limit on file size, or a failing disk.
    "SQLITE_IOERR_WRITE": ("full", "could not be written to: the disk is full, or a limit on file size is reached"),
    "SQLITE_IOERR": ("other", "could not be read or written: the disk gave an error"),
}


def _explain_sqlite(engine: Engine, error: Any) -> Unavailable:
    code = str(getattr(error, "sqlite_errorname", ""))
    for name in (code, "_".join(code.split("_")[:2])):  # SQLITE_READONLY_DIRECTORY is a SQLITE_READONLY
        if name in _SQLITE:
            return unavailable(engine, *_SQLITE[name])
    return unavailable(engine, "other", f"refused a statement ({code or type(error).__name__})")


def _explain_postgres(engine: Engine, error: Any) -> Unavailable:
    state = str(getattr(error, "sqlstate", None) or "")
    if state == "AU001":  # raised by our own trigger, migrations/versions/0002_leadership.py
        return unavailable(engine, "superseded", "did not take this run: another auditor leads the cluster by now")
    if state in ("53100", "53200"):
        return unavailable(engine, "full", "cannot grow: its disk or its memory is full")
    if state in ("55P03", "40P01", "57014", "40001"):
        return unavailable(engine, "locked", "is held by another process for too long")
    if state == "25006":
        return unavailable(engine, "readonly", "may not be written: it is a read-only replica")
    if state in ("28P01", "28000"):
        return unavailable(engine, "unreachable", "did not accept the user or the password")
    if state == "3D000":
        return unavailable(engine, "unreachable", "does not exist")
    if state == "42501":
        return unavailable(
            engine, "readonly", "does not let this user do it", "grant the user what docs/settings.md names"
        )
    if state.startswith(("08", "57P")) or (not state and type(error).__name__ == "OperationalError"):
        return unavailable(engine, "unreachable", "does not answer")
    return unavailable(engine, "other", f"refused a statement ({type(error).__name__} {state})".replace(" )", ")"))
