"""The cases: a manifest, the live object with its managedFields, and exactly the changes that must be told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditor.model import CellState
from tests.drift.sides import changes, cluster, drift, git, items

CASES = Path(__file__).parent.parent / "cases" / "drift"


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_a_case_gives_exactly_the_changes_expected(case: str) -> None:
    folder = CASES / case
    expected = json.loads((folder / "expected.json").read_text())
    desired = git((folder / "desired.yaml").read_text())
    actual = cluster(*items((folder / "live.json").read_text()), otherwise=CellState.UNAVAILABLE)
    found = drift(desired, actual)
    told = {
        (change.change.value, change.path)
        for each in found.drift
        if (each.ref.kind, each.ref.namespace, each.ref.name)
        == (expected["kind"], expected["namespace"], expected["name"])
        for change in each.changes
    }
    assert told == {(each["change"], each["path"]) for each in expected["changes"]}, expected["title"]
    assert not found.not_compared
    assert changes(found) - told <= {("unmanaged", "(object)")}, "only the autoscaler beside it"


def test_there_are_all_the_cases() -> None:
    assert len(list(CASES.iterdir())) == 81
