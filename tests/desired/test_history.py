"""What git remembers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from auditor import desired
from auditor.desired import history
from auditor.kube.secrets import Key
from auditor.model import Earlier, Ref, Sealed, Unavailable
from auditor.settings import FolderSource, GitSource
from tests.desired.conftest import Fetch
from tests.desired.repositories import Made, config_map

pytestmark = pytest.mark.component  # git itself


@pytest.fixture
def repository(tmp_path: Path) -> Made:
    return Made(tmp_path / "h.git")


@pytest.fixture
def source(repository: Made) -> GitSource:
    return GitSource.model_validate({"url": repository.path.as_uri(), "allow_local": True, "folder": "apps"})


def ref(name: str, kind: str = "ConfigMap") -> Ref:
    return Ref("test", "", kind, "shop", name)


def values(states: tuple[Earlier, ...]) -> list[tuple[str, str | None]]:
    return [(state.revision, None if state.body is None else state.body["data"]["a"]) for state in states]


def looked_back(source: GitSource, fetch: Fetch, cache: Path, key: Key, **more: int) -> dict[Ref, tuple[Earlier, ...]]:
    revision = fetch(source).sources[0].revision
    assert revision is not None
    return dict(desired.earlier(source, revision, cache=cache, key=key, cluster="test", **more))


def test_each_state_is_told_newest_first_by_the_commit_that_made_it(
    repository: Made, source: GitSource, fetch: Fetch, cache: Path, key: Key
) -> None:
    one = repository.commit({"apps/a.yaml": config_map("a", "1"), "apps/same.yaml": config_map("same")})
    two = repository.commit(
        {"apps/a.yaml": config_map("a", "2"), "apps/same.yaml": config_map("same"), "other/x.yaml": config_map("x")}
    )
    repository.commit({"apps/a.yaml": config_map("a", "3"), "apps/same.yaml": config_map("same") + "# remark\n"})
    told = looked_back(source, fetch, cache, key)
    assert values(told[ref("a")]) == [(two, "2"), (one, "1"), ("", None)]
    assert values(told[ref("same")]) == [("", None)]
    assert ref("x") not in told


def test_beyond_the_commits_looked_at_the_parent_is_named(
    repository: Made, source: GitSource, fetch: Fetch, cache: Path, key: Key
) -> None:
    commits = [
        repository.commit({"apps/a.yaml": config_map("a", str(n)), "apps/b.yaml": config_map("b")}) for n in range(5)
    ]
    told = looked_back(source, fetch, cache, key, commits=2)
    assert values(told[ref("a")]) == [(commits[3], "3"), (commits[2], "2")]
    assert ref("b") not in told


def test_objects_that_came_went_and_moved_are_told_by_object_not_by_file(
    repository: Made, source: GitSource, fetch: Fetch, cache: Path, key: Key
) -> None:
    one = repository.commit({"apps/a.yaml": config_map("a") + "---\n" + config_map("gone", "7")})
    two = repository.commit({"apps/moved.yaml": config_map("a"), "apps/new.yaml": config_map("new")})
    told = looked_back(source, fetch, cache, key)
    assert values(told[ref("a")]) == [("", None)]
    assert values(told[ref("gone")]) == [(one, "7"), ("", None)]
    assert values(told[ref("new")]) == [(one, None)]
    repository.commit({"apps/moved.yaml": config_map("a", "2")})
    told = looked_back(source, fetch, cache, key)
    assert values(told[ref("a")]) == [(one, "1"), ("", None)]
    assert values(told[ref("new")]) == [(two, "1"), (one, None)]


def test_secrets_of_the_past_are_sealed_and_not_kept(
    repository: Made, source: GitSource, fetch: Fetch, cache: Path, key: Key
) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: shop}}\nstringData: {{a: canary-{}}}\n"
    repository.commit({"apps/s.yaml": secret.format(1)})
    repository.commit({"apps/s.yaml": secret.format(2)})
    (state, _) = looked_back(source, fetch, cache, key)[ref("s", "Secret")]
    assert state.body is not None
    assert isinstance(state.body["stringData"]["a"], Sealed)
    kept = list(cache.glob("parsed/*"))
    assert not any(b"canary" in path.read_bytes() or b"sealed" in path.read_bytes() for path in kept)


def test_a_merge_counts_as_the_one_change_it_brought(
    repository: Made, source: GitSource, fetch: Fetch, cache: Path, key: Key
) -> None:
    base = repository.commit({"apps/a.yaml": config_map("a", "1"), "apps/b.yaml": config_map("b", "1")})
    side = base
    for number in (2, 3):
        side = repository.commit(
            {"apps/a.yaml": config_map("a", str(number)), "apps/b.yaml": config_map("b", "1")},
            branch="side",
            parent=side,
        )
    mine = repository.commit({"apps/a.yaml": config_map("a", "1"), "apps/b.yaml": config_map("b", "2")})
    tree = repository.commit(
        {"apps/a.yaml": config_map("a", "3"), "apps/b.yaml": config_map("b", "2")}, branch="tmp", parent=None
    )
    merge = repository.git("commit-tree", f"{tree}^{{tree}}", "-p", mine, "-p", side, "-m", "merge")
    repository.git("update-ref", "refs/heads/main", merge)
    told = looked_back(source, fetch, cache, key)
    assert values(told[ref("a")]) == [(base, "1"), ("", None)]
    assert values(told[ref("b")]) == [(base, "1"), ("", None)]


def test_a_broken_past_hinders_nobody(repository: Made, source: GitSource, fetch: Fetch, cache: Path, key: Key) -> None:
    repository.commit({"apps/a.yaml": config_map("a", "1")})
    repository.commit({"apps/a.yaml": "[" * 100_000, "apps/link.yaml": "-> /etc/passwd"})
    three = repository.commit({"apps/a.yaml": config_map("a", "3"), "apps/big.yaml": "x" * (4 << 20)})
    repository.commit({"apps/a.yaml": config_map("a", "4")})
    assert values(looked_back(source, fetch, cache, key)[ref("a")])[0] == (three, "3")


def test_more_past_than_may_be_read_is_not_looked_at(
    repository: Made, source: GitSource, fetch: Fetch, cache: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = [repository.commit({"apps/a.yaml": config_map("a", str(n))}) for n in range(6)]
    monkeypatch.setattr(history, "MOST_BLOBS", 3)
    assert values(looked_back(source, fetch, cache, key)[ref("a")]) == [(commits[4], "4"), (commits[3], "3")]


def test_commits_are_told_with_author_subject_and_time(
    repository: Made, source: GitSource, fetch: Fetch, cache: Path
) -> None:
    one = repository.commit({"apps/a.yaml": config_map("a")}, message="first\n\nand more")
    repository.commit({"apps/a.yaml": config_map("a"), "x": "y"}, message="elsewhere")
    two = repository.commit({"apps/a.yaml": config_map("a", "2")}, message="evil \x1b[31m \x1e \x1f subject")
    fetch(source)
    told = desired.commits(source, two, cache=cache)
    assert [(c.revision, c.author, c.subject) for c in told] == [
        (two, "Ada", "evil %1B[31m %1E %1F subject"),
        (one, "Ada", "first"),
    ]
    assert told[1].at.timestamp() == 1_700_000_060
    assert [change.name for change in told[0].changes] == ["apps/a.yaml"]
    assert desired.commits(source, two, cache=cache, count=1) == told[:1]


def test_a_time_that_no_calendar_knows_is_no_failure(
    repository: Made, source: GitSource, fetch: Fetch, cache: Path
) -> None:
    repository.commit({"apps/a.yaml": config_map("a")})
    text = repository.git("cat-file", "commit", "main").replace("1700000060", "99999999999999")
    commit = repository.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", given=text.encode() + b"\n")
    repository.git("update-ref", "refs/heads/main", commit)
    snapshot = fetch(source)
    assert snapshot.sources[0].commit_at is not None
    assert desired.commits(source, commit, cache=cache)[0].at.year in (1970, 9999)


def test_what_was_never_fetched_is_said(source: GitSource, cache: Path, key: Key, repository: Made) -> None:
    for revision in ("1" * 40, "main", "--output=/tmp/x"):
        with pytest.raises(Unavailable):
            desired.earlier(source, revision, cache=cache, key=key, cluster="")
        with pytest.raises(Unavailable):
            desired.commits(source, revision, cache=cache)


def test_a_folder_on_disk_remembers_nothing(cache: Path, key: Key) -> None:
    source = FolderSource.model_validate({"path": "x"})
    assert desired.earlier(source, "1" * 40, cache=cache, key=key, cluster="") == {}
    assert desired.commits(source, "1" * 40, cache=cache) == ()


def test_looking_back_at_a_large_commit_is_quick_the_second_time(
    repository: Made, source: GitSource, fetch: Fetch, cache: Path, key: Key
) -> None:
    for number in range(2):
        repository.commit({f"apps/{n}.yaml": config_map(f"m{n}", str(number)) for n in range(50)})
    first = looked_back(source, fetch, cache, key)
    revision = fetch(source).sources[0].revision
    assert revision is not None
    begun = time.monotonic()
    assert dict(desired.earlier(source, revision, cache=cache, key=key, cluster="test")) == first
    assert time.monotonic() - begun < 5
