"""Several sources as one side."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from auditor import desired
from auditor.desired import files
from auditor.model import CellState, Snapshot
from auditor.settings import FolderSource
from tests.desired.conftest import Fetch
from tests.desired.repositories import config_map


def folder(path: Path, name: str, **texts: str) -> FolderSource:
    (path / name).mkdir()
    for file, text in texts.items():
        (path / name / f"{file}.yaml").write_text(text)
    return FolderSource.model_validate({"path": str(path / name)})


def test_an_object_of_two_sources_is_told_with_both_and_the_later_counts(tmp_path: Path, fetch: Fetch) -> None:
    one = fetch(folder(tmp_path, "one", a=config_map("web", "1"), b=config_map("b")))
    two = fetch(folder(tmp_path, "two", a=config_map("web", "2"), c="["))
    both = desired.combine([one, two])
    assert [problem.code for problem in both.problems] == ["MAN001", files.TWICE]
    assert "of one and in" in both.problems[1].message
    assert both.by_ref[both.problems[1].ref].body["data"]["a"] == "2"  # type: ignore[index]
    assert [source.name for source in both.sources] == ["one", "two"]
    assert len(both.resources) == 3
    assert both.otherwise is CellState.LISTED


def test_what_is_said_twice_within_a_source_is_not_said_again(tmp_path: Path, fetch: Fetch) -> None:
    one = fetch(folder(tmp_path, "one", a=config_map("web"), b=config_map("web")))
    two = fetch(folder(tmp_path, "two", c=config_map("c")))
    assert [problem.code for problem in desired.combine([one, two]).problems] == [files.TWICE]


def test_one_source_is_itself_and_none_is_empty(tmp_path: Path, fetch: Fetch) -> None:
    one = fetch(folder(tmp_path, "one", a=config_map("web")))
    assert desired.combine([one]) is one
    assert desired.combine([]).resources == Snapshot().resources == ()


def test_the_package_itself_costs_little_to_import() -> None:
    code = "import sys; import auditor.desired; print(*sys.modules)"
    root = Path(desired.__file__).parent.parent.parent
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert not {"pydantic", "git", "yaml", "structlog"} & set(said.split())
