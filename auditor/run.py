"""One audit run, from sources to store: fetch, read, audit, confirm, publish.

In: settings, policies, a sealing key, perhaps a store. Out: the Audit, with what it took. Raises `Unavailable` where the
outside is broken; the run is then in the store as failed, with the reason, and what was published before stands.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from auditor import desired as desired_side
from auditor import live as live_side
from auditor.audit import Wanted, audit, wanted
from auditor.causes import Commit, Evidence
from auditor.drift.rules import of_settings
from auditor.exemptions import Terms
from auditor.kube.secrets import Key
from auditor.logs import logger
from auditor.model import (
    Audit,
    DriftKind,
    Earlier,
    Misuse,
    NotCompared,
    Past,
    Policy,
    Ref,
    Snapshot,
    Unavailable,
)
from auditor.settings import ClusterSettings, GitSource, Settings

if TYPE_CHECKING:
    from auditor.store import Lead, Store

log = logger()


@dataclass(frozen=True, slots=True)
class Finished:
    """What one run gives: the Audit, its number in the store (None without one), and seconds by phase."""

    audit: Audit
    number: int | None
    phases: Mapping[str, float]


class _Clock:
    """Seconds by phase; what is not read by the deadline is unknown, never missing. A run whose lead is lost ends."""

    def __init__(self, seconds: float, lead: Lead | None) -> None:
        self.deadline = time.monotonic() + seconds
        self.phases: dict[str, float] = {}
        self.lead = lead

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        if self.lead is not None:
            self.lead.check()
        start = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = round(self.phases.get(name, 0) + time.monotonic() - start, 3)


def cluster_name(cluster: ClusterSettings) -> str:
    """The name in reports: as set, else the context's name or `in-cluster`; "" for a dump, which carries no name."""
    if cluster.name:
        return cluster.name
    if cluster.live.startswith("context:"):
        return cluster.live.removeprefix("context:")
    return cluster.live if cluster.live == "in-cluster" else ""


def is_file(live: str) -> bool:
    """Whether `--live` names a dump rather than an API server."""
    return live != "in-cluster" and not live.startswith("context:")


def read_desired(settings: Settings, *, key: Key, deadline: float) -> Snapshot:
    """All desired sources as one snapshot. Raises `Unavailable` if one cannot be fetched: half a side is no side."""
    if not settings.sources:
        raise Misuse(
            "no source of desired manifests is given",
            remedy="name one with --desired, or under sources: in the settings",
        )
    name = cluster_name(settings.cluster)
    return desired_side.combine(
        [
            desired_side.fetch(source, cluster=name, key=key, cache=settings.cache, deadline=deadline)
            for source in settings.sources
        ]
    )


def read_live(settings: Settings, want: Wanted, *, key: Key, deadline: float) -> Snapshot:
    """The live side: from an API server what is wanted, from a dump all of it."""
    cluster, name = settings.cluster, cluster_name(settings.cluster)
    if is_file(cluster.live):
        return live_side.read_dump(Path(cluster.live), complete=cluster.complete, cluster=name, key=key)
    live = live_side.fetch(
        cluster, live_side.Wanted(want.kinds, want.namespaces), name=name, key=key, deadline=deadline
    )
    # The list of Namespaces names all of them; those that nobody asked to audit are not judged.
    kept = (r for r in live.resources if r.ref.kind != "Namespace" or r.ref.group or want.holds(r.ref.name))
    return replace(live, resources=tuple(kept))


@dataclass(frozen=True, slots=True)
class LookedBack:
    """What git remembers: what earlier commits said of the objects they changed; the commits since the last published run, newest
    first; and the sources of which the last audited revision is no ancestor of this one."""

    earlier: Mapping[Ref, tuple[Earlier, ...]]
    commits: tuple[Commit, ...] = ()
    rewritten: frozenset[str] = frozenset()


def looked_back(
    settings: Settings, desired: Snapshot, *, key: Key, audited: Mapping[str, str | None] | None = None
) -> LookedBack:
    """What earlier commits of the git sources did. `audited`: the revision of each source in the last published run."""
    name = cluster_name(settings.cluster)
    earlier: dict[Ref, tuple[Earlier, ...]] = {}
    commits: list[Commit] = []
    rewritten = set()
    for source, read in zip(settings.sources, desired.sources, strict=True):
        if isinstance(source, GitSource) and read.revision:
            since = (audited or {}).get(read.name)
            walk = desired_side.walk(source, read.revision, since=since, cache=settings.cache, key=key, cluster=name)
            earlier.update(walk.earlier)
            rewritten |= {read.name} if walk.rewritten else set()
            commits += [
                Commit(read.name, c.revision, c.author, c.subject, c.at, frozenset(change.name for change in c.changes))
                for c in walk.commits
            ]
    return LookedBack(earlier, tuple(commits), frozenset(rewritten))


def deciding(settings: Settings) -> dict[tuple[str, str], str]:
    """The settings that decide what is audited and how, as text: when one changes, findings may come and go. No credentials."""
    found = {
        "cluster.live": settings.cluster.live,
        "cluster.namespaces": ", ".join(settings.cluster.namespaces) or "those in git",
        "cluster.read_secrets": str(settings.cluster.read_secrets).lower(),
        "cluster.system_namespaces": str(settings.cluster.system_namespaces).lower(),
        "audit.team_labels": ", ".join(settings.audit.team_labels),
    }
    for source in settings.sources:
        words = [source.namespace or "", *source.appliers]
        if isinstance(source, GitSource):
            words = [source.url, source.revision, source.folder, *words]
        else:
            words = [source.path, *words]
        found[f"source {desired_side.source_name(source)}"] = " ".join(word for word in words if word)
    return {("setting", name): said for name, said in found.items()}


def run(
    settings: Settings,
    *,
    policies: Sequence[Policy],
    key: Key,
    store: Store | None = None,
    lead: Lead | None = None,
    trigger: str = "manual",
    at: datetime | None = None,
    ignored: bool = False,
    drift_only: bool = False,
) -> Finished:
    """One run. `at`: the moment it judges as of (default: now); `trigger`: schedule, startup or manual.

    `lead`: of the cluster's audits, for a run that is stored; without one the run takes it, for as long as it lasts.
    `drift_only` asks the cluster for the same, so that it sees the same drift, and judges nothing.
    """
    name = cluster_name(settings.cluster)
    if store is not None and lead is None:
        with store.leading(name) as lead:
            return run(
                settings,
                policies=policies,
                key=key,
                store=store,
                lead=lead,
                trigger=trigger,
                at=at,
                ignored=ignored,
                drift_only=drift_only,
            )
    moment = at or datetime.now(UTC)
    clock = _Clock(settings.audit.deadline_seconds, lead)
    number = store.begin(name, trigger, moment, token=lead.token) if store and lead else None
    with structlog.contextvars.bound_contextvars(run=number, cluster=name):
        try:
            result, evidence = _audited(
                settings,
                policies=() if drift_only else policies,
                shown=policies,
                key=key,
                store=store,
                at=moment,
                clock=clock,
                ignored=ignored,
            )
            if store and number is not None:
                with clock.phase("store"):
                    store.publish(
                        number,
                        result,
                        phases=clock.phases,
                        judged=policies,
                        evidence=evidence,
                        finished=datetime.now(UTC),
                    )
        except BaseException as broken:
            if store and number is not None:
                _record(store, number, broken)
            raise
        log.info("run finished", drift=len(result.drift), verdicts=len(result.verdicts), seconds=clock.phases)
    return Finished(result, number, clock.phases)


def _record(store: Store, number: int, broken: BaseException) -> None:
    """Write down why a run failed. A store that cannot take even that does not hide the reason; the next run closes this one."""
    if isinstance(broken, Unavailable) and broken.reason == "superseded":
        return  # another leads, and has closed it
    reason = str(broken) if isinstance(broken, Unavailable | Misuse) else f"{type(broken).__name__}: {broken}"
    try:
        store.fail(number, reason, finished=datetime.now(UTC))
    except Unavailable as second:
        log.warning("the failure could not be stored", reason=second.message)


def _audited(
    settings: Settings,
    *,
    policies: Sequence[Policy],
    shown: Sequence[Policy],
    key: Key,
    store: Store | None,
    at: datetime,
    clock: _Clock,
    ignored: bool,
) -> tuple[Audit, Evidence]:
    with clock.phase("fetch"):
        desired = read_desired(settings, key=key, deadline=clock.deadline)
        past = store.past(cluster_name(settings.cluster)) if store else Past()
        back = looked_back(settings, desired, key=key, audited=audited_before(store, settings) if store else None)
        past = replace(past, earlier=back.earlier)
    # What left git may still run: its kind and namespace are asked for although git no longer has them.
    want = wanted(desired, shown, settings.cluster.namespaces, left=past.earlier)
    with clock.phase("collect"):
        live = read_live(settings, want, key=key, deadline=clock.deadline)
    with clock.phase("evaluate"):
        result = audit(
            desired,
            live,
            policies=policies,
            at=at,
            cluster=cluster_name(settings.cluster),
            past=past,
            want=want,
            team_labels=settings.audit.team_labels,
            registries=settings.audit.registries,
            ignored=ignored,
            rules=of_settings(settings.drift.ignore),
            terms=Terms(settings.audit.annotation_waivers, settings.audit.longest_waiver_days),
        )
    with clock.phase("collect"):
        result = _confirmed(settings, result, deadline=clock.deadline)
    evidence = Evidence(
        desired=desired,
        live=live,
        drift=result.drift,
        commits=back.commits,
        earlier=back.earlier,
        rewritten=back.rewritten,
        conditions=deciding(settings),
        appliers=tuple(pattern for source in desired.sources for pattern in source.appliers),
        policies=tuple(policies),
    )
    return result, evidence


def audited_before(store: Store, settings: Settings) -> dict[str, str | None]:
    """The revision of each source as the last published run read it."""
    last = store.runs(cluster_name(settings.cluster), status="published", limit=1)
    return {source.name: source.revision for run in last for source in run.sources}


def _confirmed(settings: Settings, result: Audit, *, deadline: float) -> Audit:
    """Each missing object is asked for once more by name: a list may be older than the manifest, or be torn."""
    missing = [drift.ref for drift in result.drift if drift.kind is DriftKind.MISSING]
    if not missing or is_file(settings.cluster.live):
        return result
    answers = live_side.confirm(settings.cluster, missing, deadline=deadline)
    words = {
        "found": "it appeared while the cluster was being read; the next run compares it",
        "unknown": "it was not in the list, and asking for it by name gave no answer",
    }
    doubted = {ref: words[answer] for ref, answer in answers.items() if answer != "gone"}
    return replace(
        result,
        drift=tuple(drift for drift in result.drift if drift.ref not in doubted),
        not_compared=(*result.not_compared, *(NotCompared(ref, reason) for ref, reason in doubted.items())),
    )
