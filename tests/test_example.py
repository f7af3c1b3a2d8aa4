"""The built-in example, audited in this process: what the demo shows, and what `--show-ignored` adds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor import desired
from auditor.audit import audit
from auditor.cli import example
from auditor.compliance import choose, load_catalogue
from auditor.kube.secrets import new_key
from auditor.live import read_dump
from auditor.model import Audit, Outcome
from auditor.publish import jsonform
from auditor.settings import FolderSource

AUDITOR = Path(sys.executable).parent / "auditor"


def audited(*, ignored: bool = False) -> Audit:
    key = new_key()
    source = FolderSource(path=str(example.HERE / "commits/2"))
    git = desired.fetch(source, cluster="demo", key=key, cache=None, deadline=time.monotonic() + 60)
    live = read_dump(example.LIVE, complete=False, cluster="demo", key=key)
    policies = choose(load_catalogue(), (), ())
    return audit(git, live, policies=policies, at=example.recorded_at(), cluster="demo", ignored=ignored)


def test_the_example_shows_every_kind_of_difference_and_covers_everything() -> None:
    found = audited()
    assert {(drift.kind.value, drift.ref.name) for drift in found.drift} == {
        ("modified", "api"),
        ("modified", "worker"),
        ("missing", "db-read"),
        ("unmanaged", "load-test"),
    }
    assert found.coverage.ratio == 1.0
    assert not [verdict for verdict in found.verdicts if verdict.outcome is Outcome.BROKEN]


def test_what_does_not_count_is_told_only_when_asked_and_with_its_reason() -> None:
    assert audited().ignored == ()
    ignored = audited(ignored=True).ignored
    assert {(one.ref.name, one.path) for one in ignored} >= {("api", "spec.clusterIP"), ("web", "spec.clusterIP")}
    assert all(one.reason for one in ignored)
    form = json.loads(jsonform.dumps(jsonform.audit_form(audited(ignored=True))))
    assert len(form["ignored"]) == len(ignored)


@pytest.mark.component
def test_the_demo_says_the_same_as_json_and_as_text_and_ends_well() -> None:
    said = subprocess.run([AUDITOR, "demo", "--once", "-o", "json"], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    form = json.loads(said.stdout)
    pending = [drift for drift in form["drift"] if drift["direction"] == "git-ahead"]
    assert [drift["ref"]["name"] for drift in pending] == ["web"]
    assert (len(form["drift"]) - len(pending), form["coverage"]["ratio"]) == (4, 1.0)
    text = subprocess.run([AUDITOR, "demo", "--once"], capture_output=True, text=True, timeout=60)
    assert (text.returncode, text.stderr) == (0, "")
    for words in (
        "kubectl-set (by hand)",
        "2.9.0-hotfix",
        "apps/shop/shell.yaml:3",
        "Score by namespace",
        "git is ahead",
    ):
        assert words in text.stdout
    assert "\x1b" not in text.stdout, "no colour in a pipe"
    assert "s3cr3t-in-plain-sight" not in text.stdout + said.stdout
