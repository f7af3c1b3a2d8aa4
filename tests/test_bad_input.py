"""What a user gets wrong, through the command line: one clear sentence, the mend, the exit code, no traceback, no credential."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.cli import example

pytestmark = pytest.mark.component  # git, and some thirty processes
AUDITOR = Path(sys.executable).parent / "auditor"
CANARIES = ("kube-canary-1", "pw-canary-2", "token-canary-3", "env-canary-4")
MANIFESTS = example.HERE / "commits/1"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


def auditor(*args: object, folder: Path, environ: dict[str, str] | None = None) -> Said:
    done = subprocess.run(
        [AUDITOR, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            **(environ or {}),
        },
    )
    for canary in CANARIES:
        assert canary not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a repository, an empty one, kubeconfigs and a settings file full of mistakes."""
    example.repository(tmp_path / "shop.git")
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "empty.git"], check=True)
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": CANARIES[0]}}],
        "contexts": [{"name": "nowhere", "context": {"cluster": "c", "user": "u"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    (tmp_path / "typo.yaml").write_text(
        "sources:\n- url: https://127.0.0.1:1/x.git\n  revison: main\n  https: {token: token-canary-3}\nclustr:\n  name: x\n"
    )
    (tmp_path / "broken.yaml").write_text("store:\n  url: [sqlite\n")
    return tmp_path


CASES: Sequence[tuple[str, Sequence[object], int, Sequence[str]]] = (
    ("a missing folder", ["check", "nope"], 2, ["nope does not exist"]),
    ("an unknown option", ["check", "--nope"], 2, ["No such option"]),
    ("an unknown policy", ["check", MANIFESTS, "--select", "POD01"], 2, ["'POD01'", "POD001"]),
    ("an empty repository", ["manifests", "--desired", "file://{f}/empty.git"], 3, ["is empty", "push a first commit"]),
    ("a wrong branch", ["manifests", "--desired", "file://{f}/shop.git@mian"], 3, ["mian", "did you mean main?"]),
    ("a wrong folder", ["manifests", "--desired", "file://{f}/shop.git@main//app"], 3, ["no folder app", "apps"]),
    ("a repository that vanished", ["manifests", "--desired", "file://{f}/gone.git"], 3, ["no repository"]),
    ("a credential in a URL", ["manifests", "--desired", "https://u:pw-canary-2@127.0.0.1/x.git"], 2, ["credential"]),
    ("plain http", ["manifests", "--desired", "http://127.0.0.1/x.git"], 2, ["http"]),
    ("an option for a URL", ["manifests", "--desired", "--upload-pack=touch x"], 2, ["--upload-pack"]),
    ("a transport that runs code", ["manifests", "--desired", "ext::sh -c touch% x"], 2, ["ext"]),
    (
        "a server that is not there",
        ["diff", "--desired", MANIFESTS, "--live", "context:nowhere"],
        3,
        ["nobody listens"],
    ),
    ("an unknown context", ["diff", "--desired", MANIFESTS, "--live", "context:nowhre"], 2, ["nowhre", "nowhere"]),
    ("no cluster around", ["diff", "--desired", MANIFESTS, "--live", "in-cluster"], 2, ["not a Pod", "--live context"]),
    ("a dump that is not there", ["diff", "--desired", MANIFESTS, "--live", "nope.json"], 2, ["nope.json"]),
    ("nothing to compare", ["diff", "--live", "context:nowhere"], 2, ["--desired"]),
    ("a typo in settings", ["config", "check", "typo.yaml"], 2, ["typo.yaml:3", "revision", "typo.yaml:5", "cluster?"]),
    ("settings that are no YAML", ["config", "check", "broken.yaml"], 2, ["broken.yaml:"]),
    ("settings that are not there", ["serve", "--settings", "nope.yaml"], 2, ["nope.yaml"]),
    ("no settings for the daemon", ["serve"], 2, ["--settings"]),
    ("a time that is none", ["check", MANIFESTS, "--at", "yesterday"], 2, ["yesterday", "2026-"]),
    (
        "a database in no folder",
        ["audit", "--desired", MANIFESTS, "--live", example.LIVE, "--database", "sqlite:////nope/x.db"],
        3,
        ["/nope/x.db"],
    ),
    ("a report from nothing", ["report", "--database", "mysql://x/y"], 2, ["mysql"]),
)


@pytest.mark.parametrize(("args", "code", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_input_gives_a_sentence_and_the_mend(
    args: Sequence[object], code: int, words: Sequence[str], folder: Path
) -> None:
    given = [str(arg).replace("{f}", str(folder)) for arg in args]
    said = auditor(*given, folder=folder, environ={"KUBECONFIG": str(folder / "kubeconfig")})
    assert said.code == code, said
    assert said.out == ""
    for word in words:
        assert word in said.err
    assert not (folder / "x").exists()


def test_a_typo_in_the_environment_is_refused_but_service_links_are_not(folder: Path) -> None:
    wrong = auditor("config", "print", folder=folder, environ={"AUDITOR_STOER__URL": CANARIES[3]})
    assert (wrong.code, "AUDITOR_STORE__URL" in wrong.err) == (2, True)
    links = {"AUDITOR_SERVICE_HOST": "10.0.0.1", "AUDITOR_PORT_8080_TCP_ADDR": "10.0.0.1", "AUDITOR_PORT": "tcp://x"}
    assert auditor("config", "print", folder=folder, environ=links).code == 0


def test_a_database_of_a_newer_version_is_refused_and_left_alone(folder: Path) -> None:
    database = f"sqlite:///{folder}/auditor.db"
    audit = ["audit", "--desired", MANIFESTS, "--live", example.LIVE, "--database", database]
    assert auditor(*audit, folder=folder).code == 1
    with sqlite3.connect(folder / "auditor.db") as db:
        db.execute("update alembic_version set version_num = '9999_from_the_future'")
    db.close()
    before = (folder / "auditor.db").read_bytes()
    said = auditor(*audit, folder=folder)
    assert said.code == 3
    assert "newer" in said.err
    assert (folder / "auditor.db").read_bytes() == before
