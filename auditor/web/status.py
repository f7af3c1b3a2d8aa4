"""`/api/v1/status`: how each cluster stands, in numbers, for machines. In: a State and the time. Out: a plain dict."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from auditor.publish import jsonform
from auditor.publish.state import ClusterState, State, stale
from auditor.web.view import View


def status_form(state: State, now: datetime, view_of: Callable[[ClusterState], View | None]) -> dict[str, Any]:
    """What is not known is null, or absent where there was no run; `as_of` says of when it is."""
    return {
        "version": 1,
        "auditor": {
            "version": state.version,
            "revision": state.revision,
            "leader": state.leader,
            "trouble": state.trouble or None,
        },
        "clusters": [cluster_form(state, cluster, now, view_of(cluster)) for cluster in state.clusters],
    }


def cluster_form(state: State, cluster: ClusterState, now: datetime, view: View | None) -> dict[str, Any]:
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
    if view is not None:
        form |= {
            "sources": [jsonform.source_form(source) for source in view.audit.sources],
            "coverage_ratio": view.audit.coverage.ratio,
            "unread": len(view.unread),
            "score": jsonform.score_form(view.audit.scores.cluster),
            "drift": len(view.drift) if view.compared else None,
            "dangerous": view.dangerous if view.compared else None,
            "waiting": len(view.waiting) if view.compared else None,
            "findings": {severity.value: count for severity, count in view.severities.items()},
            "unknown": len(view.unknown),
            "problems": len(view.audit.problems),
        }
    return form
