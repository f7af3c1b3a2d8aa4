"""Folders, files and standard input."""

from __future__ import annotations

import io
import os
import socket
import sys
from pathlib import Path

import pytest

from auditor.desired import files, folder
from auditor.model import CellState, Misuse, Severity, Snapshot
from auditor.settings import FolderSource, LimitSettings
from tests.desired.conftest import Fetch
from tests.desired.repositories import config_map

CANARY = "canary-of-the-machine"


def source(path: Path | str, **more: object) -> FolderSource:
    return FolderSource.model_validate({"path": str(path), **more})


def codes(snapshot: Snapshot) -> list[str]:
    return [problem.code for problem in snapshot.problems]


def test_a_path_that_does_not_exist_is_a_misuse_that_names_what_is_near(tmp_path: Path, fetch: Fetch) -> None:
    (tmp_path / "manifests").mkdir()
    with pytest.raises(Misuse, match="manifest does not exist") as raised:
        fetch(source(tmp_path / "manifest"))
    assert str(tmp_path / "manifests") in raised.value.remedy
    with pytest.raises(Misuse, match="does not exist"):
        fetch(source(tmp_path / "nowhere" / "at" / "all"))


def test_a_relative_path_is_told_as_it_was_typed(tmp_path: Path, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apps" / "sub").mkdir(parents=True)
    (tmp_path / "apps" / "sub" / "web.yaml").write_text(config_map("web"))
    monkeypatch.chdir(tmp_path)
    for path, file in (
        ("apps", "apps/sub/web.yaml"),
        ("./apps/", "./apps/sub/web.yaml"),
        ("apps/sub/web.yaml", "apps/sub/web.yaml"),
    ):
        (resource,) = fetch(source(path)).resources
        assert resource.origin is not None
        assert resource.origin.file == file
    with pytest.raises(Misuse) as raised:
        fetch(source("app"))
    assert raised.value.remedy == "did you mean apps?"


def test_an_empty_folder_is_no_success_but_a_warning(tmp_path: Path, fetch: Fetch) -> None:
    snapshot = fetch(source(tmp_path))
    (problem,) = snapshot.problems
    assert (problem.code, problem.severity) == (files.NO_MANIFESTS, Severity.WARNING)
    (tmp_path / "readme.md").write_text("hello")
    (tmp_path / "values.yaml").write_text("a: 1\n")
    (problem,) = fetch(source(tmp_path)).problems
    assert problem.code == files.NO_MANIFESTS
    assert "1 × no manifest" in problem.message


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path, fetch: Fetch) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(config_map(CANARY))
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "a.yaml").symlink_to(outside)
    (inside / "b.yaml").symlink_to("../outside.yaml")
    (inside / "c.yaml").symlink_to("/etc/passwd")
    (inside / "d.yaml").symlink_to("nowhere.yaml")
    (inside / "e.yaml").symlink_to("e.yaml")
    (inside / "deep").symlink_to(tmp_path)
    snapshot = fetch(source(inside))
    assert snapshot.resources == ()
    assert codes(snapshot) == [files.LINK] * 5
    assert all(CANARY not in str(problem) and "root:" not in str(problem) for problem in snapshot.problems)


def test_links_within_the_folder_are_read_once(tmp_path: Path, fetch: Fetch) -> None:
    (tmp_path / "real.yaml").write_text(config_map("real"))
    (tmp_path / "template.txt").write_text(config_map("hidden"))
    (tmp_path / "a.yaml").symlink_to("real.yaml")
    (tmp_path / "b.yaml").symlink_to("template.txt")
    (tmp_path / "again").symlink_to(".")
    snapshot = fetch(source(tmp_path))
    assert [(r.ref.name, Path(r.origin.file).name) for r in snapshot.resources if r.origin] == [
        ("hidden", "b.yaml"),
        ("real", "real.yaml"),
    ]
    assert snapshot.problems == ()


def test_a_folder_that_is_itself_a_link_is_read(tmp_path: Path, fetch: Fetch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "web.yaml").write_text(config_map("web"))
    (tmp_path / "link").symlink_to("real")
    assert len(fetch(source(tmp_path / "link")).resources) == 1


def test_pipes_and_large_files_neither_block_nor_fill_the_memory(tmp_path: Path, fetch: Fetch) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with (tmp_path / "large.yaml").open("wb") as stream:
        stream.truncate((64 << 20) + 1)
    (tmp_path / "web.yaml").write_text(config_map("web"))
    snapshot = fetch(source(tmp_path))
    assert len(snapshot.resources) == 1
    assert codes(snapshot) == [files.TOO_LARGE, files.UNREADABLE]
    assert snapshot.problems[0].severity is Severity.ERROR


def test_a_file_that_is_named_outright_may_be_larger(tmp_path: Path, fetch: Fetch) -> None:
    large = tmp_path / "bundle.yaml"
    limits = LimitSettings(file_mib=3)
    document = config_map("x", "y" * 1_000_000)
    large.write_text("---\n".join(document.replace("x\n", f"x{index}\n", 1) for index in range(4)))
    assert large.stat().st_size > limits.file_mib << 20
    snapshot = fetch(source(large).model_copy(update={"limits": limits}))
    assert (len(snapshot.resources), snapshot.problems) == (4, ())


def test_more_entries_than_any_source_has_are_refused(tmp_path: Path) -> None:
    for index in range(11):
        (tmp_path / f"{index}.txt").touch()
    with pytest.raises(Misuse, match="more than 10 files"):
        folder.gather(str(tmp_path), source="x", limits=LimitSettings(files=10))


def test_what_cannot_be_opened_is_a_problem_and_the_rest_is_read(
    tmp_path: Path, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("a.yaml")  # not even root can open a socket
        (tmp_path / "b.yaml").write_text(config_map("b"))
        snapshot = fetch(source(tmp_path))
    assert codes(snapshot) == [files.UNREADABLE]
    assert "a.yaml cannot be read" in snapshot.problems[0].message
    assert len(snapshot.resources) == 1


def test_names_that_are_no_utf8_or_drive_terminals_are_escaped(tmp_path: Path, fetch: Fetch) -> None:
    (tmp_path / "a\x1b[31m.yaml").write_text(config_map("a"))
    with open(os.fsencode(tmp_path) + b"/\xff.yaml", "w") as stream:
        stream.write(config_map("b"))
    names = [Path(r.origin.file).name for r in fetch(source(tmp_path)).resources if r.origin]
    assert names == ["a%1B[31m.yaml", "%FF.yaml"]


def test_the_folder_of_git_itself_is_passed_over_and_other_hidden_ones_are_not(tmp_path: Path, fetch: Fetch) -> None:
    for hidden in (".git", ".hidden"):
        (tmp_path / hidden).mkdir()
        (tmp_path / hidden / "web.yaml").write_text(config_map(hidden.strip(".")))
    assert [r.ref.name for r in fetch(source(tmp_path)).resources] == ["hidden"]


def test_an_lfs_pointer_is_no_empty_manifest(tmp_path: Path, fetch: Fetch) -> None:
    (tmp_path / "web.yaml").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    snapshot = fetch(source(tmp_path))
    assert codes(snapshot) == [files.LFS]
    assert snapshot.problems[0].severity is Severity.ERROR


def test_standard_input_is_read_to_its_end(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    given = config_map("a") + "---\n" + config_map("b")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    snapshot = fetch(source("-"))
    assert [str(r.place(("data", "a"))) for r in snapshot.resources] == ["<stdin>:7", "<stdin>:15"]
    assert snapshot.sources[0].name == "stdin"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b" \n")))
    assert codes(fetch(source("-"))) == [files.NO_MANIFESTS]


def test_a_named_pipe_that_is_named_outright_is_read(tmp_path: Path, fetch: Fetch) -> None:
    read, write = os.pipe()
    os.write(write, config_map("a").encode())
    os.close(write)
    try:
        assert len(fetch(source(f"/dev/fd/{read}")).resources) == 1
    finally:
        os.close(read)


def test_an_object_declared_twice_is_told_with_both_places_and_the_last_counts(tmp_path: Path, fetch: Fetch) -> None:
    (tmp_path / "a.yaml").write_text(config_map("x") + "---\n" + config_map("web", "1"))
    (tmp_path / "b.yaml").write_text(config_map("web", "2"))
    snapshot = fetch(source(tmp_path))
    (problem,) = snapshot.problems
    assert (problem.code, problem.severity) == (files.TWICE, Severity.WARNING)
    assert "a.yaml:9" in problem.message
    assert "b.yaml:1" in problem.message
    assert snapshot.by_ref[problem.ref].body["data"] == {"a": "2"}  # type: ignore[index]


def test_the_namespace_of_the_source_is_for_objects_that_name_none(tmp_path: Path, fetch: Fetch) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    (tmp_path / "b.yaml").write_text(config_map("b"))
    refs = [r.ref for r in fetch(source(tmp_path, namespace="given", appliers=("x",))).resources]
    assert [(ref.cluster, ref.namespace) for ref in refs] == [("test", "given"), ("test", "shop")]
    assert fetch(source(tmp_path)).resources[0].ref.namespace is None


def test_what_a_folder_does_not_hold_is_not_declared_and_no_cell_says_otherwise(tmp_path: Path, fetch: Fetch) -> None:
    (tmp_path / "a.yaml").write_text(config_map("a"))
    snapshot = fetch(source(tmp_path, name="apps", appliers=("argo",)))
    assert snapshot.otherwise is CellState.LISTED
    (said,) = snapshot.sources
    assert (said.name, said.revision, said.appliers) == ("apps", None, ("argo",))
    assert said.fetched_at is not None
