"""Two snapshots to one Audit: compare, judge, score. Pure: no clock, no network, no database, no environment.

In: the desired side, the live side (either may be absent: then the other is judged alone), policies, and what is known of
before. Out: everything one run learned, as plain values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from auditor.compliance import judge, load_catalogue, score
from auditor.exemptions import Terms, exemptions
from auditor.kube.kinds import of_name, scope
from auditor.kube.workloads import TEMPLATED, WORKLOADS
from auditor.model import (
    Audit,
    Cell,
    CellState,
    Coverage,
    Given,
    Past,
    Policy,
    Problem,
    Ref,
    Severity,
    Snapshot,
)

if TYPE_CHECKING:
    from auditor.drift import Rule

OLD = timedelta(hours=1)
"""A live side older than this is said to be so."""
COUNTED = frozenset({CellState.LISTED, CellState.DENIED, CellState.UNAVAILABLE})
"""States that count in coverage: absent and excluded cells were never to be read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an audit needs to see: kinds as (group, kind), and namespaces (None: every one)."""

    kinds: frozenset[tuple[str, str]]
    namespaces: frozenset[str] | None

    def holds(self, namespace: str) -> bool:
        """Whether a namespace is to be audited."""
        return self.namespaces is None or namespace in self.namespaces


def wanted(
    desired: Snapshot | None, policies: Iterable[Policy], namespaces: Sequence[str] = (), left: Iterable[Ref] = ()
) -> Wanted:
    """The kinds in git and those that policies name, in the namespaces chosen, else those that hold a desired object.

    `left`: objects that earlier commits had; their kinds and namespaces are wanted too.
    """
    left = tuple(left)
    kinds = set(desired.kinds()) if desired else set()
    kinds |= {(ref.group, ref.kind) for ref in left}
    for policy in policies:
        for name in (*policy.kinds, *policy.reads):
            for kind in WORKLOADS if name == TEMPLATED else (name,):
                kinds |= {(known.group, known.kind) for known in of_name(kind)}
    if namespaces or desired is None:
        return Wanted(frozenset(kinds), frozenset(namespaces) or None)
    named = {resource.ref.namespace for resource in desired.resources if resource.ref.namespace}
    declared = {resource.ref.name for resource in desired.of_kind("", "Namespace")}
    return Wanted(frozenset(kinds), frozenset(named | declared | {ref.namespace for ref in left if ref.namespace}))


def coverage(live: Snapshot, want: Wanted, held: Iterable[tuple[str, str]] = ()) -> Coverage:
    """The cell of every wanted kind in every wanted namespace, and the share of those counted that were listed.

    Of cluster-scoped kinds only those that git holds (`held`): what policies read of others is not in the namespaces audited;
    where it may not be read, their verdicts are unknown, and a token for two namespaces can audit these two in full.
    """
    held = frozenset(held)
    names = want.namespaces
    if names is None:
        names = frozenset(r.ref.namespace for r in live.resources if r.ref.namespace)
    cells: list[Cell] = []
    for group, kind in sorted(want.kinds):
        namespaced = scope(group, kind, (live,))
        if namespaced is False and (group, kind) not in held:
            continue
        # Where no namespace is known, the cell of the kind as a whole tells whether it could be read.
        for namespace in sorted(names) if namespaced is not False and names else [None]:
            found = live.cell(group, kind, namespace)
            cells.append(Cell(group, kind, namespace, found.state, found.reason, found.objects))
    counted = [cell for cell in cells if cell.state in COUNTED]
    listed = sum(cell.state is CellState.LISTED for cell in counted)
    return Coverage(listed / len(counted) if counted else None, tuple(cells))


def _age(live: Snapshot | None, at: datetime) -> Iterator[Problem]:
    """What must be said of a live side that was read long before the moment that is judged: a dump."""
    for source in live.sources if live else ():
        if source.fetched_at and at - source.fetched_at > OLD:
            yield Problem(
                "SRC090",
                Severity.INFO,
                f"the live side is as of {source.fetched_at:%Y-%m-%d %H:%M} UTC, {at - source.fetched_at} before this audit",
                "judge it as of then with --at, or make a newer dump",
            )


def _covered(desired: Snapshot | None, live: Snapshot | None, want: Wanted) -> Coverage:
    if live is None:
        return Coverage(None)
    return coverage(live, want, desired.kinds() if desired else want.kinds)


def audit(
    desired: Snapshot | None,
    live: Snapshot | None,
    *,
    policies: Sequence[Policy],
    at: datetime,
    cluster: str = "",
    past: Past | None = None,
    want: Wanted | None = None,
    team_labels: Sequence[str] = (),
    registries: Sequence[str] = (),
    ignored: bool = False,
    terms: Terms | None = None,
    processes: int = 1,
    rules: Sequence[Rule] = (),
) -> Audit:
    """Everything that follows from two snapshots. `ignored` also lists differences that do not count (injected fields);
    `registries` are those that a setting allows; `terms`: what a waiver may be; `processes`: how many may share the judging;
    `rules`: differences that are not to count."""
    past = past or Past()
    comparison = drift = None
    if desired is not None and live is not None:
        from auditor.drift import compare  # where one side alone is judged, it need not be loaded

        comparison = compare(desired, live, past=past, at=at, ignored=ignored, rules=rules)
        drift = {each.ref: each for each in comparison.drift}
    exempt = exemptions(desired, at, terms or Terms())
    verdicts = judge(
        policies, desired, live, exempt=exempt, at=at, given=Given(drift, tuple(registries)), processes=processes
    )
    known = {policy.id for policy in (*load_catalogue(), *policies)} if exempt.holding else ()
    waivers = exempt.granted(verdicts, known)
    return Audit(
        at=at,
        cluster=cluster,
        sources=desired.sources if desired else (),
        coverage=_covered(desired, live, want or wanted(desired, policies)),
        problems=(
            *(desired.problems if desired else ()),
            *(live.problems if live else ()),
            *_age(live, at),
            *exempt.problems(waivers, known),
            *(comparison.problems if comparison else ()),
        ),
        verdicts=verdicts,
        drift=comparison.drift if comparison else (),
        not_compared=comparison.not_compared if comparison else (),
        scores=score(verdicts, desired, live, team_labels=team_labels),
        seen=frozenset(live.by_ref) if live else frozenset(),
        ignored=comparison.ignored if comparison else (),
        silenced=comparison.silenced if comparison else 0,
        waivers=waivers,
    )
