"""Edits at random of live objects on a real API server: each is told at its path, with both values, and with the tool and the
time that the server recorded; and once it is undone, nothing is told.

What must be told is worked out by `tests.drift.edits` from the server's own types and answers, not by the product.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.conftest import SEED
from tests.controlplane.plane import Plane
from tests.drift.edits.round import Round, begin

pytestmark = pytest.mark.component

OBJECTS = 60
"""At most, of each audit; each is edited once."""
TOOLS = {
    *("kubectl", "kubectl-edit", "kubectl-patch", "kubectl-replace", "kubectl-label", "kubectl-annotate"),
    *("k9s", "Mozilla", "someone", "widget-operator", "kube-controller-manager"),
}


@pytest.fixture(scope="module", params=["client-side", "flux"])
def ready(request: pytest.FixtureRequest, plane: Plane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    namespace = plane.new_namespace(f"edits-{os.urandom(4).hex()}")
    here = begin(plane, namespace, request.param, tmp_path_factory.mktemp("edits"))
    yield here
    here.end()


def check(here: Round, edits: int, rng: random.Random) -> None:
    made = 0
    wrong: list[str] = []
    while made < edits:
        drawn = here.edit(min(OBJECTS, edits - made), rng)
        assert drawn, "no edit was accepted"
        made += len(drawn)
        wrong += here.told_otherwise(drawn)
        wrong += here.undo(drawn)
    assert not wrong, f"{len(wrong)} of {made} edits (seed {SEED}):\n" + "\n".join(wrong)


def test_every_edit_is_told_and_nothing_else(ready: Round) -> None:
    assert ready.told_otherwise([]) == []
    check(ready, 200, random.Random(5))
    assert ready.told > 200
    assert set(ready.counts) >= TOOLS
    assert ready.refused < 40


def test_fresh_edits_are_told_too(ready: Round, rng: random.Random) -> None:
    check(ready, 60, rng)


@pytest.mark.soak
def test_thousands_of_edits_are_told(ready: Round, rng: random.Random) -> None:
    check(ready, 2_500, rng)
