"""A process that is killed in the middle of a publication leaves the run before it or the whole run, never a part."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from multiprocessing.connection import Connection

import pytest

from auditor.model import Audit, Change, Score, Scores
from auditor.store import State, Store, open_store
from tests.store.estates import CLUSTER, audit, change, drift, failing, minutes, ref

FORK = multiprocessing.get_context("fork")
SIZE = 25


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


def _publish_for_ever(url: str, first: int, done: Connection) -> None:
    store = open_store(url)
    n = first
    while True:
        said = numbered(n)
        store.publish(store.begin(CLUSTER, "schedule", said.at), said)
        done.send(n)
        n += 1


def kill_and_look(url: str, rng: random.Random, first: int) -> int:
    """Kill a publisher at any moment; the number of the run that stands. It is the last acknowledged one or the next."""
    reader, writer = FORK.Pipe(duplex=False)
    child = FORK.Process(target=_publish_for_ever, args=(url, first, writer))
    child.start()
    writer.close()
    acknowledged = first - 1
    if reader.poll(30):
        acknowledged = reader.recv()
        time.sleep(rng.uniform(0, 0.08))
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    while True:
        try:
            acknowledged = reader.recv()
        except EOFError:
            break
    reader.close()
    store = open_store(url)
    try:
        check(store)
        latest = store.latest(CLUSTER)
        assert latest is not None
        n = whole(latest)
        assert n in (acknowledged, acknowledged + 1)
        assert len(store.close_interrupted(CLUSTER)) <= 1
        for past in range(max(1, n - 1), n):
            state = store.state(CLUSTER, minutes(past))
            assert state is not None
            assert whole(state) == past
    finally:
        store.close()
    return n


def check(store: Store) -> None:
    if store.engine.dialect.name == "sqlite":
        with store.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_no_kill_leaves_a_torn_run(url: str, rng: random.Random) -> None:
    open_store(url).close()
    n = 0
    for _ in range(24):
        n = kill_and_look(url, rng, n + 1)
    assert n >= 24


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_no_kill_of_a_thousand_leaves_a_torn_run(url: str, rng: random.Random, part: int) -> None:
    open_store(url).close()
    n = 0
    for _ in range(100):
        n = kill_and_look(url, rng, n + 1)


def test_a_publication_that_is_repeated_after_a_lost_answer_is_the_same(url: str) -> None:
    store = open_store(url)
    run = store.begin(CLUSTER, "schedule", minutes(1))
    store.publish(run, numbered(1))
    store.publish(run, replace(numbered(1), verdicts=()))
    latest = store.latest(CLUSTER)
    assert latest is not None
    assert whole(latest) == 1
    store.close()
