"""Odd days of a git source that the other modules do not have: histories that change under us, disks that are full, servers that
drip, many fetches, several processes at one clone."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor import desired
from auditor.desired import source_text
from auditor.kube.secrets import Key
from auditor.model import Misuse, Severity, Snapshot, Unavailable
from auditor.settings import GitSource
from tests.components import missing
from tests.desired.conftest import TOKEN, Fetch
from tests.desired.repositories import Made, config_map
from tests.gitservers import HttpsServer

pytestmark = pytest.mark.component


def names(snapshot: Snapshot) -> list[str]:
    return sorted(resource.ref.name for resource in snapshot.resources)


def test_a_commit_is_known_by_when_it_was_written_and_when_it_was_committed(
    made: Made, local: GitSource, fetch: Fetch
) -> None:
    tree = made.tree(f"100644 blob {made.blob(config_map('a'))}\ta.yaml".encode() + b"\0")
    who = "Ada <ada@example.com>"
    text = f"tree {tree}\nauthor {who} 1600000000 +0200\ncommitter {who} 1600090000 -0500\n\nrebased\n"
    commit = made.git("hash-object", "-w", "-t", "commit", "--stdin", given=text.encode())
    made.git("update-ref", "refs/heads/main", commit)
    (source,) = fetch(local).sources
    assert source.authored_at is not None
    assert source.commit_at is not None
    assert (source.authored_at.timestamp(), source.commit_at.timestamp()) == (1_600_000_000, 1_600_090_000)


def test_a_history_that_was_rewritten_is_said_once_and_one_that_grew_is_not(
    made: Made, local: GitSource, fetch: Fetch
) -> None:
    first = fetch(local).sources[0].revision
    made.commit({"a.yaml": config_map("a")})
    assert fetch(local).problems == ()
    made.commit({"b.yaml": config_map("b")}, parent=first)
    snapshot = fetch(local)
    assert names(snapshot) == ["b"]
    (problem,) = snapshot.problems
    assert (problem.code, problem.severity) == ("SRC109", Severity.INFO)
    assert "the history of main was rewritten" in problem.message
    assert fetch(local).problems == ()


def test_a_repository_that_was_replaced_by_another_is_followed(
    made: Made, local: GitSource, fetch: Fetch, tmp_path: Path
) -> None:
    fetch(local)
    shutil.rmtree(made.path)
    Made(made.path).commit({"other.yaml": config_map("other")}, parent=None)
    snapshot = fetch(local)
    assert names(snapshot) == ["other"]
    assert [problem.code for problem in snapshot.problems] == ["SRC109"]


def test_whatever_happens_to_a_branch_what_is_read_is_what_it_is(made: Made, local: GitSource, fetch: Fetch) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    commits = [made.git("rev-parse", "main")]
    for step in range(int(os.environ.get("REWRITES", "8"))):
        wanted = {f"m{n}" for n in range(6) if chance.random() < 0.5} | {f"s{step}"}
        parent = chance.choice([None, *commits])
        commits.append(made.commit({f"{name}.yaml": config_map(name) for name in wanted}, parent=parent))
        if chance.random() < 0.3:
            made.git("gc", "--quiet", "--prune=now")
            commits = [commits[-1]]
        if chance.random() < 0.3:
            made.git("reflog", "expire", "--expire=now", "--all")
            made.git("prune")
            commits = [commits[-1]]
        snapshot = fetch(local)
        assert names(snapshot) == sorted(wanted)
        assert snapshot.sources[0].revision == commits[-1]


def test_a_server_that_drips_is_given_up(made: Made, fetch: Fetch, https: HttpsServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    source = GitSource.model_validate(
        {
            "url": https.url(made.path.name),
            "https": {"token_file": token, "ca_file": https.ca_file},
            "timeout_seconds": 3,
        }
    )
    https.drips = True
    begun = time.monotonic()
    try:
        with pytest.raises(Unavailable) as raised:
            fetch(source)
    finally:
        https.released.set()
    assert raised.value.reason == "timeout"
    assert time.monotonic() - begun < 10


def _children() -> set[str]:
    """The processes that this one started and has not seen end."""
    return {pid for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()}


def test_many_fetches_leave_no_file_open_and_no_child(made: Made, local: GitSource, fetch: Fetch) -> None:
    fetch(local)
    before, children = len(os.listdir("/proc/self/fd")), _children()
    for step in range(8):
        made.commit({"a.yaml": config_map("a", str(step))})
        fetch(local)
    assert len(os.listdir("/proc/self/fd")) == before
    assert _children() == children


def test_several_processes_at_one_clone_read_the_same(made: Made, tmp_path: Path) -> None:
    made.commit({f"m{n}.yaml": config_map(f"m{n}") for n in range(50)})
    command = [
        Path(sys.executable).parent / "auditor",
        "manifests",
        "--desired",
        f"{made.path.as_uri()}@main",
        "-o",
        "json",
    ]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=env) for _ in range(3)]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert [text.count(b'"kind":"ConfigMap","namespace"') for text in said] == [50, 50, 50]


def test_a_full_disk_is_said_and_forgotten_once_there_is_room(
    made: Made, local: GitSource, key: Key, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        missing("not root, to mount a small disk", remedy="run the tests as root")
    made.commit({"a.yaml": config_map("a"), "large.bin": os.urandom(3 << 20)})
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False).returncode:
        missing("no small disk can be mounted", remedy="let the tests mount a tmpfs")

    def fetched() -> Snapshot:
        return desired.fetch(local, cluster="test", key=key, cache=disk / "c", deadline=time.monotonic() + 30)

    try:
        with pytest.raises(Unavailable) as raised:
            fetched()
        assert "no room" in raised.value.message
        assert "more room" in raised.value.remedy
        subprocess.run(["mount", "-o", "remount,size=32m", disk], check=True)
        assert names(fetched()) == ["a"]
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "2852039166", "[fe80::1]", "[::ffff:169.254.169.254]", "metadata.google.internal."]
)
def test_addresses_that_give_out_credentials_are_refused(host: str) -> None:
    with pytest.raises(Misuse):
        source_text.parse_source(f"https://{host}/r.git@main")
    with pytest.raises(Misuse):
        source_text.parse_source(f"ssh://git@{host}/r.git@main")
