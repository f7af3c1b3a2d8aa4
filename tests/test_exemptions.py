"""Waivers: which count, which do not, and what is said of those that do not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from auditor.compliance import choose, judge, load_catalogue
from auditor.exemptions import Exemptions, exemptions
from auditor.model import Outcome, Severity, Snapshot, Verdict
from tests.compliance.manifests import cluster, git

AT = datetime(2026, 6, 30, 23, 0, tzinfo=UTC)
BARE_POD = choose(load_catalogue(), ["POD001"], ())
REQUESTS = choose(load_catalogue(), ["RES001"], ())
GOOD = "reason=moves to a Job in July; until=2026-06-30; by=team-x"


def pod(annotation: str = "", *, key: str = "gitops-auditor.io/waive.POD001") -> str:
    held = f"\n  annotations:\n    {key}: {annotation!r}" if annotation else ""
    return f"""---
apiVersion: v1
kind: Pod
metadata:
  name: import
  namespace: shop{held}
spec:
  containers:
    - {{name: import, image: registry.example/import:1.0.0}}
    - {{name: proxy, image: registry.example/proxy:1.0.0}}
"""


def judged(side: Snapshot, exempt: Exemptions, policies: object = BARE_POD) -> Verdict:
    (verdict,) = (one for one in judge(policies, side, None, exempt=exempt) if one.ref.kind == "Pod")  # type: ignore[arg-type]
    return verdict


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ("until=2026-12-31; by=team-x", "says no reason"),
        ("reason=; until=2026-12-31; by=team-x", "says no reason"),
        ("reason=old; by=team-x", "says no until"),
        ("reason=old; until=2026-12-31", "says no by"),
        ("reason=old; until=soon; by=team-x", "until='soon' is no day"),
        ("reason=old; until=2026-02-30; by=team-x", "until='2026-02-30' is no day"),
        ("reason=old; until=20261231; by=team-x", "until='20261231' is no day"),
        ("reason=old; till=2026-12-31; by=team-x", "'till=2026-12-31' is not understood"),
        ("yes", "'yes' is not understood"),
    ],
)
def test_an_invalid_waiver_does_not_waive_and_is_told_with_its_line(annotation: str, message: str) -> None:
    side = git(pod(annotation))
    exempt = exemptions(side, AT)
    assert judged(side, exempt).outcome is Outcome.FAIL
    (problem,) = exempt.problems(())
    assert (problem.code, problem.severity) == ("WVR001", Severity.WARNING)
    assert message in problem.message
    assert problem.place is not None
    assert problem.place.line == 8


def test_a_waiver_of_no_policy_is_told() -> None:
    (problem,) = exemptions(git(pod(GOOD, key="gitops-auditor.io/waive.bare-pod")), AT).problems(())
    assert problem.code == "WVR001"
    assert "'bare-pod' is no policy id" in problem.message


def test_an_expired_waiver_does_not_waive_and_is_told() -> None:
    side = git(pod(GOOD))
    exempt = exemptions(side, datetime(2026, 7, 1, tzinfo=UTC))
    assert judged(side, exempt).outcome is Outcome.FAIL
    (problem,) = exempt.problems(())
    assert (problem.code, problem.message) == ("WVR002", "waiver of POD001 on Pod shop/import ended on 2026-06-30")


def test_a_waiver_on_the_live_side_does_not_waive() -> None:
    git_side, live = git(pod()), cluster(pod(GOOD))
    exempt = exemptions(git_side, AT)
    (verdict,) = judge(BARE_POD, git_side, live, exempt=exempt)
    assert verdict.outcome is Outcome.FAIL
    assert exemptions(None, AT).problems(()) == ()


def test_a_waiver_holds_through_its_last_day() -> None:
    side = git(pod(GOOD))
    exempt = exemptions(side, AT)
    verdict = judged(side, exempt)
    assert verdict.outcome is Outcome.WAIVED
    assert verdict.reason == "moves to a Job in July (until 2026-06-30, by team-x)"
    assert exempt.problems([verdict]) == ()


def test_a_waiver_of_another_policy_does_not_waive() -> None:
    side = git(pod(GOOD, key="gitops-auditor.io/waive.RES001"))
    assert judged(side, exemptions(side, AT)).outcome is Outcome.FAIL


def test_a_waiver_on_the_namespace_waives_what_is_in_it_and_nothing_else() -> None:
    space = f"---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  annotations: {{gitops-auditor.io/waive.POD001: '{GOOD}'}}\n"
    inside, outside = git(space + pod()), git(space + pod().replace("namespace: shop", "namespace: other"))
    assert judged(inside, exemptions(inside, AT)).outcome is Outcome.WAIVED
    assert judged(outside, exemptions(outside, AT)).outcome is Outcome.FAIL


def test_a_waiver_for_one_container_does_not_cover_another() -> None:
    one = git(pod(GOOD + "; container=proxy", key="gitops-auditor.io/waive.RES001"))
    assert judged(one, exemptions(one, AT), REQUESTS).outcome is Outcome.FAIL
    text = pod(GOOD + "; container=proxy", key="gitops-auditor.io/waive.RES001")
    other = git(text.replace("import:1.0.0}", "import:1.0.0, resources: {requests: {memory: 1Gi}}}"))
    assert judged(other, exemptions(other, AT), REQUESTS).outcome is Outcome.WAIVED


def test_a_waiver_that_waives_nothing_is_told_when_its_policy_was_asked() -> None:
    text = pod(GOOD, key="gitops-auditor.io/waive.RES001").replace(
        "1.0.0}", "1.0.0, resources: {requests: {memory: 1Gi}}}"
    )
    side = git(text)
    exempt = exemptions(side, AT)
    assert exempt.problems(judge(BARE_POD, side, None, exempt=exempt)) == ()
    (problem,) = exempt.problems(judge(REQUESTS, side, None, exempt=exempt))
    assert (problem.code, problem.severity) == ("WVR003", Severity.INFO)
    assert problem.message == "waiver of RES001 on Pod shop/import waives nothing"
