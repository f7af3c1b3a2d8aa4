"""The store against a naive one that keeps a whole copy of the state after every run."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

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
    Window,
)
from auditor.store import State, Store, open_store
from tests.postgres import Postgres
from tests.store.estates import CLUSTER, START, minutes

REFS = (
    *(Ref(CLUSTER, "apps", "Deployment", ns, name) for ns in ("a", "b") for name in ("x", "y")),
    Ref(CLUSTER, "rbac.authorization.k8s.io", "ClusterRole", None, "x"),
)
POLICIES = ("P1", "P2")
UNREAD = (CellState.DENIED, CellState.UNAVAILABLE)
UNDECIDED = (Outcome.UNKNOWN, Outcome.BROKEN)


# What a run may learn ---------------------------------------------------------------------------------------------------

scores = st.builds(
    Score, st.sampled_from([None, 0.0, 66.7, 100.0]), st.none(), st.integers(0, 2), st.sampled_from([None, 0.5])
)


@st.composite
def verdicts(draw: st.DrawFn, ref: Ref, policy: str) -> Verdict:
    found = tuple(
        Finding(
            policy=policy,
            ref=ref,
            fingerprint=f"{policy} {ref} {path}",
            side=draw(st.sampled_from(Side)),
            severity=draw(st.sampled_from(Severity)),
            path=path,
            message=draw(st.sampled_from(["wrong", "worse"])),
            remedy=f"mend {path}",
            place=Place("git", f"{ref.name}.yaml", 3, 1),
            pending=draw(st.booleans()),
        )
        for path in sorted(draw(st.sets(st.sampled_from(["spec.a", "spec.b"]))))
    )
    outcome = draw(st.sampled_from(Outcome))
    concerns = tuple(sorted(draw(st.sets(st.sampled_from(REFS), max_size=2)), key=lambda r: r.key))
    reason = draw(st.sampled_from(["", "because"]))
    return Verdict(policy, f"rule {policy}", ref, outcome, Severity.ERROR, reason, concerns, found, draw(st.booleans()))


owners = st.none() | st.builds(
    Owner,
    manager=st.sampled_from(["kubectl", "helm"]),
    operation=st.just("Update"),
    subresource=st.just(""),
    time=st.just(START),
    owner_class=st.sampled_from(OwnerClass),
    certainty=st.sampled_from(Certainty),
)
values = st.sampled_from([None, 0, "", "x", {"a": [1, None]}, Sealed("k", "m")])


@st.composite
def drifts(draw: st.DrawFn, ref: Ref) -> Drift:
    changes = tuple(
        Change(
            path=path,
            change=draw(st.sampled_from(ChangeKind)),
            desired=draw(values),
            live=draw(values),
            severity=Severity.WARNING,
            place=Place("git", f"{ref.name}.yaml", 5, 1),
            owner=draw(owners),
            direction=draw(st.sampled_from(Direction)),
        )
        for path in sorted(draw(st.sets(st.sampled_from(["spec.a", "spec.b", "spec.c"]))))
    )
    kind, direction = draw(st.sampled_from(DriftKind)), draw(st.sampled_from(Direction))
    return Drift(ref, kind, direction, draw(st.sampled_from(Severity)), changes, place=Place("git", "d.yaml", 1, 1))


@st.composite
def audits(draw: st.DrawFn) -> Audit:
    """An audit of a small world, its parts in any order. Its time is set when it is published."""
    there = [ref for ref in REFS if draw(st.integers(0, 4))]
    cells = [
        Cell(group, kind, namespace, state, "denied" if state in UNREAD else "", draw(st.integers(0, 2)))
        for group, kind, namespace in sorted({(r.group, r.kind, r.namespace) for r in REFS}, key=str)
        for state in [draw(st.sampled_from([CellState.LISTED, CellState.LISTED, *CellState]))]
        if draw(st.integers(0, 9))
    ]
    judged = [draw(verdicts(ref, policy)) for ref in there for policy in POLICIES if draw(st.integers(0, 3))]
    drifted = [draw(drifts(ref)) for ref in there if draw(st.booleans())]
    not_compared = [NotCompared(ref, why) for ref in there for why in ("one", "two") if not draw(st.integers(0, 4))]
    problems = [
        Problem("MAN001", Severity.ERROR, f"no. {n}", place=Place("git", "p.yaml", 2))
        for n in range(draw(st.integers(0, 2)))
    ]
    scored = Scores(
        formula=draw(st.sampled_from([1, 2])),
        cluster=draw(scores),
        namespaces=draw(st.dictionaries(st.sampled_from("ab"), scores)),
        teams=draw(st.dictionaries(st.sampled_from("st"), scores)),
        workloads=draw(st.dictionaries(st.sampled_from(REFS[:2]), scores)),
        team_of=draw(st.dictionaries(st.sampled_from("ab"), st.sampled_from("st"))),
    )
    mixed = random.Random(draw(st.integers(0, 9)))
    for part in (cells, judged, drifted, not_compared, problems):
        mixed.shuffle(part)
    return Audit(
        at=START,
        cluster=CLUSTER,
        sources=(Source("git", draw(st.sampled_from(["1", "2"]))),),
        coverage=Coverage(draw(st.sampled_from([None, 0.5, 1.0])), tuple(cells)),
        problems=tuple(problems),
        verdicts=tuple(judged),
        drift=tuple(drifted),
        not_compared=tuple(not_compared),
        scores=scored,
        seen=frozenset(draw(st.sets(st.sampled_from(REFS)))),
    )


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
            judged[verdict.ref, verdict.policy] = replace(
                verdict, outcome=Outcome.UNKNOWN, reason=str(cell), findings=()
            )
    for verdict in old.verdicts:
        now = judged.get((verdict.ref, verdict.policy))
        if now and now.outcome in UNDECIDED:
            new = {f.fingerprint for f in now.findings}
            kept = [f for f in verdict.findings if f.fingerprint not in new]
            findings = tuple(sorted((*now.findings, *kept), key=lambda f: (f.path, f.fingerprint)))
            judged[verdict.ref, verdict.policy] = replace(now, findings=findings)
    hidden = {entry.ref for entry in said.not_compared}
    drifted = {d.ref for d in said.drift}
    kept_drift = [d for d in old.drift if d.ref not in drifted and (d.ref in hidden or unread(said, d.ref))]
    windows = {(d.ref, d.kind, c.path if c else ""): (c or d).window for d in old.drift for c in (None, *d.changes)}

    def dated(drift: Drift) -> Drift:
        new = Window(last_sight(copies, drift.ref), said.at)
        changes = [replace(c, window=windows.get((drift.ref, drift.kind, c.path), new)) for c in drift.changes]
        return replace(
            drift,
            window=windows.get((drift.ref, drift.kind, ""), new),
            changes=tuple(read_back(c) for c in changes),
        )

    state = replace(
        said,
        problems=tuple(sorted(said.problems, key=lambda p: p.message)),
        coverage=replace(
            said.coverage, cells=tuple(sorted(said.coverage.cells, key=lambda c: (c.kind, c.group, c.namespace or "")))
        ),
        verdicts=tuple(sorted(judged.values(), key=lambda v: (v.ref.key, v.policy))),
        drift=tuple(sorted([*map(dated, said.drift), *kept_drift], key=lambda d: d.ref.key)),
        not_compared=tuple(sorted(said.not_compared, key=lambda n: (n.ref.key, n.reason))),
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


def last_sight(copies: list[Copy], ref: Ref) -> datetime | None:
    for copy in reversed(copies):
        if not unread(copy.said, ref) and all(entry.ref != ref for entry in copy.said.not_compared):
            return copy.said.at
    return None


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
    new_url: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.url, self.end = self.new_url()
        self.store: Store = open_store(self.url)
        self.copies: list[Copy] = []
        self.pending: int | None = None
        self.clock = 0
        self.first = 0  # the first copy that retention has left

    def teardown(self) -> None:
        self.store.close()
        self.end()

    def now(self) -> datetime:
        self.clock += 1
        return minutes(self.clock)

    @rule(audit=audits())
    def publish(self, audit: Audit) -> None:
        said = replace(audit, at=self.now())
        number = self.store.begin(CLUSTER, "schedule", said.at)
        self.store.publish(number, said)
        self.copies.append(after(self.copies[self.first :], said))

    @precondition(lambda self: self.copies)
    @rule(seed=st.integers(0, 5))
    def publish_the_same_in_another_order(self, seed: int) -> None:
        said = self.copies[-1].said
        mixed = random.Random(seed)
        parts = {
            name: tuple(mixed.sample(getattr(said, name), len(getattr(said, name))))
            for name in ("verdicts", "drift", "not_compared", "problems")
        }
        said = replace(said, at=self.now(), **parts)
        written = self.store.publish(self.store.begin(CLUSTER, "schedule", said.at), said)
        copy = after(self.copies[self.first :], said)
        if copy.audit == replace(self.copies[-1].audit, at=said.at, sources=copy.audit.sources):
            assert written.rows == 0
        self.copies.append(copy)

    @rule()
    def a_run_fails(self) -> None:
        number = self.store.begin(CLUSTER, "schedule", self.now())
        self.store.fail(number, "git did not answer")

    @rule()
    def the_process_dies_in_a_run(self) -> None:
        number = self.store.begin(CLUSTER, "schedule", self.now())
        self.store.close()
        self.store = open_store(self.url)
        assert number in self.store.close_interrupted(CLUSTER)

    @precondition(lambda self: len(self.copies) > self.first + 1)
    @rule(data=st.data())
    def history_is_pruned(self, data: st.DataObject) -> None:
        keep = data.draw(st.integers(self.first, len(self.copies) - 1))
        self.store.prune(self.copies[keep].said.at)
        self.first = keep
        if keep:
            assert self.store.state(CLUSTER, self.copies[keep - 1].said.at) is None

    @precondition(lambda self: self.copies)
    @rule(data=st.data())
    def any_moment_is_as_it_was(self, data: st.DataObject) -> None:
        copy = self.copies[data.draw(st.integers(self.first, len(self.copies) - 1))]
        same(self.store.state(CLUSTER, copy.said.at), copy)

    @precondition(lambda self: self.copies and not self.first)
    @rule()
    def what_opened_and_was_not_resolved_is_open(self) -> None:
        found = self.store.changes(CLUSTER, minutes(-1), minutes(self.clock))
        opened = {(e.what.fingerprint, e.since) for e in found.findings_opened if isinstance(e.what, Finding)}
        resolved = {(e.what.fingerprint, e.since) for e in found.findings_resolved if isinstance(e.what, Finding)}
        assert opened - resolved == set(self.copies[-1].finding_since.items())
        still = {e.ref for e in found.drift_opened if e.until is None}
        assert still == {d.ref for d in self.copies[-1].audit.drift}

    @invariant()
    def the_last_published_run_is_shown(self) -> None:
        if self.copies:
            same(self.store.latest(CLUSTER), self.copies[-1])
            past = self.store.past(CLUSTER)
            assert past.last_run_at == self.copies[-1].said.at
            audit = self.copies[-1].audit
            assert past.windows == {
                (d.ref, c.path if c else ""): (c or d).window for d in audit.drift for c in (None, *d.changes)
            }
            assert past.seen >= audit.seen


@pytest.fixture(scope="module")
def empty() -> Iterator[Path]:
    """A migrated database to copy: migrations have tests of their own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        open_store(f"sqlite:///{path}").close()
        yield path


def test_every_state_is_what_a_full_copy_says_on_sqlite(empty: Path) -> None:
    def new_url() -> tuple[str, Any]:
        folder = Path(tempfile.mkdtemp())
        shutil.copy(empty, folder / "a.db")
        return f"sqlite:///{folder}/a.db", lambda: shutil.rmtree(folder)

    run_machine(new_url, 25)


@pytest.mark.component
def test_every_state_is_what_a_full_copy_says_on_postgresql(postgres: Postgres) -> None:
    run_machine(lambda: (postgres.database(), lambda: None), 8)


def run_machine(new_url: Any, examples: int) -> None:
    machine = type("Lifecycle", (Lifecycle,), {"new_url": staticmethod(new_url)})
    times = settings.default.max_examples / 100  # the soak profile asks for more of everything
    run_state_machine_as_test(machine, settings=settings(max_examples=int(examples * times), stateful_step_count=12))
