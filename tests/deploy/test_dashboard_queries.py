"""Every query of every dashboard, asked of a real Prometheus that scraped the auditor's metrics and has two weeks of them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.model import Audit, Outcome
from auditor.publish.metrics import exposition
from auditor.publish.state import ClusterState, Ran, State, after_run
from tests.deploy.dashboards import DASHBOARDS, Query, filled, queries, variables
from tests.prometheus import Prometheus, history, scraping, target
from tests.publish.sample import API, AUDIT, CLUSTER, POLICIES, verdict

pytestmark = pytest.mark.component

NAMESPACE = "checkout"
"""The namespace of the sample in which everything can be seen."""
CLEAN, NEVER = "clean", "never-audited"
EVERYTHING = {"datasource": "any", "cluster": CLUSTER, "team": ".*", "namespace": NAMESPACE, "__rate_interval": "4h"}

# Which label holds the audited namespace, with and without honorLabels, where the target has a namespace of its own
LABELS = {"namespace": True, "exported_namespace": False}

each_query = pytest.mark.parametrize("query", queries(), ids=str)


def at_now(audit: Audit, now: datetime) -> Audit:
    """The sample, made now; how old everything in it is stays as it was."""
    moved = now - audit.at
    drift = tuple(
        replace(each, window=replace(each.window, before=each.window.before + moved - timedelta(hours=5)))
        for each in audit.drift
        if each.window
    )
    sources = tuple(
        replace(
            each,
            fetched_at=each.fetched_at and each.fetched_at + moved,
            commit_at=each.commit_at and each.commit_at + moved,
        )
        for each in audit.sources
    )
    waived = verdict("POD001", API, Outcome.WAIVED, reason="moves to a Deployment; until 2026-12-31, by team-cart")
    return replace(audit, at=now, drift=drift, sources=sources, verdicts=(*audit.verdicts, waived))


def state() -> State:
    """Three clusters: one with everything, one audited without a fault, one that no run could reach yet."""
    now = datetime.now(UTC)
    audit = at_now(AUDIT, now)
    phases = {"fetch": 0.4, "collect": 3.1, "evaluate": 0.8}
    known = State(
        policies=POLICIES, repositories={"shop": "https://git.example/shop.git"}, version="0.1.0", revision="3f2c1ab"
    )
    for ran in (
        Ran(CLUSTER, now, "schedule", "success", audit, phases=phases),
        Ran(CLUSTER, now, "schedule", "partial", audit, phases=phases),
        Ran(CLEAN, now, "schedule", "success", replace(audit, cluster=CLEAN, verdicts=(), drift=(), problems=())),
        Ran(NEVER, now, "schedule", "failed"),
    ):
        known = after_run(known, ran)
    waived = {"active": 2, "expiring": 1, "expired": 0, "unused": 1}
    clusters: tuple[ClusterState, ...] = tuple(replace(each, waivers=waived) for each in known.clusters)
    return replace(known, clusters=clusters)


@pytest.fixture(scope="module", params=LABELS)
def label(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def prometheus(label: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder: Path = tmp_path_factory.mktemp("prometheus")
    text = exposition(state())
    own = {"namespace": "gitops-auditor"}
    with target(lambda: text) as port:
        told = text.decode() if LABELS[label] else re.sub(r"\bnamespace=", "exported_namespace=", text.decode())
        past = history(told, 15, {"job": "auditor", "instance": f"127.0.0.1:{port}", **own})
        with scraping(folder, port, labels=own, honor_labels=LABELS[label], past=past) as running:
            yield running


@each_query
def test_every_query_returns_data(prometheus: Prometheus, label: str, query: Query) -> None:
    expr = filled(query.expr, {**EVERYTHING, "nslabel": label})
    found = prometheus.query(expr)
    assert found, expr
    if query.target["range"]:
        drawn = prometheus.query_range(expr, hours=7 * 24)
        assert max(len(each["values"]) for each in drawn) > 7 * 24 - 3, expr


@each_query
def test_every_label_that_is_shown_is_in_the_data(prometheus: Prometheus, label: str, query: Query) -> None:
    found = prometheus.query(filled(query.expr, {**EVERYTHING, "nslabel": label}))
    for name in re.findall(r"\{\{(\w+)\}\}", query.target["legendFormat"]):
        assert all(name in each["metric"] for each in found), name


@pytest.mark.parametrize("panel", [q.panel for q in queries() if q.panel["type"] == "table"], ids=lambda p: p["title"])
def test_every_column_of_a_table_is_in_the_data(prometheus: Prometheus, label: str, panel: dict[str, object]) -> None:
    asked = [query for query in queries() if query.panel is panel]
    columns = {"Time"}
    for query in asked:
        columns.add(f"Value #{query.target['refId']}" if len(asked) > 1 else "Value")
        for each in prometheus.query(filled(query.expr, {**EVERYTHING, "nslabel": label})):
            columns |= each["metric"].keys()
    (organize,) = [each["options"] for each in panel["transformations"] if each["id"] == "organize"]  # type: ignore[attr-defined]
    shown, hidden = set(organize["renameByName"]), set(organize["excludeByName"])
    assert shown | hidden == columns


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_every_variable_offers_what_there_is(prometheus: Prometheus, label: str, dashboard: str) -> None:
    offered = {}
    for name, each in variables(dashboard).items():
        if each["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), ([$\w]+)\)", each["query"]["query"])
            assert asked
            matching, wanted = (filled(part, {**EVERYTHING, "nslabel": label}) for part in asked.groups())
            offered[name] = prometheus.label_values(wanted, matching)
    assert offered["cluster"] == [CLEAN, NEVER, CLUSTER]
    assert offered["team"] == ["team-cart", "unowned"]
    assert {"checkout", "payments"} <= set(offered["namespace"])
    assert "gitops-auditor" not in offered["namespace"]


def shown(prometheus: Prometheus, label: str, cluster: str, *titles: str) -> dict[str, float | None]:
    """What the panels of one number show for a cluster; None where there is no number."""
    numbers: dict[str, float | None] = {}
    for query in queries():
        if query.dashboard == "overview" and query.panel["title"] in titles:
            found = prometheus.query(
                filled(query.expr, {**EVERYTHING, "cluster": cluster, "namespace": ".*", "nslabel": label})
            )
            numbers[query.panel["title"]] = float(found[0]["value"][1]) if found else None
    return numbers


def test_what_was_never_audited_has_no_number_rather_than_a_good_one(prometheus: Prometheus, label: str) -> None:
    asked = "Score", "Change in 7 days", "Errors", "Drifted objects", "Coverage", "Age of the last audit"
    assert shown(prometheus, label, NEVER, *asked) == dict.fromkeys(asked)


def test_a_cluster_without_a_fault_shows_zero_and_not_nothing(prometheus: Prometheus, label: str) -> None:
    assert shown(prometheus, label, CLEAN, "Errors", "Drifted objects") == {"Errors": 0, "Drifted objects": 0}


def test_the_numbers_are_those_of_the_audit(prometheus: Prometheus, label: str) -> None:
    numbers = shown(prometheus, label, CLUSTER, "Score", "Change in 7 days", "Errors", "Drifted objects", "Coverage")
    assert numbers == {"Score": 0.784, "Change in 7 days": 0, "Errors": 1, "Drifted objects": 4, "Coverage": 0.97}
    age = shown(prometheus, label, CLUSTER, "Age of the last audit")["Age of the last audit"]
    assert age is not None
    assert 0 <= age < 120


def test_the_auditors_own_namespace_is_not_taken_for_an_audited_one(prometheus: Prometheus, label: str) -> None:
    (target_,) = prometheus.targets()
    assert target_["labels"]["namespace"] == "gitops-auditor"
    found = prometheus.query(f'auditor_namespace_score_ratio{{{label}="{NAMESPACE}"}}', at=time.time())
    assert found
