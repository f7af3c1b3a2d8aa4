"""Selectors, label syntax and names against the API server itself: what it selects, and what it refuses in a dry run."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import quote

import pytest

from auditor.kube.labels import key_fault, value_fault
from auditor.kube.names import name_fault
from auditor.kube.selectors import matches, matches_map
from tests.controlplane.plane import Plane

pytestmark = pytest.mark.component

KEYS = ("app", "tier", "example.com/zone")
VALUES = ("", "web", "a-1", "B_2.c")
OPERATORS = {"In": "in", "NotIn": "notin"}


def some_labels(rng: random.Random) -> dict[str, str]:
    return {key: rng.choice(VALUES) for key in KEYS if rng.random() < 0.6}


def some_expressions(rng: random.Random) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for _ in range(rng.randrange(4)):
        operator = rng.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        expression: dict[str, Any] = {"key": rng.choice(KEYS), "operator": operator}
        if operator in OPERATORS:
            expression["values"] = rng.sample(VALUES, rng.randint(1, 3))
        found.append(expression)
    return found


def as_words(selector: dict[str, Any]) -> str:
    """The selector as `kubectl get -l` takes it."""
    words = [f"{key}={value}" for key, value in selector["matchLabels"].items()]
    for one in selector["matchExpressions"]:
        match one["operator"]:
            case "Exists":
                words.append(one["key"])
            case "DoesNotExist":
                words.append(f"!{one['key']}")
            case operator:
                words.append(f"{one['key']} {OPERATORS[operator]} ({','.join(one['values'])})")
    return ",".join(words)


def a_map(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def test_a_selector_selects_what_the_server_selects(plane: Plane, namespace: str, rng: random.Random) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    labelled = {f"map-{number}": some_labels(rng) for number in range(16)}
    for name, labels in labelled.items():
        assert plane.api("POST", path, a_map(name, labels=labels)).code == 201
    several = 0
    for number in range(80):
        plain = {key: rng.choice(VALUES) for key in KEYS if rng.random() < 0.25}
        selector = {"matchLabels": plain, "matchExpressions": some_expressions(rng)}
        ours = {name for name, labels in labelled.items() if matches(selector, labels)}
        words = as_words(selector)
        if number < 5:
            printed = plane.kubectl("get", "configmaps", "-n", namespace, "-l", words, "-o", "json")
            items = json.loads(printed)["items"]
        else:
            items = plane.api("GET", f"{path}?labelSelector={quote(words)}").body["items"]
        theirs = {item["metadata"]["name"] for item in items} & set(labelled)
        assert ours == theirs, (selector, labelled)
        several += 0 < len(ours) < len(labelled)
        if plain and not selector["matchExpressions"]:
            assert {name for name, labels in labelled.items() if matches_map(plain, labels)} == theirs
    assert several > 12  # the question was not empty


EDGES = (
    "", "a", "-a", "a-", ".a", "a.", "_a", "a_b", "a..b", "A", "ä", "a b", "a/b", "/a", "a/", "a/b/c", "A.com/b", "a_b/c", "a.com/", "a-.com/b",
    "a" * 63, "a" * 64, "x." * 126 + "y/n", "x." * 127 + "y/n", "a:b", "1", "true", "app.kubernetes.io/name", "a\n", "a\t", "0x1.p-3",
)  # fmt: skip


def refused(plane: Plane, path: str, body: dict[str, Any]) -> bool:
    answer = plane.api("POST", f"{path}?dryRun=All", body)
    assert answer.code in (201, 422), answer
    return answer.code == 422


@pytest.mark.parametrize("place", ["label key", "label value", "annotation key"])
def test_a_label_is_refused_where_the_server_refuses_it(
    plane: Plane, namespace: str, rng: random.Random, place: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    letters = "aZ0-_./ :é"
    words = [*EDGES, *("".join(rng.choices(letters, k=rng.randint(1, 12))) for _ in range(25))]
    said = set()
    for word in words:
        match place:
            case "label key":
                body, ours = a_map("x", labels={word: "v"}), key_fault(word)
            case "label value":
                body, ours = a_map("x", labels={"k": word}), value_fault(word)
            case _:
                body, ours = a_map("x", annotations={word: "v"}), key_fault(word.lower())
        theirs = refused(plane, path, body)
        assert (ours is not None) == theirs, (place, word, ours)
        said.add(theirs)
    assert said == {True, False}


KINDS = {
    "ConfigMap": ("", "v1", "configmaps", {}),
    "CronJob": ("batch", "v1", "cronjobs", {"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}}}}}}),
    "Role": ("rbac.authorization.k8s.io", "v1", "roles", {}),
    "Service": ("", "v1", "services", {"spec": {"ports": [{"port": 1}]}}),
}  # fmt: skip
NAMES = (
    "a",
    "A",
    "a.b",
    "a..b",
    "-a",
    "a-",
    "1a",
    "a_b",
    "system:x",
    "a:b",
    "a" * 52,
    "a" * 53,
    "a" * 63,
    "a" * 64,
    "a" * 253,
    "a" * 254,
    "ä",
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_refused_where_the_server_refuses_it(
    plane: Plane, namespace: str, rng: random.Random, kind: str
) -> None:
    group, version, plural, more = KINDS[kind]
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    names = [*NAMES, *("".join(rng.choices("a1-._:A", k=rng.randint(1, 8))) for _ in range(20))]
    for name in names:
        body = {
            "apiVersion": f"{group}/{version}" if group else version,
            "kind": kind,
            "metadata": {"name": name},
            **more,
        }
        theirs = refused(plane, f"{root}/namespaces/{namespace}/{plural}", body)
        assert (name_fault(group, kind, name) is not None) == theirs, (kind, name)


def test_the_name_of_a_namespace_is_refused_where_the_server_refuses_it(plane: Plane) -> None:
    for name in NAMES:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        assert (name_fault("", "Namespace", name) is not None) == refused(plane, "/api/v1/namespaces", body), name
