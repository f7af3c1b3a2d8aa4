"""One process leads the audits of a cluster; the database refuses the runs of every other."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from sqlalchemy import event, select, update

from auditor.model import Unavailable
from auditor.store import Store, open_store
from auditor.store.connection import writing
from auditor.store.leadership import refuse_pooling
from auditor.store.tables import leaders, runs
from tests.components import need
from tests.gitservers import free_port
from tests.postgres import Postgres
from tests.store.estates import CLUSTER, audit, minutes
from tests.store.replicas import QUICK, Replica, proxy_of, through, wait_for
from tests.store.test_kill import numbered, whole

FORK = multiprocessing.get_context("fork")


# The token


def test_every_leader_has_a_larger_token_than_the_one_before(store: Store) -> None:
    tokens = []
    for _ in range(3):
        with store.leading(CLUSTER) as lead:
            lead.check()
            tokens.append(lead.token)
    assert tokens == sorted(set(tokens))
    with pytest.raises(Unavailable, match="no longer leads") as lost:
        lead.check()
    assert lost.value.reason == "superseded"


def test_a_token_grows_although_the_clock_went_back(store: Store) -> None:
    with store.leading(CLUSTER) as lead:
        pass
    ahead = lead.token + 3_600_000
    with writing(store.engine) as connection:
        connection.execute(update(leaders).values(token=ahead))
    with store.leading(CLUSTER) as lead:
        assert lead.token == ahead + 1


def test_a_run_of_a_leader_before_is_refused(store: Store) -> None:
    with store.leading(CLUSTER) as old:
        number = store.begin(CLUSTER, "schedule", minutes(0), token=old.token)
    with store.leading(CLUSTER) as new:
        assert new.interrupted == (number,)
        with pytest.raises(Unavailable) as refused:
            store.publish(number, audit(minutes(0)))
        assert refused.value.reason == "superseded"
        with pytest.raises(Unavailable, match="another auditor leads") as refused:
            store.begin(CLUSTER, "schedule", minutes(1), token=old.token)
        assert refused.value.reason == "superseded"
        mine = store.begin(CLUSTER, "schedule", minutes(2), token=new.token)
        store.publish(mine, audit(minutes(2)))
    assert [run.status for run in store.runs(CLUSTER)] == ["published", "interrupted"]


@pytest.mark.parametrize("step", [-1, +1])
def test_the_database_itself_refuses_a_run_whose_token_is_not_the_newest(store: Store, step: int) -> None:
    with store.leading(CLUSTER) as lead:
        number = store.begin(CLUSTER, "schedule", minutes(0), token=lead.token)
        with writing(store.engine) as connection:  # as another leader would, past every check of ours
            connection.execute(update(leaders).values(token=lead.token + step))
        statement = update(runs).where(runs.c.id == number).values(status="published", at=minutes(0))
        with pytest.raises(Unavailable, match="another auditor leads") as refused, writing(store.engine) as connection:
            connection.execute(statement)
        assert refused.value.reason == "superseded"
        assert store.latest(CLUSTER) is None


def test_a_leader_ends_its_own_run_that_never_ended_when_it_begins_the_next(store: Store) -> None:
    with store.leading(CLUSTER) as lead:
        store.begin(CLUSTER, "schedule", minutes(0), token=lead.token)
        store.begin(CLUSTER, "schedule", minutes(1), token=lead.token)
    assert [run.status for run in store.runs(CLUSTER)] == ["running", "interrupted"]


def test_who_is_no_leader_closes_no_run_of_the_leader(store: Store) -> None:
    with store.leading(CLUSTER) as old:
        pass
    with store.leading(CLUSTER) as lead:
        number = store.begin(CLUSTER, "schedule", minutes(0), token=lead.token)
        assert store.close_interrupted(CLUSTER, old.token) == ()
        assert store.close_interrupted(CLUSTER, lead.token) == (number,)


# One at a time


def test_a_second_one_is_refused_with_a_sentence_and_readers_go_on(store: Store, kind: str) -> None:
    other = Store(store.engine) if kind == "sqlite" else open_store(str(store.engine.url))
    with store.leading(CLUSTER) as lead:
        store.publish(store.begin(CLUSTER, "schedule", minutes(0), token=lead.token), audit(minutes(0)))
        with pytest.raises(Unavailable, match="takes runs of one auditor only") as refused, other.leading(CLUSTER):
            pass
        assert refused.value.reason == "locked"
        assert refused.value.remedy
        assert "process" in refused.value.message or "since 20" in refused.value.message
        assert other.latest(CLUSTER) is not None
        lead.check()
    with other.leading(CLUSTER) as next_one:
        assert next_one.token > lead.token
    other.close()


@pytest.mark.component
def test_each_cluster_has_a_leader_of_its_own(postgres_url: str) -> None:
    store = open_store(postgres_url)
    with store.leading("east") as east, store.leading("west") as west:
        east.check()
        west.check()
    store.close()


def _lead_for_ever(url: str, pipe: multiprocessing.connection.Connection) -> None:
    store = open_store(url)
    with store.leading(CLUSTER) as lead:
        pipe.send(store.begin(CLUSTER, "schedule", minutes(0), token=lead.token))
        time.sleep(600)


def test_a_leader_that_is_killed_leaves_its_lead_at_once(url: str) -> None:
    open_store(url).close()
    reader, writer = FORK.Pipe(duplex=False)
    child = FORK.Process(target=_lead_for_ever, args=(url, writer))
    child.start()
    assert reader.poll(30)
    number = reader.recv()
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    store, end = open_store(url), time.monotonic() + 2
    while True:
        try:
            with store.leading(CLUSTER) as lead:
                assert lead.interrupted == (number,)
            break
        except Unavailable:  # PostgreSQL notices within milliseconds that the process has gone
            assert time.monotonic() < end
    store.close()
    reader.close()
    writer.close()


# Partitions


@pytest.fixture
def pair(postgres: Postgres, postgres_url: str) -> Iterator[tuple[Replica, Replica]]:
    open_store(postgres_url).close()
    with ExitStack() as stack:
        replicas = [Replica(postgres_url, proxy_of(postgres)) for _ in range(2)]
        for replica in replicas:
            stack.callback(replica.close)
        yield replicas[0], replicas[1]


def leader_first(pair: tuple[Replica, Replica]) -> tuple[Replica, Replica]:
    wait_for("at the start", 5, *pair)
    return pair if pair[0].holds() else (pair[1], pair[0])


@pytest.mark.component
@pytest.mark.parametrize("fault", ["stall", "reset", "refuse"])
def test_when_the_leader_is_cut_off_the_other_takes_over(pair: tuple[Replica, Replica], fault: str) -> None:
    leader, follower = leader_first(pair)
    assert not follower.holds()
    if fault == "stall":
        leader.proxy.set("stall")
    else:
        leader.proxy.set("refuse")
        leader.proxy.reset()
    took = wait_for(fault, 10, follower)
    time.sleep(0.02)  # the server may notice an end before the client does
    assert not leader.holds()
    # QUICK is a tenth of what runs for real: the bar there is 15 s.
    assert took < 15 / 10 + 0.5
    before = len(follower.published)
    end = time.monotonic() + 5
    while len(follower.published) < before + 2:
        assert time.monotonic() < end, "the new leader does not publish"
        time.sleep(0.02)


@pytest.mark.component
def test_a_slow_connection_is_no_lost_one(pair: tuple[Replica, Replica]) -> None:
    leader, follower = leader_first(pair)
    leader.proxy.set("pass", delay=0.05)
    time.sleep(1.5)
    assert leader.holds()
    assert (leader.leads, follower.leads) == (1, 0)


@pytest.mark.component
def test_a_leader_that_was_suspended_knows_at_once_that_its_lead_is_over(pair: tuple[Replica, Replica]) -> None:
    leader, follower = leader_first(pair)
    lead = leader.lead
    assert lead
    leader.proxy.set("stall")
    wait_for("suspended", 10, follower)
    leader.proxy.set("pass")
    assert not lead.holds()
    time.sleep(0.5)
    assert follower.holds()
    assert not leader.holds()


@pytest.mark.component
def test_a_publication_that_is_cut_off_half_way_does_not_hold_up_the_next_leader(
    postgres: Postgres, postgres_url: str
) -> None:
    open_store(postgres_url).close()
    with ExitStack() as stack:
        proxy = proxy_of(postgres)
        stack.callback(proxy.close)
        first = open_store(through(postgres_url, proxy))
        stack.callback(first.close)
        statements, failed = 0, []

        @event.listens_for(first.engine, "before_cursor_execute")
        def _stall(*_: object) -> None:
            nonlocal statements
            statements += 1
            if statements == 12:
                proxy.set("stall")

        def publish() -> None:
            nonlocal statements
            try:
                with first.leading(CLUSTER, QUICK) as lead:
                    number = first.begin(CLUSTER, "schedule", minutes(0), token=lead.token)
                    statements = 0
                    first.publish(number, numbered(1))
            except Unavailable as broken:
                failed.append(broken)

        thread = threading.Thread(target=publish)
        thread.start()
        second = Replica(postgres_url, proxy_of(postgres))
        stack.callback(second.close)
        assert wait_for("cut off half way", 10, second) < 5
        end = time.monotonic() + 5
        while not second.published:
            assert time.monotonic() < end, "rows of the leader before are still locked"
            time.sleep(0.02)
        first.sever()
        thread.join(10)
        assert [one.reason for one in failed] == ["unreachable"]
        assert second.published[0] > min(run.id for run in second.store.runs(CLUSTER, limit=None))


def storm(replicas: list[Replica], rng: random.Random, seconds: float) -> None:
    """Random partitions. Two may believe that they lead for as long as an end takes to arrive, no longer."""
    end, change, both_since = time.monotonic() + seconds, 0.0, 0.0
    while time.monotonic() < end:
        if sum(replica.holds() for replica in replicas) > 1:
            both_since = both_since or time.monotonic()
            assert time.monotonic() - both_since < QUICK.lost
        else:
            both_since = 0.0
        if time.monotonic() > change:
            change = time.monotonic() + rng.uniform(0.1, 1.2)
            proxy = rng.choice(replicas).proxy
            fault = rng.choice(["stall", "stall", "reset", "refuse", "slow", "pass", "pass"])
            if fault in ("reset", "refuse"):
                proxy.set("refuse" if fault == "refuse" else "pass")
                proxy.reset()
            elif fault == "slow":
                proxy.set("pass", delay=rng.uniform(0, 0.1))
            else:
                proxy.set("stall" if fault == "stall" else "pass")
        time.sleep(0.005)


def look(replicas: list[Replica], store: Store) -> None:
    """What a storm left: whole states, by one leader after the other, and nothing acknowledged lost."""
    with store.engine.connect() as connection:
        query = select(runs.c.id, runs.c.token).where(runs.c.status == "published").order_by(runs.c.id)
        published = {row.id: row.token for row in connection.execute(query)}
    tokens = list(published.values())
    assert tokens == sorted(tokens), "a run of an older leader was published after one of a newer"
    assert {number for replica in replicas for number in replica.published} <= published.keys()
    assert len(published) > 10
    for number in [max(published), *sorted(published)[:: max(1, len(published) // 5)]]:
        state = store.state(CLUSTER, minutes(number))
        assert state is not None
        assert whole(state) == number


@pytest.mark.component
def test_random_partitions_never_give_two_leaders(postgres: Postgres, postgres_url: str, rng: random.Random) -> None:
    weather(postgres, postgres_url, rng, seconds=8)


@pytest.mark.component
@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_an_hour_of_random_partitions_never_gives_two_leaders(
    postgres: Postgres, postgres_url: str, rng: random.Random, part: int
) -> None:
    weather(postgres, postgres_url, rng, seconds=360)


def weather(postgres: Postgres, url: str, rng: random.Random, *, seconds: float) -> None:
    store = open_store(url)
    replicas: list[Replica] = []
    try:
        replicas += [Replica(url, proxy_of(postgres)) for _ in range(3)]
        storm(replicas, rng, seconds)
        for replica in replicas:
            replica.proxy.set("pass")
        wait_for("after the storm", 10, *replicas)
        assert sum(replica.leads for replica in replicas) > 1
    finally:
        for replica in replicas:
            replica.close()
        look(replicas, store)
        store.close()


# Poolers


@contextmanager
def pooler(postgres: Postgres, mode: str) -> Iterator[int]:
    """A pgbouncer before the server; its port. Its files lie in the server's folder, which the server's user may read."""
    program = need("pgbouncer", remedy="apt-get install pgbouncer")
    port = free_port()
    users, settings = postgres.folder / "pool-users", postgres.folder / f"pool-{mode}"
    users.write_text('"postgres" ""\n')
    settings.write_text(
        f"[databases]\n* = host={postgres.folder}\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={port}\n"
        f"unix_socket_dir=\nauth_type=trust\nauth_file={users}\npool_mode={mode}\n"
    )
    for file in (users, settings):
        file.chmod(0o644)
    process = subprocess.Popen([program, "-q", settings], stderr=subprocess.DEVNULL, **postgres.account)
    try:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.component
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_pool_of_transactions_is_recognised_and_refused(postgres: Postgres, postgres_url: str, mode: str) -> None:
    open_store(postgres_url).close()
    with pooler(postgres, mode) as port:
        database = postgres_url.split("@/")[1].split("?")[0]
        store = open_store(f"postgresql://postgres@127.0.0.1:{port}/{database}")
        if mode == "session":
            refuse_pooling(store.engine)
            with store.leading(CLUSTER, QUICK) as lead:
                time.sleep(1)
                lead.check()
        else:
            for attempt in (lambda: refuse_pooling(store.engine), lambda: store.leading(CLUSTER).__enter__()):
                with pytest.raises(Unavailable, match="pooler that hands each transaction to any session") as refused:
                    attempt()
                assert "session mode" in refused.value.remedy
            assert store.latest(CLUSTER) is None
        store.close()
