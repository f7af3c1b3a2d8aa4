"""What goes wrong with a database is said in a sentence, and what was stored before is intact."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from auditor.model import Audit, Misuse, Unavailable
from auditor.settings import StoreSettings
from auditor.store import Store, current, invariants, open_store, opened
from auditor.store.tables import HEAD
from tests.postgres import Postgres
from tests.store.estates import CLUSTER, audit, change, drift, estate, minutes, ref
from tests.store.replicas import socket_of, through
from tests.tcp_proxy import proxied

PASSWORD = "hunter2-canary"


def run(store: Store, said: Audit) -> None:
    store.publish(store.begin(CLUSTER, "schedule", said.at), said)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A SQLite database with one run."""
    path = tmp_path / "auditor.db"
    with opened(f"sqlite:///{path}") as store:
        assert store is not None
        run(store, audit(minutes(0), drift=(drift(ref(), change()),)))
    return path


def intact(path: Path) -> None:
    with opened(f"sqlite:///{path}") as store:
        assert store is not None
        latest = store.latest(CLUSTER)
        assert latest is not None
        assert [d.ref for d in latest.audit.drift] == [ref()]
        with store.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        f"mysql://auditor:{PASSWORD}@host/db",
        f"oracle+{PASSWORD}://host/db",
        "sqlite://",
        "sqlite:///:memory:",
        f"sqlite://{PASSWORD}/a.db",
        f"sqlite:///a.db?mode={PASSWORD}",
        f"postgresql://u:{PASSWORD}@host:port/db",
    ],
)
def test_a_url_that_is_none_is_a_misuse_and_is_not_repeated(url: str) -> None:
    with pytest.raises(Misuse) as wrong:
        open_store(url)
    assert wrong.value.remedy
    assert PASSWORD not in wrong.value.message


def test_a_password_file_that_cannot_be_read_is_a_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="password_file"):
        open_store(StoreSettings(url="postgresql://u@127.0.0.1/db", password_file=tmp_path / "none"))


def test_no_store_is_no_store() -> None:
    with opened(None) as store:
        assert store is None


# SQLite


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"none/auditor.db cannot be made: its folder does not exist") as broken:
        open_store(f"sqlite:///{tmp_path}/none/auditor.db")
    assert (broken.value.stage, broken.value.reason, broken.value.remedy) == ("store", "unreachable", "make the folder")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        open_store(f"sqlite:///{tmp_path}")


def test_another_file_is_no_database_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes\n" * 100)
    with pytest.raises(Unavailable, match="no SQLite database"):
        open_store(f"sqlite:///{path}")
    assert path.read_text() == "these are my notes\n" * 100


def test_to_ask_for_the_revision_makes_no_file(tmp_path: Path) -> None:
    assert current(f"sqlite:///{tmp_path}/a.db") == f"the database is at nothing, this version needs {HEAD}"
    assert list(tmp_path.iterdir()) == []


def test_a_locked_database_is_waited_for_and_then_named(file: Path) -> None:
    store = open_store(f"sqlite:///{file}", busy_seconds=0.2)
    other = sqlite3.connect(file)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked by another process") as broken:
        store.begin(CLUSTER, "schedule", minutes(5))
    assert broken.value.reason == "locked"
    assert store.latest(CLUSTER) is not None, "readers go on while another process writes"
    other.close()
    run(store, audit(minutes(5), drift=(drift(ref(), change()),)))
    store.close()
    intact(file)


def test_a_full_database_fails_the_run_and_keeps_the_last_one(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    pages = 0

    @event.listens_for(store.engine, "checkout")
    def _limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with sqlite3.connect(file) as peek:
        pages = peek.execute("PRAGMA page_count").fetchone()[0] + 8
    peek.close()
    with pytest.raises(Unavailable, match="the disk is full") as broken:
        run(store, estate(400, 5, minutes(5)))
    assert (broken.value.reason, "prune" in broken.value.remedy) == ("full", True)
    latest = store.latest(CLUSTER)
    assert latest is not None
    assert latest.run.at == minutes(0)
    assert store.runs(CLUSTER, limit=1)[0].status == "running"
    pages = 1_000_000
    assert len(store.close_interrupted(CLUSTER)) == 1
    run(store, audit(minutes(9), drift=(drift(ref(), change()),)))
    store.close()
    intact(file)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_fails_the_run_and_keeps_the_last_one(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    with file_size_limit(file.stat().st_size + 40_000), pytest.raises(Unavailable) as broken:
        run(store, estate(400, 5, minutes(5)))
    assert broken.value.reason == "full"
    run(store, audit(minutes(9), drift=(drift(ref(), change()),)))
    store.close()
    intact(file)


def test_a_file_that_may_not_be_written_is_named(file: Path) -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to everyone else
    try:
        path = shutil.copy(file, folder / "auditor.db")
        open_store(f"sqlite:///{path}").close()
        path.chmod(0o444)
        (folder / "auditor.db.lock").chmod(0o444)
        folder.chmod(0o555)
        with unprivileged(), pytest.raises(Unavailable) as broken:
            open_store(f"sqlite:///{path}")
        assert broken.value.reason == "readonly"
        assert str(path) in broken.value.message
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    intact(file)


def test_a_database_that_becomes_read_only_fails_the_run(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    event.listen(store.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA query_only = ON"))
    with pytest.raises(Unavailable, match="may not be written") as broken:
        store.begin(CLUSTER, "schedule", minutes(5))
    assert broken.value.reason == "readonly"
    store.close()
    intact(file)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write everything; so step down to nobody."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_damaged_database_is_named(file: Path) -> None:
    data = bytearray(file.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 100] = b"\xff" * 100
    file.write_bytes(data)
    with pytest.raises(Unavailable, match=r"damaged|no SQLite database|refused"):
        open_store(f"sqlite:///{file}").latest(CLUSTER)


def test_acknowledged_runs_survive_a_power_cut(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    with store.engine.connect() as connection:
        asked = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "foreign_keys")
        }
    store.close()
    assert asked == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}


# PostgreSQL


@pytest.mark.component
def test_a_server_that_is_not_there_is_named_without_the_password(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    with pytest.raises(Unavailable, match=r"the database audits on 127.0.0.1 does not answer") as broken:
        open_store(StoreSettings(url="postgresql://auditor@127.0.0.1:1/audits", password_file=secret))
    assert broken.value.reason == "unreachable"
    assert PASSWORD not in repr(broken.value) + repr(broken.value.__cause__) + broken.value.remedy


@pytest.mark.component
def test_a_database_that_does_not_exist_is_named(postgres_url: str) -> None:
    with pytest.raises(Unavailable, match=r"does not exist|does not answer") as broken:
        open_store(postgres_url.replace("/test", "/none"))
    assert broken.value.reason == "unreachable"


@pytest.mark.component
def test_a_restart_between_two_runs_goes_unnoticed(postgres: Postgres, postgres_url: str) -> None:
    store = open_store(postgres_url)
    run(store, audit(minutes(0), drift=(drift(ref(), change()),)))
    postgres.stop(immediate=False)
    with pytest.raises(Unavailable, match="does not answer"):
        store.latest(CLUSTER)
    postgres.start()
    run(store, audit(minutes(5)))
    assert [r.status for r in store.runs(CLUSTER)] == ["published", "published"]
    store.close()


@pytest.mark.component
def test_a_crash_within_a_run_loses_that_run_only(postgres: Postgres, postgres_url: str) -> None:
    store = open_store(postgres_url)
    run(store, audit(minutes(0), drift=(drift(ref(), change()),)))
    started = store.begin(CLUSTER, "schedule", minutes(5))
    statements = 0

    @event.listens_for(store.engine, "before_cursor_execute")
    def _crash(*_: object) -> None:
        nonlocal statements
        statements += 1
        if statements == 12:
            postgres.stop()

    with pytest.raises(Unavailable, match="does not answer"):
        store.publish(started, estate(300, 3, minutes(5)))
    postgres.start()
    latest = store.latest(CLUSTER)
    assert latest is not None
    assert latest.run.at == minutes(0)
    store.publish(started, replace(audit(minutes(5)), at=minutes(5)))
    assert store.runs(CLUSTER)[0].status == "published"
    store.close()


@pytest.mark.component
def test_a_connection_dropped_in_the_midst_of_copy_loses_that_run_only(postgres: Postgres, postgres_url: str) -> None:
    with proxied(socket_of(postgres)) as proxy:
        store = open_store(through(postgres_url, proxy))
        run(store, audit(minutes(0), drift=(drift(ref(), change()),)))
        for turn, limit in enumerate((10_000, 60_000, 150_000), start=1):
            started = store.begin(CLUSTER, "schedule", minutes(turn))
            proxy.limit = limit
            with pytest.raises(Unavailable, match="does not answer") as broken_off:
                store.publish(started, estate(300, 3, minutes(turn)))
            assert proxy.limit is None, "the connection was not dropped"
            assert (broken_off.value.reason, broken_off.value.__cause__) == ("unreachable", None)
            latest = store.latest(CLUSTER)
            assert latest is not None
            assert latest.run.at == minutes(0)
        store.publish(started, estate(300, 3, minutes(turn)))
        assert store.runs(CLUSTER)[0].status == "published"
        assert invariants.broken(store.engine) == ()
        store.close()


@pytest.mark.component
def test_a_lock_that_another_session_holds_ends_the_wait(postgres: Postgres, postgres_url: str) -> None:
    store = open_store(postgres_url, busy_seconds=0.3)
    other = open_store(postgres_url)
    started = store.begin(CLUSTER, "schedule", minutes(0))
    with other.engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE clusters IN EXCLUSIVE MODE")
        with pytest.raises(Unavailable, match="held by another process") as broken:
            store.publish(started, audit(minutes(0)))
    assert broken.value.reason == "locked"
    store.publish(started, audit(minutes(0)))
    store.close()
    other.close()


@pytest.mark.component
def test_a_user_without_the_right_to_write_is_told(postgres: Postgres, postgres_url: str) -> None:
    open_store(postgres_url).close()
    database = postgres_url.split("@/")[1].split("?")[0]
    postgres.run("CREATE ROLE reader LOGIN", database)
    postgres.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", database)
    store = open_store(postgres_url.replace("postgres@", "reader@"))
    assert store.latest(CLUSTER) is None
    with pytest.raises(Unavailable, match="does not let this user") as broken:
        store.begin(CLUSTER, "schedule", minutes(0))
    assert broken.value.reason == "readonly"
    store.close()
