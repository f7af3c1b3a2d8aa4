"""A score explained: what it says would be gained is what the score becomes, and its members make its mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.compliance import explained, load_catalogue, score
from auditor.model import Outcome, Severity, Snapshot, Verdict
from tests.compliance.test_score import verdict

NOTHING = Snapshot()
SOME = load_catalogue()[:3]
POLICIES = tuple(
    replace(one, id=f"XYZ00{number}", severity=severity)
    for number, (one, severity) in enumerate(zip(SOME, Severity, strict=True), 1)
)

verdicts = st.lists(
    st.builds(
        verdict,
        st.sampled_from(["web", "api", "db"]),
        st.sampled_from(list(Outcome)),
        st.sampled_from(list(Severity)),
        namespace=st.sampled_from(["shop", "data"]),
        policy=st.sampled_from([policy.id for policy in POLICIES]),
        scored=st.booleans(),
        alone=st.booleans(),
    ).map(lambda one: one if one.outcome is Outcome.FAIL else one._replace(severity=of(one.policy))),
    max_size=12,
)


def of(policy: str) -> Severity:
    """A pass weighs as its policy does; a failure may weigh otherwise."""
    return next(one.severity for one in POLICIES if one.id == policy)


def whole(found: Sequence[Verdict]) -> float | None:
    return score(found, NOTHING, None).cluster.score


@given(verdicts)
def test_the_members_make_the_mean(found: list[Verdict]) -> None:
    said = explained(found, POLICIES, NOTHING)
    assert said.score == pytest.approx(whole(found)) if whole(found) is not None else said.score is None
    if said.shares:
        assert said.score == pytest.approx(math.fsum(one.score for one in said.shares) / len(said.shares))
        assert [one.score for one in said.shares] == sorted(one.score for one in said.shares)
    assert all(sum(weight for _, weight in one.failing) == one.failed for one in said.shares)


@given(verdicts)
def test_what_a_policy_is_said_to_gain_is_what_mending_it_gains(found: list[Verdict]) -> None:
    said = explained(found, POLICIES, NOTHING)
    assert [gain.points for gain in said.gains] == sorted((gain.points for gain in said.gains), reverse=True)
    told = {gain.policy: gain.points for gain in said.gains}
    for policy in {one.policy for one in found}:
        mended = [
            one._replace(outcome=Outcome.PASS, severity=of(one.policy))
            if one.policy == policy and one.outcome is Outcome.FAIL
            else one
            for one in found
        ]
        before, after = whole(found), whole(mended)
        if before is not None and after is not None:
            assert max(after - before, 0) == pytest.approx(told.get(policy, 0.0), abs=1e-6)


def test_nothing_has_no_explanation() -> None:
    assert explained((), POLICIES).score is None
    assert explained([verdict(outcome=Outcome.UNKNOWN)], POLICIES, NOTHING).shares == ()
