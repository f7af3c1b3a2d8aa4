"""Verdicts to numbers: 0 to 100 for every workload, namespace, team and the cluster, or None where nothing applied.

Formula 1. A workload: 100 × Σ weight(pass) / Σ weight(pass + fail) over the verdicts that concern it; a failure weighs by the
verdict's own severity, a pass by its policy's; error 5, warning 2, info 0. Not-applicable, unknown, waived and broken verdicts
count for nothing here. A namespace, a team, the cluster: the mean over their workloads, and the minimum. Verdicts that concern
no workload (a ConfigMap nobody names, the Namespace itself) count together as one further member of their namespace's mean,
its team's and the cluster's; those on cluster-scoped objects as one further member of the cluster's mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from auditor.kube.kinds import scope
from auditor.model import Outcome, Ref, Resource, Score, Scores, Severity, Snapshot, Verdict

FORMULA: Final = 1
"""Stored with every run, so that numbers of different formulas are never compared."""

WEIGHTS: Final[Mapping[Severity, int]] = {Severity.ERROR: 5, Severity.WARNING: 2, Severity.INFO: 0}

UNOWNED: Final = "unowned"
"""The team of what no label names one for."""

_COUNTED: Final = frozenset({Outcome.PASS, Outcome.FAIL})
_NOT_GIVEN: Final = frozenset({Outcome.UNKNOWN, Outcome.BROKEN})

Member: TypeAlias = Ref | tuple[str | None]
"""What a mean is taken over: a workload, or the rest of a namespace; (None,) is the rest of the cluster."""


@dataclass(slots=True)
class _Tally:
    passed: int = 0
    failed: int = 0
    asked: int = 0
    not_given: int = 0

    def add(self, verdict: Verdict) -> None:
        weight = WEIGHTS[verdict.severity]
        self.passed += weight if verdict.outcome is Outcome.PASS else 0
        self.failed += weight if verdict.outcome is Outcome.FAIL else 0
        self.asked += 1
        self.not_given += verdict.outcome in _NOT_GIVEN

    @property
    def score(self) -> float | None:
        total = self.passed + self.failed
        return 100 * self.passed / total if total else None


def score(
    verdicts: Iterable[Verdict], desired: Snapshot | None, live: Snapshot | None, *, team_labels: Sequence[str] = ()
) -> Scores:
    """Every number of one run. `team_labels`: which labels name a team, the first found counts, on the namespace, then the workload."""
    tallies: dict[Member, _Tally] = {}
    for verdict in verdicts:
        for member in members(verdict, desired, live):
            tally = tallies.get(member)
            if tally is None:
                tally = tallies[member] = _Tally()
            tally.add(verdict)

    declared = {
        resource.ref.name: resource
        for snapshot in (desired, live)
        for resource in (snapshot.of_kind("", "Namespace") if snapshot else ())
    }
    namespaces: dict[str, list[Member]] = {}
    for member in tallies:
        namespace = member.namespace or "" if isinstance(member, Ref) else member[0]
        if namespace is not None:
            namespaces.setdefault(namespace, []).append(member)
    team_of = {name: _team(declared.get(name), team_labels) or UNOWNED for name in sorted(namespaces)}
    teams: dict[str, list[Member]] = {}
    for name, held in namespaces.items():
        for one in held:
            own = _team(_held(one, desired, live), team_labels) if isinstance(one, Ref) else None
            team = team_of[name] if team_of[name] != UNOWNED else own or UNOWNED
            teams.setdefault(team, []).append(one)

    workloads = {member: _mean({member: tally}) for member, tally in tallies.items() if isinstance(member, Ref)}
    return Scores(
        formula=FORMULA,
        cluster=_mean(tallies),
        namespaces={name: _mean({m: tallies[m] for m in namespaces[name]}) for name in sorted(namespaces)},
        teams={name: _mean({m: tallies[m] for m in teams[name]}) for name in sorted(teams)},
        workloads={ref: workloads[ref] for ref in sorted(workloads, key=lambda ref: ref.key)},
        team_of=team_of,
    )


def members(verdict: Verdict, desired: Snapshot | None, live: Snapshot | None) -> tuple[Member, ...]:
    """What a verdict counts for: nothing where it does not apply, or is pending."""
    if not verdict.scored or verdict.outcome is Outcome.NOT_APPLICABLE:
        return ()
    return verdict.concerns or (_rest(verdict.ref, desired, live),)


def _mean(tallies: Mapping[Member, _Tally]) -> Score:
    scores = [tally.score for tally in tallies.values()]
    numbers = [number for number in scores if number is not None]
    asked = sum(tally.asked for tally in tallies.values())
    return Score(
        score=math.fsum(numbers) / len(numbers) if numbers else None,  # fsum: the same in any order
        minimum=min(numbers, default=None),
        workloads=sum(isinstance(member, Ref) for member in tallies),
        unknown_ratio=sum(tally.not_given for tally in tallies.values()) / asked if asked else None,
    )


def _rest(ref: Ref, desired: Snapshot | None, live: Snapshot | None) -> tuple[str | None]:
    """Which rest a verdict belongs to that concerns no workload: of its namespace (a Namespace: of itself), or of the cluster."""
    if ref.group == "" and ref.kind == "Namespace":
        return (ref.name,)
    if ref.namespace is None and scope(ref.group, ref.kind, (desired, live)) is False:
        return (None,)
    return (ref.namespace or "",)


def _held(ref: Ref, desired: Snapshot | None, live: Snapshot | None) -> Resource | None:
    return next((snapshot.by_ref[ref] for snapshot in (live, desired) if snapshot and ref in snapshot.by_ref), None)


def _team(resource: Resource | None, labels: Sequence[str]) -> str | None:
    """The first of the labels that the object carries, in the order of the setting."""
    held = resource.labels() if resource else {}
    return next((value for label in labels if isinstance(value := held.get(label), str) and value), None)
