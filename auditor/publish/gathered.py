"""A store and a period in, the data of a report out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from auditor.model import Drift, Finding, Misuse
from auditor.publish.foreign import visible
from auditor.publish.report_data import Opened, ReportData, Unread
from auditor.store import Episode, Move, Run, Store

_LEAST_GAP = timedelta(minutes=15)
_LEAST_MOVE, _MOST_MOVES = 0.5, 5


def gather(store: Store, cluster: str, since: datetime, until: datetime, *, zone: str | tzinfo = UTC) -> ReportData:
    """All that a report of the period needs. `zone`: an IANA name. Raises `Unavailable`, and `Misuse` for a zone that is none."""
    state = store.state(cluster, until)
    runs = [run for run in store.runs(cluster, since=since, until=until, limit=None) if run.status != "running"]
    published = sorted((run for run in runs if run.status == "published"), key=lambda run: run.id)
    failed = [run for run in runs if run.status != "published"]
    changes = store.changes(cluster, since, until)
    return ReportData(
        cluster=cluster,
        since=since,
        until=until,
        zone=_zone(zone),
        audit=state.audit if state else None,
        then=store.scores(cluster, since),
        published=len(published),
        failed=len(failed),
        failures=tuple(dict.fromkeys(visible(run.reason) for run in failed if run.reason))[:5],
        opened=_opened((*changes.findings_opened, *changes.drift_opened)),
        resolved=_opened((*changes.findings_resolved, *changes.drift_resolved)),
        finding_since=state.finding_since if state else {},
        unread=tuple(Unread(one.cell, one.since, one.until) for one in store.blindness(cluster, since, until)),
        gaps=gaps([run.started for run in published], since, until),
        revisions=_revisions(published),
        moves=_moves(store, cluster, since, until) if published else (),
        conditions=store.conditions(cluster, since, until),
        resolved_after=store.time_to_resolve(cluster, since, until),
        drifters=store.drifters(cluster, since, until),
    )


def _moves(store: Store, cluster: str, since: datetime, until: datetime) -> tuple[Move, ...]:
    """Of the cluster, and of the namespaces that moved by half a point or more, those most that moved most."""
    then, now = store.scores(cluster, since), store.scores(cluster, until)
    if then is None or now is None or then.formula != now.formula:
        return ()
    moved = {}
    for name, score in then.namespaces.items():
        later = now.namespaces[name].score if name in now.namespaces else None
        if score.score is not None and later is not None:
            moved[name] = abs(later - score.score)
    names = sorted((name for name in moved if moved[name] >= _LEAST_MOVE), key=lambda name: (-moved[name], name))[
        :_MOST_MOVES
    ]
    found = [
        store.move(cluster, since, until),
        *(store.move(cluster, since, until, scope="namespace", name=n) for n in names),
    ]
    return tuple(move for move in found if move is not None and move.parts)


def gaps(times: Sequence[datetime], since: datetime, until: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Where runs are further apart than three times the usual, and more than a quarter of an hour. Few runs have no usual."""
    if len(times) < 3:
        return ()
    ordered = sorted(times)
    usual = median((after - before).total_seconds() for before, after in pairwise(ordered))
    longest = max(timedelta(seconds=3 * usual), _LEAST_GAP)
    edges = [since, *ordered, until]
    return tuple((a, b) for a, b in pairwise(edges) if b - a > longest)


def _opened(episodes: Sequence[Episode]) -> tuple[Opened, ...]:
    return tuple(
        Opened(e.what, e.since, e.until, e.opened_cause, e.closed_cause)
        for e in episodes
        if isinstance(e.what, (Finding, Drift))
    )


def _revisions(runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for source in run.sources:
            if source.revision:
                found.setdefault(source.name, {})[source.revision] = None
    return {name: tuple(revisions) for name, revisions in found.items()}


def _zone(zone: str | tzinfo) -> tzinfo:
    if isinstance(zone, tzinfo):
        return zone
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise Misuse(f"no such time zone: {zone!r}", remedy="use a name such as Europe/Berlin") from None
