"""The store against a naive one that keeps a whole copy of the state after every run."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

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
    Sealed,
    Severity,
    Side,
    Source,
    Verdict,
    Waiver,
    WaiverState,
    Window,
)
from auditor.store import State, Store, Written
from tests.store.estates import START, minutes

POLICIES = ("P1", "P2")
UNREAD = (CellState.DENIED, CellState.UNAVAILABLE)
UNDECIDED = (Outcome.UNKNOWN, Outcome.BROKEN)
VALUES = (None, 0, "", "x", {"a": [1, None]}, Sealed("k", "m"))


class World:
    """What runs may learn of a small cluster: a seed is an audit. Its parts come in any order."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.refs = (
            *(Ref(cluster, "apps", "Deployment", ns, name) for ns in ("a", "b") for name in ("x", "y")),
            Ref(cluster, "rbac.authorization.k8s.io", "ClusterRole", None, "x"),
        )

    def audit(self, seed: int, at: datetime) -> Audit:
        rng = random.Random(seed)
        there = [ref for ref in self.refs if rng.random() < 0.8]
        cells = [
            Cell(group, kind, namespace, state, "denied" if state in UNREAD else "", rng.randrange(3))
            for group, kind, namespace in sorted({(r.group, r.kind, r.namespace) for r in self.refs}, key=str)
            for state in [rng.choice([CellState.LISTED, CellState.LISTED, *CellState])]
            if rng.random() < 0.9
        ]
        judged = [self.verdict(rng, ref, policy) for ref in there for policy in POLICIES if rng.random() < 0.8]
        drifted = [self.drift(rng, ref) for ref in there if rng.random() < 0.5]
        not_compared = [
            NotCompared(ref, why, path)
            for ref in there
            for why, path in (("one", ""), ("two", ""), ("encrypted", "spec.b"), ("atomic", "spec"))
            if rng.random() < 0.15
        ]
        problems = [
            Problem("MAN001", Severity.ERROR, f"no. {n}", place=Place("git", "p.yaml", 2))
            for n in range(rng.randrange(3))
        ]

        def scores(*names: Any) -> dict[Any, Score]:
            return {name: self.score(rng) for name in names if rng.random() < 0.7}

        for part in (cells, judged, drifted, not_compared, problems):
            rng.shuffle(part)
        return Audit(
            at=at,
            cluster=self.cluster,
            sources=(Source("git", rng.choice("12")),),
            coverage=Coverage(rng.choice([None, 0.5, 1.0]), tuple(cells)),
            problems=tuple(problems),
            verdicts=tuple(judged),
            drift=tuple(drifted),
            not_compared=tuple(not_compared),
            scores=Scores(
                formula=rng.choice([1, 2]),
                cluster=self.score(rng),
                namespaces=scores("a", "b"),
                teams=scores("s", "t"),
                workloads=scores(*self.refs[:2]),
                team_of={name: rng.choice("st") for name in "ab" if rng.random() < 0.7},
            ),
            seen=frozenset(ref for ref in self.refs if rng.random() < 0.5),
            waivers=tuple(
                Granted(
                    Waiver(
                        policy,
                        rng.choice(["later", "never"]),
                        "me",
                        date(2999, 1, rng.randrange(1, 3)),
                        Place("git", f"{policy} {n}.yaml", 1, 1),
                        holder,
                        name="" if holder else "x*",
                    ),
                    rng.choice(list(WaiverState)),
                )
                for policy in POLICIES
                for n, holder in enumerate((*self.refs[:2], None))
                if rng.random() < 0.3
            ),
        )

    def verdict(self, rng: random.Random, ref: Ref, policy: str) -> Verdict:
        found = tuple(
            Finding(
                policy=policy,
                ref=ref,
                fingerprint=f"{policy} {ref} {path}",
                side=rng.choice(list(Side)),
                severity=rng.choice(list(Severity)),
                path=path,
                message=rng.choice(["wrong", "worse"]),
                remedy=f"mend {path}",
                place=Place("git", f"{ref.name}.yaml", 3, 1),
                pending=rng.random() < 0.5,
            )
            for path in ("spec.a", "spec.b")
            if rng.random() < 0.5
        )
        outcome = rng.choice(list(Outcome))
        concerns = tuple(sorted(rng.sample(self.refs, rng.randrange(3)), key=lambda r: r.key))
        reason = rng.choice(["", "because"])
        return Verdict(
            policy, f"rule {policy}", ref, outcome, Severity.ERROR, reason, concerns, found, rng.random() < 0.5
        )

    def drift(self, rng: random.Random, ref: Ref) -> Drift:
        changes = tuple(
            Change(
                path=path,
                change=rng.choice(list(ChangeKind)),
                desired=rng.choice(VALUES),
                live=rng.choice(VALUES),
                severity=Severity.WARNING,
                place=Place("git", f"{ref.name}.yaml", 5, 1),
                owner=self.owner(rng),
                direction=rng.choice(list(Direction)),
            )
            for path in ("spec.a", "spec.b", "spec.b.c")
            if rng.random() < 0.5
        )
        kind = rng.choice([DriftKind.MODIFIED, *DriftKind])
        place = Place("git", "d.yaml", 1, 1)
        return Drift(ref, kind, rng.choice(list(Direction)), rng.choice(list(Severity)), changes, place=place)

    def owner(self, rng: random.Random) -> Owner | None:
        manager = rng.choice([None, "kubectl", "helm"])
        return manager and Owner(
            manager, "Update", "", START, rng.choice(list(OwnerClass)), rng.choice(list(Certainty))
        )  # fmt: skip

    def score(self, rng: random.Random) -> Score:
        return Score(rng.choice([None, 0.0, 66.7, 100.0]), None, rng.randrange(3), rng.choice([None, 0.5]))


# What the store must then say -------------------------------------------------------------------------------------------


def cell_of(audit: Audit, ref: Ref) -> Cell | None:
    cells = {(c.group, c.kind, c.namespace): c for c in audit.coverage.cells}
    return cells.get((ref.group, ref.kind, ref.namespace)) or cells.get((ref.group, ref.kind, None))


def unread(audit: Audit, ref: Ref) -> Cell | None:
    found = cell_of(audit, ref)
    return found if found and found.state in UNREAD else None


@dataclass
class Copy:
    """The whole state after one run, and when each finding and each drifting thing began."""

    said: Audit
    audit: Audit
    finding_since: Mapping[str, datetime] = field(default_factory=dict)
    drift_since: Mapping[tuple[Ref, str], datetime] = field(default_factory=dict)


def after(copies: list[Copy], said: Audit) -> Copy:
    """The state after one more run, from the copies of all that went before."""
    before = copies[-1] if copies else None
    old = before.audit if before else replace(said, verdicts=(), drift=(), seen=frozenset())
    judged = {(v.ref, v.policy): v for v in said.verdicts}
    for verdict in old.verdicts:
        cell = unread(said, verdict.ref)
        if (verdict.ref, verdict.policy) not in judged and cell:
            judged[verdict.ref, verdict.policy] = verdict._replace(
                outcome=Outcome.UNKNOWN, reason=str(cell), findings=()
            )
    for verdict in old.verdicts:
        now = judged.get((verdict.ref, verdict.policy))
        if now and now.outcome in UNDECIDED:
            new = {f.fingerprint for f in now.findings}
            kept = [f for f in verdict.findings if f.fingerprint not in new]
            findings = tuple(sorted((*now.findings, *kept), key=lambda f: (f.path, f.fingerprint)))
            judged[verdict.ref, verdict.policy] = now._replace(findings=findings)
    drifted = {d.ref: d for d in said.drift}
    windows = {(d.ref, d.kind, c.path if c else ""): (c or d).window for d in old.drift for c in (None, *d.changes)}

    def dated(drift: Drift) -> Drift:
        changes = [
            replace(
                c,
                window=windows.get((drift.ref, drift.kind, c.path))
                or Window(last_sight(copies, drift.ref, c.path), said.at),
            )
            for c in drift.changes
        ]
        window = windows.get((drift.ref, drift.kind, "")) or Window(last_sight(copies, drift.ref, ""), said.at)
        return replace(drift, window=window, changes=tuple(map(read_back, changes)))

    found = {d.ref: dated(d) for d in said.drift}
    for drift in old.drift:
        if drift.ref not in drifted and uncompared(said, drift.ref, ""):
            found[drift.ref] = drift
            continue
        left = {c.path: c for c in drift.changes if uncompared_field(said, drift.ref, c.path)}
        if drift.ref not in drifted and left:
            found[drift.ref] = replace(drift, changes=tuple(left[path] for path in sorted(left)))
        elif left and drifted[drift.ref].kind is drift.kind:
            both = left | {c.path: c for c in found[drift.ref].changes}
            found[drift.ref] = replace(found[drift.ref], changes=tuple(both[path] for path in sorted(both)))

    state = replace(
        said,
        problems=tuple(sorted(said.problems, key=lambda p: p.message)),
        coverage=replace(
            said.coverage, cells=tuple(sorted(said.coverage.cells, key=lambda c: (c.kind, c.group, c.namespace or "")))
        ),
        verdicts=tuple(sorted(judged.values(), key=lambda v: (v.ref.key, v.policy))),
        drift=tuple(sorted(found.values(), key=lambda d: d.ref.key)),
        not_compared=tuple(sorted(said.not_compared, key=lambda n: (n.ref.key, n.path, n.reason))),
        waivers=tuple(sorted(said.waivers, key=lambda g: g.waiver.place.file if g.waiver.place else "")),
        seen=said.seen | {ref for ref in old.seen if unread(said, ref)},
    )
    findings = {f.fingerprint for v in state.verdicts for f in v.findings}
    things = {(d.ref, c.path if c else ""): d.kind for d in state.drift for c in (None, *d.changes)}
    kinds = {d.ref: d.kind for d in old.drift}
    known = before or Copy(said, said)
    return Copy(
        said,
        state,
        {key: known.finding_since.get(key, said.at) for key in findings},
        # Modified and missing are two things: what was one and is the other begins anew.
        {
            key: known.drift_since.get(key, said.at) if kinds.get(key[0]) is kind else said.at
            for key, kind in things.items()
        },
    )


def uncompared(audit: Audit, ref: Ref, path: str) -> bool:
    """Whether the audit could say nothing of an object, or nothing at that path of it."""
    whole = any(entry.ref == ref and not entry.path for entry in audit.not_compared)
    return whole or unread(audit, ref) is not None or uncompared_field(audit, ref, path)


def uncompared_field(audit: Audit, ref: Ref, path: str) -> bool:
    """Whether the audit compared the object, but not at that path."""
    above = [path[:end] for end in range(1, len(path) + 1) if end == len(path) or path[end] == "."]
    return any(entry.ref == ref and entry.path in above for entry in audit.not_compared)


def last_sight(copies: list[Copy], ref: Ref, path: str) -> datetime | None:
    return next((copy.said.at for copy in reversed(copies) if not uncompared(copy.said, ref, path)), None)


def read_back(change: Change) -> Change:
    def value(found: Any, side: str) -> Any:
        return Sealed(f"not stored ({side})", "") if isinstance(found, Sealed) else found

    return replace(change, desired=value(change.desired, "desired"), live=value(change.live, "live"))


def same(found: State | None, copy: Copy) -> None:
    assert found is not None
    assert found.audit == copy.audit
    assert found.finding_since == copy.finding_since
    assert found.drift_since == copy.drift_since


# The machine ------------------------------------------------------------------------------------------------------------


class Lifecycle(RuleBasedStateMachine):
    """One cluster an example, all in one database."""

    store: Store
    examples = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.cluster = f"cluster-{next(self.examples)}"
        self.world = World(self.cluster)
        self.copies: list[Copy] = []
        self.clock = 0
        self.first = 0  # the first copy that retention has left

    def now(self) -> datetime:
        self.clock += 1
        return minutes(self.clock)

    def published(self, said: Audit) -> Written:
        written = self.store.publish(self.store.begin(self.cluster, "schedule", said.at), said)
        self.copies.append(after(self.copies[self.first :], said))
        self.the_last_published_run_is_shown()
        return written

    # Twice: what runs learn is what this is about.
    @rule(first=st.integers(0, 2**32), second=st.integers(0, 2**32))
    def publish_two(self, first: int, second: int) -> None:
        self.published(self.world.audit(first, self.now()))
        self.published(self.world.audit(second, self.now()))

    @precondition(lambda self: self.copies)
    @rule(seed=st.integers(0, 5))
    def publish_the_same_in_another_order(self, seed: int) -> None:
        before = self.copies[-1]
        mixed = random.Random(seed)
        parts = {
            name: tuple(mixed.sample(getattr(before.said, name), len(getattr(before.said, name))))
            for name in ("verdicts", "drift", "not_compared", "problems")
        }
        written = self.published(replace(before.said, at=self.now(), **parts))
        assert self.copies[-1].audit == replace(before.audit, at=self.copies[-1].said.at)
        assert written.rows == 0

    @rule()
    def a_run_fails(self) -> None:
        number = self.store.begin(self.cluster, "schedule", self.now())
        self.store.fail(number, "git did not answer")

    @rule()
    def the_process_dies_in_a_run(self) -> None:
        number = self.store.begin(self.cluster, "schedule", self.now())
        assert self.store.close_interrupted(self.cluster) == (number,)

    @precondition(lambda self: len(self.copies) > self.first + 1)
    @rule(data=st.data())
    def history_is_pruned(self, data: st.DataObject) -> None:
        keep = data.draw(st.integers(self.first, len(self.copies) - 1))
        self.store.prune(self.copies[keep].said.at)
        self.first = keep
        if keep:
            assert self.store.state(self.cluster, self.copies[keep - 1].said.at) is None
        self.the_last_published_run_is_shown()

    @precondition(lambda self: self.copies)
    @rule(data=st.data())
    def any_moment_is_as_it_was(self, data: st.DataObject) -> None:
        copy = self.copies[data.draw(st.integers(self.first, len(self.copies) - 1))]
        same(self.store.state(self.cluster, copy.said.at), copy)

    @precondition(lambda self: self.copies and not self.first)
    @rule()
    def what_opened_and_was_not_resolved_is_open(self) -> None:
        found = self.store.changes(self.cluster, minutes(-1), minutes(self.clock))
        opened = {(e.what.fingerprint, e.since) for e in found.findings_opened if isinstance(e.what, Finding)}
        resolved = {(e.what.fingerprint, e.since) for e in found.findings_resolved if isinstance(e.what, Finding)}
        assert opened - resolved == set(self.copies[-1].finding_since.items())
        still = [e.what for e in found.drift_opened if e.until is None and isinstance(e.what, Drift)]
        assert sorted(still, key=lambda d: d.ref.key) == list(self.copies[-1].audit.drift)

    def the_last_published_run_is_shown(self) -> None:
        same(self.store.latest(self.cluster), self.copies[-1])
        past = self.store.past(self.cluster)
        audit = self.copies[-1].audit
        assert past.last_run_at == audit.at
        assert past.windows == {
            (d.ref, c.path if c else ""): (c or d).window for d in audit.drift for c in (None, *d.changes)
        }
        assert past.seen >= audit.seen


def test_every_state_is_what_a_full_copy_says(store: Store) -> None:
    machine = type("Lifecycle", (Lifecycle,), {"store": store})
    examples = settings.default.max_examples // 10  # the soak profile asks for more of everything
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=12))
