"""Two replicas of `auditor serve` on one PostgreSQL, each behind a proxy that cuts it off: one runs the audits, the other takes over."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from auditor.cli import example
from auditor.store import Store, open_store
from auditor.store.tables import reports, runs
from tests.gitservers import free_port
from tests.postgres import Postgres
from tests.store.estates import audit
from tests.store.replicas import proxy_of, through
from tests.tcp_proxy import Proxy
from tests.test_serve import AUDITOR, fetched, serving, until

pytestmark = [pytest.mark.component, pytest.mark.timeout(300)]
TAKE_OVER = 15.0
"""Seconds within which another replica leads."""


@dataclass
class Served:
    """One replica: its process, its way to the database, its pages and its log."""

    name: str
    proxy: Proxy
    base: str
    log: Path
    process: subprocess.Popen[bytes]

    def leads(self) -> bool:
        return re.search(r"^auditor_leader 1\.0$", fetched(f"{self.base}/metrics")[1], re.M) is not None

    def ready(self) -> bool:
        return fetched(f"{self.base}/readyz")[0] == 200


def settings(folder: Path, name: str, url: str, repository: Path, port: int, every: float = 0.02) -> Path:
    path = folder / f"{name}.yaml"
    chosen = {
        "sources": [{"name": "shop", "url": f"file://{repository}", "folder": "apps", "allow_local": True}],
        "cluster": {"name": "test", "live": str(example.LIVE)},
        "store": {"url": url},
        "schedule": {"every_minutes": every},
        "web": {"port": port},
        "cache": str(folder / f"cache-{name}"),
        "report": {"cron": "* * * * *", "folder": str(folder / f"reports-{name}")},
    }
    path.write_text(json.dumps(chosen))
    return path


@pytest.fixture
def two(postgres: Postgres, postgres_url: str, tmp_path: Path) -> Iterator[tuple[Store, list[Served]]]:
    repository = example.repository(tmp_path / "shop.git", upto=2)
    store = open_store(postgres_url)
    a_day_ago = datetime.now(UTC) - timedelta(days=1)  # so that a report has fallen due
    store.publish(store.begin("test", "schedule", a_day_ago), replace(audit(a_day_ago), cluster="test"))
    with ExitStack() as stack:
        stack.callback(store.close)
        replicas = []
        for name in ("a", "b"):
            proxy, port, log = proxy_of(postgres), free_port(), tmp_path / f"{name}.log"
            stack.callback(proxy.close)
            file = settings(tmp_path, name, through(postgres_url, proxy), repository, port)
            process = stack.enter_context(serving(file, log))
            replicas.append(Served(name, proxy, f"http://127.0.0.1:{port}", log, process))
        for replica in replicas:
            until(replica.ready, 60, "it never became ready", replica.log)
        yield store, replicas


def takes_over(follower: Served) -> None:
    start = time.monotonic()
    until(follower.leads, TAKE_OVER + 5, "nobody took over", follower.log)
    took = time.monotonic() - start
    print(f"took over after {took:.1f} s")
    assert took < TAKE_OVER


def published(store: Store) -> list[tuple[int, int]]:
    """(run, token) of the published runs, in their order."""
    with store.engine.connect() as connection:
        query = select(runs.c.id, runs.c.token).where(runs.c.status == "published").order_by(runs.c.id)
        return [(row.id, row.token) for row in connection.execute(query)]


def made(store: Store) -> Any:
    with store.engine.connect() as connection:
        return connection.execute(select(reports.c.period, reports.c.state)).all()


def test_two_replicas_through_partitions_publish_in_turn_and_report_once(two: tuple[Store, list[Served]]) -> None:
    store, replicas = two
    until(lambda: any(one.leads() for one in replicas), 30, "nobody leads", replicas[0].log)
    until(lambda: len(published(store)) > 1, 30, "no run", replicas[0].log)
    leader, follower = replicas if replicas[0].leads() else replicas[::-1]
    assert not follower.leads()
    until(lambda: "shop" in fetched(f"{follower.base}/")[1], 20, "a follower shows what was published", follower.log)

    # The leader is cut off: nothing gets through, nothing is closed.
    leader.proxy.set("stall")
    takes_over(follower)
    until(lambda: not leader.leads(), 1, "the old leader still believes that it leads", leader.log)
    assert leader.ready(), "who was cut off serves what it knows"
    assert fetched(f"{leader.base}/")[0] == 200
    before = len(published(store))
    until(lambda: len(published(store)) > before, 10, "the new leader does not publish", follower.log)

    # The network is back, slow at first; the old leader follows.
    leader.proxy.set("pass", delay=0.05)
    time.sleep(2)
    assert follower.leads()
    assert not leader.leads()
    leader.proxy.set("pass")
    leader, follower = follower, leader

    # Now every connection of the leader is reset, and new ones are refused for a while.
    leader.proxy.set("refuse")
    leader.proxy.reset()
    takes_over(follower)
    leader.proxy.set("pass")
    leader, follower = follower, leader

    # The leader is killed.
    until(follower.ready, 5, "it is not ready", follower.log)
    time.sleep(2)
    until(lambda: any(row.state == "made" for row in made(store)), 40, "no report was made", leader.log)
    leader.process.kill()
    takes_over(follower)
    before = len(published(store))
    until(lambda: len(published(store)) > before, 10, "the last one does not publish", follower.log)
    follower.process.send_signal(signal.SIGTERM)
    assert follower.process.wait(15) == 0

    tokens = [token for _, token in published(store)]
    assert tokens == sorted(tokens), "a leader published after its successor had begun to"
    assert len(set(tokens)) == 1 + 4  # that of a day ago had none
    written = sorted(path.name for one in replicas for path in one.log.parent.glob(f"reports-{one.name}/*.md"))
    assert len(written) == len(set(written)), "one report was made by both"
    assert len([row for row in made(store) if row.state == "made"]) == len(written) > 0
    assert [run.status for run in store.runs("test", limit=None) if run.status == "running"] == []
    for one in replicas:
        assert "Traceback" not in one.log.read_text()


def test_a_second_daemon_on_sqlite_is_refused_and_readers_go_on(tmp_path: Path) -> None:
    repository = example.repository(tmp_path / "shop.git", upto=2)
    url = f"sqlite:///{tmp_path}/auditor.db"
    first = settings(tmp_path, "first", url, repository, port := free_port())
    second = settings(tmp_path, "second", url, repository, free_port())
    log = tmp_path / "log"
    with serving(first, log) as process:
        until(lambda: "shop" in fetched(f"http://127.0.0.1:{port}/")[1], 60, "no run", log)
        refused = subprocess.run([AUDITOR, "serve", "--settings", second], capture_output=True, text=True, timeout=60)
        assert refused.returncode == 3
        assert f"takes runs of one auditor only, and process {process.pid} on" in refused.stderr
        assert "mend: " in refused.stderr
        audited = subprocess.run([AUDITOR, "audit", "--settings", second], capture_output=True, text=True, timeout=60)
        assert audited.returncode == 3, "a run by hand is a second writer too"
        report = [AUDITOR, "report", "--database", url, "--cluster", "test", "--since", "1h"]
        read = subprocess.run(report, capture_output=True, text=True, timeout=60)
        assert (read.returncode, "shop" in read.stdout) == (0, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    again = subprocess.run([AUDITOR, "audit", "--settings", second], capture_output=True, text=True, timeout=60)
    assert again.returncode in (0, 1, 4)
