"""The whole line on real components: git over ssh and https, a real API server, real kubectl; what a user would type.

Each test has a control plane of its own, on which the built-in example is applied: shop by `kubectl apply`, data by
`kubectl apply --server-side`.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import example
from auditor.desired.example import make_repository
from tests.controlplane.fixtures import started
from tests.controlplane.plane import Plane, User
from tests.gitservers import HttpsServer, SshServer, https_server, ssh_server
from tests.record_example import apply, settled, wait_for, work_by_hand

pytestmark = [pytest.mark.component, pytest.mark.timeout(300)]
AUDITOR = Path(sys.executable).parent / "auditor"


@dataclass(frozen=True)
class Said:
    code: int
    data: dict[str, Any]
    err: str


def auditor(*args: object, home: Path) -> Said:
    done = subprocess.run(
        [AUDITOR, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")},
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout.startswith("{"), f"exit {done.returncode}: {done.stderr or done.stdout}"
    return Said(done.returncode, json.loads(done.stdout), done.stderr)


@pytest.fixture
def shop() -> Iterator[Plane]:
    """A control plane on which the example's second commit was applied and has settled."""
    with started() as plane:
        apply(plane, example.HERE / "commits/2")
        settled(plane)
        yield plane


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A bare repository with the example's first two commits: what was applied."""
    return example.repository(tmp_path / "served" / "shop.git", upto=2)


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(tmp_path / "sshd", tmp_path / "served") as server:
        yield server


@pytest.fixture
def https(tmp_path: Path) -> Iterator[HttpsServer]:
    with https_server(tmp_path / "https", tmp_path / "served", token="t0ken-canary-8d1f") as server:
        yield server


def settings_file(folder: Path, source: dict[str, Any], user: User, **more: Any) -> Path:
    file = folder / "settings.yaml"
    cluster = {"name": "test", "live": f"context:{user.name}", "kubeconfig": str(user.kubeconfig)}
    file.write_text(json.dumps({"sources": [{"folder": "apps", "name": "shop", **source}], "cluster": cluster, **more}))
    return file


def drift_of(said: Said) -> set[tuple[str, str, str]]:
    return {
        (drift["kind"], f"{drift['ref']['kind']}/{drift['ref']['name']}", change["path"] if change else "")
        for drift in said.data["drift"]
        if drift["direction"] != "git-ahead"
        for change in drift["changes"] or [None]
    }


def failing(said: Said, side: str) -> set[tuple[str, str]]:
    """(policy, file:line) of the findings of a side."""
    return {
        (verdict["policy"]["id"], f"{finding['place']['file']}:{finding['place']['line']}")
        for verdict in said.data["verdicts"]
        if verdict["outcome"] == "fail"
        for finding in verdict["findings"]
        if finding["side"] == side and finding["place"]
    }


def score_of(said: Said, name: str) -> float:
    (found,) = (one for one in said.data["scores"]["workloads"] if one["ref"]["name"] == name)
    score = found["score"]
    assert isinstance(score, float)
    return score


def test_untouched_then_changed_by_hand_over_ssh(shop: Plane, repository: Path, ssh: SshServer, tmp_path: Path) -> None:
    access = {"private_key_file": str(ssh.key), "known_hosts_file": str(ssh.known_hosts)}
    settings = settings_file(tmp_path, {"url": ssh.url(repository.name), "ssh": access}, shop.admin)
    before = auditor("audit", "--settings", settings, "-o", "json", home=tmp_path)
    assert before.data["drift"] == []
    assert before.data["not_compared"] == []
    assert before.data["coverage"]["ratio"] == 1.0
    assert before.code == 1, before.err
    both = failing(before, "both")
    assert ("POD001", "apps/shop/shell.yaml:3") in both
    assert ("PROBE001", "apps/shop/api.yaml:33") in both
    assert ("HIST001", "apps/shop/api.yaml:23") in failing(before, "git"), "what is declared is judged in git alone"
    assert any(policy == "CFG003" and place.startswith("apps/shop/api.yaml:") for policy, place in both)
    assert failing(before, "live") == set()

    work_by_hand(shop, tmp_path)
    wait_for(shop, "shop", "deployment/load-test")
    after = auditor("audit", "--settings", settings, "-o", "json", home=tmp_path)
    worker, api = "spec.template.spec.containers[name=worker]", "spec.template.spec.containers[name=api]"
    assert drift_of(after) == {
        ("modified", "Deployment/worker", f"{worker}.image"),
        ("modified", "Deployment/worker", f"{worker}.resources.limits.memory"),
        ("modified", "Deployment/api", f"{api}.env[name=DEBUG]"),
        ("modified", "Deployment/api", "spec.replicas"),
        ("missing", "Service/db-read", ""),
        ("unmanaged", "Deployment/load-test", ""),
    }
    changes = {c["path"]: c for drift in after.data["drift"] for c in drift["changes"]}
    image = changes[f"{worker}.image"]
    assert image["desired"].endswith("worker:2.8.1")
    assert image["live"].endswith("worker:2.9.0-hotfix")
    assert image["owner"]["manager"] == "kubectl-set"
    assert image["owner"]["class"] == "human"
    assert image["owner"]["certainty"] == "recorded"
    assert image["owner"]["time"]
    assert changes[f"{api}.env[name=DEBUG]"]["owner"]["manager"] == "kubectl-edit"
    scaled = changes["spec.replicas"]
    assert (scaled["desired"], scaled["live"]) == (2, 5)
    assert scaled["owner"]["subresource"] == "scale"
    assert scaled["owner"]["time"] is None
    removed = changes[f"{worker}.resources.limits.memory"]
    assert removed["owner"] is None or removed["owner"]["certainty"] != "recorded"
    limits = [
        finding["side"]
        for verdict in after.data["verdicts"]
        if verdict["policy"]["id"] == "RES003" and verdict["ref"]["name"] == "worker"
        for finding in verdict["findings"]
    ]
    assert limits == ["live"]
    assert score_of(after, "worker") < score_of(before, "worker")


def test_a_commit_that_is_not_applied_is_pending_and_what_left_git_is_orphaned(
    shop: Plane, tmp_path: Path, https: HttpsServer
) -> None:
    repository = example.repository(tmp_path / "served" / "shop.git")
    token = tmp_path / "token"
    token.write_text(f"{https.token}\n")
    access = {"token_file": str(token), "ca_file": str(https.ca_file)}
    source: dict[str, Any] = {"url": https.url(repository.name), "https": access}
    settings = settings_file(tmp_path, source, shop.admin)
    ahead = auditor("diff", "--settings", settings, "-o", "json", home=tmp_path)
    assert ahead.code == 0, (ahead.err, ahead.data)
    assert {(d["ref"]["name"], d["direction"], d["pending"]) for d in ahead.data["drift"]} == {
        ("web", "git-ahead", True)
    }

    last = example.commits()[-1]
    left = tmp_path / "left"
    shutil.copytree(last.files, left)
    (left / "apps/shop/cleanup.yaml").unlink()
    commits = (*example.commits(), dataclasses.replace(last, files=left, message="cleanup moves elsewhere"))
    source["url"] = https.url(make_repository(tmp_path / "served" / "left.git", commits).name)
    settings = settings_file(tmp_path, source, shop.admin)
    orphaned = auditor("diff", "--settings", settings, "-o", "json", home=tmp_path)
    assert ("orphaned", "CronJob/cleanup", "") in drift_of(orphaned)
    assert orphaned.code == 1


def test_what_a_token_may_not_list_is_denied_never_missing(shop: Plane, repository: Path, tmp_path: Path) -> None:
    kinds = (
        "pods,services,configmaps,replicationcontrollers,persistentvolumeclaims,limitranges,resourcequotas,serviceaccounts,"
        "deployments.apps,statefulsets.apps,daemonsets.apps,replicasets.apps,jobs.batch,cronjobs.batch,"
        "horizontalpodautoscalers.autoscaling,networkpolicies.networking.k8s.io,ingresses.networking.k8s.io,"
        "controllerrevisions.apps,endpointslices.discovery.k8s.io,endpoints,"
        "poddisruptionbudgets.policy,roles.rbac.authorization.k8s.io"
    )
    source = {"url": f"file://{repository}", "allow_local": True}
    one = shop.new_user()
    shop.allow(one, namespace="shop", resources=kinds)
    shop.allow(one, namespace=None, resources="namespaces")
    said = auditor("audit", "--settings", settings_file(tmp_path, source, one), "-o", "json", home=tmp_path)
    assert said.code == 4
    assert said.data["coverage"]["ratio"] < 1
    cells = said.data["coverage"]["cells"]
    data = {cell["state"] for cell in cells if cell["namespace"] == "data" and cell["kind"] != "Secret"}
    assert "denied" in data
    assert "listed" not in data
    assert {cell["state"] for cell in cells if cell["kind"] == "Secret"} <= {"excluded"}
    assert not [drift for drift in said.data["drift"] if drift["ref"]["namespace"] == "data"]
    assert {one["ref"]["name"] for one in said.data["not_compared"]} >= {"db", "db-read"}
    outcomes = {
        verdict["outcome"]
        for verdict in said.data["verdicts"]
        if verdict["ref"]["namespace"] == "data" and verdict["policy"]["id"] in ("RES003", "PROBE002")
    }
    assert outcomes == {"unknown"}

    two = shop.new_user()
    for namespace in ("shop", "data"):
        shop.allow(two, namespace=namespace, resources=f"{kinds},namespaces")
    whole = auditor("audit", "--settings", settings_file(tmp_path, source, two), "-o", "json", home=tmp_path)
    # the Roles that this test gave its users are in no source; nothing else differs
    assert {(one["ref"]["kind"], one["kind"]) for one in whole.data["drift"]} == {("Role", "unmanaged")}
    assert whole.code in (1, 4)
    listed = {(c["kind"], c["namespace"]): c["state"] for c in whole.data["coverage"]["cells"]}
    assert listed["Deployment", "shop"] == listed["StatefulSet", "data"] == "listed"
    assert whole.data["coverage"]["ratio"] == 1.0, [
        c for c in whole.data["coverage"]["cells"] if c["state"] != "listed"
    ]
    assert whole.code == 1
