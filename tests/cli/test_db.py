"""`auditor db`: copies, checks and their exit codes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from auditor import cli
from auditor.store import downgrade, open_store
from tests.store.estates import CLUSTER, minutes
from tests.store.test_kill import numbered, whole


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store with two runs."""
    url = f"sqlite:///{tmp_path}/auditor.db"
    store = open_store(url)
    for n in (1, 2):
        store.publish(store.begin(CLUSTER, "schedule", minutes(n)), numbered(n))
    store.close()
    return url


def test_a_copy_is_made_checked_and_restored(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy, other = tmp_path / "copy.db", f"sqlite:///{tmp_path}/other.db"
    assert cli.run(["db", "backup", str(copy), "--database", url]) == 0
    assert cli.run(["db", "restore", str(copy), "--database", other]) == 0
    assert cli.run(["db", "check", "--database", other]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"{copy}: {copy.stat().st_size:,} bytes",
        f"restored 2 runs from {copy}",
        "every run in the store is whole",
    ]
    store = open_store(other)
    latest = store.latest(CLUSTER)
    store.close()
    assert latest is not None
    assert whole(latest) == 2


def test_what_cannot_be_copied_or_restored_is_said(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").write_text("mine")
    assert cli.run(["db", "backup", str(tmp_path / "there"), "--database", url]) == 2
    assert cli.run(["db", "restore", str(tmp_path / "none"), "--database", url]) == 2
    assert cli.run(["db", "restore", str(tmp_path / "auditor.db"), "--database", url]) == 3
    said = capsys.readouterr().err
    assert "there is a file already" in said
    assert "there is no such file" in said
    assert "holds runs already" in said
    assert said.count("mend: ") == 3


def test_a_broken_store_is_said_with_exit_1(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(tmp_path / "auditor.db")) as other:
        other.execute("DROP TRIGGER runs_publish")
    assert cli.run(["db", "check", "--database", url]) == 1
    assert "runs_publish is missing" in capsys.readouterr().out


def test_a_store_of_an_older_version_is_not_changed_by_a_check(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    downgrade(url, "0001")
    assert cli.run(["db", "check", "--database", url]) == 3
    assert cli.run(["db", "current", "--database", url]) == 0
    said = capsys.readouterr()
    assert "run `auditor db upgrade` first" in said.err
    assert "is at 0001" in said.out
