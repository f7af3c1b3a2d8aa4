"""A copy holds every row as of one moment, also while runs are published, and comes back whole on either database."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from auditor.model import Audit, Misuse, Unavailable
from auditor.store import Store, invariants, open_store
from auditor.store.facts import metadata
from auditor.store.tables import runs
from tests.postgres import Postgres
from tests.store.estates import CLUSTER, audit, minutes
from tests.store.test_kill import numbered, whole

Publish = Callable[[Audit], int]


def rows(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in metadata.sorted_tables
        }


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.component)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind to restore to."""
    if request.param == "sqlite":
        opened = open_store(f"sqlite:///{tmp_path}/restored.db")
    else:
        opened = open_store(request.getfixturevalue("postgres").database())
    yield opened
    opened.close()


def test_what_comes_back_is_what_was_copied(store: Store, publish: Publish, empty: Store, tmp_path: Path) -> None:
    for n in range(1, 5):
        publish(numbered(n))
    store.claim_report(CLUSTER, "2026-W47", minutes(4))
    with store.leading(CLUSTER):
        pass
    store.prune(minutes(2))
    copy = tmp_path / "copy.db"
    assert store.backup(copy) == copy.stat().st_size > 0
    assert empty.restore(copy) == len(store.runs(CLUSTER, limit=None))
    assert rows(empty) == rows(store)
    assert invariants.broken(empty.engine) == ()
    latest = empty.latest(CLUSTER)
    assert latest is not None
    assert whole(latest) == 4
    with empty.leading(CLUSTER) as lead:  # and life goes on: no number is given twice
        empty.publish(empty.begin(CLUSTER, "schedule", minutes(5), token=lead.token), numbered(5))
    assert whole(empty.latest(CLUSTER)) == 5  # type: ignore[arg-type]
    assert invariants.broken(empty.engine) == ()


def test_a_run_that_goes_on_is_interrupted_in_the_copy_alone(store: Store, empty: Store, tmp_path: Path) -> None:
    with store.leading(CLUSTER) as lead:
        number = store.begin(CLUSTER, "schedule", minutes(1), token=lead.token)
        store.backup(tmp_path / "copy.db")
        store.publish(number, numbered(1))
    empty.restore(tmp_path / "copy.db")
    assert [(run.status, run.reason) for run in empty.runs(CLUSTER)] == [
        ("interrupted", "the copy was taken before the run ended")
    ]
    assert [run.status for run in store.runs(CLUSTER)] == ["published"]


def test_a_copy_is_of_one_moment_while_runs_are_published(store: Store, publish: Publish, tmp_path: Path) -> None:
    publish(numbered(1))
    ended, failed = threading.Event(), []

    def go_on() -> None:
        n = 1
        while not ended.is_set():
            n += 1
            try:
                publish(numbered(n))
            except Exception as error:
                failed.append(error)
                return

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        for number in range(4):
            store.backup(tmp_path / f"{number}.db")
    finally:
        ended.set()
        thread.join()
    assert not failed, "a copy must not hold up a run"
    seen = []
    for number in range(4):
        copy = open_store(f"sqlite:///{tmp_path}/{number}.db")
        latest = copy.latest(CLUSTER)
        assert latest is not None
        seen.append(whole(latest))
        assert invariants.broken(copy.engine) == ()
        copy.close()
    assert seen == sorted(seen)
    assert seen[-1] > 1


def test_a_copy_of_an_older_version_is_brought_to_this_one_and_stays_as_it_is(
    empty: Store, migrated_file: Path, tmp_path: Path
) -> None:
    from auditor.store import downgrade

    old = Path(shutil.copy(migrated_file, tmp_path / "old.db"))
    store = open_store(f"sqlite:///{old}")
    store.publish(store.begin(CLUSTER, "schedule", minutes(1)), numbered(1))
    store.close()
    downgrade(f"sqlite:///{old}", "0001")
    before = old.read_bytes()
    assert empty.restore(old) == 1
    assert whole(empty.latest(CLUSTER)) == 1  # type: ignore[arg-type]
    assert old.read_bytes() == before


def test_a_copy_of_a_newer_version_is_refused(empty: Store, store: Store, tmp_path: Path) -> None:
    store.backup(tmp_path / "copy.db")
    copy = open_store(f"sqlite:///{tmp_path}/copy.db")
    with copy.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    copy.close()
    with pytest.raises(Unavailable, match="does not know"):
        empty.restore(tmp_path / "copy.db")


def test_a_store_that_holds_runs_is_not_written_over(store: Store, publish: Publish, tmp_path: Path) -> None:
    publish(audit(minutes(1)))
    store.backup(tmp_path / "copy.db")
    before = rows(store)
    with pytest.raises(Unavailable, match="holds runs already"):
        store.restore(tmp_path / "copy.db")
    assert rows(store) == before


def test_a_file_that_is_there_is_not_written_over(store: Store, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(Misuse, match="there is a file already"):
        store.backup(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"


def test_a_copy_that_fails_leaves_nothing(store: Store, publish: Publish, tmp_path: Path) -> None:
    from tests.store.test_connection import file_size_limit

    folder = tmp_path / "copies"
    folder.mkdir()
    for n in range(1, 5):
        publish(numbered(n))
    with file_size_limit(60_000), pytest.raises(Unavailable, match="full"):
        store.backup(folder / "copy.db")
    assert list(folder.iterdir()) == []
    with pytest.raises(Misuse, match=r"copy\.db"):
        store.backup(tmp_path / "none" / "copy.db")


@pytest.mark.parametrize("content", [b"", b"these are my notes\n" * 100])
def test_another_file_is_no_copy(store: Store, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes").write_bytes(content)
    with pytest.raises((Misuse, Unavailable), match=r"is no copy|no SQLite database"):
        store.restore(tmp_path / "notes")
    with pytest.raises(Misuse, match="no such file"):
        store.restore(tmp_path / "none")


@pytest.mark.component
def test_a_copy_from_postgresql_has_every_row_of_large_tables(
    postgres: Postgres, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from auditor.store import backup

    monkeypatch.setattr(backup, "BATCH", 7)
    store = open_store(postgres_url)
    for n in range(1, 4):
        store.publish(store.begin(CLUSTER, "schedule", minutes(n)), numbered(n))
    store.backup(tmp_path / "copy.db")
    copy = open_store(f"sqlite:///{tmp_path}/copy.db")
    assert rows(copy) == rows(store)
    with copy.engine.connect() as connection:
        assert len(connection.execute(select(runs.c.id)).all()) == 3
    copy.close()
    store.close()
