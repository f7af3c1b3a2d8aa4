"""Every metric, its labels and what it means: the table that the exposition and `docs/metrics.md` are made from.

Names are a public interface (https://prometheus.io/docs/practices/naming/): base units, ratios from 0 to 1, times as
timestamps. A metric is added, never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """`bound`: how many series there can be; C clusters, N namespaces, P policies, S sources, T teams, W workloads."""

    name: str
    type: Literal["gauge", "counter", "histogram"]
    labels: tuple[str, ...]
    help: str
    bound: str
    droppable: int = 0
    """Order in which a family is left out above the cap, 1 first; 0 is never left out."""


def _metric(
    type_: Literal["gauge", "counter", "histogram"], name: str, labels: str, bound: str, text: str, drop: int = 0
) -> Metric:
    return Metric(f"auditor_{name}", type_, tuple(labels.split()), text, bound, drop)


METRICS: Final[tuple[Metric, ...]] = (
    _metric("gauge", "build_info", "version revision python_version", "1", "Always 1; what is running."),
    _metric("gauge", "leader", "", "1", "1 where this replica leads the audits, 0 where another does; absent with SQLite."),
    _metric(
        "gauge", "run_last_attempt_timestamp_seconds", "cluster", "C", "When the last run began, whatever became of it."
    ),
    _metric("gauge", "run_last_success_timestamp_seconds", "cluster", "C", "When the last run was published."),
    _metric(
        "counter",
        "runs_total",
        "cluster trigger outcome",
        "16 C",
        "Runs by what started them (schedule, webhook, manual, startup) and outcome (success, partial, failed, skipped).",
    ),
    _metric(
        "histogram",
        "run_duration_seconds",
        "cluster phase",
        "91 C",
        "Time of each phase of a run: fetch, render, collect, evaluate, diff, store, publish.",
    ),
    _metric(
        "gauge",
        "source_info",
        "source repo branch revision",
        "S",
        "Always 1; which revision was audited last, shortened. `repo` is free of credentials.",
    ),
    _metric("gauge", "source_last_fetch_timestamp_seconds", "source", "S", "When a source was last fetched with success."),
    _metric("gauge", "source_commit_timestamp_seconds", "source", "S", "When the audited commit was made."),
    _metric(
        "counter",
        "source_fetch_failures_total",
        "source reason",
        "6 S",
        "Failed fetches by reason: auth, host_key, network, not_found, timeout, other.",
    ),
    _metric(
        "gauge",
        "manifest_errors",
        "source code severity",
        "20 S",
        "Problems in what was read, by code (MAN manifests, SRC sources and rendering, WVR waivers) and severity.",
    ),
    _metric(
        "gauge", "collect_denied", "cluster resource", "40 C", "1 for each kind that may not be listed somewhere; else absent."
    ),
    _metric(
        "gauge",
        "coverage_ratio",
        "cluster",
        "C",
        "Share of the wanted lists (one kind in one namespace) that could be read; absent where nothing was wanted.",
    ),
    _metric(
        "gauge",
        "cluster_score_ratio",
        "cluster",
        "C",
        "Mean score of the workloads; absent where nothing could be judged. Never 1 for nothing.",
    ),
    _metric("gauge", "cluster_unknown_ratio", "cluster", "C", "Share of verdicts that could not be given for want of data."),
    _metric("gauge", "team_score_ratio", "cluster team", "T", "Mean score of a team's workloads.", 9),
    _metric("gauge", "namespace_score_ratio", "cluster namespace team", "N", "Mean score of a namespace's workloads.", 7),
    _metric(
        "gauge",
        "workload_score_ratio",
        "cluster namespace team kind name",
        "W, at most 2,000",
        "Score of one workload; the lowest 2,000 where there are more.",
        1,
    ),
    _metric("gauge", "workloads", "cluster namespace team kind", "7 N", "Workloads that are judged.", 3),
    _metric("gauge", "policy_info", "policy slug category severity", "P", "Always 1; the catalogue."),
    _metric(
        "gauge",
        "policy_results",
        "cluster policy status",
        "6 P C",
        "Verdicts by outcome: pass, fail, not-applicable, unknown, waived, broken.",
        8,
    ),
    _metric(
        "gauge",
        "findings",
        "cluster namespace team policy severity status",
        "at most 2 N P",
        "Findings, only where there are any: status fail (open) or waived. What is only in git and does not run yet is not counted.",
        2,
    ),
    _metric(
        "gauge",
        "finding_oldest_timestamp_seconds",
        "cluster severity",
        "3 C",
        "When the oldest open finding was first seen; absent where there is none.",
    ),
    _metric(
        "gauge",
        "drift_objects",
        "cluster namespace team type severity",
        "at most 12 N",
        "Objects that are not what git says, by type (modified, missing, unmanaged, orphaned) and severity. Where git is merely "
        "ahead, it is not counted. 0 is said under severity error, and only of namespaces that could be read.",
        5,
    ),
    _metric(
        "gauge",
        "drift_fields",
        "cluster namespace manager_class",
        "4 N",
        "Fields that differ, by who wrote them: human, gitops, controller, unknown. Only where there are any.",
        4,
    ),
    _metric(
        "gauge",
        "drift_oldest_timestamp_seconds",
        "cluster namespace",
        "N",
        "When the oldest drift was first seen; absent where there is none.",
        6,
    ),
    _metric("gauge", "waivers", "cluster state", "4 C", "Waivers: active, expiring, expired, unused."),
    _metric("gauge", "report_last_success_timestamp_seconds", "report", "R", "When a report was last delivered."),
    _metric(
        "gauge",
        "metrics_truncated",
        "family",
        "9",
        "1 where series of a family were left out because there are too many, else 0.",
    ),
)  # fmt: skip

BY_NAME: Final = {metric.name: metric for metric in METRICS}


def metrics_markdown() -> str:
    """The text of `docs/metrics.md`."""
    lines = [
        "# Metrics",
        "",
        "<!-- Generated from the code by `make docs`; a test fails when it is stale. -->",
        "",
        "Served on `/metrics` in Prometheus' text format. All of it comes from one published state: a scrape never sees half a run,",
        "and never starts one. The vocabulary is that of the pages and of `-o json`: severities error, warning and info; outcomes",
        "pass, fail, not-applicable, unknown, waived and broken. What could not be read has no series, never a zero.",
        "",
        "`namespace` is the namespace of the audited object (empty for cluster-scoped ones). Scrape with `honorLabels: true`, or",
        "Prometheus renames it to `exported_namespace`. `team` is from the namespace's labels, else `unowned`.",
        "",
        "Names are stable: a metric or a label is added, never renamed.",
        "",
        "| metric | type | labels | means | series |",
        "|---|---|---|---|---|",
    ]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        lines.append(f"| `{metric.name}` | {metric.type} | {labels} | {metric.help} | {metric.bound} |")
    order = sorted((metric for metric in METRICS if metric.droppable), key=lambda metric: metric.droppable)
    lines += [
        "",
        "At most 10,000 series are served. Above that whole families are left out, and `auditor_metrics_truncated` says which, in",
        "this order: " + ", ".join(f"`{metric.name}`" for metric in order) + ".",
        "",
        "The usual `process_*` metrics of the process itself are served too.",
    ]
    return "\n".join(lines) + "\n"
