"""The base on a real API server: it is accepted, it stays as it is, its Pod is admitted, its account can look and do no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest
import yaml

from tests.controlplane.plane import Plane, User
from tests.deploy.base import BASE, NAMESPACE, Object, files

pytestmark = pytest.mark.component

REVIEWS = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}
"""What every account may create by Kubernetes' own roles: questions about itself, which are stored nowhere."""


def named(each: Object) -> str:
    return f"{each['kind']}/{each['metadata']['name']}"


def cells(plane: Plane) -> list[tuple[str, str, dict[str, Any]]]:
    """(path of group and version, group, resource) of everything this server serves in its preferred version."""
    found = [("/api/v1", "", each) for each in plane.api("GET", "/api/v1").body["resources"]]
    for group in plane.api("GET", "/apis").body["groups"]:
        path = f"/apis/{group['preferredVersion']['groupVersion']}"
        found += [(path, group["name"], each) for each in plane.api("GET", path).body["resources"]]
    return found


def test_kustomize_renders_what_the_files_say(plane: Plane) -> None:
    rendered = {named(each): each for each in yaml.safe_load_all(plane.kubectl("kustomize", str(BASE)))}
    assert rendered == {named(each): each for each in files()}


def test_applying_it_again_changes_nothing(installed: Plane) -> None:
    before = json.loads(installed.kubectl("get", "-k", str(BASE), "-o", "json"))["items"]
    said = installed.kubectl("apply", "-k", str(BASE)).splitlines()
    assert len(said) == len(files())
    assert [line for line in said if not line.endswith(" unchanged")] == []
    after = json.loads(installed.kubectl("get", "-k", str(BASE), "-o", "json"))["items"]
    assert [each["spec"] for each in before if "spec" in each] == [each["spec"] for each in after if "spec" in each]


def test_the_server_agrees_to_every_field(installed: Plane) -> None:
    said = installed.kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "-k", str(BASE), "--force-conflicts"
    )
    assert len(said.splitlines()) == len(files())


def test_the_restricted_namespace_admits_the_pod(installed: Plane) -> None:
    deadline = time.monotonic() + 30
    while not (pods := installed.api("GET", f"/api/v1/namespaces/{NAMESPACE}/pods").body["items"]):
        assert time.monotonic() < deadline, installed.kubectl("-n", NAMESPACE, "get", "events")
        time.sleep(0.1)
    assert [each["spec"]["serviceAccountName"] for each in pods] == ["gitops-auditor"]


def test_the_account_is_told_it_may_get_and_list_and_no_more(installed: Plane, account: User) -> None:
    wish = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": NAMESPACE},
    }
    answer = installed.api("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", wish, user=account)
    status = answer.body["status"]
    assert status["incomplete"] is False
    beyond = [
        rule
        for rule in status["resourceRules"]
        if set(rule["verbs"]) - {"get", "list"} and set(rule["resources"]) - REVIEWS
    ]
    assert beyond == []
    assert {verb for rule in status["nonResourceRules"] for verb in rule["verbs"]} == {"get"}


def test_the_account_reads_every_built_in_kind_of_its_role_in_the_whole_cluster(
    installed: Plane, account: User
) -> None:
    role = next(each for each in files() if each["kind"] == "ClusterRole")
    named = {(group, plural) for rule in role["rules"] for group in rule["apiGroups"] for plural in rule["resources"]}
    asked = [f"{path}/{each['name']}" for path, group, each in cells(installed) if (group, each["name"]) in named]
    assert len(asked) >= 35
    refused = {
        path: code for path in asked if (code := installed.api("GET", f"{path}?limit=1", user=account).code) != 200
    }
    assert refused == {}


def test_no_kind_that_is_served_can_be_written_by_the_account(installed: Plane, account: User) -> None:
    done = []
    for path, _, each in cells(installed):
        if "/" in each["name"] or each["name"] in REVIEWS:
            continue
        where = f"{path}/namespaces/{NAMESPACE}/{each['name']}" if each["namespaced"] else f"{path}/{each['name']}"
        body = {"metadata": {"name": "gitops-auditor", "labels": {"written": "yes"}}}
        patch = "application/merge-patch+json"
        tried = {
            "create": installed.api("POST", where, body, user=account),
            "patch": installed.api("PATCH", f"{where}/gitops-auditor", body, user=account, content=patch),
            "replace": installed.api("PUT", f"{where}/gitops-auditor", body, user=account),
            "delete": installed.api("DELETE", f"{where}/gitops-auditor", user=account),
            "empty": installed.api("DELETE", where, user=account),
        }
        # 405: the kind knows no such verb for anybody
        done += [(verb, where, answer.code) for verb, answer in tried.items() if answer.code not in (403, 405)]
    assert done == []


def test_secrets_stay_closed_to_the_account(installed: Plane, account: User) -> None:
    where = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    installed.api("POST", where, {"metadata": {"name": "closed"}, "stringData": {"word": "canary"}})
    for path in (where, f"{where}/closed", "/api/v1/secrets", f"{where}?watch=true"):
        assert installed.api("GET", path, user=account).code == 403, path


@pytest.mark.parametrize(
    "path", ["pods/{pod}/exec", "pods/{pod}/log", "pods/{pod}/portforward", "serviceaccounts/gitops-auditor/token"]
)
def test_the_account_enters_no_pod_and_makes_no_token(installed: Plane, account: User, path: str) -> None:
    full = f"/api/v1/namespaces/{NAMESPACE}/{path.format(pod='any')}"
    assert installed.api("GET" if path.endswith("log") else "POST", full, {}, user=account).code == 403


def audit(user: User) -> tuple[int, dict[str, Any]]:
    """`auditor audit` of deploy/base against this server, as that user: its exit code, and what it says."""
    command = [
        sys.executable,
        "-m",
        "auditor",
        "audit",
        "--desired",
        str(BASE),
        "--live",
        f"context:{user.name}",
        "-o",
        "json",
    ]
    env = {**os.environ, "KUBECONFIG": str(user.kubeconfig)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=env)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


def test_what_was_applied_has_not_drifted_and_all_of_it_could_be_read(installed: Plane, account: User) -> None:
    code, found = audit(account)
    assert found["drift"] == []
    assert found["not_compared"] == []
    assert found["coverage"]["ratio"] == 1
    assert code == 0


def test_every_policy_can_be_answered_where_it_runs_and_finds_nothing(installed: Plane, account: User) -> None:
    ours = [
        each for each in audit(account)[1]["verdicts"] if NAMESPACE in (each["ref"]["namespace"], each["ref"]["name"])
    ]
    assert [each for each in ours if each["outcome"] not in ("pass", "not-applicable")] == []
    assert len(ours) > 40


def test_a_hand_that_weakens_the_pod_is_seen(installed: Plane, account: User) -> None:
    weaker = {
        "spec": {"template": {"spec": {"containers": [{"name": "auditor", "resources": {"limits": {"memory": None}}}]}}}
    }
    installed.kubectl("-n", NAMESPACE, "patch", "deployment/gitops-auditor", "-p", json.dumps(weaker))
    try:
        code, found = audit(account)
    finally:
        installed.kubectl("apply", "-k", str(BASE))
    (drift,) = found["drift"]
    assert [change["path"] for change in drift["changes"]] == [
        "spec.template.spec.containers[name=auditor].resources.limits.memory"
    ]
    assert code == 1
