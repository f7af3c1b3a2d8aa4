"""What `explain` and the page say of a policy: taken from its own manifests, and whole."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from auditor.compliance import load_catalogue
from auditor.compliance.lessons import MOMENT, lessons
from auditor.drift import compare
from auditor.model import Drift, Outcome, Policy, Ref, Snapshot

CATALOGUE = load_catalogue()


def drift(desired: Snapshot, live: Snapshot) -> Mapping[Ref, Drift]:
    return {one.ref: one for one in compare(desired, live, at=MOMENT).drift}


@pytest.mark.parametrize("policy", CATALOGUE, ids=lambda policy: policy.id)
def test_a_lesson_shows_what_fails_and_what_does_not(policy: Policy) -> None:
    good, bad = lessons(policy, drift)
    failing = [one for one in bad.said if one.outcome is Outcome.FAIL]
    assert failing
    assert all(one.words for one in failing)
    for one in failing:
        marked = bad.text.splitlines()[(one.line or 1) - 1]
        assert "# <- " in marked, (one, marked)
    assert "# expect:" not in bad.text + good.text
    if policy.id not in (
        "CTL001",
        "CTL002",
    ):  # what their good manifests hold is made by another, and not judged at all
        assert {one.outcome for one in good.said} & {Outcome.PASS, Outcome.NOT_APPLICABLE}
    assert not {one.outcome for one in good.said} & {Outcome.FAIL, Outcome.BROKEN}
    for one in good.said:
        assert bool(one.words) is (one.outcome is not Outcome.PASS), one  # why it does not apply, or is not known


@pytest.mark.parametrize("policy", CATALOGUE, ids=lambda policy: policy.id)
def test_a_policy_names_the_page_it_rests_on_and_since_when_it_is(policy: Policy) -> None:
    assert "https://" in policy.rationale
    assert policy.since
