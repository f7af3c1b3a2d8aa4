"""One published cluster, indexed for pages. In: a ClusterState. Out: a View: what is open, by object and by namespace.

Made once for each published audit, not for each request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from auditor.model import Audit, Cell, Drift, NotCompared, Outcome, Ref, Score, Severity, Verdict
from auditor.publish import tally
from auditor.publish.words import kubectl_kind

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class NamespaceRow:
    """A namespace in one line. `unread`: lists in it that could not be read; then counts are not whole."""

    name: str
    team: str
    score: Score
    before: float | None
    errors: int
    warnings: int
    drift: int
    unread: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy that fails somewhere, with its findings, worst first."""

    id: str
    name: str
    severity: Severity
    findings: tuple[tally.Open, ...]
    objects: int


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What pages ask of one audit."""

    audit: Audit
    findings: tuple[tally.Open, ...]
    pending: tuple[tally.Open, ...]
    drift: tuple[Drift, ...]
    waiting: tuple[Drift, ...]
    unread: tuple[Cell, ...]
    unknown: tuple[Verdict, ...]
    waived: tuple[Verdict, ...]
    namespaces: tuple[NamespaceRow, ...]
    policies: tuple[PolicyRow, ...]
    drift_of: Mapping[Ref, tuple[Drift, ...]]
    verdicts_of: Mapping[Ref, tuple[Verdict, ...]]
    findings_of: Mapping[Ref, tuple[tally.Open, ...]]
    findings_in: Mapping[str | None, tuple[tally.Open, ...]]
    drift_in: Mapping[str | None, tuple[Drift, ...]]
    """Standing, then waiting."""
    not_compared_of: Mapping[Ref, tuple[NotCompared, ...]]
    by_path: Mapping[tuple[str, str, str], Ref]
    """(namespace or "", kind.group, name) -> the object."""
    severities: Mapping[Severity, int]
    """How many open findings of each severity."""
    dangerous: int
    by_hand: int
    objects: int
    """How many objects have open findings."""

    @property
    def partial(self) -> bool:
        """Whether anything that was wanted could not be read."""
        return bool(self.unread) or (self.audit.coverage.ratio is not None and self.audit.coverage.ratio < 1)

    @property
    def compared(self) -> bool:
        """Whether there was a cluster to compare with."""
        return self.audit.coverage.ratio is not None or bool(self.audit.seen)

    def of_namespace(self, name: str) -> NamespaceRow | None:
        return next((row for row in self.namespaces if row.name == name), None)


def view(audit: Audit, before: Mapping[str, Score] | None = None) -> View:
    """`before`: namespace scores of a week before, where they are known."""
    findings, drift = tally.open_findings(audit.verdicts), tally.standing_drift(audit.drift)
    findings_of = _grouped(findings, lambda one: one.finding.ref)
    waiting, unread = tally.waiting_drift(audit.drift), tally.unread(audit.coverage.cells)
    findings_in = _grouped(findings, lambda one: tally.namespace_of(one.finding.ref))
    verdicts_of = _grouped(audit.verdicts, lambda one: one.ref)
    drift_of = _grouped(sorted(audit.drift, key=lambda one: one.pending), lambda one: one.ref)
    not_compared_of = _grouped(audit.not_compared, lambda one: one.ref)
    refs = {*verdicts_of, *drift_of, *not_compared_of, *audit.scores.workloads}
    return View(
        audit=audit,
        findings=findings,
        pending=tally.pending_findings(audit.verdicts),
        drift=drift,
        waiting=waiting,
        unread=unread,
        unknown=tally.with_outcome(audit.verdicts, Outcome.UNKNOWN, Outcome.BROKEN),
        waived=tally.with_outcome(audit.verdicts, Outcome.WAIVED),
        namespaces=_namespaces(audit, findings_in, drift, unread, before or {}),
        policies=_policies(findings),
        drift_of=drift_of,
        verdicts_of=verdicts_of,
        findings_of=findings_of,
        findings_in=findings_in,
        drift_in=_grouped((*drift, *waiting), lambda one: tally.namespace_of(one.ref)),
        not_compared_of=not_compared_of,
        by_path={(ref.namespace or "", kubectl_kind(ref), ref.name): ref for ref in sorted(refs, key=lambda r: r.key)},
        severities=tally.severities(findings),
        dangerous=sum(one.severity is Severity.ERROR for one in drift),
        by_hand=sum(map(tally.by_hand, drift)),
        objects=len(findings_of),
    )


def _namespaces(
    audit: Audit,
    found: Mapping[str | None, tuple[tally.Open, ...]],
    drift: Sequence[Drift],
    unread: Sequence[Cell],
    before: Mapping[str, Score],
) -> tuple[NamespaceRow, ...]:
    drifted = _grouped(drift, lambda one: tally.namespace_of(one.ref))
    cells = _grouped(unread, lambda cell: cell.namespace)
    known = dict(tally.worst_namespaces(audit.scores))
    # one that holds drift or could not be read has its line too, though nothing in it has a score
    names = list(known) + sorted({*found, *drifted, *cells} - {None, *known}, key=str)
    none = Score(None, None, 0, None)
    rows = []
    for name in names:
        if name is None:
            continue
        severities = tally.severities(found.get(name, ()))
        rows.append(
            NamespaceRow(
                name,
                tally.team(audit.scores, name),
                known.get(name, none),
                before[name].score if name in before else None,
                severities[Severity.ERROR],
                severities[Severity.WARNING],
                len(drifted.get(name, ())),
                cells.get(name, ()),
            )
        )
    return tuple(rows)


def _policies(findings: Sequence[tally.Open]) -> tuple[PolicyRow, ...]:
    rows = [
        PolicyRow(
            policy,
            group[0].verdict.name,
            max((one.finding.severity for one in group), key=lambda severity: severity.rank),
            group,
            len({one.finding.ref for one in group}),
        )
        for policy, group in _grouped(findings, lambda one: one.finding.policy).items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.severity.rank, -len(row.findings), row.id)))


def _grouped(found: Iterable[_V], key: Callable[[_V], _K]) -> dict[_K, tuple[_V, ...]]:
    groups: dict[_K, list[_V]] = defaultdict(list)
    for one in found:
        groups[key(one)].append(one)
    return {name: tuple(group) for name, group in groups.items()}
