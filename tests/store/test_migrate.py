"""The schema's steps: up, down, several starters at once, killed between any two statements, and newer than we are."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, inspect, text

from auditor.model import Unavailable
from auditor.store import current, downgrade, migrate, open_store, upgrade
from auditor.store.connection import connect
from auditor.store.tables import HEAD
from tests.store.estates import CLUSTER, audit, minutes

FORK = multiprocessing.get_context("fork")
REVISIONS = sorted(path.name.split("_")[0] for path in (migrate.SCRIPTS / "versions").glob("[0-9]*.py"))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    found = connect(url)
    yield found
    found.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_the_newest_revision_is_the_one_this_code_needs() -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(migrate.SCRIPTS)
    assert scripts.get_heads() == [HEAD] == REVISIONS[-1:]
    assert [step.revision for step in scripts.walk_revisions()] == REVISIONS[::-1]


def test_tables_and_migrations_say_the_same(engine: Engine) -> None:
    migrate.upgrade(engine)
    assert migrate.differences(engine) == []


def test_a_difference_would_be_found(engine: Engine) -> None:
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE runs ADD COLUMN odd TEXT"))
        connection.execute(text("DROP INDEX ix_runs_cluster_id_at"))
    assert len(migrate.differences(engine)) == 2


def test_up_and_down_step_by_step_and_up_again(engine: Engine) -> None:
    for revision in REVISIONS:
        migrate.upgrade(engine, revision)
        assert migrate.current(engine) == revision
    full = tables(engine)
    for revision in (*REVISIONS[-2::-1], "base"):
        migrate.downgrade(engine, revision)
    assert (migrate.current(engine), tables(engine)) == (None, {"alembic_version"})
    migrate.upgrade(engine)
    assert tables(engine) == full


def test_sentences_say_which_revision_there_was_and_is(url: str) -> None:
    assert current(url) == f"the database is at nothing, this version needs {HEAD}"
    assert upgrade(url) == f"the database is at {HEAD}, from nothing"
    assert upgrade(url) == f"the database is at {HEAD}"
    assert current(url) == f"the database is at {HEAD}, this version needs {HEAD}"
    assert downgrade(url) == "the database is at nothing"


def test_data_survives_an_upgrade_that_has_nothing_to_do(url: str) -> None:
    store = open_store(url)
    store.publish(store.begin(CLUSTER, "manual", minutes(0)), audit(minutes(0)))
    store.close()
    upgrade(url)
    store = open_store(url)
    assert store.latest(CLUSTER) is not None
    store.close()


def test_a_newer_database_is_refused_and_left_alone(url: str, engine: Engine) -> None:
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (open_store, upgrade, downgrade):
        with pytest.raises(Unavailable, match=r"revision 9999, which this version .* does not know") as broken:
            refused(url)
        assert (broken.value.stage, broken.value.reason) == ("store", "newer")
    assert current(url) == f"the database is at 9999, this version needs {HEAD}"


def _open(url: str, start: float) -> None:
    time.sleep(max(0.0, start - time.monotonic()))
    store = open_store(url)
    store.begin(CLUSTER, "startup", minutes(0))
    store.close()


def test_several_starters_at_once_all_come_up(url: str) -> None:
    for _ in range(2):
        start = time.monotonic() + 0.2
        starters = [FORK.Process(target=_open, args=(url, start)) for _ in range(4)]
        for starter in starters:
            starter.start()
        for starter in starters:
            starter.join(60)
        assert [starter.exitcode for starter in starters] == [0, 0, 0, 0]
        downgrade(url)


def _upgrade_and_die(url: str, statement: int) -> None:
    engine, seen = connect(url), 0

    @event.listens_for(engine, "after_cursor_execute")
    def _die(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    migrate.upgrade(engine)


def test_a_migration_killed_after_any_statement_leaves_nothing_and_the_next_start_makes_it_whole(url: str) -> None:
    # Some on the way, and those around the end, where the revision is written down.
    for statement in (3, 20, 40, 58, *range(62, 67, 2)):
        child = FORK.Process(target=_upgrade_and_die, args=(url, statement))
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
        engine = connect(url)
        assert tables(engine) == set()
        engine.dispose()
    open_store(url).close()


def test_who_waits_too_long_for_a_migration_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.2)
    with (tmp_path / "a.db.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="being migrated by another process") as broken:
            open_store(f"sqlite:///{tmp_path}/a.db")
    assert broken.value.reason == "locked"


def test_a_database_of_todays_revision_opens_without_alembic(tmp_path: Path) -> None:
    import subprocess
    import sys

    url = f"sqlite:///{tmp_path}/a.db"
    upgrade(url)
    program = f"import sys; from auditor.store import open_store; open_store({url!r}).close(); sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


def test_sqlite_keeps_a_file_and_its_lock_and_nothing_else(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/a.db").close()
    assert {path.name for path in tmp_path.iterdir()} <= {"a.db", "a.db.lock", "a.db-wal", "a.db-shm"}
    with sqlite3.connect(tmp_path / "a.db") as peek:
        assert peek.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    peek.close()
