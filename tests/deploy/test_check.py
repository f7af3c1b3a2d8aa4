"""Our own policies judge deploy/: a tool that asks for what it does not do itself is not believed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from auditor.audit import wanted
from auditor.compliance import load_catalogue
from auditor.kube.kinds import ADD_ONS, BUILT_IN
from tests.deploy.base import BASE, DEPLOY, files, one

RULES = one(files(), "ClusterRole")["rules"]
PLURALS = {(kind.group, kind.kind): kind.plural for table in (BUILT_IN, ADD_ONS) for kind in table.values()}

UNNAMED = {
    "secrets",  # whoever lists them reads their values
    # What the cluster writes for itself
    *(
        "certificatesigningrequests",
        "componentstatuses",
        "csinodes",
        "csistoragecapacities",
        "ipaddresses",
        "leasecandidates",
    ),
    *("leases", "podcertificaterequests", "resourcepoolstatusrequests", "resourceslices", "storageversionmigrations"),
    *("storageversions", "volumeattachments"),
}


def named(group: str, kind: str) -> bool:
    """Whether the role lets the auditor list a kind."""
    plural = PLURALS[group, kind]
    return any(group in rule["apiGroups"] and plural in rule["resources"] for rule in RULES)


def checked(*paths: Path) -> tuple[int, dict[str, Any]]:
    """The exit code of `auditor check`, and what it says."""
    command = [sys.executable, "-m", "auditor", "check", *map(str, paths), "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    code, found = checked(DEPLOY)
    assert code == 0
    return found


def test_what_is_worse_is_found(tmp_path: Path) -> None:
    text = (BASE / "deployment.yaml").read_text()
    (tmp_path / "deployment.yaml").write_text(text.replace("gitops-auditor:0.1.0", "gitops-auditor:latest"))
    assert [v for v in checked(tmp_path)[1]["verdicts"] if v["outcome"] == "fail"]


def test_no_policy_finds_anything_in_deploy_not_even_advice(found: dict[str, Any]) -> None:
    said = [(v["policy"]["id"], f["path"], f["message"]) for v in found["verdicts"] for f in v["findings"]]
    assert said == []
    assert found["problems"] == []


def test_nothing_is_waived_or_broken(found: dict[str, Any]) -> None:
    # what only a cluster can answer is unknown here, and answered in test_apply.py
    assert {verdict["outcome"] for verdict in found["verdicts"]} <= {"pass", "not-applicable", "unknown"}
    assert found["scores"]["cluster"]["score"] == 100


def test_the_role_names_every_kind_that_a_policy_asks_about() -> None:
    assert {(group, kind) for group, kind in wanted(None, load_catalogue()).kinds if not named(group, kind)} == {
        ("", "Secret")
    }


def test_the_role_names_every_kind_of_kubernetes_that_may_stand_in_git() -> None:
    assert {kind.plural for kind in BUILT_IN.values() if kind.listable and not named(kind.group, kind.kind)} == UNNAMED
