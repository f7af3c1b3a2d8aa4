"""A real PostgreSQL for tests: one server a session, on a socket of its own, and a fresh database for each test.

In: Debian's package `postgresql`. Out: URLs. `Postgres.stop` and `start` are for tests of what happens when it goes away.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_BINARIES = "usr/lib/postgresql/*/bin"
_OPTIONS = {
    "listen_addresses": "",
    # Nothing here outlives the test; the tests kill processes, not the machine.
    "fsync": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "autovacuum": "off",
}


@dataclass
class Postgres:
    """A server of one test session. `folder` is short: a socket's path has at most 107 characters."""

    binaries: Path
    folder: Path
    account: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None
    names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def start(self) -> None:
        options = _OPTIONS | {"unix_socket_directories": str(self.folder)}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.folder / "data", *settings],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=_end_with_parent,
                **self.account,
            )
        deadline = time.monotonic() + 30
        while subprocess.run([self.binaries / "pg_isready", "-q", "-h", self.folder], check=False).returncode:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL did not start within 30 s"
            time.sleep(0.05)

    def stop(self, *, immediate: bool = True) -> None:
        """`immediate` is a crash: transactions that run are lost. Otherwise connections are closed in order."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
            self.process.wait(timeout=30)
            self.process = None

    def run(self, statement: str, database: str = "postgres") -> str:
        """What psql prints for a statement."""
        command = [self.binaries / "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "postgres"]
        done = subprocess.run([*command, "-c", statement, database], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test{next(self.names)}"
        self.run(f"CREATE DATABASE {name}")
        return f"postgresql://postgres@/{name}?host={self.folder}"


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(
        1, signal.SIGQUIT, 0, 0, 0
    )  # PR_SET_PDEATHSIG: a killed test session leaves no server behind


def _binaries() -> Path:
    from tests.components import need

    found = sorted(Path("/").glob(_BINARIES + "/initdb"))
    if not found:
        need("postgres", remedy="apt-get install postgresql")
    return found[-1].parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server that runs until the session ends."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    account: dict[str, Any] = {}
    if os.geteuid() == 0:  # it refuses to run as root
        account = {"user": "postgres", "group": "postgres", "extra_groups": ()}
        shutil.chown(folder, "postgres", "postgres")
    initdb = [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"]
    server = Postgres(binaries, folder, account)
    try:
        subprocess.run([*initdb, "--locale=C"], check=True, capture_output=True, cwd=folder, **account)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The URL of a new, empty database on it."""
    return postgres.database()
