"""A cluster as a run left it: the intervals of a moment, put together to an audit again.

In: a connection, a cluster and a moment. Out: a `State`, in the vocabulary of `auditor.model`, sorted as people read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, select

from auditor.model import (
    Audit,
    Cell,
    CellState,
    Certainty,
    Change,
    ChangeKind,
    Coverage,
    Direction,
    Drift,
    DriftKind,
    Finding,
    Granted,
    NotCompared,
    Outcome,
    Owner,
    OwnerClass,
    Place,
    Problem,
    Ref,
    Score,
    Scores,
    Severity,
    Side,
    Verdict,
    Waiver,
    WaiverState,
    Window,
)
from auditor.store import runs as run_list
from auditor.store.facts import FACTS, Fact
from auditor.store.past import ref_of
from auditor.store.rows import SELF
from auditor.store.tables import objects, policies
from auditor.store.texts import value_of
from auditor.store.unknown import UNDECIDED, UNREAD, covers
from auditor.store.views import CellKey, Run, State

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Reader:
    """One cluster's open intervals at one run. `refs`: its objects by id."""

    connection: Connection
    cluster_id: int
    run: Run
    refs: Mapping[int, Ref]

    def rows(self, name: str) -> list[Any]:
        """The intervals of a table that held after the run."""
        fact = FACTS[name]
        return list(
            self.connection.execute(held(fact, self.run.id).where(fact.table.c.cluster_id == self.cluster_id)).all()
        )


def held(fact: Fact, run: int) -> Select[Any]:
    """The intervals that were open after that run was published."""
    c = fact.table.c
    return select(c.since_run, *(c[name] for name in fact.columns)).where(
        c.opened_run <= run, c.closed_run.is_(None) | (c.closed_run > run)
    )


def reader(connection: Connection, cluster: str, at: datetime | None) -> Reader | None:
    """The cluster as of a moment, None: now. None if no run was published by then."""
    run = run_list.as_of(connection, cluster, at)
    key = run_list.cluster_id(connection, cluster)
    if run is None or key is None:
        return None
    return Reader(connection, key, run, refs_by_id(connection, key, cluster))


def refs_by_id(connection: Connection, cluster_id: int, cluster: str) -> dict[int, Ref]:
    o = objects.c
    query = select(o.id, o.grp, o.kind, o.namespace, o.name).where(o.cluster_id == cluster_id)
    return {row[0]: ref_of(cluster, row[1], row[2], row[3], row[4]) for row in connection.execute(query)}


def state(connection: Connection, cluster: str, at: datetime | None) -> State | None:
    """All that was known as of a moment; None if no run was published by then."""
    found = reader(connection, cluster, at)
    if found is None:
        return None
    assert found.run.at is not None
    finding_rows, drift_rows, cell_rows = found.rows("findings"), found.rows("drift"), found.rows("cells")
    field_rows = found.rows("drift_fields")
    since = run_list.moments(
        connection, {row.since_run for rows in (finding_rows, drift_rows, cell_rows, field_rows) for row in rows}
    )
    verdicts = _verdicts(found, finding_rows)
    cells = tuple(sorted((_cell(row) for row in cell_rows), key=lambda c: (c.kind, c.group, c.namespace or "")))
    drift = drifts(drift_rows, field_rows, found.refs)
    not_compared = tuple(
        NotCompared(found.refs[row.object_id], row.reason, row.path) for row in found.rows("not_compared")
    )
    audit = Audit(
        at=found.run.at,
        cluster=cluster,
        sources=found.run.sources,
        coverage=Coverage(found.run.coverage, cells),
        problems=_problems(found),
        verdicts=verdicts,
        drift=drift,
        not_compared=tuple(sorted(not_compared, key=lambda entry: (entry.ref.key, entry.path, entry.reason))),
        scores=scores_of(found),
        seen=frozenset(found.refs[row.object_id] for row in found.rows("seen")),
        waivers=_waivers(found),
    )
    drift_since = {(found.refs[row.object_id], ""): since[row.since_run] for row in drift_rows}
    drift_since |= {(found.refs[row.object_id], row.path): since[row.since_run] for row in field_rows}
    return State(
        run=found.run,
        audit=audit,
        finding_since={row.fingerprint: since[row.since_run] for row in finding_rows},
        drift_since=drift_since,
        cell_since={_cell_key(row): since[row.since_run] for row in cell_rows},
        stale=_stale(audit),
    )


def _stale(audit: Audit) -> frozenset[Ref | str]:
    """What stands from earlier runs, because this one could not look."""
    findings = {f.fingerprint for v in audit.verdicts if v.outcome in UNDECIDED for f in v.findings}
    cells = {(c.group, c.kind, c.namespace): c.state for c in audit.coverage.cells}
    uncompared: dict[Ref, set[str]] = {}
    for entry in audit.not_compared:
        uncompared.setdefault(entry.ref, set()).add(entry.path)

    def unseen(drift: Drift) -> bool:
        ref, paths = drift.ref, uncompared.get(drift.ref, set())
        state = cells.get((ref.group, ref.kind, ref.namespace)) or cells.get((ref.group, ref.kind, None))
        fields = bool(drift.changes) and all(any(covers(p, c.path) for p in paths) for c in drift.changes)
        return state in UNREAD or "" in paths or fields

    return frozenset(findings | {drift.ref for drift in audit.drift if unseen(drift)})


def _verdicts(found: Reader, finding_rows: Iterable[Any]) -> tuple[Verdict, ...]:
    refs = found.refs
    names = dict(found.connection.execute(select(policies.c.code, policies.c.name)).all())
    by_verdict: dict[tuple[int, str], list[Finding]] = {}
    for row in finding_rows:
        by_verdict.setdefault((row.object_id, row.policy), []).append(finding_of(row, refs))
    outcomes, severities = _words(Outcome), _words(Severity)
    verdicts = []
    for row in found.rows("verdicts"):
        _, object_id, policy, outcome, severity, reason, concerns, scored = row
        ref = refs[object_id]
        findings = by_verdict.get((object_id, policy), ())
        verdicts.append(
            Verdict(
                policy=policy,
                name=names.get(policy, policy),
                ref=ref,
                outcome=outcomes[outcome],
                severity=severities[severity],
                reason=reason,
                concerns=(ref,) if concerns == SELF else _concerns(concerns, refs),
                findings=tuple(sorted(findings, key=lambda f: (f.path, f.fingerprint))),
                scored=scored,
            )
        )
    return tuple(sorted(verdicts, key=lambda v: (v.ref.key, v.policy)))


def _words(kind: type[Any]) -> dict[str, Any]:
    return {member.value: member for member in kind}


def _concerns(text: str, refs: Mapping[int, Ref]) -> tuple[Ref, ...]:
    return tuple(sorted((refs[int(key)] for key in text.split()), key=lambda ref: ref.key)) if text else ()


def finding_of(row: Any, refs: Mapping[int, Ref]) -> Finding:
    """The finding that a row of `findings` says."""
    return Finding(
        policy=row.policy,
        ref=refs[row.object_id],
        fingerprint=row.fingerprint,
        side=Side(row.side),
        severity=Severity(row.severity),
        path=row.path,
        message=row.message,
        remedy=row.remedy,
        place=_place(row),
        pending=row.pending,
    )


def drifts(drift_rows: Iterable[Any], field_rows: Iterable[Any], refs: Mapping[int, Ref]) -> tuple[Drift, ...]:
    """The drift that rows of `drift` and `drift_fields` say, by object."""
    fields: dict[tuple[int, str], list[Change]] = {}
    for row in sorted(field_rows, key=lambda row: (row.path, row.n)):
        fields.setdefault((row.object_id, row.kind), []).append(change_of(row))
    found = [
        Drift(
            ref=refs[row.object_id],
            kind=DriftKind(row.kind),
            direction=Direction(row.direction),
            severity=Severity(row.severity),
            changes=tuple(fields.get((row.object_id, row.kind), ())),
            reason=row.reason,
            place=_place(row),
            window=_window(row),
        )
        for row in drift_rows
    ]
    return tuple(sorted(found, key=lambda drift: (drift.ref.key, drift.kind)))


def change_of(row: Any) -> Change:
    """The change that a row of `drift_fields` says."""
    owner = row.owner_class and Owner(
        manager=row.owner_manager,
        operation=row.owner_operation,
        subresource=row.owner_subresource,
        time=row.owner_time,
        owner_class=OwnerClass(row.owner_class),
        certainty=Certainty(row.owner_certainty),
    )
    return Change(
        path=row.path,
        change=ChangeKind(row.change),
        desired=value_of(row.desired, side="desired"),
        live=value_of(row.live, side="live"),
        severity=Severity(row.severity),
        place=_place(row),
        owner=owner or None,
        window=_window(row),
        direction=Direction(row.direction),
        words=row.words,
    )


def _waivers(found: Reader) -> tuple[Granted, ...]:
    granted = [
        Granted(
            Waiver(
                policy=row.policy,
                reason=row.reason,
                by=row.by,
                until=date.fromisoformat(row.until),
                place=_place(row),
                holder=None if row.object_id is None else found.refs[row.object_id],
                kind=row.kind,
                namespace=row.namespace,
                name=row.name,
                container=row.container,
            ),
            WaiverState(row.state),
        )
        for row in found.rows("waivers")
    ]

    def key(one: Granted) -> tuple[str, int, str, str]:
        place = one.waiver.place
        return (place.file if place else "", place.line if place else 0, one.waiver.policy, str(one.waiver))

    return tuple(sorted(granted, key=key))


def _problems(found: Reader) -> tuple[Problem, ...]:
    problems = [
        Problem(
            code=row.code,
            severity=Severity(row.severity),
            message=row.message,
            remedy=row.remedy,
            place=_place(row),
            ref=None if row.object_id is None else found.refs[row.object_id],
        )
        for row in found.rows("problems")
    ]

    def key(problem: Problem) -> tuple[Any, ...]:
        place = problem.place
        return (place.file if place else "", place.line if place else 0, problem.code, problem.message)

    return tuple(sorted(problems, key=key))


def scores_of(found: Reader) -> Scores:
    """The scores after a run."""
    named: dict[str, dict[str, Score]] = {"cluster": {}, "namespace": {}, "team": {}}
    for row in found.rows("scores"):
        named[row.scope][row.name] = score_of(row)
    workloads = {found.refs[row.object_id]: score_of(row) for row in found.rows("workload_scores")}
    return Scores(
        formula=found.run.formula or 0,
        cluster=named["cluster"].get("", Score(None, None, 0, None)),
        namespaces=_sorted(named["namespace"]),
        teams=_sorted(named["team"]),
        workloads=_sorted(workloads, lambda ref: ref.key),
        team_of=_sorted({row.namespace: row.team for row in found.rows("teams")}),
    )


def _sorted(mapping: Mapping[_K, _V], key: Callable[[_K], Any] = lambda found: found) -> dict[_K, _V]:
    return {found: mapping[found] for found in sorted(mapping, key=key)}


def score_of(row: Any) -> Score:
    return Score(row.score, row.minimum, row.workloads, row.unknown_ratio)


def _cell_key(row: Any) -> CellKey:
    return (row.grp, row.kind, row.namespace or None)


def _cell(row: Any) -> Cell:
    return Cell(row.grp, row.kind, row.namespace or None, CellState(row.state), row.reason, row.objects)


def _place(row: Any) -> Place | None:
    if row.place_line is None:
        return None
    return Place(row.place_source, row.place_file, row.place_line, row.place_column)


def _window(row: Any) -> Window | None:
    return Window(row.window_after, row.window_before) if row.window_before else None
