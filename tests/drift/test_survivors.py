"""Lines that could be broken without a test that failed: each with what is on its two sides."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.drift.direction import Guess, joined
from auditor.model import Cell, CellState, Direction, Sealed
from tests.drift.sides import changes, cluster, drift, entry, git, owned
from tests.drift.test_counts import DEPLOYMENT, HPA, SCALED, deployment

UNKNOWN, AHEAD, CHANGED = Direction.UNKNOWN, Direction.GIT_AHEAD, Direction.LIVE_CHANGED


@pytest.mark.parametrize(
    ("one", "direction"),
    [
        (Guess(UNKNOWN, "c", True, old=True), AHEAD),
        (Guess(UNKNOWN, "c", True, old=False), UNKNOWN),
        (Guess(CHANGED, "c", True, old=False), Direction.BOTH),
        (Guess(CHANGED, "c", True, old=True), CHANGED),
        (Guess(AHEAD, "c", True, old=True), AHEAD),
        (Guess(UNKNOWN, "other", True, old=True), UNKNOWN),
        (Guess(UNKNOWN, "", True, old=True), UNKNOWN),
    ],
)
def test_what_a_commit_changed_is_pending_together(one: Guess, direction: Direction) -> None:
    assert joined(one, frozenset({"c"})) is direction


@pytest.mark.parametrize(
    ("annotations", "told"),
    [
        ({"control-plane.alpha.kubernetes.io/leader": "{}"}, set()),
        ({"a": "b"}, {("unmanaged", "(object)")}),
    ],
)
def test_a_config_map_that_elects_a_leader_is_nobodys(annotations: dict[str, str], told: set[tuple[str, str]]) -> None:
    desired = git("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata: {x: y}")
    own = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": {"x": "y"}}
    metadata = {"name": "lock", "namespace": "shop", "annotations": annotations}
    assert (
        changes(drift(desired, cluster(own, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))) == told
    )


def hand(manager: str, subresource: str) -> dict[str, Any]:
    return entry(manager, SCALED, subresource=subresource, time="" if subresource else "2026-08-22T10:02:00Z")


@pytest.mark.parametrize(
    ("owners", "state", "told"),
    [
        ([hand("kube-controller-manager", "scale")], CellState.DENIED, False),
        ([hand("kube-controller-manager", "")], CellState.DENIED, True),
        ([hand("kube-controller-manager", "scale"), hand("kube-controller-manager", "")], CellState.DENIED, True),
        ([hand("kube-controller-manager", "scale"), hand("kubectl", "scale")], CellState.DENIED, True),
        ([], CellState.DENIED, True),
        ([hand("kube-controller-manager", "scale")], CellState.LISTED, True),
    ],
)
def test_where_autoscalers_cannot_be_read_only_a_controller_that_scales_is_taken_for_one(
    owners: list[dict[str, Any]], state: CellState, told: bool
) -> None:
    cells = [Cell(HPA["apiVersion"].split("/")[0], HPA["kind"], "shop", state)]  # type: ignore[attr-defined]
    found = drift(git(DEPLOYMENT), cluster(deployment(7, *owners), cells=cells))
    assert (("changed", "spec.replicas") in changes(found)) is told


CONTAINER = "spec: {containers: [{name: web, image: web, env: [{name: %s, value: old}]}]}"


@pytest.mark.parametrize(("name", "sealed"), [("DB_PASSWORD", True), ("LOG_LEVEL", False)])
def test_the_value_of_a_variable_named_like_a_credential_is_sealed_and_no_other(name: str, sealed: bool) -> None:
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop}}\n{CONTAINER % name}"
    spec = {"containers": [{"name": "web", "image": "web", "env": [{"name": name, "value": "new"}]}]}
    live = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}
    ((change,),) = (each.changes for each in drift(git(text), cluster(live)).drift)
    assert change.path == f"spec.containers[name=web].env[name={name}].value"
    assert isinstance(change.live, Sealed) is sealed
    assert isinstance(change.desired, Sealed) is sealed


@pytest.mark.parametrize(("key", "sealed"), [("api_token", True), ("level", False), ("value", False)])
def test_the_key_of_a_map_tells_and_a_field_of_a_known_type_does_not(key: str, sealed: bool) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web, namespace: shop}}\ndata: {{{key}: old}}"
    metadata = {"name": "web", "namespace": "shop", "managedFields": [entry("kubectl-edit", owned(f"data {key}"))]}
    live = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {key: "new"}}
    ((change,),) = (each.changes for each in drift(git(text), cluster(live)).drift)
    assert isinstance(change.live, Sealed) is sealed


def test_a_field_of_a_known_type_is_told_whatever_it_is_called() -> None:
    text = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\nautomountServiceAccountToken: false"
    live = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "shop"}}
    ((change,),) = (
        each.changes for each in drift(git(text), cluster({**live, "automountServiceAccountToken": True})).drift
    )
    assert (change.desired, change.live) == (False, True)
