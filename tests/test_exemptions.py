"""Waivers: which count, which do not, and what is said of those that do not."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor import desired
from auditor.audit import audit
from auditor.compliance import choose, judge, load_catalogue
from auditor.exemptions import Exemptions, Terms, exemptions
from auditor.kube.secrets import new_key
from auditor.manifests import read_many
from auditor.model import Audit, CellState, Outcome, Severity, Snapshot, Verdict, WaiverState
from auditor.publish.state import Ran, State, after_run
from auditor.settings import FolderSource
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
    (problem,) = exempt.problems(exempt.granted(()))
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
    (problem,) = exempt.problems(exempt.granted(()))
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
    assert exempt.problems(exempt.granted([verdict])) == ()


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
    assert exempt.problems(exempt.granted(judge(BARE_POD, side, None, exempt=exempt))) == ()
    (problem,) = exempt.problems(exempt.granted(judge(REQUESTS, side, None, exempt=exempt)))
    assert (problem.code, problem.severity) == ("WVR003", Severity.INFO)
    assert problem.message == "waiver of RES001 on Pod shop/import waives nothing"


# Waivers files, read as everything from git is: by the confined process.

ENTRY = "- {policy: POD001, namespace: shop, reason: moves to a Job, owner: team-x, until: 2026-06-30}"


def text_of(*entries: str) -> str:
    return "# who may what\nwaivers:\n" + "\n".join(entries) + "\n"


def source(waivers: str, manifest: str = pod()) -> Snapshot:
    files = [("app.yaml", manifest.encode()), ("team/waivers.yaml", waivers.encode())]
    found = read_many(files, source="git", cluster="", namespace=None, key=new_key())
    return Snapshot(found.resources, found.problems, waivers=found.waivers)


def audited(side: Snapshot, *policies: str, at: datetime = AT, terms: Terms | None = None) -> Audit:
    return audit(side, None, policies=choose(load_catalogue(), policies or ("POD001",), ()), at=at, terms=terms)


def outcome(result: Audit, policy: str = "POD001") -> Outcome:
    (found,) = (one.outcome for one in result.verdicts if one.policy == policy and one.ref.kind == "Pod")
    return found


@pytest.mark.parametrize(
    ("old", "new", "waived"),
    [
        ("namespace: shop", "namespace: shop", True),
        ("namespace: shop", "namespace: 's*'", True),
        ("namespace: shop", "namespace: sho", False),
        ("namespace: shop", "kind: Pod", True),
        ("namespace: shop", "kind: pod", False),
        ("namespace: shop", "name: im*rt", True),
        ("namespace: shop", "namespace: shop, name: export", False),
        ("namespace: shop", "namespace: '*'", True),
        ("POD001", "POD002", False),
        ("2026-06-30", "2026-06-29", False),
    ],
)
def test_an_entry_of_a_waivers_file_waives_what_it_is_for_and_nothing_else(old: str, new: str, waived: bool) -> None:
    result = audited(source(text_of(ENTRY.replace(old, new))))
    assert outcome(result) is (Outcome.WAIVED if waived else Outcome.FAIL)
    assert [len(one.covers) for one in result.waivers] == [int(waived)]


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("owner: team-x, ", "", "says no owner", 3),
        (", until: 2026-06-30", "", "says no until", 3),
        ("reason: moves to a Job, ", "reason: , ", "says no reason", 3),
        ("namespace: shop, ", "", "is for everything", 3),
        ("namespace: shop, ", "namspace: shop, ", "'namspace' is not understood", 3),
        ("2026-06-30", "soon", "until: 'soon' is no day", 3),
        ("team-x", "y", "owner is no text", 3),
        ("2026-06-30", "[2026]", "until is no text", 3),
        ("policy: POD001", "policy: bare-pod", "'bare-pod' is no policy id", 3),
        (ENTRY, "- POD001", "is no map", 3),
        ("waivers:", "waiver:", "'waiver' is not understood", 2),
        ("waivers:\n" + ENTRY, "- POD001", "waivers: is no list", 2),
    ],
)
def test_what_is_wrong_in_a_waivers_file_is_told_with_its_line_and_does_not_waive(
    old: str, new: str, message: str, line: int
) -> None:
    assert old in text_of(ENTRY)
    result = audited(source(text_of(ENTRY).replace(old, new)))
    assert outcome(result) is Outcome.FAIL
    (problem,) = result.problems
    assert (problem.code, problem.severity) == ("WVR001", Severity.WARNING)
    assert message in problem.message
    assert problem.place is not None
    assert (problem.place.file, problem.place.line) == ("team/waivers.yaml", line)


def test_a_waivers_file_waives_what_only_runs_and_a_waivers_file_on_the_live_side_nothing() -> None:
    granted, without = source(text_of(ENTRY)), git("")
    running = cluster(pod())
    for side, expected in ((granted, Outcome.WAIVED), (without, Outcome.FAIL)):
        empty = Snapshot(waivers=side.waivers)
        result = audit(empty, running, policies=BARE_POD, at=AT)
        assert outcome(result) is expected
    live = Snapshot(running.resources, waivers=granted.waivers)
    assert outcome(audit(without, live, policies=BARE_POD, at=AT)) is Outcome.FAIL


def test_a_manifest_called_waivers_is_a_manifest_all_the_same(tmp_path: Path) -> None:
    side = source(pod(), manifest="")
    assert ([one.ref.kind for one in side.resources], side.waivers) == (["Pod"], ())
    assert granted_by(tmp_path, pod()) == []


def test_the_confined_process_hands_waivers_over_with_their_lines(tmp_path: Path) -> None:
    assert granted_by(tmp_path, text_of(ENTRY, ENTRY.replace("POD001", "RES001"))) == [3, 4]


def granted_by(folder: Path, waivers: str) -> list[int]:
    """The lines of the waivers that a folder with this file grants."""
    (folder / "waivers.yaml").write_text(waivers)
    (folder / "app.yaml").write_text(pod())
    one = FolderSource(path=str(folder))
    side = desired.fetch(one, cluster="", key=new_key(), cache=None, deadline=time.monotonic() + 60)
    found = audited(desired.combine([side, git("")])).waivers
    return [granted.waiver.place.line for granted in found if granted.waiver.place]


def test_two_waivers_for_two_containers_waive_together_and_one_alone_in_part() -> None:
    one = "- {policy: RES001, name: import, container: import, reason: a, owner: x, until: 2026-07-30}"
    other = "- {policy: RES001, name: import, container: 'pro*', reason: b, owner: yes-team, until: 2026-07-30}"
    both = audited(source(text_of(one, other)), "RES001")
    assert outcome(both, "RES001") is Outcome.WAIVED
    result = audited(source(text_of(other)), "RES001")
    (verdict,) = (found for found in result.verdicts if found.policy == "RES001")
    assert verdict.outcome is Outcome.FAIL
    assert [finding.path.count("name=import") for finding in verdict.findings] == [1]
    assert [finding.path.count("name=proxy") for finding in verdict.waived] == [1]
    assert verdict.reason == "waived in part: b (until 2026-07-30, by yes-team)"
    assert [(one.state, len(one.covers)) for one in result.waivers] == [(WaiverState.ACTIVE, 1)]
    assert result.problems == ()


def test_an_annotation_waives_for_its_own_object_and_no_namesake() -> None:
    result = audited(git(pod(GOOD) + pod().replace("namespace: shop", "namespace: other")))
    assert {one.ref.namespace: one.outcome for one in result.verdicts if one.ref.kind == "Pod"} == {
        "shop": Outcome.WAIVED,
        "other": Outcome.FAIL,
    }


def test_where_no_verdict_could_be_given_a_waiver_is_not_called_unused() -> None:
    unread = cluster("", otherwise=CellState.UNAVAILABLE)
    result = audit(git(pod(GOOD)), unread, policies=BARE_POD, at=AT)
    assert outcome(result) is Outcome.UNKNOWN
    assert [one.state for one in result.waivers] == [WaiverState.EXPIRING]
    assert "WVR003" not in {one.code for one in result.problems}


def test_a_name_that_is_a_pattern_waives_nothing_but_itself() -> None:
    text = pod(GOOD).replace("name: import\n  namespace", "name: '*'\n  namespace") + pod()
    result = audited(git(text))
    assert {one.ref.name: one.outcome for one in result.verdicts if one.ref.kind == "Pod"} == {
        "*": Outcome.WAIVED,
        "import": Outcome.FAIL,
    }


def test_a_waiver_of_a_policy_that_does_not_exist_is_told() -> None:
    result = audited(source(text_of(ENTRY.replace("POD001", "POD999"))))
    assert [(one.code, "there is no such policy" in one.message) for one in result.problems] == [("WVR001", True)]
    assert [one.state for one in result.waivers] == [WaiverState.UNUSED]


def test_a_waiver_for_longer_than_the_setting_allows_does_not_waive() -> None:
    side = source(text_of(ENTRY))
    days = timedelta(days=90)
    until = datetime(2026, 6, 30, tzinfo=UTC)
    assert outcome(audited(side, at=until - days, terms=Terms(longest_days=90))) is Outcome.WAIVED
    early = audited(side, at=until - days - timedelta(days=1), terms=Terms(longest_days=90))
    assert outcome(early) is Outcome.FAIL
    assert [one.code for one in early.problems] == ["WVR004"]
    assert outcome(audited(side, at=until - days - timedelta(days=1))) is Outcome.WAIVED


def test_annotations_do_not_waive_where_the_setting_says_so() -> None:
    side = source(text_of(ENTRY.replace("POD001", "RES001")), pod(GOOD))
    assert outcome(audited(side, "POD001", "RES001"), "POD001") is Outcome.WAIVED
    result = audited(side, "POD001", "RES001", terms=Terms(annotations=False))
    assert (outcome(result, "POD001"), outcome(result, "RES001")) == (Outcome.FAIL, Outcome.WAIVED)
    assert [one.code for one in result.problems] == ["WVR005"]


def test_the_state_of_each_waiver_reaches_the_metrics() -> None:
    far = ENTRY.replace("2026-06-30", "2026-07-15")
    ended = ENTRY.replace("2026-06-30", "2026-06-29")
    unused = ENTRY.replace("namespace: shop", "namespace: elsewhere")
    result = audited(source(text_of(far, ended, unused), pod(GOOD)))
    assert [one.state.value for one in result.waivers] == ["expiring", "active", "expired", "unused"]
    state = after_run(State(), Ran("prod", AT, "schedule", "success", result))
    (found,) = state.clusters
    assert found.waivers == {"active": 1, "expiring": 1, "expired": 1, "unused": 1}
    after = after_run(state, Ran("prod", AT, "schedule", "failed"))
    assert after.clusters[0].waivers == found.waivers
    again = after_run(state, Ran("prod", AT, "schedule", "success", audited(git(pod()))))
    assert again.clusters[0].waivers == {"active": 0, "expiring": 0, "expired": 0, "unused": 0}
