"""Every mend that a policy offers, over its own bad manifests: the finding goes, none comes, and the patch changes nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from auditor.audit import audit
from auditor.compliance import examples, load_catalogue
from auditor.manifests import read
from auditor.model import Audit, Policy, Snapshot
from auditor.publish.listed import Item, listed
from auditor.publish.patch import patches
from tests.test_policies import AT, KEY

CATALOGUE = load_catalogue()
EVERY = tuple(policy for policy in CATALOGUE if policy.enabled)
FILE = "file.yaml"


def side(text: str) -> Snapshot:
    said = read(text.encode(), source="test", file=FILE, cluster="", namespace=None, key=KEY)
    return Snapshot(said.resources, said.problems)


def judged(given: Snapshot, policies: tuple[Policy, ...]) -> Audit:
    return audit(given, None, policies=policies, at=AT)


def offered(policy: Policy) -> tuple[Snapshot, str, tuple[Item, ...]]:
    """A policy's bad manifests, with what it says of them that has one right mend."""
    _, bad = examples(policy)
    text = bad.partition("# side: live")[0]
    given = side(text)
    items = listed(judged(given, (policy,)), (policy,)).items
    return given, text, tuple(item for item in items if item.surplus)


MENDING = [policy for policy in CATALOGUE if offered(policy)[2]]


def test_some_policies_offer_a_mend() -> None:
    assert {"HIST001", "HPA002", "CFG007", "CTL006", "HIST006"} <= {policy.id for policy in MENDING}


@pytest.mark.parametrize("policy", MENDING, ids=lambda policy: policy.id)
def test_a_mend_makes_its_finding_go_and_adds_none(policy: Policy) -> None:
    given, text, items = offered(policy)
    before = counts(judged(given, EVERY))
    (patch,) = patches(items, given, lambda file: text.encode() if file == FILE else None)
    assert patch.items == items
    after = counts(judged(side(patch.after), EVERY))
    gone = {item.fingerprint for item in items}
    assert not gone & after.keys()
    assert not after.keys() - before.keys()
    lines = iter(patch.before.splitlines())
    assert all(any(line == other for other in lines) for line in patch.after.splitlines()), "a line was changed"


@pytest.mark.parametrize("policy", MENDING, ids=lambda policy: policy.id)
def test_each_mend_stands_alone(policy: Policy) -> None:
    given, text, items = offered(policy)
    for item in items:
        (patch,) = patches([item], given, lambda file: text.encode())
        after = counts(judged(side(patch.after), (policy,)))
        assert item.fingerprint not in after


ENV = """apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
    - name: web
      image: registry.example/web:1.4.2
      env:
        - {name: HOST, value: a}
        - {name: URL, value: VALUE}
        - {name: HOST, value: b}
"""


@pytest.mark.parametrize(("value", "mends"), [("x", 1), ('"http://$(HOST)"', 0)])
def test_a_variable_that_another_is_made_of_is_not_taken_out(value: str, mends: int) -> None:
    given = side(ENV.replace("VALUE", value))
    found = listed(judged(given, tuple(one for one in EVERY if one.id == "CFG007")), EVERY).items
    assert [len(item.surplus) for item in found] == [mends]


def counts(result: Audit) -> Mapping[str, int]:
    """Fingerprints of findings and problems."""
    return Counter(item.fingerprint for item in listed(result, EVERY).items)
