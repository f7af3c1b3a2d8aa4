"""The formula, by cases and by properties: bounded, monotone, free of order, and neutral to what does not apply."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.compliance import score
from auditor.model import Outcome, Ref, Score, Severity, Snapshot, Verdict
from tests.compliance.manifests import git

NOTHING = Snapshot()


def ref(name: str, namespace: str | None = "shop", kind: str = "Deployment", group: str = "apps") -> Ref:
    return Ref("", group, kind, namespace, name)


def verdict(
    name: str = "web",
    outcome: Outcome = Outcome.PASS,
    severity: Severity = Severity.ERROR,
    *,
    namespace: str = "shop",
    policy: str = "XYZ001",
    scored: bool = True,
    alone: bool = False,
) -> Verdict:
    workload = ref(name, namespace)
    return Verdict(
        policy, policy.lower(), workload, outcome, severity, concerns=() if alone else (workload,), scored=scored
    )


def scores(verdicts: Sequence[Verdict], **kwargs: Sequence[str]) -> object:
    return score(verdicts, NOTHING, None, **kwargs)


def test_nothing_audited_has_no_score() -> None:
    found = score((), None, None)
    assert found.cluster == Score(None, None, 0, None)
    assert (found.namespaces, found.teams, found.workloads) == ({}, {}, {})


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.WAIVED, Outcome.BROKEN])
def test_what_is_neither_pass_nor_fail_gives_no_score(outcome: Outcome) -> None:
    found = score([verdict(outcome=outcome)], NOTHING, None)
    assert found.cluster.score is None
    assert found.workloads[ref("web")].score is None


def test_advice_alone_gives_no_score() -> None:
    assert score([verdict(outcome=Outcome.FAIL, severity=Severity.INFO)], NOTHING, None).cluster.score is None


def test_a_workload_is_weighed_by_severity() -> None:
    found = score(
        [
            verdict(policy="A", severity=Severity.ERROR),
            verdict(policy="B", severity=Severity.WARNING, outcome=Outcome.FAIL),
            verdict(policy="C", severity=Severity.INFO, outcome=Outcome.FAIL),
        ],
        NOTHING,
        None,
    )
    assert found.workloads[ref("web")].score == pytest.approx(100 * 5 / 7)


def test_a_namespace_and_the_cluster_are_means_with_the_worst_workload_beside() -> None:
    found = score(
        [
            verdict("good"),
            verdict("bad", Outcome.FAIL),
            verdict("other", namespace="data"),
        ],
        NOTHING,
        None,
    )
    assert found.namespaces["shop"] == Score(50, 0, 2, 0)
    assert found.namespaces["data"] == Score(100, 100, 1, 0)
    assert found.cluster.score == pytest.approx(200 / 3)
    assert (found.cluster.minimum, found.cluster.workloads) == (0, 3)


def test_what_concerns_no_workload_is_one_member_of_its_namespace() -> None:
    found = score(
        [
            verdict("good"),
            verdict("loose", Outcome.FAIL, alone=True),
            verdict("loose", Outcome.PASS, alone=True, policy="B"),
        ],
        NOTHING,
        None,
    )
    assert found.namespaces["shop"] == Score(75, 50, 1, 0)
    assert set(found.workloads) == {ref("good")}


def test_a_verdict_on_a_namespace_counts_for_that_namespace_and_on_a_cluster_role_for_the_cluster() -> None:
    space = Verdict("A", "a", ref("shop", None, "Namespace", ""), Outcome.PASS, Severity.ERROR)
    role = Verdict(
        "B", "b", ref("admin", None, "ClusterRole", "rbac.authorization.k8s.io"), Outcome.FAIL, Severity.ERROR
    )
    found = score([space, role], NOTHING, None)
    assert {name: one.score for name, one in found.namespaces.items()} == {"shop": 100}
    assert found.cluster.score == 50


def test_what_is_only_in_git_is_not_scored() -> None:
    assert score([verdict(outcome=Outcome.FAIL, scored=False)], NOTHING, None).cluster == Score(None, None, 0, None)


def test_what_could_not_be_told_is_a_share_beside_the_score() -> None:
    found = score(
        [
            verdict(policy="A"),
            verdict(policy="B", outcome=Outcome.UNKNOWN),
            verdict(policy="C", outcome=Outcome.BROKEN),
        ],
        NOTHING,
        None,
    )
    assert found.cluster == Score(100, 100, 1, 2 / 3)


def test_the_team_is_named_by_the_namespace_then_by_the_workload_else_unowned() -> None:
    side = git(
        """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {owner: later, team: store}}
---
apiVersion: v1
kind: Namespace
metadata: {name: data}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: data, labels: {team: base}}
spec: {template: {spec: {containers: [{name: db, image: "db:1"}]}}}
"""
    )
    verdicts = [verdict("web"), verdict("db", namespace="data"), verdict("cache", Outcome.FAIL, namespace="data")]
    found = score(verdicts, side, None, team_labels=("team", "owner"))
    assert found.team_of == {"data": "unowned", "shop": "store"}
    assert {name: one.score for name, one in found.teams.items()} == {"base": 100, "store": 100, "unowned": 0}


def test_the_label_that_is_named_first_in_the_settings_counts() -> None:
    side = git("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {owner: first, team: second}}\n")
    assert score([verdict()], side, None, team_labels=("owner", "team")).team_of == {"shop": "first"}


verdicts_of_any_kind = st.lists(
    st.builds(
        verdict,
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(list(Outcome)),
        st.sampled_from(list(Severity)),
        namespace=st.sampled_from(["shop", "data"]),
        policy=st.sampled_from(["P1", "P2", "P3"]),
        scored=st.booleans(),
        alone=st.booleans(),
    ),
    max_size=12,
)


def every_score(verdicts: Sequence[Verdict]) -> dict[object, Score]:
    found = score(verdicts, NOTHING, None)
    return {
        "cluster": found.cluster,
        **{f"namespace {name}": one for name, one in found.namespaces.items()},
        **{f"team {name}": one for name, one in found.teams.items()},
        **found.workloads,
    }


@given(verdicts_of_any_kind)
def test_scores_are_bounded_and_the_minimum_is_no_more_than_the_mean(verdicts: list[Verdict]) -> None:
    for one in every_score(verdicts).values():
        assert (one.score is None) == (one.minimum is None)
        if one.score is not None and one.minimum is not None:
            assert 0 <= one.minimum <= one.score + 1e-9 <= 100 + 1e-6
        assert one.unknown_ratio is None or 0 <= one.unknown_ratio <= 1


@given(verdicts_of_any_kind, st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_order(verdicts: list[Verdict], random: object) -> None:
    turned = list(verdicts)
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert every_score(turned) == every_score(verdicts)


@given(verdicts_of_any_kind, verdicts_of_any_kind)
def test_what_does_not_apply_changes_nothing(verdicts: list[Verdict], more: list[Verdict]) -> None:
    neutral = [one._replace(outcome=Outcome.NOT_APPLICABLE) for one in more]
    assert every_score([*verdicts, *neutral]) == every_score(verdicts)


@given(verdicts_of_any_kind, st.data())
def test_mending_a_fault_never_lowers_a_score(verdicts: list[Verdict], data: st.DataObject) -> None:
    failing = [index for index, one in enumerate(verdicts) if one.outcome is Outcome.FAIL]
    if not failing:
        return
    at = data.draw(st.sampled_from(failing))
    worst = verdicts[at].severity
    policy_severity = data.draw(st.sampled_from(list(Severity)))  # a failure may be milder or graver than its policy
    mended = data.draw(
        st.sampled_from(
            [
                verdicts[at]._replace(outcome=Outcome.PASS, severity=policy_severity),
                *(verdicts[at]._replace(severity=milder) for milder in Severity if milder.rank < worst.rank),
            ]
        )
    )
    before, after = every_score(verdicts), every_score([*verdicts[:at], mended, *verdicts[at + 1 :]])
    for key, one in before.items():
        if one.score is not None and after[key].score is not None:
            assert after[key].score >= one.score - 1e-9
            assert after[key].minimum >= one.minimum - 1e-9
