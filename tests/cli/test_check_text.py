"""The text of `check`: what is said of many objects in one sentence is one thing, and printed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.cli import run

SERVICE = """apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: shop
spec:
  type: ExternalName
  externalName: {name}.example.org
---
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text("".join(SERVICE.format(name=name) for name in ("one", "two")))
    (tmp_path / "b.yaml").write_text(SERVICE.format(name="three"))
    return tmp_path


def test_a_namespace_that_nobody_declares_is_said_once_with_its_count(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["check", str(folder), "--select", "NS003"])
    said = capsys.readouterr().out
    assert said.count("NS003 undeclared-namespace") == 1
    assert "Namespace shop is not in these files (said of 3 objects, here of the first)" in said
    assert "3 info" in said
    assert "more" not in said


def test_all_are_printed_where_all_are_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["check", str(folder), "--select", "NS003", "--all"])
    said = capsys.readouterr().out
    assert said.count("NS003 undeclared-namespace") == 3
    assert "said of" not in said


def test_what_is_said_of_containers_of_several_objects_is_said_of_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: web, image: web}}]}}\n---\n"
    (tmp_path / "a.yaml").write_text("".join(pod.format(name=name) for name in ("one", "two")))
    run(["check", str(tmp_path), "--select", "RES003"])
    assert capsys.readouterr().out.count("container web has no memory limit\n") == 2
