"""Replicas that publish in a loop while they lead, for tests of leadership; their audits say by their number who wrote what."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from auditor.model import Unavailable
from auditor.store import Lead, Pace, Store, leadership, open_store
from tests.postgres import Postgres
from tests.store.estates import CLUSTER
from tests.store.test_kill import numbered
from tests.tcp_proxy import Proxy

QUICK = Pace(beat=0.15, lost=0.6, idle=0.8, again=0.05)
"""The pace of tests: a tenth of the real one."""


def through(url: str, proxy: Proxy) -> str:
    """The URL of the same database as seen through a proxy."""
    database = url.split("@/")[1].split("?")[0]
    return f"postgresql://postgres@127.0.0.1:{proxy.port}/{database}"


def proxy_of(postgres: Postgres) -> Proxy:
    return Proxy(socket_of(postgres))


@dataclass
class Replica:
    """One candidate in threads of its own; `open_store` has to be possible when it is made."""

    url: str
    proxy: Proxy
    store: Store = field(init=False)
    lead: Lead | None = None
    leads: int = 0
    published: list[int] = field(default_factory=list)
    refused: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    busy: bool = False

    def __post_init__(self) -> None:
        self.store = open_store(through(self.url, self.proxy), busy_seconds=2)
        self.threads = [threading.Thread(target=step, daemon=True) for step in (self._campaign, self._publish)]
        for thread in self.threads:
            thread.start()

    def holds(self) -> bool:
        lead = self.lead
        return lead is not None and lead.holds()

    def close(self) -> None:
        self.ended.set()
        self.proxy.close()
        self.store.sever()
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive(), "a replica must end although its database is silent"
        self.store.close()

    def _campaign(self) -> None:
        leadership.campaign(
            self.store.engine,
            CLUSTER,
            ready=lambda: not self.busy,
            changed=self._changed,
            ended=self.ended,
            pace=QUICK,
        )

    def _changed(self, lead: Lead | None) -> None:
        self.lead = lead
        if lead is None:
            self.store.sever()
        else:
            self.leads += 1

    def _publish(self) -> None:
        while not self.ended.wait(0.01):
            lead = self.lead
            if lead is None or not lead.holds():
                continue
            self.busy = True
            with suppress(Unavailable):
                number = self.store.begin(CLUSTER, "schedule", numbered(1).at, token=lead.token)
                lead.check()
                try:
                    self.store.publish(number, numbered(number))
                except Unavailable as broken:
                    self.refused += broken.reason == "superseded"
                    raise
                self.published.append(number)
            self.busy = False


def wait_for(what: str, seconds: float, *replicas: Replica) -> float:
    """Until one of the replicas leads; the seconds that took."""
    start = time.monotonic()
    while not any(replica.holds() for replica in replicas):
        assert time.monotonic() - start < seconds, f"{what}: nobody leads after {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - start


def socket_of(postgres: Postgres) -> Path:
    return postgres.folder / ".s.PGSQL.5432"
