"""What is remembered of one object or one finding: the store and, where it is at hand, git in; a time line or a cause out.

Git is asked of what an earlier run fetched into the cache: nothing is fetched here, so both answer without a network. What git
cannot tell is said in `notes`; the store's answer stands.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from auditor import desired as desired_side
from auditor.causes import Commit, Evidence, brought
from auditor.kube.secrets import Key
from auditor.model import Cause, CauseKind, Finding, Policy, Ref, Side, Snapshot, Unavailable
from auditor.settings import GitSource, Settings
from auditor.store import Span, Store

COMMITS = 500
"""How many commits of a source are looked back at."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that is on record of one object, oldest first: intervals of the store, and the commits that changed it in git."""

    ref: Ref
    spans: tuple[Span, ...]
    commits: tuple[Commit, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Blame:
    """Who brought a finding. `spans`: its intervals, oldest first, each with the causes of its beginning and end. `origin`: the
    commit in git that made it so, where it was there before the first run."""

    finding: Finding
    since: datetime
    until: datetime | None
    spans: tuple[Span, ...]
    origin: Cause | None = None
    notes: tuple[str, ...] = ()

    @property
    def cause(self) -> Cause | None:
        """Why it is there: the commit in git where one is known, else why its last episode began."""
        if self.origin is not None:
            return self.origin
        started = [span for span in self.spans if span.opened == self.since]
        return started[0].opened_cause if started else None


@dataclass(frozen=True, slots=True)
class _Git:
    """What git has of the sources as they were audited last."""

    desired: Snapshot
    evidence: Evidence
    notes: tuple[str, ...]


def history(store: Store, ref: Ref, settings: Settings, *, key: Key, limit: int | None = None) -> Timeline:
    """The time line of an object. Raises `Unavailable` where the store fails."""
    spans = tuple(reversed(store.history(ref, limit=limit)))
    git = _git(store, ref.cluster, settings, key=key, policies=())
    of_object = {state.until for state in git.evidence.earlier.get(ref, ())}
    commits = tuple(reversed([commit for commit in git.evidence.commits if commit.revision in of_object]))
    return Timeline(ref, spans, commits, git.notes)


def blame(
    store: Store, cluster: str, fingerprints: Sequence[str], settings: Settings, *, key: Key, policies: Sequence[Policy]
) -> tuple[Blame, ...]:
    """Who brought each of these findings, open or not; those that were never seen are left out."""
    found = []
    for fingerprint in fingerprints:
        spans = tuple(reversed(store.finding_history(cluster, fingerprint)))
        if spans:
            last = spans[-1]
            finding = store.finding(cluster, fingerprint)
            assert finding is not None
            found.append(Blame(finding, last.since, None if last.replaced else last.closed, spans))
    if not any(_from_before(one) for one in found):
        return tuple(found)
    git = _git(store, cluster, settings, key=key, policies=policies)
    return tuple(
        replace(one, origin=brought(one.finding, git.evidence), notes=git.notes) if _from_before(one) else one
        for one in found
    )


def _from_before(one: Blame) -> bool:
    """Whether the store saw it come, or only that it was there; then git may know more."""
    return one.finding.side is not Side.LIVE and one.cause is not None and one.cause.kind in _NOT_SEEN


_NOT_SEEN = (CauseKind.FIRST_RUN, CauseKind.POLICY, CauseKind.COVERAGE, CauseKind.SETTINGS, CauseKind.UNKNOWN)


def _git(store: Store, cluster: str, settings: Settings, *, key: Key, policies: Sequence[Policy]) -> _Git:
    """The git sources at the revisions of the last published run, and what led to them."""
    last = store.runs(cluster, status="published", limit=1)
    audited = {source.name: source.revision for run in last for source in run.sources}
    sides: list[Snapshot] = []
    evidence, notes = Evidence(policies=tuple(policies)), []
    for source in settings.sources:
        name = desired_side.source_name(source)
        revision = audited.get(name)
        if not isinstance(source, GitSource) or revision is None:
            notes.append(f"{name}: not in git, or not audited yet; only the store is asked")
            continue
        cache, until = settings.cache, time.monotonic() + 60
        try:
            side = desired_side.fetched(source, revision, cache=cache, key=key, cluster=cluster, deadline=until)
            walk = desired_side.walk(source, revision, cache=cache, key=key, cluster=cluster, commits=COMMITS)
        except Unavailable as error:
            notes.append(f"{name}: its commits are not shown: {error.message}")
            continue
        sides.append(side)
        commits = tuple(
            Commit(name, c.revision, c.author, c.subject, c.at, frozenset(change.name for change in c.changes))
            for c in walk.past
        )
        evidence = replace(
            evidence, commits=(*evidence.commits, *commits), earlier={**evidence.earlier, **walk.earlier}
        )
    if not settings.sources:
        notes.append("no source is named, so git is not asked: name the settings of the audit with --settings")
    desired = desired_side.combine(sides) if sides else Snapshot()
    return _Git(desired, replace(evidence, desired=desired), tuple(notes))
