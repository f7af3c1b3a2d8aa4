"""Audits made up in memory, small and large, for tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

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
    Outcome,
    Owner,
    OwnerClass,
    Place,
    Ref,
    Score,
    Scores,
    Severity,
    Side,
    Source,
    Verdict,
)

START = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
CLUSTER = "prod-eu"


def minutes(number: float) -> datetime:
    """That many minutes after the start of the story."""
    return START + timedelta(minutes=number)


def ref(name: str = "web", namespace: str | None = "shop", kind: str = "Deployment", group: str = "apps") -> Ref:
    return Ref(CLUSTER, group, kind, namespace, name)


def finding(of: Ref, policy: str = "POD001", path: str = "spec", **other: Any) -> Finding:
    said: dict[str, Any] = {
        "side": Side.BOTH,
        "severity": Severity.ERROR,
        "message": f"{of.name} is wrong",
        "remedy": "mend it",
        "place": Place("shop", f"apps/{of.name}.yaml", 7, 3),
    }
    said |= other
    fingerprint = f"{policy}/{of.kind}/{of.namespace}/{of.name}/{path}"
    return Finding(policy=policy, ref=of, path=path, fingerprint=fingerprint, **said)


def verdict(of: Ref, outcome: Outcome, *findings: Finding, policy: str = "POD001", **other: Any) -> Verdict:
    said: dict[str, Any] = {"severity": Severity.ERROR, "concerns": (of,)} | other
    return Verdict(policy=policy, name=f"rule-{policy.lower()}", ref=of, outcome=outcome, findings=findings, **said)


def failing(of: Ref, policy: str = "POD001", path: str = "spec", **other: Any) -> Verdict:
    return verdict(of, Outcome.FAIL, finding(of, policy, path, **other), policy=policy)


def owner(manager: str = "kubectl-edit", at: datetime | None = None) -> Owner:
    return Owner(manager, "Update", "", at or START, OwnerClass.HUMAN, Certainty.RECORDED)


def change(path: str = "spec.replicas", desired: Any = 3, live: Any = 1, **other: Any) -> Change:
    said: dict[str, Any] = {
        "severity": Severity.WARNING,
        "owner": owner(),
        "direction": Direction.LIVE_CHANGED,
        "place": Place("shop", "apps/web.yaml", 9, 3),
    }
    return Change(path=path, change=ChangeKind.CHANGED, desired=desired, live=live, **(said | other))


def drift(of: Ref, *changes: Change, kind: DriftKind = DriftKind.MODIFIED, **other: Any) -> Drift:
    said: dict[str, Any] = {"direction": Direction.LIVE_CHANGED, "severity": Severity.WARNING} | other
    return Drift(ref=of, kind=kind, changes=changes, **said)


def cell(
    state: CellState = CellState.LISTED,
    namespace: str | None = "shop",
    kind: str = "Deployment",
    group: str = "apps",
    reason: str = "",
    objects: int = 1,
) -> Cell:
    return Cell(group, kind, namespace, state, reason, objects)


def denied(namespace: str | None = "shop", kind: str = "Deployment", group: str = "apps") -> Cell:
    return cell(CellState.DENIED, namespace, kind, group, "list denied", 0)


def audit(at: datetime, **parts: Any) -> Audit:
    said: dict[str, Any] = {
        "cluster": CLUSTER,
        "sources": (Source("shop", "3f2c1ab", at, None, "main"),),
        "coverage": Coverage(1.0, (cell(),)),
        "problems": (),
        "verdicts": (),
        "drift": (),
        "not_compared": (),
        "scores": Scores(1, Score(80.0, 50.0, 2, 0.0)),
        "seen": frozenset(),
    }
    return Audit(at=at, **(said | parts))


def estate(workloads: int, policies: int, at: datetime = START, *, broken: int = 0) -> Audit:
    """A whole cluster: every third verdict fails, every fortieth workload drifts. `broken` more verdicts fail."""
    refs = [ref(f"app-{n}", f"team-{n % 50}") for n in range(workloads)]
    verdicts = []
    for number, of in enumerate(refs):
        for rule in range(policies):
            policy = f"POD{rule:03}"
            if (number + rule) % 3 == 0 or number * policies + rule < broken:
                path = f"spec.template.spec.containers[name=app-{number}].resources.limits.memory"
                said = f"container app-{number} of the workload has no limit for memory"
                found = finding(of, policy, path, message=said, remedy="set resources.limits.memory to what it needs")
                verdicts.append(verdict(of, Outcome.FAIL, found, policy=policy))
            else:
                verdicts.append(verdict(of, Outcome.PASS, policy=policy))
    cells = tuple(cell(namespace=f"team-{n}", objects=workloads // 50) for n in range(50))
    scores = Scores(
        1,
        Score(66.6, 10.0, workloads, 0.0),
        {f"team-{n}": Score(66.6, 10.0, workloads // 50, 0.0) for n in range(50)},
        {"unowned": Score(66.6, 10.0, workloads, 0.0)},
        {of: Score(66.6 + of.name.count("1"), 66.6, 1, 0.0) for of in refs},
        {f"team-{n}": "unowned" for n in range(50)},
    )
    return audit(
        at,
        verdicts=tuple(verdicts),
        drift=tuple(drift(of, change(), change("spec.paused", False, True)) for of in refs[::40]),
        coverage=Coverage(1.0, cells),
        scores=scores,
        seen=frozenset(refs),
    )
