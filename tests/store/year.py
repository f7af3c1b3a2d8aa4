"""A year of runs of a made-up estate, written straight into the tables: what `make bench` asks its questions of.

`python -m tests.store.year sqlite:///FILE [RUNS]`. The rows are made by the code that publishes (`rows_of`, `difference`, `explain`),
only that each run looks at what it changed and nothing else: 105,120 runs would otherwise take a day. A test holds it to what
200 published runs write (`tests/store/test_year.py`).
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

import auditor
from auditor.causes import Commit, Evidence, explain
from auditor.model import (
    Audit,
    Cause,
    Certainty,
    Coverage,
    Drift,
    Earlier,
    Outcome,
    Owner,
    OwnerClass,
    Place,
    Ref,
    Resource,
    Score,
    Scores,
    Side,
    Snapshot,
    Source,
    Verdict,
    Window,
)
from auditor.store import Store, cause_rows, keys, open_store, writes
from auditor.store.connection import is_sqlite, writing
from auditor.store.differences import difference
from auditor.store.facts import FACTS
from auditor.store.rows import Row, rows_of
from auditor.store.tables import causes as cause_table
from auditor.store.tables import marks, runs
from auditor.store.unknown import Open
from tests.store.estates import CLUSTER, START, audit, cell, change, drift, finding, verdict

EVERY = timedelta(minutes=5)
RUNS = 365 * 24 * 12
WORKLOADS, POLICIES, SPACES = 2000, 40, 50
HANDS = (("kubectl-edit", OwnerClass.HUMAN), ("kubectl-set", OwnerClass.HUMAN), ("rancher", OwnerClass.HUMAN),
         ("kube-controller-manager", OwnerClass.CONTROLLER), ("my-operator", OwnerClass.UNKNOWN))  # fmt: skip


@dataclass
class Story:
    """What an estate is at each run: which policies fail on which workload, and which fields drift. One seed, one story."""

    workloads: int = WORKLOADS
    policies: int = POLICIES
    per_hour: int = 100
    seed: int = 1
    run: int = 0
    failing: list[set[int]] = field(default_factory=list)
    drifting: list[dict[int, Owner]] = field(default_factory=list)
    touched: dict[int, set[int]] = field(default_factory=dict)
    commits: tuple[Commit, ...] = ()
    earlier: dict[Ref, tuple[Earlier, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.refs = [
            Ref(CLUSTER, "apps", "Deployment", f"team-{n % SPACES}", f"app-{n}") for n in range(self.workloads)
        ]
        self.failing = [{p for p in range(self.policies) if (n + p) % 3 == 0} for n in range(self.workloads)]
        self.drifting = [{} for _ in self.refs]
        self.scores = [self.rescored(n) for n in range(self.workloads)]
        self.of_team = [[n for n in range(self.workloads) if n % SPACES % 10 == team] for team in range(10)]

    def at(self) -> datetime:
        return START + self.run * EVERY

    def step(self) -> None:
        """The next run: some findings come and go, a third by a commit, a third by a hand, the rest by nothing on record."""
        self.run += 1
        self.touched, self.earlier = {}, {}
        self.commits = ()
        each = self.per_hour / 12
        count = int(each) + (self.random.random() < each - int(each))
        files: set[str] = set()
        revision = f"{self.run:040x}"
        for _ in range(count):
            n, p = self.random.randrange(self.workloads), self.random.randrange(self.policies)
            how = self.random.choice(("commit", "hand", "unknown"))
            if n in self.touched:
                continue
            self.touched[n] = {p}
            if how == "commit":
                ref = self.refs[n]
                now = self.body(n)
                self.failing[n] ^= {p}
                self.earlier[ref] = (Earlier("", now, revision),)
                files.add(f"apps/{ref.name}.yaml")
                self.drifting[n].pop(p, None)
            elif how == "hand":
                manager, kind = self.random.choice(HANDS)
                if p in self.drifting[n]:
                    del self.drifting[n][p]
                else:
                    time_ = self.at() - timedelta(seconds=self.random.randrange(1, 290))
                    self.drifting[n][p] = Owner(manager, "Update", "", time_, kind, Certainty.RECORDED)
                self.failing[n] ^= {p}
            else:
                self.failing[n] ^= {p}
            self.scores[n] = self.rescored(n)
        if files:
            author = f"Author {self.random.randrange(40)}"
            subject = f"Change {len(files)} applications"
            self.commits = (Commit("shop", revision, author, subject, self.at() - EVERY / 2, frozenset(files)),)

    def body(self, n: int) -> dict[str, Any]:
        return {"spec": {f"p{p}": p in self.failing[n] for p in range(self.policies)}}

    def evidence(self, drifts: tuple[Drift, ...]) -> Evidence:
        resources = tuple(Resource(self.refs[n], "apps/v1", self.body(n)) for n in self.touched)
        return Evidence(
            desired=Snapshot(resources), drift=drifts, commits=self.commits, earlier=self.earlier,
            conditions=writes.conditions((), 1),
        )  # fmt: skip

    def verdicts(self, n: int) -> Iterator[Verdict]:
        ref = self.refs[n]
        for p in range(self.policies):
            policy = f"POD{p:03}"
            if p in self.failing[n]:
                said = f"container {ref.name} of the workload has no limit for resource {p}"
                place = Place("shop", f"apps/{ref.name}.yaml", 10 + p, 3)
                found = finding(
                    ref,
                    policy,
                    f"spec.p{p}",
                    message=said,
                    remedy="set it to what it needs",
                    place=place,
                    side=Side.LIVE if p in self.drifting[n] else Side.BOTH,
                )
                yield verdict(ref, Outcome.FAIL, found, policy=policy)
            else:
                yield verdict(ref, Outcome.PASS, policy=policy)

    def drifts(self, n: int) -> Iterator[Drift]:
        fields = [
            change(
                f"spec.p{p}", False, True, owner=owner, place=Place("shop", f"apps/{self.refs[n].name}.yaml", 10 + p, 3)
            )
            for p, owner in sorted(self.drifting[n].items())
        ]
        if fields:
            yield drift(self.refs[n], *fields)

    def score(self, n: int) -> float:
        return self.scores[n]

    def rescored(self, n: int) -> float:
        return 100 * (self.policies - len(self.failing[n])) / self.policies

    def whole(self) -> Audit:
        """The audit of this run, all of it."""
        return self.partial(range(self.workloads))

    def partial(self, some: Any) -> Audit:
        """The audit of this run, of some workloads, with the scores of their namespaces and teams, and the cluster's."""
        wanted = sorted(some)
        spaces = sorted({n % SPACES for n in wanted})
        teams = sorted({space % 10 for space in spaces})
        scores = Scores(
            1,
            self.mean(range(self.workloads)),
            {f"team-{s}": self.mean(range(s, self.workloads, SPACES)) for s in spaces if s < self.workloads},
            {f"t{t}": self.mean(self.of_team[t]) for t in teams},
            {self.refs[n]: Score(self.score(n), self.score(n), 1, 0.0) for n in wanted},
            {f"team-{s}": f"t{s % 10}" for s in spaces},
        )
        return audit(
            self.at(),
            sources=(Source("shop", f"{self.run:040x}", self.at(), None, "main"),),
            verdicts=tuple(v for n in wanted for v in self.verdicts(n)),
            drift=tuple(d for n in wanted for d in self.drifts(n)),
            coverage=Coverage(
                1.0, tuple(cell(namespace=f"team-{s}", objects=self.workloads // SPACES) for s in range(SPACES))
            ),
            scores=scores,
            seen=frozenset(self.refs[n] for n in wanted),
        )

    def mean(self, of: Any) -> Score:
        numbers = [self.scores[n] for n in of]
        return (
            Score(sum(numbers) / len(numbers), min(numbers), len(numbers), 0.0)
            if numbers
            else Score(None, None, 0, None)
        )


class Year:
    """The rows of many runs, made one after the other and written in batches."""

    def __init__(self, store: Store, story: Story) -> None:
        self.store, self.story = store, story
        self.open: dict[str, dict[Row, Open]] = {name: {} for name in FACTS}
        self.of_object: dict[str, dict[Any, set[Row]]] = {name: {} for name in FACTS}
        self.since: dict[int, tuple[int, int | None]] = {}  # open interval -> its opened run and cause
        self.done: dict[str, list[dict[str, Any]]] = {name: [] for name in FACTS}
        self.causes: dict[tuple[int, int], Cause] = {}
        self.cause_rows: list[Any] = []
        self.runs: list[dict[str, Any]] = []
        self.ids: dict[str, int] = dict.fromkeys(FACTS, 0)

    def write(self, count: int) -> None:
        """The runs from the first to `count`, into an empty store."""
        story = self.story
        with writing(self.store.engine) as connection:
            self.cluster = keys.cluster_id(connection, CLUSTER)
            first = story.whole()
            self.object_ids = keys.object_ids(connection, self.cluster, first)
            keys.name_policies(connection, first)
        self.refs = {key: ref for ref, key in self.object_ids.items()}
        self._run(1, first, None)
        for number in range(2, count + 1):
            story.step()
            self._run(number, story.partial(story.touched), story.touched)
            if number % 5000 == 0:
                self._flush()
        self._flush(last=True)

    def _run(self, number: int, said: Audit, touched: Mapping[int, Any] | None) -> None:
        story, before = self.story, self.story.at() - EVERY
        window = Window(None if touched is None else before, said.at)
        evidence = story.evidence(said.drift)
        wanted = rows_of(said, self.object_ids, evidence.conditions)
        about = {self.object_ids[story.refs[n]] for n in touched} if touched is not None else set()
        turns = []
        for name, fact in FACTS.items():
            standing = self.open[name]
            if touched is not None:
                own = {key for one in about for key in self.of_object[name].get(one, ())}
                if name in ("scores", "teams", "cells", "conditions"):
                    own |= wanted[name].keys() & standing.keys()
                standing = {key: standing[key] for key in own}
            if name in ("drift", "drift_fields"):
                for key, row in wanted[name].items():
                    if key not in standing:
                        wanted[name][key] = (*row[:-2], window.after, row[-1] or said.at)
            turns += [(fact, turn) for turn in difference(fact, standing, wanted[name], None).turns]
        brought = {
            (turn.before.opened, turn.before.cause): self.causes[turn.before.opened, turn.before.cause]
            for _, turn in turns
            if turn.before and turn.before.cause is not None
        }
        found = explain([writes._event(fact, turn, self.refs, brought) for fact, turn in turns], evidence, window)
        numbers: dict[Cause, int] = {}
        for (fact, turn), cause in zip(turns, found, strict=True):
            why = numbers.setdefault(cause, len(numbers))
            name = fact.table.name
            width = len(fact.key)
            if turn.before is not None:
                key = turn.before.row[:width]
                self._close(fact, self.open[name].pop(key), number, why, turn.after is not None)
                self.of_object[name].get(self._object(fact, turn.before.row), set()).discard(key)
            if turn.after is not None:
                self.ids[name] += 1
                key = turn.after[:width]
                self.open[name][key] = Open(
                    self.ids[name], number if turn.since is None else turn.since, turn.after, number, why
                )
                self.of_object[name].setdefault(self._object(fact, turn.after), set()).add(key)
        for cause, why in numbers.items():
            self.causes[number, why] = cause
            self.cause_rows.append((number, why, *cause_rows._row(cause)))
        self._add_run(number, said)

    def _object(self, fact: Any, row: Row) -> Any:
        return row[fact.columns.index("object_id")] if "object_id" in fact.columns else None

    def _add_run(self, number: int, said: Audit) -> None:
        self.runs.append({
            "id": number, "uuid": f"{number:036}", "cluster_id": self.cluster, "status": "published",
            "trigger": "schedule", "started": said.at, "finished": said.at + timedelta(seconds=20), "at": said.at,
            "sources": writes._sources(said), "coverage": said.coverage.ratio,
            "phases": '{"collect": 4.211, "evaluate": 3.008, "fetch": 1.332, "store": 0.211}', "formula": 1,
            "policy_set": "", "tool_version": auditor.__version__, "token": 0,
        })  # fmt: skip

    def _close(self, fact: Any, one: Open, number: int, why: int, replaced: bool) -> None:
        self.done[fact.table.name].append(self._row(fact, one) | {
            "closed_run": number, "closed_cause": why, "replaced": replaced,
        })  # fmt: skip

    def _row(self, fact: Any, one: Open) -> dict[str, Any]:
        known = {"id": one.id, "cluster_id": self.cluster, "opened_run": one.opened, "since_run": one.since}
        return known | {"opened_cause": one.cause} | dict(zip(fact.columns, one.row, strict=True))

    def _flush(self, last: bool = False) -> None:
        with writing(self.store.engine) as connection:
            if self.runs:
                keys.insert_rows(connection, runs, tuple(self.runs[0]), [tuple(row.values()) for row in self.runs])
            keys.insert_rows(connection, cause_table, cause_rows._COLUMNS, self.cause_rows)
            for name, fact in FACTS.items():
                rows = self.done[name]
                if last:
                    tail = {"closed_run": None, "closed_cause": None, "replaced": False}
                    rows += [self._row(fact, one) | tail for one in self.open[name].values()]
                if rows:
                    rows.sort(key=lambda row: row["id"])
                    keys.insert_rows(connection, fact.table, tuple(rows[0]), [tuple(row.values()) for row in rows])
                self.done[name] = []
                if last:
                    connection.execute(insert(marks).values(cluster_id=self.cluster, fact=name, digest=""))
            self.runs, self.cause_rows = [], []
        if last and not is_sqlite(self.store.engine):
            with writing(self.store.engine) as connection:
                for table in (*(fact.table for fact in FACTS.values()), runs):
                    name = f"{table.name}_id_seq"
                    connection.exec_driver_sql(
                        f"SELECT setval('{name}', (SELECT coalesce(max(id), 1) FROM {table.name}))"
                    )
        if last:
            with self.store.engine.connect() as connection:
                connection.exec_driver_sql("ANALYZE")
                connection.commit()


def make(url: str, count: int = RUNS, **story: int) -> Story:
    """A year in the database at a URL; the story, as it is at the end of it."""
    told = Story(**story)
    store = open_store(url)
    try:
        Year(store, told).write(count)
    finally:
        store.close()
    return told


if __name__ == "__main__":
    begun = time.monotonic()
    make(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else RUNS)
    print(f"{time.monotonic() - begun:.1f} s")
