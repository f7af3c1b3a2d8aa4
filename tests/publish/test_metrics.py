"""/metrics: true, bounded, and never brought down by a name."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from auditor.model import Cell, CellState, Coverage, Direction
from auditor.publish import metric_table, metrics, tally
from auditor.publish.state import Durations, Failure, Ran, State, after_run, stale
from tests.publish import sample

BASE = State(
    policies=sample.POLICIES,
    version="1.0",
    revision="abc1234",
    repositories={"shop": "https://git.example/shop.git"},
    reports={"weekly": sample.AT},
    leader=True,
)


def ran(audit: sample.Audit | None, **over: object) -> Ran:
    made = Ran(
        "prod-eu", sample.AT, "schedule", "partial", audit, phases={"fetch": 0.4, "collect": 7.0, "store": 900.0}
    )
    return replace(made, **over)  # type: ignore[arg-type]


def state(audit: sample.Audit = sample.AUDIT) -> State:
    return after_run(BASE, ran(audit, cluster=audit.cluster, fetch_failures=(("shop", "auth"),)))


def read(of: State, most: int = 10_000) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Sample name -> labels -> value; fails where one series is said twice, as Prometheus does."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(metrics.exposition(of, most).decode()):
        for one in family.samples:
            labels = tuple(sorted(one.labels.items()))
            assert labels not in found.setdefault(one.name, {}), f"{one.name}{labels} twice"
            found[one.name][labels] = one.value
    return found


def value(of: State, name: str, **labels: str) -> float | None:
    return read(of).get(f"auditor_{name}", {}).get(tuple(sorted(labels.items())))


@pytest.mark.parametrize("nasty", sample.NASTY)
def test_no_name_ends_the_scrape(nasty: str) -> None:
    hostile = after_run(
        replace(BASE, repositories={nasty: nasty}, version=nasty),
        ran(sample.hostile(nasty), cluster=nasty, fetch_failures=((nasty, "other"),)),
    )
    assert read(hostile)["auditor_cluster_score_ratio"]


def test_two_names_that_look_alike_when_written_out_are_one_series_not_two() -> None:
    one = sample.AUDIT.drift[0].ref._replace(namespace="a\udc80")
    two = one._replace(namespace="a⟨U+DC80⟩")
    scores = replace(
        sample.AUDIT.scores,
        workloads=dict.fromkeys((one, two), sample.AUDIT.scores.cluster),
        namespaces={ref.namespace or "": sample.AUDIT.scores.cluster for ref in (one, two)},
        team_of={},
    )
    found = read(state(replace(sample.AUDIT, scores=scores)))
    assert list(found["auditor_workloads"].values()) == [2]


def test_nothing_judged_has_no_score_and_no_drift_of_zero() -> None:
    found = read(state(sample.NOTHING))
    for absent in ("cluster_score_ratio", "coverage_ratio", "namespace_score_ratio", "drift_objects", "findings"):
        assert f"auditor_{absent}" not in found


def test_a_zero_is_not_said_of_a_namespace_that_could_not_be_read() -> None:
    quiet = replace(sample.AUDIT, drift=())
    found = read(state(quiet))["auditor_drift_objects"]
    assert {dict(labels)["namespace"] for labels in found} == {"checkout", "payments"}
    denied = Coverage(0.5, (*quiet.coverage.cells, Cell("", "ConfigMap", "checkout", CellState.DENIED)))
    found = read(state(replace(quiet, coverage=denied)))["auditor_drift_objects"]
    assert {dict(labels)["namespace"] for labels in found} == {"payments"}
    assert set(found.values()) == {0}


def test_a_failed_run_leaves_the_last_audit_and_its_time() -> None:
    failed = after_run(state(), ran(None, at=sample.AT + timedelta(minutes=5), outcome="failed", failure=None))
    assert value(failed, "run_last_success_timestamp_seconds", cluster="prod-eu") == sample.AT.timestamp()
    assert value(failed, "run_last_attempt_timestamp_seconds", cluster="prod-eu") == sample.AT.timestamp() + 300
    assert value(failed, "cluster_score_ratio", cluster="prod-eu") == pytest.approx(0.784)
    assert value(failed, "runs_total", cluster="prod-eu", trigger="schedule", outcome="failed") == 1


def test_a_cluster_that_never_ran_has_attempts_and_nothing_else() -> None:
    failure = Failure(sample.AT, "cluster", "no answer")
    never = after_run(BASE, ran(None, outcome="failed", failure=failure))
    found = read(never)
    assert "auditor_run_last_success_timestamp_seconds" not in found
    assert "auditor_cluster_score_ratio" not in found
    assert "auditor_run_last_attempt_timestamp_seconds" in found


def test_numbers_are_those_of_the_pages() -> None:
    found = read(state())
    assert sum(v for k, v in found["auditor_findings"].items() if ("status", "fail") in k) == len(
        tally.open_findings(sample.AUDIT.verdicts)
    )
    assert sum(found["auditor_drift_objects"].values()) == len(tally.standing_drift(sample.AUDIT.drift)) == 4
    assert sum(found["auditor_drift_fields"].values()) == 5
    assert value(state(), "findings", cluster="prod-eu", namespace="checkout", team="team-cart", policy="RES002",
                 severity="warning", status="fail") == 2  # fmt: skip
    assert value(state(), "policy_results", cluster="prod-eu", policy="RES002", status="unknown") == 1
    assert value(state(), "collect_denied", cluster="prod-eu", resource="deployments.apps") == 1
    assert value(state(), "drift_fields", cluster="prod-eu", namespace="checkout", manager_class="human") == 4


def test_git_ahead_is_not_drift() -> None:
    waiting = replace(sample.AUDIT, drift=tuple(d for d in sample.DRIFT if d.direction is Direction.GIT_AHEAD))
    found = read(state(waiting))
    assert sum(found["auditor_drift_objects"].values()) == 0
    assert "auditor_drift_fields" not in found
    assert "auditor_drift_oldest_timestamp_seconds" not in found


def test_durations_are_cumulative_and_complete() -> None:
    found = read(state())["auditor_run_duration_seconds_bucket"]
    store = {dict(labels)["le"]: v for labels, v in found.items() if ("phase", "store") in labels}
    assert (store["600.0"], store["+Inf"]) == (0, 1)
    assert Durations().with_one(0.1).counts[0] == 1
    twice = Durations().with_one(0.2).with_one(0.3)
    assert (sum(twice.counts), twice.total) == (2, pytest.approx(0.5))


@pytest.mark.parametrize("most", [200, 1000, 10_000])
def test_series_are_bounded_and_what_is_left_out_is_said(most: int) -> None:
    found = read(state(sample.many(3000)), most)
    own = {name: values for name, values in found.items() if name.startswith("auditor_")}
    assert sum(map(len, own.values())) <= most
    cut = {dict(labels)["family"] for labels, v in found["auditor_metrics_truncated"].items() if v}
    assert "auditor_workload_score_ratio" in cut
    if most == 10_000:
        assert len(found["auditor_workload_score_ratio"]) == 2000
        assert cut == {"auditor_workload_score_ratio"}
    else:
        assert "auditor_workload_score_ratio" not in found


def test_nothing_is_marked_as_cut_where_all_fits() -> None:
    assert set(read(state())["auditor_metrics_truncated"].values()) == {0}


def test_no_secret_and_no_value_is_in_the_exposition() -> None:
    text = metrics.exposition(state()).decode()
    assert sample.CANARY not in text
    assert "registry.example" not in text


def test_there_are_no_created_series_of_ours() -> None:
    assert b"_created" not in metrics.exposition(state())


def test_every_metric_of_the_table_is_named_by_the_rules() -> None:
    for metric in metric_table.METRICS:
        assert re.fullmatch(r"auditor(_[a-z]+)+", metric.name)
        assert metric.name.endswith("_total") == (metric.type == "counter")
        assert metric.help.endswith(".")


def test_the_page_of_metrics_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    assert page.read_text() == metrics.metrics_markdown(), "docs/metrics.md is stale: run make docs"


def test_an_audit_is_stale_after_three_intervals() -> None:
    cluster = state().clusters[0]
    assert not stale(cluster, timedelta(minutes=5), sample.AT + timedelta(minutes=15))
    assert stale(cluster, timedelta(minutes=5), sample.AT + timedelta(minutes=16))


@pytest.mark.component
@pytest.mark.parametrize("audit", [sample.AUDIT, sample.NOTHING, sample.hostile(sample.NASTY[10]), sample.many(3000)])
def test_promtool_finds_no_fault(audit: sample.Audit) -> None:
    if not shutil.which("promtool"):
        from tests.components import need

        need("promtool", remedy="apt-get install prometheus")
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics.exposition(state(audit)), capture_output=True, timeout=30
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
