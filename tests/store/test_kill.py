"""A process that is killed in the middle of a publication leaves the run before it or the whole run, never a part."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from multiprocessing.connection import Connection

import pytest

from auditor.model import Audit, Change, Score, Scores
from auditor.store import State, Store, invariants, migrate, open_store, retention, upgrade
from auditor.store.tables import HEAD
from tests.store.estates import CLUSTER, audit, change, drift, failing, minutes, ref

FORK = multiprocessing.get_context("fork")
SIZE = 12


def numbered(n: int) -> Audit:
    """An audit in which everything says its number."""
    refs = [ref(f"app-{k}") for k in range(SIZE)]
    return audit(
        minutes(n),
        verdicts=tuple(failing(of, message=f"no. {n}") for of in refs),
        drift=tuple(drift(of, change(live=n), reason=f"no. {n}") for of in refs),
        scores=Scores(1, Score(n / 1000, n / 1000, SIZE, 0.0), workloads={of: Score(n / 1000, 0, 1, 0) for of in refs}),
    )


def whole(state: State) -> int:
    """The number that all of a state says; fails where it is torn."""
    said = state.audit
    n = round((said.at - minutes(0)).total_seconds() / 60)
    assert {v.findings[0].message for v in said.verdicts} == {f"no. {n}"}
    assert {d.reason for d in said.drift} == {f"no. {n}"}
    assert {(c.live, type(c)) for d in said.drift for c in d.changes} == {(n, Change)}
    assert {said.scores.cluster.score, *(s.score for s in said.scores.workloads.values())} == {n / 1000}
    assert (len(said.verdicts), len(said.drift)) == (SIZE, SIZE)
    return n


KILLS = {"sqlite": 100, "postgresql": 30}
FEWER = {"sqlite": 40, "postgresql": 15}
SOAK = 100
"""Ten times this."""


def kill(target: Callable[..., None], *args: object, after: float) -> None:
    """Run a function in a child that begins at once, and end the child after so many seconds, wherever it is."""
    child = FORK.Process(target=target, args=args)
    child.start()
    child.join(after)
    if child.pid is not None and child.exitcode is None:
        os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL), "the child must not fail by itself"


def sound(store: Store) -> None:
    assert invariants.broken(store.engine) == ()


# Of a run


def _publish_for_ever(url: str, first: int, done: Connection) -> None:
    store = open_store(url)
    n = first
    while True:
        said = numbered(n)
        store.publish(store.begin(CLUSTER, "schedule", said.at), said)
        done.send(n)
        n += 1


def kill_and_look(store: Store, url: str, rng: random.Random, first: int) -> int:
    """Kill a publisher at any moment; the number of the run that stands. It is the last acknowledged one or the next."""
    reader, writer = FORK.Pipe(duplex=False)
    child = FORK.Process(target=_publish_for_ever, args=(url, first, writer))
    child.start()
    writer.close()
    acknowledged = first - 1
    if reader.poll(30):
        acknowledged = reader.recv()
        time.sleep(rng.uniform(0, 0.04))
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    while True:
        try:
            acknowledged = reader.recv()
        except EOFError:
            break
    reader.close()
    latest = store.latest(CLUSTER)
    assert latest is not None
    n = whole(latest)
    assert n in (acknowledged, acknowledged + 1)
    assert len(store.close_interrupted(CLUSTER)) <= 1
    for past in range(max(1, n - 1), n):
        state = store.state(CLUSTER, minutes(past))
        assert state is not None
        assert whole(state) == past
    return n


@pytest.mark.thorough
def test_no_kill_leaves_a_torn_run(url: str, kind: str, rng: random.Random) -> None:
    kills_of_runs(url, rng, KILLS[kind])


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_no_kill_of_a_thousand_leaves_a_torn_run(url: str, rng: random.Random, part: int) -> None:
    kills_of_runs(url, rng, SOAK)


def kills_of_runs(url: str, rng: random.Random, times: int) -> None:
    store, n = open_store(url), 0
    for turn in range(times):
        n = kill_and_look(store, url, rng, n + 1)
        if turn % 10 == 9:
            sound(store)
    assert n >= times
    sound(store)
    store.close()


# Of a migration


def _upgrade(url: str) -> None:
    upgrade(url)


def test_no_kill_leaves_a_torn_schema(url: str, kind: str, rng: random.Random) -> None:
    kills_of_migrations(url, rng, FEWER[kind])


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_no_kill_of_a_thousand_leaves_a_torn_schema(url: str, rng: random.Random, part: int) -> None:
    kills_of_migrations(url, rng, SOAK)


def kills_of_migrations(url: str, rng: random.Random, times: int) -> None:
    """From the first revision, with a run in it, to the newest; the run is there before and after."""
    store = open_store(url)
    store.publish(store.begin(CLUSTER, "schedule", minutes(1)), numbered(1))
    migrate.downgrade(store.engine, "0001")
    start = time.monotonic()
    _upgrade(url)
    long, torn = time.monotonic() - start, 0
    migrate.downgrade(store.engine, "0001")
    for _ in range(times):
        kill(_upgrade, url, after=rng.uniform(0, 1.2 * long))
        revision = migrate.current(store.engine)
        assert revision in ("0001", HEAD)
        torn += revision == "0001"
        if revision == HEAD:
            migrate.downgrade(store.engine, "0001")
    assert torn, "no kill came before the end: the moments are chosen badly"
    _upgrade(url)
    latest = store.latest(CLUSTER)
    assert latest is not None
    assert whole(latest) == 1
    sound(store)
    store.close()


# Of pruning


def _prune(url: str, before: datetime) -> None:
    retention.BATCH = 20  # type: ignore[misc] # many steps to be killed between
    store = open_store(url)
    store.prune(before)
    store.close()


def test_no_kill_leaves_history_half_pruned(url: str, kind: str, rng: random.Random) -> None:
    kills_of_pruning(url, rng, FEWER[kind])


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_no_kill_of_a_thousand_leaves_history_half_pruned(url: str, rng: random.Random, part: int) -> None:
    kills_of_pruning(url, rng, SOAK)


def kills_of_pruning(url: str, rng: random.Random, times: int) -> None:
    """History grows while it is pruned and killed: what is younger than the moment is whole, what is older is not shown."""
    store, n = open_store(url), 0
    for _ in range(times):
        for _ in range(2):
            n += 1
            store.publish(store.begin(CLUSTER, "schedule", minutes(n)), numbered(n))
        before = minutes(n - rng.uniform(0, 3))
        kill(_prune, url, before, after=rng.uniform(0.01, 0.1))
        latest = store.latest(CLUSTER)
        assert latest is not None
        assert whole(latest) == n
        for past in (n - 1, n - 3):
            state = store.state(CLUSTER, minutes(past)) if past > 0 else None
            assert minutes(past) < before or past < 1 or state is not None
            assert state is None or whole(state) in (past, past - 1)
    sound(store)
    store.prune(minutes(n))
    assert store.prune(minutes(n)) == 0, "what a kill left is removed by the next"
    kept = {run.at for run in store.runs(CLUSTER, limit=None)}
    assert minutes(n) in kept
    assert len(kept) < 5, "beside the last run, only those stay that date what is open"
    sound(store)
    store.close()


def test_a_publication_that_is_repeated_after_a_lost_answer_is_the_same(url: str) -> None:
    store = open_store(url)
    run = store.begin(CLUSTER, "schedule", minutes(1))
    store.publish(run, numbered(1))
    store.publish(run, replace(numbered(1), verdicts=()))
    latest = store.latest(CLUSTER)
    assert latest is not None
    assert whole(latest) == 1
    store.close()
