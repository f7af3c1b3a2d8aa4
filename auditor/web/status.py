"""`/api/v1/status`: how each cluster stands, in numbers, for machines. In: a State and the time. Out: a plain dict."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from auditor.model import Severity
from auditor.publish import jsonform, tally
from auditor.publish.state import ClusterState, State, stale


def status_form(state: State, now: datetime) -> dict[str, Any]:
    """Every number is null where it is not known; `as_of` says of when it is."""
    return {
        "version": 1,
        "auditor": {
            "version": state.version,
            "revision": state.revision,
            "leader": state.leader,
            "trouble": state.trouble or None,
        },
        "clusters": [cluster_form(state, cluster, now) for cluster in state.clusters],
    }


def cluster_form(state: State, cluster: ClusterState, now: datetime) -> dict[str, Any]:
    audit, failure = cluster.audit, cluster.failure
    form: dict[str, Any] = {
        "cluster": cluster.name,
        "as_of": jsonform.moment(audit.at) if audit else None,
        "age_seconds": int((now - audit.at).total_seconds()) if audit else None,
        "stale": stale(cluster, state.every, now),
        "last_attempt": jsonform.moment(cluster.attempted_at) if cluster.attempted_at else None,
        "next": jsonform.moment(cluster.next_at) if cluster.next_at else None,
        "failure": None,
    }
    if failure is not None:
        form["failure"] = {
            "at": jsonform.moment(failure.at),
            "stage": failure.stage,
            "reason": failure.reason,
            "message": failure.message,
            "remedy": failure.remedy,
        }
    if audit is not None:
        drift = tally.standing_drift(audit.drift)
        counted = tally.severities(tally.open_findings(audit.verdicts))
        form |= {
            "sources": [jsonform.source_form(source) for source in audit.sources],
            "coverage_ratio": audit.coverage.ratio,
            "unread": len(tally.unread(audit.coverage.cells)),
            "score": jsonform.score_form(audit.scores.cluster),
            "drift": len(drift),
            "dangerous": sum(one.severity is Severity.ERROR for one in drift),
            "waiting": len(tally.waiting_drift(audit.drift)),
            "findings": {severity.value: count for severity, count in counted.items()},
            "problems": len(audit.problems),
        }
    return form
