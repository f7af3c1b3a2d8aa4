"""Commits as attackers write them: nothing outside the tree is read, nothing grows without bound, nothing runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from auditor.desired import files
from auditor.model import Severity, Snapshot, Unavailable
from auditor.settings import GitSource, LimitSettings
from tests.desired.conftest import Fetch
from tests.desired.repositories import Made, config_map

pytestmark = pytest.mark.component  # git itself


def read(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(r.ref.name, r.origin.file) for r in snapshot.resources if r.origin]


def told(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(problem.code, problem.place.file) for problem in snapshot.problems if problem.place]


def within(source: GitSource, folder: str) -> GitSource:
    return GitSource.model_validate(source.model_dump() | {"folder": folder})


def test_links_are_resolved_within_the_tree_alone(made: Made, local: GitSource, fetch: Fetch) -> None:
    made.commit(
        {
            "apps/a.yaml": "-> /etc/passwd",
            "apps/b.yaml": "-> ../../../../../../etc/passwd",
            "apps/c.yaml": "-> ../other/x.yaml",
            "apps/d.yaml": "-> nowhere.yaml",
            "apps/e.yaml": "-> e.yaml",
            "apps/f.yaml": "-> chain0",
            **{f"apps/chain{n}": f"-> chain{n + 1}" for n in range(20)},
            "apps/g.yaml": "-> ../other",
            "apps/h.yaml": "-> ../text.txt",
            "apps/i.yaml": "-> apps-real.yaml",
            "apps/j.yaml": "-> ",
            "apps/apps-real.yaml": config_map("real"),
            "other/x.yaml": "-> y.yaml",
            "other/y.yaml": config_map("why"),
            "text.txt": config_map("text"),
        }
    )
    snapshot = fetch(within(local, "apps"))
    assert read(snapshot) == [("real", "apps/apps-real.yaml"), ("why", "apps/c.yaml"), ("text", "apps/h.yaml")]
    assert told(snapshot) == [(files.LINK, f"apps/{letter}.yaml") for letter in "abdefj"]
    assert all(problem.severity is Severity.WARNING for problem in snapshot.problems)
    said = [problem.message.split(" is a link that ")[1][:12] for problem in snapshot.problems]
    assert said == ["leads out of", "leads out of", "leads nowher", "leads to ano", "leads to ano", "leads out of"]


def test_a_link_whose_target_is_read_anyway_is_not_read_twice(made: Made, local: GitSource, fetch: Fetch) -> None:
    made.commit({"a.yaml": "-> b.yaml", "b.yaml": config_map("b")})
    snapshot = fetch(local)
    assert (read(snapshot), snapshot.problems) == ([("b", "b.yaml")], ())


def test_a_link_with_a_long_target_costs_nothing(made: Made, local: GitSource, fetch: Fetch) -> None:
    made.commit({"a.yaml": "-> " + "../" * 100_000 + "x", "b.yaml": config_map("b")})
    assert told(fetch(local)) == [(files.LINK, "a.yaml")]


def test_submodules_are_told_and_not_followed(made: Made, local: GitSource, fetch: Fetch, tmp_path: Path) -> None:
    evil = f'[submodule "lib"]\n\tpath = lib\n\turl = ext::touch {tmp_path / "ran"}\n'
    made.commit_entries(
        {
            "lib": ("160000", "1" * 40),
            "lib.yaml": ("160000", "2" * 40),
            ".gitmodules": ("100644", made.blob(evil)),
            "a.yaml": ("100644", made.blob(config_map("a"))),
        }
    )
    snapshot = fetch(local)
    assert told(snapshot) == [(files.SUBMODULE, "lib"), (files.SUBMODULE, "lib.yaml")]
    assert not (tmp_path / "ran").exists()
    assert snapshot.problems[0].severity is Severity.INFO
    assert read(snapshot) == [("a", "a.yaml")]


@pytest.mark.parametrize("name", [b"..", b".git", b".", b"a/b", b"", b"git~1", b".GIT"])
def test_names_that_would_leave_the_tree_are_refused(name: bytes, made: Made, local: GitSource, fetch: Fetch) -> None:
    inner = made.tree(b"100644 blob " + made.blob(config_map("x")).encode() + b"\tx.yaml\0")
    made.commit_tree(made.raw_tree([(b"40000", name, inner)]))
    with pytest.raises(Unavailable, match=r"not sound|git failed"):
        fetch(local)


def test_a_few_objects_that_unfold_to_billions_of_files_are_refused_at_once(
    made: Made, local: GitSource, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = made.blob(config_map("x"))
    line = b"100644 blob %s\tf%d.yaml\0"
    for _ in range(10):
        inner = made.tree(b"".join(line % (inner.encode(), n) for n in range(10)))
        line = b"040000 tree %s\td%d\0"
    made.commit_tree(inner)
    begun = time.monotonic()
    with pytest.raises(Unavailable, match=r"more than 200,000 files") as raised:
        fetch(local)
    assert time.monotonic() - begun < 20
    assert "folder" in raised.value.remedy
    monkeypatch.undo()
    assert len(fetch(within(local, "/".join(["d0"] * 8))).resources) == 100


def limited(source: GitSource, **limits: int) -> GitSource:
    return source.model_copy(update={"limits": LimitSettings(**limits)})


def test_the_count_of_files_is_capped_too(
    made: Made, local: GitSource, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = limited(local, files=5)
    made.commit({f"{n}.txt": "" for n in range(5)})
    assert told(fetch(local)) == [(files.NO_MANIFESTS, "the repository")]
    made.commit({f"{n}.txt": "" for n in range(6)})
    with pytest.raises(Unavailable, match="more than 5 files"):
        fetch(local)


def test_large_files_and_lfs_pointers_are_told_and_the_others_are_read(
    made: Made, local: GitSource, fetch: Fetch
) -> None:
    made.commit(
        {
            "bomb.yaml": b"\0" * (20 << 20),
            "large.json": b"x" * ((3 << 20) + 1),
            "lfs.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "most.yaml": config_map("most") + "#" * ((3 << 20) - 200),
            "photo.png": os.urandom(100),
        }
    )
    snapshot = fetch(limited(local, file_mib=3))
    assert told(snapshot) == [(files.TOO_LARGE, "bomb.yaml"), (files.TOO_LARGE, "large.json"), (files.LFS, "lfs.yaml")]
    assert read(snapshot) == [("most", "most.yaml")]


def test_more_text_than_any_source_has_is_refused(
    made: Made, local: GitSource, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit({f"{n}.yaml": config_map(f"m{n}") + "#" * 300_000 for n in range(4)})
    local = limited(local, source_mib=1)
    with pytest.raises(Unavailable, match="holds more than"):
        fetch(local)


def test_odd_names_are_names_and_nothing_else(made: Made, local: GitSource, fetch: Fetch) -> None:
    odd = [
        "--upload-pack=x.yaml",
        "-n.yaml",
        ":(exclude)x.yaml",
        "a\tb.yaml",
        'q"q.yaml',
        "new\nline.yaml",
        "é.yaml",
        "\udcff.yaml",
        "esc\x1b[0m.yaml",
        "x:y.yaml",
        "*.yaml",
    ]
    made.commit({name: config_map(f"m{number}") for number, name in enumerate(odd)})
    found = dict(read(fetch(local)))
    assert [found[f"m{number}"] for number in range(len(odd))] == [
        "--upload-pack=x.yaml", "-n.yaml", ":(exclude)x.yaml", "a%09b.yaml", 'q"q.yaml', "new%0Aline.yaml", "é.yaml", "%FF.yaml", "esc%1B[0m.yaml", "x:y.yaml", "*.yaml",
    ]  # fmt: skip


def test_a_folder_that_looks_like_a_pattern_is_a_folder(made: Made, local: GitSource, fetch: Fetch) -> None:
    made.commit({":(exclude)a/x.yaml": config_map("x"), "*/y.yaml": config_map("why"), "a/z.yaml": config_map("z")})
    assert read(fetch(within(local, ":(exclude)a"))) == [("x", ":(exclude)a/x.yaml")]
    assert read(fetch(within(local, "*"))) == [("why", "*/y.yaml")]


def test_hooks_attributes_and_filters_do_nothing(made: Made, local: GitSource, fetch: Fetch, tmp_path: Path) -> None:
    made.commit(
        {".gitattributes": "*.yaml filter=evil text eol=crlf export-subst ident\n", "a.yaml": config_map("$Id$")}
    )
    for hook in ("post-checkout", "reference-transaction", "post-merge"):
        path = made.path / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
        path.chmod(0o755)
    assert read(fetch(local)) == [("$Id$", "a.yaml")]
    assert not (tmp_path / "ran").exists()


def test_a_commit_without_manifests_is_a_warning(made: Made, local: GitSource, fetch: Fetch) -> None:
    made.commit({"README.md": "x"})
    assert told(fetch(local)) == [(files.NO_MANIFESTS, "the repository")]


def test_one_broken_document_costs_its_neighbours_nothing(made: Made, local: GitSource, fetch: Fetch) -> None:
    made.commit({"a.yaml": config_map("a") + "---\nkind: [\n---\n" + config_map("b"), "b.yaml": config_map("c")})
    snapshot = fetch(local)
    assert [name for name, _ in read(snapshot)] == ["a", "b", "c"]
    (problem,) = snapshot.problems
    assert problem.severity is Severity.ERROR
    assert problem.place is not None
    assert problem.place.file == "a.yaml"
