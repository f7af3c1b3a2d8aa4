"""An audit, sorted and counted: what every output says first. In: an Audit. Out: its parts, worst first.

One place decides what counts as open, waiting or not known, so that text, metrics, report and pages say the same number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auditor.model import (
    Audit,
    Cell,
    CellState,
    Drift,
    Finding,
    Outcome,
    OwnerClass,
    Ref,
    Score,
    Scores,
    Severity,
    Verdict,
)

UNOWNED = "unowned"
_STANDING = (Outcome.FAIL, Outcome.UNKNOWN)
_ALIKE = 4
_UNREAD = (CellState.DENIED, CellState.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Open:
    """One finding that counts, with the verdict it belongs to."""

    verdict: Verdict
    finding: Finding


def open_findings(verdicts: Iterable[Verdict]) -> tuple[Open, ...]:
    """Findings that count: neither pending nor waived; worst first, then by object, policy and path."""
    found = [
        Open(verdict, finding)
        for verdict in verdicts
        if verdict.outcome in _STANDING
        for finding in verdict.findings
        if not finding.pending
    ]
    return tuple(sorted(found, key=_worst_finding))


def pending_findings(verdicts: Iterable[Verdict]) -> tuple[Open, ...]:
    """Findings that are only in git, of objects that run or will: shown, not counted."""
    found = [Open(v, f) for v in verdicts if v.outcome in _STANDING for f in v.findings if f.pending]
    return tuple(sorted(found, key=_worst_finding))


def standing_drift(drift: Iterable[Drift]) -> tuple[Drift, ...]:
    """Drift that counts, worst first."""
    return tuple(sorted((one for one in drift if not one.pending), key=_worst_drift))


def waiting_drift(drift: Iterable[Drift]) -> tuple[Drift, ...]:
    """Where git is ahead and nothing else."""
    return tuple(sorted((one for one in drift if one.pending), key=_worst_drift))


def unread(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """What was wanted and could not be read."""
    return tuple(sorted((c for c in cells if c.state in _UNREAD), key=lambda c: (c.namespace or "", c.kind, c.group)))


def alike(cells: Iterable[Cell]) -> tuple[tuple[Cell, ...], ...]:
    """Cells of one state and one reason together, where they are many: one cause is one line, not five hundred."""
    groups: dict[tuple[CellState, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.state, cell.reason), []).append(cell)
    found: list[tuple[Cell, ...]] = []
    for group in groups.values():
        found += [tuple(group)] if len(group) > _ALIKE else [(cell,) for cell in group]
    return tuple(found)


def with_outcome(verdicts: Iterable[Verdict], *outcomes: Outcome) -> tuple[Verdict, ...]:
    return tuple(sorted((v for v in verdicts if v.outcome in outcomes), key=lambda v: (v.ref.key, v.policy)))


def severities(found: Iterable[Open]) -> Mapping[Severity, int]:
    """How many findings of each severity; every severity is a key."""
    counted = Counter(one.finding.severity for one in found)
    return {severity: counted[severity] for severity in Severity}


def by_hand(drift: Drift) -> bool:
    """Whether a hand wrote any of the fields, as far as that is known."""
    return any(change.owner and change.owner.owner_class is OwnerClass.HUMAN for change in drift.changes)


def namespace_of(ref: Ref) -> str | None:
    """The namespace that an object is about: its own, and for a Namespace its name; None for what is about the cluster."""
    return ref.name if ref.kind == "Namespace" and not ref.group else ref.namespace


def team(scores: Scores, namespace: str | None) -> str:
    return scores.team_of.get(namespace or "") or UNOWNED


def worst_namespaces(scores: Scores) -> tuple[tuple[str, Score], ...]:
    """Lowest score first; those that could not be judged come after all that could."""
    return tuple(sorted(scores.namespaces.items(), key=lambda item: (*_lowest(item[1]), item[0])))


def worst_workloads(scores: Scores, namespace: str | None = None) -> tuple[tuple[Ref, Score], ...]:
    """Lowest score first, of one namespace or of all."""
    chosen = (item for item in scores.workloads.items() if namespace is None or item[0].namespace == namespace)
    return tuple(sorted(chosen, key=lambda item: (*_lowest(item[1]), item[0].key)))


def judged(audit: Audit) -> int:
    """Objects that at least one policy was asked about."""
    return len({verdict.ref for verdict in audit.verdicts})


def _lowest(score: Score) -> tuple[bool, float]:
    return (score.score is None, score.score if score.score is not None else 0.0)


def _worst_finding(one: Open) -> tuple[object, ...]:
    return (-one.finding.severity.rank, one.finding.ref.key, one.finding.policy, one.finding.path)


def _worst_drift(one: Drift) -> tuple[object, ...]:
    return (-one.severity.rank, not by_hand(one), one.ref.key, one.kind)
