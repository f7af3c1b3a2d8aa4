"""What holds for every pair of objects, whatever is in them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.drift.normalise import pair
from auditor.drift.tree import differences
from auditor.kube.paths import keyed, render
from auditor.model import Ref, Resource, Snapshot
from tests.drift.sides import changes, cluster, drift, entry, frozen, live

KEYS = st.sampled_from(
    [
        "name",
        "spec",
        "template",
        "containers",
        "env",
        "value",
        "ports",
        "containerPort",
        "protocol",
        "data",
        "metadata",
        "labels",
        "annotations",
        "finalizers",
        "replicas",
        "limits",
        "resources",
        "rules",
        "verbs",
        "volumes",
        "emptyDir",
        "a.b/c",
        "é",
        "",
    ]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 2**62), st.floats(allow_nan=False), st.text(max_size=4), st.just("TCP")
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=25
)
KINDS = st.sampled_from(
    [
        ("apps", "v1", "Deployment"),
        ("", "v1", "Secret"),
        ("", "v1", "Service"),
        ("rbac.authorization.k8s.io", "v1", "ClusterRole"),
        ("autoscaling", "v1", "HorizontalPodAutoscaler"),
        ("example.org", "v1", "Widget"),
    ]
)


def body(kind: tuple[str, str, str], fields: dict[str, Any]) -> dict[str, Any]:
    group, version, name = kind
    metadata = fields.get("metadata")
    kept = metadata if isinstance(metadata, dict) else {}
    return fields | {
        "apiVersion": f"{group}/{version}".lstrip("/"),
        "kind": name,
        "metadata": kept | {"name": "x", "namespace": "y"},
    }


@given(KINDS, st.dictionaries(KEYS, JSON, max_size=4))
def test_an_object_has_not_drifted_from_itself(kind: tuple[str, str, str], fields: dict[str, Any]) -> None:
    one = body(kind, fields)
    both = pair(live(one).ref, one, frozen(copy.deepcopy(one)))
    assert differences(both.desired, both.live, both.node) == ()


@given(
    KINDS,
    st.dictionaries(KEYS, JSON, max_size=4),
    st.dictionaries(KEYS, JSON, max_size=4),
    st.lists(st.tuples(st.text(max_size=6), JSON), max_size=3),
)
def test_any_two_objects_can_be_compared_and_none_is_changed(
    kind: tuple[str, str, str], one: dict[str, Any], other: dict[str, Any], fields: list[tuple[str, Any]]
) -> None:
    wanted, actual = body(kind, one), body(kind, other)
    actual["metadata"]["managedFields"] = [
        entry(manager, tree if isinstance(tree, dict) else {}) for manager, tree in fields
    ]
    before = copy.deepcopy(wanted)
    desired = Resource(live(actual).ref, wanted["apiVersion"], wanted)
    found = drift(Snapshot((desired,)), cluster(actual), ignored=True)
    assert wanted == before
    paths = [change.path for each in found.drift for change in each.changes]
    assert len(paths) == len(set(paths)), "each place is told once"


NAMES = st.lists(st.sampled_from(["web", "log", "a", "b", "zz"]), min_size=1, max_size=3, unique=True)


@st.composite
def deployments(draw: st.DrawFn) -> dict[str, Any]:
    """Valid Deployments in which no value is a zero or a default."""
    value = st.sampled_from(["abc", "bcd", "cde", "xyz"])
    containers = [
        {
            "name": name,
            "image": draw(value) + ":1",
            "args": draw(st.lists(value, min_size=1, max_size=2)),
            "env": [{"name": variable.upper(), "value": draw(value)} for variable in draw(NAMES)],
            "ports": [
                {"containerPort": port, "name": draw(value)}
                for port in draw(st.lists(st.integers(1000, 1009), min_size=1, max_size=2, unique=True))
            ],
            "resources": {"limits": {"memory": f"{draw(st.integers(1, 900))}Mi"}},
            "volumeMounts": [{"name": mount, "mountPath": f"/{mount}"} for mount in draw(NAMES)],
            "securityContext": {"runAsUser": draw(st.integers(1, 9))},
        }
        for name in draw(NAMES)
    ]
    pod = {
        "containers": containers,
        "tolerations": [{"key": key, "effect": "NoExecute"} for key in draw(NAMES)],
        "volumes": [{"name": name, "configMap": {"name": draw(value)}} for name in draw(NAMES)],
        "nodeSelector": {"a.b/c": draw(value)},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "labels": {"app": "web"},
            "annotations": {"x.y/z": draw(value)},
        },
        "spec": {
            "replicas": draw(st.integers(2, 9)),
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod},
        },
    }


REF = Ref("", "apps", "Deployment", "shop", "web")


def compared(wanted: dict[str, Any], actual: dict[str, Any]) -> set[tuple[str, str]]:
    return changes(drift(Snapshot((Resource(REF, "apps/v1", wanted),)), cluster(actual)))


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [leaf for index, inner in enumerate(value) for leaf in leaves(inner, (*path, index))]
    return [path]


@given(deployments(), st.data())
def test_one_leaf_that_changes_is_exactly_one_change_at_its_path(wanted: dict[str, Any], data: st.DataObject) -> None:
    free = [leaf for leaf in leaves(wanted["spec"], ("spec",)) if leaf[-1] not in ("mountPath", "containerPort", "key")]
    free = [
        leaf for leaf in free if leaf[-1] != "name" or leaf[-3] in ("volumeMounts", "ports") or leaf[-2] == "configMap"
    ]
    path = data.draw(st.sampled_from(free))
    actual = copy.deepcopy(wanted)
    holder: Any = actual
    for step in path[:-1]:
        holder = holder[step]
    old = holder[path[-1]]
    holder[path[-1]] = old + 1 if isinstance(old, int) else [*old[::-1], "more"] if isinstance(old, list) else "9" + old
    assert compared(wanted, actual) == {("changed", keyed("apps", "Deployment", wanted, path))}


@given(deployments(), st.randoms(use_true_random=False))
def test_the_order_of_keyed_lists_means_nothing(wanted: dict[str, Any], random: Any) -> None:
    actual = copy.deepcopy(wanted)
    pod = actual["spec"]["template"]["spec"]
    for elements in (pod["containers"], pod["volumes"], pod["tolerations"]):
        random.shuffle(elements)
    for container in pod["containers"]:
        for name in ("env", "ports", "volumeMounts"):
            random.shuffle(container[name])
    assert compared(wanted, actual) == set()


@given(deployments())
def test_an_element_that_nobody_owns_changes_nothing_around_it(wanted: dict[str, Any]) -> None:
    actual = copy.deepcopy(wanted)
    actual["spec"]["template"]["spec"]["containers"].insert(0, {"name": "injected-proxy", "image": "proxy:1"})
    assert compared(wanted, actual) == set()


@given(deployments(), st.data())
def test_what_live_lacks_is_missing_at_its_path(wanted: dict[str, Any], data: st.DataObject) -> None:
    containers = wanted["spec"]["template"]["spec"]["containers"]
    index = data.draw(st.integers(0, len(containers) - 1))
    actual = copy.deepcopy(wanted)
    name = actual["spec"]["template"]["spec"]["containers"].pop(index)["name"]
    expected = {("missing", f"spec.template.spec.containers[name={name}]")}
    if len(containers) == 1:
        expected = {("missing", f"spec.template.spec.containers[name={each['name']}]") for each in containers}
    assert compared(wanted, actual) == expected


@pytest.mark.parametrize(
    ("one", "other"), [(True, 1), (False, 0), ("1", 1), ("true", True), (None, "null"), ([], {}), (1.5, "1.5")]
)
def test_values_of_different_types_differ_where_no_type_joins_them(one: object, other: object) -> None:
    kind = ("example.org", "v1", "Widget")
    wanted, actual = body(kind, {"spec": {"a": one, "b": 1}}), body(kind, {"spec": {"a": other, "b": 1}})
    both = pair(live(actual).ref, wanted, actual)
    found = [render(each.spot.steps) for each in differences(both.desired, both.live, both.node)]
    assert found == ([] if one == [] else ["spec.a"])
