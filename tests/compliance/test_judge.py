"""Which side is judged, what becomes of the other, and what a rule that fails costs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from auditor.compliance import choose, judge, load_catalogue
from auditor.exemptions import exemptions
from auditor.kube.policy import policy
from auditor.model import (
    Answer,
    Cell,
    CellState,
    Fault,
    Judges,
    Outcome,
    Policy,
    Resource,
    Severity,
    Side,
    Snapshot,
    Unknown,
    Verdict,
)
from tests.compliance.manifests import cluster, deployment, git, service

CATALOGUE = load_catalogue()
AT = datetime(2026, 6, 1, tzinfo=UTC)


@policy(id="XYZ001", practice=1, severity=Severity.ERROR, kinds=("ConfigMap",), remedy="say good")
def bad_value(resource: Resource, around: object) -> Answer:
    """Values are good.

    Each value that says bad is a fault of its own, so that sides can be told apart.
    """
    for key, value in resource.body.get("data", {}).items():
        if value == "bad":
            yield Fault(("data", key), f"{key} is bad")
    return None


@policy(
    id="XYZ002", practice=1, severity=Severity.ERROR, kinds=("ConfigMap",), remedy="say good", judges=Judges.DECLARED
)
def bad_declaration(resource: Resource, around: object) -> Answer:
    """Declarations are good.

    Each value that says bad is a fault of its own, so that sides can be told apart.
    """
    return (yield from bad_value.rule(resource, around))


@policy(id="XYZ003", practice=1, severity=Severity.ERROR, kinds=("ConfigMap",), remedy="mend the rule")
def broken(resource: Resource, around: object) -> Answer:
    """A rule that fails.

    It fails on the objects called odd, after it has said something.
    """
    yield Fault(("data",), "said before it failed")
    if resource.ref.name == "odd":
        raise KeyError("a value that nobody may read")
    return None


def a_map(*pairs: str, name: str = "settings") -> str:
    return f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\ndata:\n" + "".join(
        f"  {pair}\n" for pair in pairs
    )


def only(verdicts: tuple[Verdict, ...]) -> Verdict:
    (verdict,) = verdicts
    return verdict


def by_id(*ids: str) -> tuple[Policy, ...]:
    return choose(CATALOGUE, ids, ())


def told(verdict: Verdict) -> list[tuple[str, Side, bool, int | None]]:
    return [(one.path, one.side, one.pending, one.place.line if one.place else None) for one in verdict.findings]


def test_nothing_to_judge_gives_no_verdict() -> None:
    assert judge([bad_value], None, None) == ()
    assert judge([bad_value], git(deployment()), None) == ()


def test_with_git_alone_git_is_judged_and_counts() -> None:
    verdict = only(judge([bad_value], git(a_map("a: bad")), None))
    assert (verdict.outcome, verdict.scored) == (Outcome.FAIL, True)
    assert told(verdict) == [("data.a", Side.GIT, False, 6)]


def test_with_the_cluster_alone_what_runs_is_judged_also_by_rules_about_declarations() -> None:
    verdicts = judge([bad_value, bad_declaration], None, cluster(a_map("a: bad")))
    assert [(one.policy, one.outcome, told(one)) for one in verdicts] == [
        ("XYZ001", Outcome.FAIL, [("data.a", Side.LIVE, False, None)]),
        ("XYZ002", Outcome.FAIL, [("data.a", Side.LIVE, False, None)]),
    ]


def test_what_runs_decides_and_what_only_git_has_is_pending() -> None:
    verdict = only(
        judge([bad_value], git(a_map("a: good", "b: bad", "c: bad")), cluster(a_map("a: bad", "b: bad", "c: good")))
    )
    assert verdict.outcome is Outcome.FAIL
    assert told(verdict) == [
        ("data.a", Side.LIVE, False, 6),  # the line of the field in git, though git says otherwise
        ("data.b", Side.BOTH, False, 7),
        ("data.c", Side.GIT, True, 8),
    ]


def test_a_fault_that_is_not_rolled_out_yet_leaves_the_verdict_a_pass() -> None:
    verdict = only(judge([bad_value], git(a_map("a: bad")), cluster(a_map("a: good"))))
    assert (verdict.outcome, verdict.severity, verdict.scored) == (Outcome.PASS, Severity.ERROR, True)
    assert told(verdict) == [("data.a", Side.GIT, True, 6)]


def test_a_rule_about_declarations_asks_git_alone() -> None:
    live = cluster(a_map("a: good", "b: bad"))
    verdict = only(judge([bad_declaration], git(a_map("a: bad", "b: good")), live))
    assert told(verdict) == [("data.a", Side.GIT, False, 6)]
    assert judge([bad_declaration], git(deployment()), live) == ()  # not declared at all


def test_what_is_only_in_git_while_the_cluster_was_read_is_pending_and_not_scored() -> None:
    verdict = only(judge([bad_value], git(a_map("a: bad")), cluster("")))
    assert (verdict.outcome, verdict.scored) == (Outcome.FAIL, False)
    assert told(verdict) == [("data.a", Side.GIT, True, 6)]


def test_a_declaration_of_what_does_not_run_is_faulty_all_the_same() -> None:
    verdict = only(judge([bad_declaration], git(a_map("a: bad")), cluster("")))
    assert (verdict.outcome, verdict.scored) == (Outcome.FAIL, False)
    assert told(verdict) == [("data.a", Side.GIT, False, 6)]


@pytest.mark.parametrize("state", [CellState.DENIED, CellState.UNAVAILABLE])
def test_what_could_not_be_read_is_unknown_never_a_pass(state: CellState) -> None:
    live = cluster("", [Cell("", "ConfigMap", "shop", state, "403")])
    failing, passing = (only(judge([bad_value], git(a_map(pair)), live)) for pair in ("a: bad", "a: good"))
    assert (failing.outcome, told(failing)) == (Outcome.UNKNOWN, [("data.a", Side.GIT, True, 6)])
    assert (passing.outcome, told(passing)) == (Outcome.UNKNOWN, [])
    assert "ConfigMap in shop" in passing.reason
    assert "403" in passing.reason


def test_what_a_setting_excludes_is_judged_by_git_and_counts() -> None:
    live = cluster("", [Cell("", "ConfigMap", None, CellState.EXCLUDED)])
    verdict = only(judge([bad_value], git(a_map("a: bad")), live))
    assert (verdict.outcome, verdict.scored) == (Outcome.FAIL, True)
    assert told(verdict) == [("data.a", Side.GIT, False, 6)]


def test_the_place_of_a_fault_that_only_runs_is_found_by_name_not_by_position() -> None:
    text = deployment(more="ports: [{containerPort: 80}]")
    live = text.replace(
        "      containers:\n",
        "      containers:\n        - name: injected\n          image: registry.example/injected:1.0.0\n",
    )
    verdict = only(judge(by_id("RES001"), git(text), cluster(live)))
    assert [(path, side, line) for path, side, _, line in told(verdict)] == [
        ("spec.template.spec.containers[name=injected]", Side.LIVE, 13),
        ("spec.template.spec.containers[name=web]", Side.BOTH, 14),
    ]


def test_a_rule_that_fails_costs_one_verdict_and_tells_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    verdicts = judge([broken, bad_value], git(a_map("a: good", name="odd") + a_map("a: good", name="well")), None)
    assert [(one.ref.name, one.policy, one.outcome) for one in verdicts] == [
        ("odd", "XYZ001", Outcome.PASS),
        ("odd", "XYZ003", Outcome.BROKEN),
        ("well", "XYZ001", Outcome.PASS),
        ("well", "XYZ003", Outcome.FAIL),
    ]
    assert verdicts[1].findings == ()
    assert "KeyError" in verdicts[1].reason
    assert "nobody may read" not in verdicts[1].reason


def test_what_a_controller_made_and_what_is_being_deleted_is_not_judged() -> None:
    owned = a_map("a: bad").replace(
        "namespace: shop}",
        "namespace: shop, ownerReferences: [{apiVersion: v1, kind: Thing, name: x, uid: y, controller: true}]}",
    )
    going = a_map("a: bad").replace("namespace: shop}", "namespace: shop, deletionTimestamp: '2026-01-01T00:00:00Z'}")
    assert judge([bad_value], None, cluster(owned)) == ()
    assert judge([bad_value], git(a_map("a: bad")), cluster(going)) == ()


def test_containers_fold_into_one_verdict_with_the_worst_severity() -> None:
    text = deployment() + "      initContainers: [{name: setup, image: registry.example/setup:1.0.0}]\n"
    verdict = only(judge(by_id("RES001"), git(text), None))
    assert [one.severity for one in verdict.findings] == [Severity.INFO, Severity.WARNING]
    assert verdict.severity is Severity.WARNING


def test_a_verdict_concerns_the_workload_that_the_object_serves() -> None:
    text = (
        deployment(more="envFrom: [{configMapRef: {name: settings}}]")
        + service()
        + a_map("a: good")
        + a_map("a: b", name="loose")
    )
    verdicts = judge([bad_value, *by_id("SVC001")], git(text), None)
    concerned = {(one.ref.kind, one.ref.name): [str(ref) for ref in one.concerns] for one in verdicts}
    assert concerned == {
        ("ConfigMap", "settings"): ["Deployment shop/web"],
        ("ConfigMap", "loose"): [],
        ("Service", "web"): ["Deployment shop/web"],
    }


def test_a_waived_failure_says_by_whom_until_when_and_why() -> None:
    text = a_map("a: bad").replace(
        "namespace: shop}",
        'namespace: shop, annotations: {gitops-auditor.io/waive.XYZ001: "reason=legacy; until=2026-12-31; by=team-x"}}',
    )
    side = git(text)
    verdict = only(judge([bad_value], side, None, exempt=exemptions(side, AT)))
    assert verdict.outcome is Outcome.WAIVED
    assert verdict.reason == "legacy (until 2026-12-31, by team-x)"
    assert len(verdict.findings) == 1


def test_two_faults_at_one_path_have_two_identities_and_the_same_ones_the_next_time() -> None:
    text = deployment(more="env: [{name: A, value: a}, {name: A, value: b}, {name: A, value: c}]")
    first, again = (only(judge(by_id("CFG007"), git(text), None)) for _ in range(2))
    prints = [one.fingerprint for one in first.findings]
    assert len(prints) == len(set(prints)) == 2
    assert prints == [one.fingerprint for one in again.findings]


def test_a_namespace_that_nobody_declared_is_judged_when_something_is_in_it() -> None:
    pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {containers: [{name: p, image: p:1}]}\n"
    (verdict,) = judge(by_id("NS004"), git(service() + pod), None)
    assert (verdict.ref.kind, verdict.ref.name, verdict.outcome) == ("Namespace", "shop", Outcome.FAIL)
    assert verdict.findings[0].place is None


def test_verdicts_do_not_depend_on_the_order_of_objects() -> None:
    side = git(deployment() + service() + deployment("api", labels="{app: api}") + a_map("a: b"))
    turned = Snapshot(tuple(reversed(side.resources)))
    assert [(v.policy, v.ref, v.outcome, v.findings) for v in judge(CATALOGUE, side, None)] == [
        (v.policy, v.ref, v.outcome, v.findings) for v in judge(CATALOGUE, turned, None)
    ]


def test_a_rule_that_cannot_tell_lets_the_faults_stand_that_it_has_told() -> None:
    @policy(id="XYZ004", practice=1, severity=Severity.ERROR, kinds=("ConfigMap",), remedy="say more")
    def torn(resource: Resource, around: object) -> Answer:
        """Both at once.

        It tells a fault where there is data, and then cannot tell the rest.
        """
        if resource.body.get("data"):
            yield Fault(("data",), "said")
        return Unknown("the rest is not known")

    failing, unknown = judge(
        [torn],
        git(a_map("a: b", name="a") + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: shop}\n"),
        None,
    )
    assert (failing.outcome, failing.reason) == (Outcome.FAIL, "the rest is not known")
    assert (unknown.outcome, unknown.reason) == (Outcome.UNKNOWN, "the rest is not known")
