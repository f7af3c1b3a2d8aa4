"""All policies on objects that are not what they should be: none breaks, none tells a secret, none depends on who is asked first."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.compliance import examples, judge, load_catalogue
from auditor.model import Outcome, Ref, Resource, Snapshot
from tests.compliance.manifests import cluster, git

CATALOGUE = load_catalogue()
TEXTS = [text.replace("# side:", "#") for policy in CATALOGUE for text in examples(policy)]
OBJECTS = [resource for text in TEXTS for resource in git(text).resources]
ODD: list[Any] = [
    None,
    "",
    "odd",
    0,
    -1,
    2**40,
    1.5,
    True,
    [],
    [None],
    ["odd"],
    [[]],
    {},
    {"odd": None},
    {"name": 1},
    [{"name": {}}],
    [{}],
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))


def with_odd_field(resource: Resource, pick: random.Random) -> Resource:
    """The object with one field, wherever, replaced by something that does not belong there."""
    body = copy.deepcopy(dict(resource.body))
    choices = [path for path in paths(body) if path[0] not in ("kind", "apiVersion")]
    path = pick.choice(choices)
    holder: Any = body
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = copy.deepcopy(pick.choice(ODD))
    return Resource(resource.ref, resource.api_version, body)


@given(st.randoms(use_true_random=False), st.booleans())
def test_no_policy_breaks_on_an_object_with_an_odd_field(pick: random.Random, live: bool) -> None:
    others = [pick.choice(OBJECTS) for _ in range(6)]
    odd = [with_odd_field(pick.choice(OBJECTS), pick) for _ in range(6)]
    side = Snapshot((*others, *odd))
    verdicts = judge(CATALOGUE, None if live else side, side if live else None)
    broken = [verdict for verdict in verdicts if verdict.outcome is Outcome.BROKEN]
    assert broken == []


@pytest.mark.parametrize("policy", CATALOGUE, ids=lambda policy: policy.id)
def test_a_policy_answers_for_an_object_that_is_all_but_empty(policy: Any) -> None:
    kinds = {(one.ref.group, one.ref.kind, one.api_version) for one in OBJECTS}
    for body in (
        {},
        {"metadata": None},
        {"spec": None},
        {"spec": {}},
        {"spec": []},
        {"data": None},
        {"metadata": {"labels": []}},
    ):
        side = Snapshot(
            tuple(Resource(Ref("", group, kind, "shop", "x"), version, body) for group, kind, version in kinds)
        )
        for desired, live in ((side, None), (None, side), (side, side)):
            assert [one.reason for one in judge([policy], desired, live) if one.outcome is Outcome.BROKEN] == []


def test_no_message_tells_a_value_that_may_be_a_credential() -> None:
    canary = "kanarienvogel"
    text = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      initContainers:
        - name: wait
          image: busybox
          command: [sh, -c, "until curl https://user:{canary}@db.data.svc/$DB_SERVICE_HOST; do sleep 1; done"]
          env: [{{name: DSN, value: "postgres://user:{canary}@db.data.svc:5432/shop"}}]
      containers:
        - name: web
          image: web
          args: ["--dsn=postgres://user:{canary}@db/shop", "--token={canary}"]
          env:
            - {{name: PASSWORD, value: {canary}}}
            - {{name: PASSWORD, value: {canary}}}
            - {{name: DSN, value: "amqp://user:{canary}@queue/$(QUEUE_SERVICE_HOST)"}}
---
apiVersion: v1
kind: Secret
metadata: {{name: db, namespace: shop}}
stringData: {{password: {canary}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: db, namespace: shop}}
data: {{password: {canary}, file: "password={canary} postgres://user:{canary}@db/shop"}}
"""
    verdicts = judge(CATALOGUE, git(text), None)
    assert sum(len(verdict.findings) for verdict in verdicts) > 10
    assert canary not in repr(verdicts)


def test_each_policy_says_the_same_alone_and_among_all() -> None:
    side = Snapshot(tuple(OBJECTS))
    together = judge(CATALOGUE, side, None)
    for policy in CATALOGUE:
        alone = judge([policy], side, None)
        assert [(one.ref, one.outcome, one.findings) for one in alone] == [
            (one.ref, one.outcome, one.findings) for one in together if one.policy == policy.id
        ]


def test_what_runs_exactly_as_git_says_has_no_fault_of_one_side_alone() -> None:
    text = "\n---\n".join(TEXTS)
    desired, live = git(text), cluster(text)
    sides = {
        (verdict.policy, finding.side, finding.pending)
        for verdict in judge(CATALOGUE, desired, live)
        for finding in verdict.findings
        if next(one for one in CATALOGUE if one.id == verdict.policy).judges == "running"
    }
    only_what_runs = {"CTL007", "HIST002", "HIST002b", "HIST003", "HPA008", "INIT005", "ORD004"}
    assert {policy for policy, side, _ in sides if side != "both"} <= only_what_runs
    assert not any(pending for _, _, pending in sides)
