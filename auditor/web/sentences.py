"""The sentences of a page: a View and its ClusterState in, English out. The first one answers the page's question.

What could not be read is never called good; what is old is told as past.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from auditor.model import Drift
from auditor.publish import words
from auditor.publish.foreign import visible
from auditor.publish.state import ClusterState, State, stale
from auditor.publish.text_audit import severity_counts
from auditor.web.view import View


def overview(state: State, cluster: ClusterState, view: View | None, now: datetime, zone: tzinfo) -> str:
    """Is what runs what git says, and is it run well?"""
    if view is None:
        return never_ran(cluster, zone, now)
    old = stale(cluster, state.every, now)
    return f"{drift(view, old=old)} {score(cluster, view, zone, old=old)}"


def never_ran(cluster: ClusterState, zone: tzinfo, now: datetime) -> str:
    if cluster.failure is not None:
        return "No run has succeeded yet."
    if cluster.next_at is not None:
        return f"No run yet. The first is due at {words.when(cluster.next_at, zone, now=now)}."
    return "No run yet."


def drift(view: View, *, old: bool = False) -> str:
    """What drifted, worst first; nothing is called equal that could not be read."""
    count = len(view.drift)
    if not count:
        if not view.compared:
            return "Nothing was compared: there is no cluster or no source."
        runs = "ran" if old else "runs"
        if view.partial:
            return f"What could be read {runs} as git says; the rest is not known."
        return f"What {runs} {'was' if old else 'is'} what git says."
    dangerous, hands = view.dangerous, view.by_hand
    differ = ("differed" if old else "differs") if count == 1 else ("differed" if old else "differ")
    said = f"{words.plural(count, 'object')} {differ} from git"
    notes = [f"{dangerous:,} dangerous"] if dangerous else []
    notes += [f"{hands:,} by hand"] if hands else []
    return f"{said}: {', '.join(notes)}." if notes else f"{said}."


def score(cluster: ClusterState, view: View, zone: tzinfo, *, old: bool = False) -> str:
    current = view.audit.scores.cluster
    verb = "was" if old else "is"
    if current.score is None:
        return f"There {verb} no score: nothing could be judged."
    said = f"The score {verb} {words.number(current.score)} of 100"
    if cluster.earlier is not None and cluster.earlier.scores.cluster.score is not None:
        moved = delta(current.score, cluster.earlier.scores.cluster.score)
        said += f", {moved} since {words.when(cluster.earlier.at, zone, now=view.audit.at)}"
    return f"{said}."


def delta(after: float, before: float) -> str:
    """`down 2`: the difference of the numbers that are shown."""
    difference = int(words.number(after)) - int(words.number(before))
    return "no change" if not difference else f"{'up' if difference > 0 else 'down'} {abs(difference)}"


def findings(view: View) -> str:
    if not view.findings:
        return "No finding is open." if view.audit.verdicts else "Nothing was judged."
    return f"{severity_counts(view.severities)} in {words.plural(view.objects, 'object')}."


def banners(state: State, cluster: ClusterState, now: datetime, zone: tzinfo) -> Sequence[tuple[str, str, str]]:
    """(kind "warn" or "bad", what is so, what to do) of what is wrong with the page itself: a failed run, old data."""
    found: list[tuple[str, str, str]] = []
    audit, failure = cluster.audit, cluster.failure
    if audit is not None and stale(cluster, state.every, now):
        kind = "bad" if (now - audit.at).days >= 1 else "warn"
        at = words.when(audit.at, zone, now=now)
        found.append((kind, f"Nothing newer than {at} ({words.age(now - audit.at)}). Shown: as it was then.", ""))
    if failure is not None:
        at = words.when(failure.at, zone, now=now)
        kept = " What is shown is of the last run that succeeded." if audit is not None else ""
        reason = visible(failure.message)
        found.append(("bad", f"The last run failed at {at}: {failure.stage}: {reason}.{kept}", visible(failure.remedy)))
    return found


def object_drift(found: Sequence[Drift], *, compared: bool) -> str:
    """Is this object what git says?"""
    if not found:
        return "No difference from git was found." if compared else "It was not compared with git."
    return " ".join(f"It {words.drift_words(one)}." for one in found)
