"""A dump holds what was read and says what was not; no secret value is in it; and what anybody else wrote is read without belief."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.secrets import new_key, seal
from auditor.live.dump import read_dump, write_dump
from auditor.model import Cell, CellState, Misuse, Problem, Ref, Resource, Sealed, Severity, Snapshot, Source
from policies.literal_credential.policy import literal_credential
from tests.controlplane.plane import Plane

KEY = new_key()
CANARY = "canary-7d793037a076"


def resource(body: dict[str, Any]) -> Resource:
    group, _, _ = body["apiVersion"].rpartition("/")
    metadata = body["metadata"]
    ref = Ref("c", group, body["kind"], metadata.get("namespace"), metadata["name"])
    return Resource(ref, body["apiVersion"], seal(body, KEY))


def config_map(name: str = "one", **data: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "a"}, "data": data}


def secret(**data: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "a"}, "data": data}


def deployment(*env: dict[str, Any]) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "web", "env": list(env)}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "a"},
        "spec": {"template": template},
    }


def text(*bodies: Any) -> bytes:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(bodies)}).encode()


def read(data: bytes | Path | list[Path], *, complete: bool = False) -> Snapshot:
    return read_dump(data, complete=complete, cluster="c", key=KEY)


# --- what must not be in it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        secret(password=CANARY),
        {**secret(), "stringData": {"password": CANARY}},
        deployment({"name": "DB_PASSWORD", "value": CANARY}),
        deployment({"name": "DATABASE_URL", "value": f"postgres://app:{CANARY}@db/app"}),
        deployment({"name": "KEY", "value": f"-----BEGIN PRIVATE KEY-----\n{CANARY}"}),
        config_map(**{"db.password": CANARY}),
        config_map(settings=f"url: https://user:{CANARY}@host/"),
        {**config_map(), "binaryData": {"token": CANARY}},
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "x", "namespace": "a"},
            "spec": {"source": {"helm": {"parameters": [{"name": "db.password", "value": CANARY}]}}},
        },
    ],
)
def test_nothing_that_looks_like_a_credential_is_in_a_dump(body: dict[str, Any]) -> None:
    metadata = {
        **body["metadata"],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(body)},
    }
    for each in (body, {**body, "metadata": metadata}):
        dump = write_dump(Snapshot((resource(each),)))
        assert CANARY.encode() not in dump
        (back,) = read(dump).resources
        assert back.ref == resource(each).ref
        assert b'"redacted":true' in dump


def test_a_last_applied_configuration_that_cannot_be_taken_apart_is_left_out() -> None:
    metadata = {
        "name": "x",
        "namespace": "a",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{" + CANARY},
    }
    assert CANARY.encode() not in write_dump(Snapshot((resource({**config_map(), "metadata": metadata}),)))


@given(
    names=st.lists(st.sampled_from(["PASSWORD", "token", "api_key", "harmless", "x"]), max_size=4),
    value=st.text(min_size=6),
)
def test_values_of_secrets_are_in_no_dump(names: list[str], value: str) -> None:
    value = f"{CANARY}{value}"
    dump = write_dump(Snapshot((resource(secret(**dict.fromkeys(names, value))),)))
    assert CANARY.encode() not in dump


def test_what_was_removed_compares_as_unknown_also_with_itself() -> None:
    dump = write_dump(
        Snapshot((resource(secret(a=CANARY, b=CANARY)), resource(deployment({"name": "PASSWORD", "value": CANARY}))))
    )
    one, other = read(dump), read(dump)
    values = [each.body["data"][key] for side in (one, other) for each in side.of_kind("", "Secret") for key in "ab"]
    values.append(
        one.of_kind("apps", "Deployment")[0].body["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"]
    )
    values.append(resource(secret(a=CANARY)).body["data"]["a"])
    assert all(isinstance(value, Sealed) for value in values)
    assert [a.same_as(b) for n, a in enumerate(values) for b in values[n + 1 :]].count(True) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", CANARY),
        ("URL", f"postgres://app:{CANARY}@db"),
        ("K", f"-----BEGIN PRIVATE KEY-----\n{CANARY}"),
        ("MODE", "fast"),
    ],
)
def test_a_credential_that_a_dump_lacks_is_found_in_it_all_the_same(name: str, value: str) -> None:
    """What is removed must not pass for what was never there."""
    before = resource(deployment({"name": name, "value": value}))
    (after,) = read(write_dump(Snapshot((before,)))).resources

    def found(each: Resource) -> list[tuple[Any, Any]]:
        return [(fault.path, fault.severity) for fault in literal_credential.rule(each, None)]

    assert found(after) == found(before)
    assert bool(found(after)) is (name != "MODE")


def test_facts_about_a_removed_value_are_kept() -> None:
    dump = write_dump(Snapshot((resource(secret(empty="", placeholder="Y2hhbmdlbWU=")),)))
    data = read(dump).resources[0].body["data"]
    assert {name: set(value.facts) for name, value in data.items()} == {
        "empty": {"empty"},
        "placeholder": {"placeholder"},
    }


def test_a_value_that_somebody_put_into_a_dump_by_hand_is_sealed() -> None:
    dump = write_dump(Snapshot((resource(secret(a="dmFsdWU=")),)))
    by_hand = dump.replace(b'{"redacted":true,"facts":[]}', b'"Y2FuYXJ5"')
    assert by_hand != dump
    for each in (by_hand, text(secret(a="Y2FuYXJ5"))):
        (back,) = read(each).resources
        assert isinstance(back.body["data"]["a"], Sealed)


# --- there and back ----------------------------------------------------------------------------------------------------


def test_a_dump_comes_back_as_it_was() -> None:
    cells = (
        Cell("", "ConfigMap", "a", CellState.LISTED, "", 1),
        Cell("apps", "Deployment", "a", CellState.DENIED, "forbidden"),
        Cell("", "Secret", None, CellState.EXCLUDED, "not read"),
    )
    managed = [{"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:data": {}}}]
    body = config_map(k="é\u2028\x7f")
    body["metadata"]["managedFields"] = managed
    snapshot = Snapshot(
        resources=(resource(body),),
        problems=(Problem("SRC301", Severity.WARNING, "one object", "look at it"),),
        cells=cells,
        sources=(Source("prod", fetched_at=datetime(2026, 11, 22, 12, tzinfo=UTC)),),
        otherwise=CellState.EXCLUDED,
        version="v1.36.3",
    )
    back = read(write_dump(snapshot))
    assert [(each.ref, each.body, each.api_version, each.origin) for each in back.resources] == [
        (each.ref, each.body, each.api_version, None) for each in snapshot.resources
    ]
    for field in ("problems", "cells", "sources", "otherwise", "version"):
        assert getattr(back, field) == getattr(snapshot, field), field


_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(spec=st.dictionaries(st.text(max_size=6), _values, max_size=4))
def test_any_object_that_holds_no_credential_comes_back_equal(spec: dict[str, Any]) -> None:
    body = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "a"}, "spec": spec}
    dump = write_dump(Snapshot((resource(body),)))
    if b'"redacted":true' not in dump:
        assert read(dump).resources[0].body == body


def test_the_order_of_objects_does_not_change_a_dump() -> None:
    bodies = [resource(config_map(name)) for name in ("b", "a", "c")]
    assert write_dump(Snapshot(tuple(bodies))) == write_dump(Snapshot(tuple(reversed(bodies))))


# --- what it says of what it does not hold -----------------------------------------------------------------------------


def test_of_a_plain_list_kinds_that_do_not_occur_are_unavailable() -> None:
    snapshot = read(text(config_map(), config_map("two")))
    assert snapshot.cell("", "ConfigMap", "anywhere").state is CellState.LISTED
    assert snapshot.cell("", "ConfigMap", None).objects == 2
    assert snapshot.cell("apps", "Deployment", "a").state is CellState.UNAVAILABLE


def test_said_to_be_complete_everything_counts_as_listed() -> None:
    snapshot = read(text(config_map()), complete=True)
    assert snapshot.cell("apps", "Deployment", "a").state is CellState.LISTED
    assert snapshot.problems == ()


@pytest.mark.parametrize(
    "broken", [b'{"apiVersion": "v1", "kind": ', b"a: [", text(config_map(), {"kind": "x"}), text(None)]
)
def test_what_cannot_be_read_whole_is_not_complete_whatever_is_said(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "a.json").write_bytes(text(config_map()))
    (tmp_path / "b.json").write_bytes(broken)
    snapshot = read(tmp_path, complete=True)
    assert snapshot.cell("apps", "Deployment", "a").state is CellState.UNAVAILABLE
    assert "SRC306" in {problem.code for problem in snapshot.problems}
    assert ("ConfigMap", "one") in {(each.ref.kind, each.ref.name) for each in snapshot.resources}


def test_what_was_denied_when_a_dump_was_made_is_not_there_now_whatever_is_said() -> None:
    denied = Cell("apps", "Deployment", "a", CellState.DENIED, "forbidden")
    dump = write_dump(Snapshot(cells=(denied,), otherwise=CellState.EXCLUDED))
    snapshot = read(dump, complete=True)
    assert snapshot.cell("apps", "Deployment", "a") == denied
    assert snapshot.cell("", "Service", "a").state is CellState.LISTED


# --- what others write -------------------------------------------------------------------------------------------------


def test_lists_in_lists_typed_lists_and_documents_are_read(tmp_path: Path) -> None:
    typed = {
        "apiVersion": "apps/v1",
        "kind": "DeploymentList",
        "items": [{"metadata": {"name": "typed", "namespace": "a"}}],
    }
    nested = {"apiVersion": "v1", "kind": "List", "items": [config_map("nested"), typed]}
    (tmp_path / "all.json").write_bytes(text(nested))
    (tmp_path / "some.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first, namespace: a}\n---\n"
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: second, namespace: b}\n"
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.yml").write_text(
        "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: a}, data: {p: Y2FuYXJ5}}"
    )
    (tmp_path / "notes.txt").write_text("not read")
    snapshot = read(tmp_path)
    assert {str(each.ref) for each in snapshot.resources} == {
        "ConfigMap a/nested", "Deployment a/typed", "ConfigMap a/first", "ConfigMap b/second", "Secret a/s",
    }  # fmt: skip
    assert {each.ref.cluster for each in snapshot.resources} == {"c"}
    assert all(each.origin is None for each in snapshot.resources)
    assert "Y2FuYXJ5" not in repr(snapshot)
    assert snapshot.problems == ()


def test_a_namespace_in_an_object_without_namespaces_does_not_count() -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "r", "namespace": "a"},
    }
    assert read(text(role)).resources[0].ref.namespace is None


@pytest.mark.parametrize(
    ("given", "words"),
    [("nowhere", "cannot be read: No such file"), ("empty", "holds no JSON or YAML file")],
)
def test_where_there_is_nothing_to_read_that_is_a_misuse(tmp_path: Path, given: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Misuse, match=words) as told:
        read(tmp_path / given)
    assert told.value.remedy


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"version": 2}, "is a dump of format 2; this auditor reads 1"),
        ({"version": 1}, "is a broken dump"),
        (
            {"version": 1, "server": "", "otherwise": "maybe", "sources": [], "cells": [], "problems": []},
            "is a broken dump",
        ),
        (
            {"version": 1, "server": "", "otherwise": "listed", "sources": 7, "cells": [], "problems": []},
            "is a broken dump",
        ),
        (
            {"version": 1, "server": "", "otherwise": "listed", "sources": [], "cells": [{}], "problems": []},
            "is a broken dump",
        ),
    ],
)
def test_a_broken_dump_of_ours_is_a_misuse(about: dict[str, Any], words: str) -> None:
    data = json.dumps({"apiVersion": "v1", "kind": "List", "items": [], "gitops-auditor.io/dump": about}).encode()
    with pytest.raises(Misuse, match=words):
        read(data)


@given(value=_values)
def test_whatever_json_stands_in_a_file_nothing_is_raised(value: Any) -> None:
    snapshot = read(json.dumps(value).encode())
    assert snapshot.otherwise is CellState.UNAVAILABLE


# --- with the real tools -----------------------------------------------------------------------------------------------


@pytest.mark.component
def test_a_dump_is_a_list_that_kubectl_reads_and_what_kubectl_prints_is_a_dump(
    plane: Plane, namespace: str, tmp_path: Path
) -> None:
    plane.kubectl("-n", namespace, "create", "configmap", "one", "--from-literal=a=b")
    plane.kubectl("-n", namespace, "create", "deployment", "web", "--image=nginx:1.29")
    printed = plane.kubectl(
        "-n", namespace, "get", "configmaps,deployments", "-o", "json", "--show-managed-fields"
    ).encode()
    as_yaml = plane.kubectl(
        "-n", namespace, "get", "configmaps,deployments", "-o", "yaml", "--show-managed-fields"
    ).encode()
    ours, theirs = read(printed), read(as_yaml)
    assert {each.ref: each.body for each in ours.resources} == {each.ref: each.body for each in theirs.resources}
    assert len(ours.resources) == 3
    path = tmp_path / "dump.json"
    path.write_bytes(write_dump(ours))
    shown = subprocess.run(
        [plane.programs["kubectl"], "label", "--local", "-f", path, "x=y", "-o", "name"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert sorted(shown.stdout.split()) == ["configmap/kube-root-ca.crt", "configmap/one", "deployment.apps/web"]


def test_what_needs_no_cluster_does_not_pay_for_the_client_of_one() -> None:
    script = "import sys, auditor.live; sys.exit(bool({'kubernetes', 'urllib3', 'requests'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
