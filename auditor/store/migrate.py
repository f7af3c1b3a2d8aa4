"""The schema of a database, brought to the revision of this code, and away from it.

In: an engine. Out: a database at a revision. One starter at a time migrates: others wait, look again, and find it done. Alembic
has no lock of its own (sqlalchemy/alembic#633). On SQLite the whole step is one transaction, so a kill leaves the old schema;
Alembic's default there, DDL outside of transactions, leaves a database that no later start can mend.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect, text

import auditor
from auditor.model import Unavailable
from auditor.store.connection import database_file, guard, is_sqlite, unavailable, writing
from auditor.store.tables import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS: Final = Path(auditor.__file__).resolve().parent.parent / "migrations"
"""Beside the package, in a checkout as in an installation."""

LOCK_SECONDS: Final = 60.0
# Any number that no other program on this PostgreSQL uses: "gitops" in ASCII.
_LOCK_ID: Final = 0x6769746F7073


def current(engine: Engine) -> str | None:
    """The revision a database is at; None for an empty one. Raises `Unavailable`."""
    if is_sqlite(engine) and not database_file(engine).exists():
        return None  # to connect would make the file
    with guard(engine), engine.connect() as connection:
        return _revision(connection)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring a database to a revision; nothing to do is nothing done. Raises `Unavailable`, also for a newer database."""
    _step(engine, lambda config: _command().upgrade(config, revision), wanted=HEAD if revision == "head" else revision)


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take a database back to an earlier revision, and drop what that did not have."""
    _step(engine, lambda config: _command().downgrade(config, revision), wanted=None)


def differences(engine: Engine) -> list[object]:
    """What the tables of this code and a database differ in; empty when they agree (`alembic check`)."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from auditor.store.facts import metadata

    with guard(engine), engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def _step(engine: Engine, go: Callable[[Config], None], *, wanted: str | None) -> None:
    with _alone(engine):
        found = current(engine)
        refuse_newer(engine, found)
        if wanted is not None and found == wanted:
            return
        if is_sqlite(engine):
            _use_wal(engine)
        with writing(engine) as connection:
            go(_config(connection))


def _command() -> ModuleType:
    from alembic import command  # a quarter of a second that a database of today's revision need not wait

    return command


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def refuse_newer(engine: Engine, found: str | None) -> None:
    """Raises `Unavailable` for a revision that this version does not know."""
    known = {path.name.split("_", 1)[0] for path in (SCRIPTS / "versions").glob("[0-9]*.py")}
    if found is not None and found not in known:
        raise unavailable(
            engine,
            "newer",
            f"is at revision {found}, which this version ({auditor.__version__}) does not know",
            "run the newer version again, or restore a copy from before the upgrade",
        )


def _use_wal(engine: Engine) -> None:
    # Readers go on while a run is written. The setting stays in the file; to change it, nobody else may have it open.
    with guard(engine), engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        # Of a new file only: pages of what is removed can be given back to the disk, some at a time.
        driver.execute("PRAGMA auto_vacuum = INCREMENTAL")
        driver.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    with _file_lock(engine) if is_sqlite(engine) else _session_lock(engine):
        yield


@contextmanager
def _file_lock(engine: Engine) -> Iterator[None]:
    path = database_file(engine)
    lock = path.with_name(path.name + ".lock")
    try:
        handle = lock.open("a")
    except FileNotFoundError:
        raise unavailable(
            engine, "unreachable", "cannot be made: its folder does not exist", "make the folder"
        ) from None
    except OSError as error:
        raise unavailable(engine, "readonly", f"cannot be locked: {error.strerror}") from None
    with handle:
        _wait(engine, lambda: _flock(handle.fileno()))
        yield  # closing the file gives the lock back, as the end of the process does


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _session_lock(engine: Engine) -> Iterator[None]:
    # A lock of the session, on a connection of its own: it outlives the transactions of the migration, and ends with the process.
    with guard(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        number = {"id": _LOCK_ID}
        _wait(engine, lambda: bool(connection.execute(text("SELECT pg_try_advisory_lock(:id)"), number).scalar()))
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:id)"), number)


def _wait(engine: Engine, taken: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while not taken():
        if time.monotonic() > deadline:
            raise _still_locked(engine)
        time.sleep(0.05)


def _still_locked(engine: Engine) -> Unavailable:
    return unavailable(engine, "locked", f"is being migrated by another process for more than {LOCK_SECONDS:.0f} s")
