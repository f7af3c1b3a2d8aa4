"""`auditor doctor` says what would stop an audit and how to mend it, and nothing of what is well but that it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from auditor import cli
from auditor.cli import example
from auditor.store import open_store
from tests.controlplane.plane import Plane
from tests.store.estates import CLUSTER, audit, minutes

SOUND = ["--desired", str(example.HERE / "commits/2"), "--live", str(example.LIVE)]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    """The exit code, and what is said of each part but that all is well."""
    code = cli.run(["doctor", *arguments])
    lines = capsys.readouterr().out.splitlines()
    return code, [" ".join(line.split()) for line in lines if not line.startswith("ok ")]


def test_where_all_is_well_nothing_stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/auditor.db"
    assert cli.run(["doctor", *SOUND, "--database", url]) == 0
    said = capsys.readouterr().out
    assert [line.split()[:2] for line in said.splitlines()] == [["ok", "git"], ["ok", "cluster"], ["ok", "database"]]
    assert not list(tmp_path.iterdir()), "it makes nothing"
    store = open_store(url)
    store.publish(store.begin(CLUSTER, "schedule", minutes(0)), audit(minutes(0)))
    before = store.runs(CLUSTER)
    assert told(capsys, *SOUND, "--database", url) == (0, [])
    assert store.runs(CLUSTER) == before
    store.close()


def test_each_thing_that_would_stop_it_is_said_with_its_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    none = tmp_path / "none"
    code, said = told(
        capsys, "--desired", str(none), "--live", str(none / "live.json"), "--database", f"sqlite:///{none}/auditor.db"
    )
    assert code == 3
    assert [line.split()[1] for line in said if line.startswith("stops")] == ["git", "cluster", "database"]
    assert str(none) in said[0]
    assert said[-1] == "mend: make the folder, for the auditor to write"


def test_without_a_source_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "--live", str(example.LIVE), "--database", f"sqlite:///{tmp_path}/auditor.db")
    assert code == 3
    assert said[0] == "stops git no source is given"


@pytest.mark.component
def test_each_kind_that_may_not_be_listed_is_named_with_the_rule_to_give(
    plane: Plane, namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user = plane.new_user()
    plane.allow(user, namespace=None, resources="namespaces,pods")
    manifests = tmp_path / "apps"
    manifests.mkdir()
    (manifests / "web.yaml").write_text(
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: {namespace}}}\n"
    )
    where = ["--desired", str(manifests), "--live", f"context:{user.name}", "--kubeconfig", str(user.kubeconfig)]
    database = ["--database", f"sqlite:///{tmp_path}/auditor.db"]
    code, said = told(capsys, *where, *database)
    assert code == 3
    place = said.index(f"stops cluster deployments.apps: may not be listed in {namespace}")
    rule = 'apiGroups: ["apps"], resources: ["deployments"], verbs: ["list"]'
    assert said[place + 1] == f"mend: give the auditor's role the rule {rule}"
    assert not any(" pods: " in line for line in said)
    plane.allow(user, namespace=None, resources="*.*")
    assert told(capsys, *where, *database) == (0, [])
    assert {request.verb for request in plane.requests(user)} <= {"get", "list"}


def test_a_database_of_a_newer_version_or_of_none_stops_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "auditor.db"
    open_store(f"sqlite:///{path}").close()
    newer = Path(shutil.copy(path, tmp_path / "newer.db"))
    store = open_store(f"sqlite:///{newer}")
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    code, said = told(capsys, *SOUND, "--database", f"sqlite:///{newer}")
    assert (code, said[0].split()[:2]) == (3, ["stops", "database"])
    assert "9999" in said[0]
    path.write_text("these are my notes\n" * 100)
    code, said = told(capsys, *SOUND, "--database", f"sqlite:///{path}")
    assert code == 3
    assert "no SQLite database" in said[0]
