"""What is known at one moment, as one frozen value: metrics and pages read it and nothing else.

In: what each run gave (`after_run`). Out: a `State`. Whoever runs the audits swaps the whole value at the end of each run, so
nobody ever sees half of one.
"""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from auditor.model import Audit, Policy, Scores, WaiverState

Trigger: TypeAlias = Literal["schedule", "webhook", "manual", "startup"]
RunOutcome: TypeAlias = Literal["success", "partial", "failed", "skipped"]
Phase: TypeAlias = Literal["fetch", "render", "collect", "evaluate", "diff", "store", "publish"]

BUCKETS: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds of run durations, in seconds."""
STALE_AFTER_INTERVALS: Final = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last run gave nothing: as `model.Unavailable` says it, and when. No credential is in it."""

    at: datetime
    stage: str
    message: str
    remedy: str = ""
    reason: str = "other"


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram: how many fell into each bucket (the last: above all of them), and the sum in seconds."""

    counts: tuple[int, ...] = (0,) * (len(BUCKETS) + 1)
    total: float = 0.0

    def with_one(self, seconds: float) -> Durations:
        n = bisect_left(BUCKETS, seconds)
        counts = (*self.counts[:n], self.counts[n] + 1, *self.counts[n + 1 :])
        return Durations(counts, self.total + seconds)


@dataclass(frozen=True, slots=True)
class Then:
    """Scores of an earlier moment, to compare with."""

    at: datetime
    scores: Scores


@dataclass(frozen=True, slots=True)
class ClusterState:
    """One cluster: the last published audit, and how the runs went since this process began."""

    name: str
    audit: Audit | None = None
    attempted_at: datetime | None = None
    succeeded_at: datetime | None = None
    failure: Failure | None = None
    """Of the last run; None where it succeeded."""
    next_at: datetime | None = None
    runs: Mapping[tuple[Trigger, RunOutcome], int] = field(default_factory=dict)
    durations: Mapping[Phase, Durations] = field(default_factory=dict)
    fetch_failures: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(source, reason) -> how often."""
    since: Mapping[str, datetime] = field(default_factory=dict)
    """Fingerprint -> when the finding was first seen, where the store knows."""
    earlier: Then | None = None
    """A week before, where the store knows."""
    waivers: Mapping[str, int] = field(default_factory=dict)
    """"active", "expiring", "expired", "unused" -> how many; empty where it is not known."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that metrics and pages may say."""

    clusters: tuple[ClusterState, ...] = ()
    policies: tuple[Policy, ...] = ()
    every: timedelta = timedelta(minutes=5)
    """Between the starts of two runs."""
    repositories: Mapping[str, str] = field(default_factory=dict)
    """Source -> its URL without any credential."""
    reports: Mapping[str, datetime] = field(default_factory=dict)
    """Report -> when it was last delivered."""
    leader: bool | None = None
    """None where there is nobody to lead (SQLite)."""
    trouble: str = ""
    """Why this process is not ready to serve, in words; empty when it is."""
    version: str = ""
    revision: str = ""
    python_version: str = platform.python_version()

    def cluster(self, name: str) -> ClusterState | None:
        return next((one for one in self.clusters if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Ran:
    """How one run went. `audit` where it was published, `failure` where it was not."""

    cluster: str
    at: datetime
    trigger: Trigger
    outcome: RunOutcome
    audit: Audit | None = None
    failure: Failure | None = None
    phases: Mapping[Phase, float] = field(default_factory=dict)
    """Seconds."""
    fetch_failures: tuple[tuple[str, str], ...] = ()
    """(source, reason): "auth", "host_key", "network", "not_found", "timeout" or "other"."""
    next_at: datetime | None = None


def after_run(state: State, ran: Ran) -> State:
    """The state after one more run. A failed run leaves the audit of the last good one, and its time, as they were."""
    before = state.cluster(ran.cluster) or ClusterState(ran.cluster)
    runs = {**before.runs, (ran.trigger, ran.outcome): before.runs.get((ran.trigger, ran.outcome), 0) + 1}
    durations = dict(before.durations)
    for phase, seconds in ran.phases.items():
        durations[phase] = durations.get(phase, Durations()).with_one(seconds)
    failures = dict(before.fetch_failures)
    for key in ran.fetch_failures:
        failures[key] = failures.get(key, 0) + 1
    after = replace(
        before,
        audit=ran.audit or before.audit,
        attempted_at=before.attempted_at if ran.outcome == "skipped" else ran.at,
        succeeded_at=ran.at if ran.audit else before.succeeded_at,
        failure=None if ran.audit else ran.failure or before.failure,
        next_at=ran.next_at or before.next_at,
        runs=runs,
        durations=durations,
        fetch_failures=failures,
        waivers=_waivers(ran.audit) if ran.audit else before.waivers,
    )
    others = tuple(one for one in state.clusters if one.name != ran.cluster)
    return replace(state, clusters=tuple(sorted((*others, after), key=lambda one: one.name)))


def _waivers(audit: Audit) -> Mapping[str, int]:
    """How many waivers are in each state: zeros too, since all of them were read."""
    return {state.value: sum(one.state is state for one in audit.waivers) for state in WaiverState}


def stale(cluster: ClusterState, every: timedelta, now: datetime) -> bool:
    """Whether the last audit is older than three intervals: then it is shown as it was, never as it is."""
    return cluster.audit is not None and now - cluster.audit.at > STALE_AFTER_INTERVALS * every
