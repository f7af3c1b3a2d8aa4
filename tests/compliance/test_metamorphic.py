"""What must change no verdict: other namespaces, the order of files and documents, where files are cut, a second look."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.compliance import judge
from auditor.model import Resource, Snapshot, Verdict
from tests.compliance.test_estates import AT, POLICIES, estate, files
from tests.compliance.test_odd_objects import OBJECTS

ORDERED = "ORD002"
"""The one rule about the order within a file."""
ESTATES = ("monitoring", "shop")


def told(verdicts: Iterable[Verdict], *, places: bool = True, leave: str = "") -> list[Any]:
    """All that verdicts say; without places and one policy where these are bound to differ."""
    return [
        verdict._replace(findings=tuple(replace(f, place=None) for f in verdict.findings)) if not places else verdict
        for verdict in verdicts
        if verdict.policy != leave
    ]


def judged(resources: Iterable[Resource]) -> tuple[Verdict, ...]:
    return judge(POLICIES, Snapshot(tuple(resources)), None, at=AT)


def documents(text: bytes) -> list[bytes]:
    return [piece for piece in re.split(rb"^---\n", text, flags=re.MULTILINE) if piece.strip()]


@pytest.mark.parametrize("name", ESTATES)
def test_a_second_look_says_the_same(name: str) -> None:
    assert judge(POLICIES, estate(files(name)), None, at=AT) == judge(POLICIES, estate(files(name)), None, at=AT)


@pytest.mark.parametrize("name", ESTATES)
def test_the_order_of_files_and_objects_says_nothing(name: str, rng: random.Random) -> None:
    expected = told(judged(estate(files(name)).resources))
    shuffled = files(name)
    rng.shuffle(shuffled)
    objects = list(estate(shuffled).resources)
    rng.shuffle(objects)
    assert told(judged(objects)) == expected


@pytest.mark.parametrize("name", ESTATES)
def test_the_order_of_documents_in_a_file_moves_places_alone(name: str, rng: random.Random) -> None:
    texts = []
    for file, text in files(name):
        pieces = documents(text)
        rng.shuffle(pieces)
        texts.append((file, b"---\n".join(pieces)))
    said, expected = (
        told(judged(estate(each).resources), places=False, leave=ORDERED) for each in (texts, files(name))
    )
    assert said == expected


@pytest.mark.parametrize("name", ESTATES)
def test_cutting_files_into_documents_moves_places_alone(name: str) -> None:
    texts = [(f"{number}-{file}", piece) for file, text in files(name) for number, piece in enumerate(documents(text))]
    assert len(texts) > 60
    said, expected = (
        told(judged(estate(each).resources), places=False, leave=ORDERED) for each in (texts, files(name))
    )
    assert said == expected


def moved(resource: Resource, namespace: str) -> Resource:
    """The object in another namespace."""
    body = copy.deepcopy(dict(resource.body))
    body["metadata"] = {**body["metadata"], "namespace": namespace}
    return replace(resource, ref=resource.ref._replace(namespace=namespace), body=body)


@pytest.mark.parametrize("name", ESTATES)
def test_objects_of_another_namespace_change_nothing_here(name: str) -> None:
    own = estate(files(name)).resources
    # The same objects once more, in namespaces that nothing names: twins by name, label and selector.
    others = [moved(one, f"other-{one.ref.namespace}") for one in own if one.ref.namespace not in (None, "default")]
    together = judged((*own, *others))
    here = {one.ref for one in own} | {one.ref for one in judged(own)}
    expected = told(judged(own))
    assert len(together) > len(expected) + 100
    assert told(one for one in together if one.ref in here and not _of_both(one)) == [
        one for one in expected if not _of_both(one)
    ]


def _of_both(verdict: Verdict) -> bool:
    """A ConfigMap that is nowhere else is missed otherwise than one that another namespace has: the rule says which."""
    return verdict.policy == "CFG001" and any("there is one in namespace" in one.message for one in verdict.findings)


NAMESPACED = [one for one in OBJECTS if one.ref.namespace]


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_any_objects_in_any_order_beside_any_others(pick: random.Random) -> None:
    here = {one.ref: one for one in (moved(pick.choice(NAMESPACED), "here") for _ in range(12))}
    there = {one.ref: one for one in (moved(pick.choice(NAMESPACED), "there") for _ in range(12))}
    both = [*here.values(), *there.values()]
    pick.shuffle(both)
    mine = {one.ref for one in here.values()}
    alone, together = (
        [one for one in told(judged(some), leave=ORDERED) if one.ref in mine and not _hinted(one)]
        for some in (here.values(), both)
    )
    names = {(one.ref, one.policy) for one in alone} & {(one.ref, one.policy) for one in together}
    assert [one for one in alone if (one.ref, one.policy) in names] == [
        one for one in together if (one.ref, one.policy) in names
    ]
    assert len(names) > 5


def _hinted(verdict: Verdict) -> bool:
    """Where the same name in the other namespace rightly counts: a Secret that was put into the wrong one (ruling R2)."""
    return verdict.policy in ("CFG001", "CFG002") and bool(
        verdict.reason or any("in namespace" in one.message for one in verdict.findings)
    )
