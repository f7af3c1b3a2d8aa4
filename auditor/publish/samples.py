"""The values of every metric: a State in, for each metric its labels and values out. Pure.

Values of one label set are merged, never doubled: Prometheus refuses a scrape that says one series twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TypeAlias

from auditor.kube.kinds import known
from auditor.model import Audit, CellState, DriftKind, Outcome, OwnerClass, Ref, Severity
from auditor.publish import tally, words
from auditor.publish.foreign import visible
from auditor.publish.metric_table import METRICS
from auditor.publish.state import ClusterState, Durations, State

Labels: TypeAlias = tuple[str, ...]
Values: TypeAlias = Mapping[Labels, float | Durations]
MOST_SERIES: Final = 10_000
MOST_WORKLOADS: Final = 2_000
_HISTOGRAM_SERIES: Final = 14


class _Board:
    """Label values made safe, and values of one series merged."""

    def __init__(self) -> None:
        self.values: dict[str, dict[Labels, float | Durations]] = {metric.name: {} for metric in METRICS}

    def say(self, name: str, value: float | Durations, *labels: str) -> None:
        self.values[f"auditor_{name}"][_safe(labels)] = value

    def add(self, name: str, value: float, *labels: str) -> None:
        family, key = self.values[f"auditor_{name}"], _safe(labels)
        before = family.get(key, 0)
        family[key] = (before if isinstance(before, (int, float)) else 0) + value

    def least(self, name: str, value: float, *labels: str) -> None:
        family, key = self.values[f"auditor_{name}"], _safe(labels)
        before = family.get(key, value)
        family[key] = min(before if isinstance(before, (int, float)) else value, value)

    def latest(self, name: str, at: datetime | None, *labels: str) -> None:
        if at is not None:
            family, key = self.values[f"auditor_{name}"], _safe(labels)
            before = family.get(key, 0.0)
            family[key] = max(before if isinstance(before, (int, float)) else 0.0, seconds(at))


def samples(state: State, most: int = MOST_SERIES) -> Mapping[str, Values]:
    """Metric name -> label values -> value, in the order of the table; at most `most` series, and said where that cut."""
    global _last
    last = _last
    # a state never changes: what is asked of it every 15 seconds is computed once
    if last is None or last[0] is not state or last[1] != most:
        last = _last = (state, most, _samples(state, most))
    return last[2]


_last: tuple[State, int, Mapping[str, Values]] | None = None


def _samples(state: State, most: int) -> Mapping[str, Values]:
    board = _Board()
    board.say("build_info", 1, state.version, state.revision, state.python_version)
    if state.leader is not None:
        board.say("leader", int(state.leader))
    for policy in state.policies:
        category = words.PRACTICES.get(policy.practice, "")
        board.say("policy_info", 1, policy.id, policy.name, category, policy.severity.value)
    for report, at in state.reports.items():
        board.latest("report_last_success_timestamp_seconds", at, report)
    for cluster in state.clusters:
        _cluster(board, state, cluster)
    return _bounded(board.values, most)


def seconds(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _cluster(board: _Board, state: State, cluster: ClusterState) -> None:
    name = cluster.name
    board.latest("run_last_attempt_timestamp_seconds", cluster.attempted_at, name)
    board.latest("run_last_success_timestamp_seconds", cluster.succeeded_at, name)
    for (trigger, outcome), count in cluster.runs.items():
        board.add("runs_total", count, name, trigger, outcome)
    for phase, durations in cluster.durations.items():
        board.say("run_duration_seconds", durations, name, phase)
    for (source, reason), count in cluster.fetch_failures.items():
        board.add("source_fetch_failures_total", count, source, reason)
    for waivers, count in cluster.waivers.items():
        board.add("waivers", count, name, waivers)
    if cluster.audit is not None:
        _sources(board, state, cluster.audit)
        _coverage(board, name, cluster.audit)
        _scores(board, name, cluster.audit)
        _verdicts(board, state, cluster, cluster.audit)
        _drift(board, name, cluster.audit)


def _sources(board: _Board, state: State, audit: Audit) -> None:
    for source in audit.sources:
        repo, revision = state.repositories.get(source.name, ""), (source.revision or "")[:7]
        board.say("source_info", 1, source.name, repo, source.branch or "", revision)
        board.latest("source_last_fetch_timestamp_seconds", source.fetched_at, source.name)
        board.latest("source_commit_timestamp_seconds", source.commit_at, source.name)
    for problem in audit.problems:
        source_name = problem.place.source if problem.place else ""
        board.add("manifest_errors", 1, source_name, problem.code, problem.severity.value)


def _coverage(board: _Board, name: str, audit: Audit) -> None:
    if audit.coverage.ratio is not None:
        board.say("coverage_ratio", audit.coverage.ratio, name)
    for cell in audit.coverage.cells:
        if cell.state is CellState.DENIED:
            kind = known(cell.group, cell.kind)
            plural = kind.plural if kind else cell.kind.lower()
            board.say("collect_denied", 1, name, f"{plural}.{cell.group}" if cell.group else plural)


def _scores(board: _Board, name: str, audit: Audit) -> None:
    scores = audit.scores
    if scores.cluster.score is not None:
        board.say("cluster_score_ratio", scores.cluster.score / 100, name)
    if scores.cluster.unknown_ratio is not None:
        board.say("cluster_unknown_ratio", scores.cluster.unknown_ratio, name)
    for team, score in scores.teams.items():
        if score.score is not None:
            board.least("team_score_ratio", score.score / 100, name, team)
    for namespace, score in scores.namespaces.items():
        if score.score is not None:
            board.least("namespace_score_ratio", score.score / 100, name, namespace, tally.team(scores, namespace))
    for ref, score in tally.worst_workloads(scores):
        where = (ref.namespace or "", tally.team(scores, ref.namespace), ref.kind)
        board.add("workloads", 1, name, *where)
        if score.score is not None:
            board.least("workload_score_ratio", score.score / 100, name, *where, ref.name)


def _verdicts(board: _Board, state: State, cluster: ClusterState, audit: Audit) -> None:
    name = cluster.name
    counted = Counter((verdict.policy, verdict.outcome) for verdict in audit.verdicts)
    for policy in {policy for policy, _ in counted} | {policy.id for policy in state.policies if policy.enabled}:
        for outcome in Outcome:
            board.say("policy_results", counted[policy, outcome], name, policy, outcome.value)

    def where(ref: Ref) -> Labels:
        namespace = tally.namespace_of(ref)
        return (name, namespace or "", tally.team(audit.scores, namespace))

    for one in tally.open_findings(audit.verdicts):
        found = one.finding
        board.add("findings", 1, *where(found.ref), found.policy, found.severity.value, "fail")
        since = cluster.since.get(found.fingerprint)
        if since is not None:
            board.least("finding_oldest_timestamp_seconds", seconds(since), name, found.severity.value)
    for verdict in tally.with_outcome(audit.verdicts, Outcome.WAIVED):
        severities = [found.severity for found in verdict.findings] or [verdict.severity]
        for severity in severities:
            board.add("findings", 1, *where(verdict.ref), verdict.policy, severity.value, "waived")


def _drift(board: _Board, name: str, audit: Audit) -> None:
    unread = {cell.namespace for cell in tally.unread(audit.coverage.cells)}
    if None not in unread and (audit.coverage.ratio is not None or audit.seen):
        for namespace, score in audit.scores.namespaces.items():
            # a zero is a statement: not about what could not be read
            if namespace not in unread and score.score is not None:
                for kind in DriftKind:
                    team = tally.team(audit.scores, namespace)
                    board.add("drift_objects", 0, name, namespace, team, kind.value, Severity.ERROR.value)
    for drift in tally.standing_drift(audit.drift):
        namespace = tally.namespace_of(drift.ref) or ""
        team = tally.team(audit.scores, namespace)
        board.add("drift_objects", 1, name, namespace, team, drift.kind.value, drift.severity.value)
        if drift.window:
            board.least("drift_oldest_timestamp_seconds", seconds(drift.window.before), name, namespace)
        for change in drift.changes:
            owner = change.owner.owner_class if change.owner else OwnerClass.UNKNOWN
            board.add("drift_fields", 1, name, namespace, owner.value)


def _bounded(values: dict[str, dict[Labels, float | Durations]], most: int) -> Mapping[str, Values]:
    """Workloads first, then whole families in the table's order, until all fit. What was cut is said."""
    truncated = {metric.name: 0 for metric in METRICS if metric.droppable}
    workloads = values["auditor_workload_score_ratio"]
    if len(workloads) > MOST_WORKLOADS:
        lowest = sorted(workloads.items(), key=lambda item: (item[1], item[0]))[:MOST_WORKLOADS]
        values["auditor_workload_score_ratio"] = dict(lowest)
        truncated["auditor_workload_score_ratio"] = 1
    total = sum(map(_series, values.values())) + len(truncated)
    for metric in sorted((metric for metric in METRICS if metric.droppable), key=lambda metric: metric.droppable):
        if total > most and values[metric.name]:
            total -= _series(values[metric.name])
            values[metric.name] = {}
            truncated[metric.name] = 1
    values["auditor_metrics_truncated"] = {(name,): cut for name, cut in truncated.items()}
    return values


def _series(family: Values) -> int:
    return sum(_HISTOGRAM_SERIES if isinstance(value, Durations) else 1 for value in family.values())


def _safe(labels: Labels) -> Labels:
    """Visible text: one lone surrogate would else end the whole scrape."""
    return tuple(visible(label) for label in labels)
