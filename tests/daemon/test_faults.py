"""`auditor serve` while its surroundings fail: a clock that jumps, a disk that is full, a database that goes away."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import example
from auditor.store import Run, broken, opened
from tests.components import missing
from tests.gitservers import free_port
from tests.postgres import Postgres
from tests.test_serve import AUDITOR, fetched, until

pytestmark = [pytest.mark.component, pytest.mark.timeout(240)]


@contextmanager
def serving(
    folder: Path, url: str, *, every: float = 0.02, environ: dict[str, str] | None = None
) -> Iterator[tuple[str, Path]]:
    """A daemon on a folder of manifests and a dump; the address of its pages, and its log."""
    port, log = free_port(), folder / "log"
    chosen = {
        "sources": [{"name": "shop", "path": str(example.HERE / "commits/2")}],
        "cluster": {"name": "test", "live": str(example.LIVE)},
        "store": {"url": url},
        "schedule": {"every_minutes": every},
        "web": {"port": port},
        "cache": str(folder / "cache"),
    }
    (folder / "settings.yaml").write_text(json.dumps(chosen))
    command = [AUDITOR, "serve", "--settings", folder / "settings.yaml"]
    with log.open("ab") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written, env={**os.environ, **(environ or {})})
        try:
            yield f"http://127.0.0.1:{port}", log
            process.terminate()
            assert process.wait(15) == 0, log.read_text()[-3000:]
        finally:
            process.kill()
            process.wait(10)
    assert "Traceback" not in log.read_text()
    assert '"exception"' not in log.read_text(), "a fault of the surroundings is no fault of ours"


def runs(url: str) -> tuple[Run, ...]:
    with opened(url) as store:
        assert store is not None
        return store.runs("test", limit=None)


def published(url: str) -> int:
    return sum(run.status == "published" for run in runs(url))


def said(log: Path, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"].startswith(event)]


def test_a_clock_that_jumps_by_an_hour_forth_and_back_loses_no_run(tmp_path: Path) -> None:
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        missing("libfaketime is not installed", remedy="apt-get install faketime")
    clock, url = tmp_path / "clock", f"sqlite:///{tmp_path}/auditor.db"
    clock.write_text("+0s")
    environ = {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with serving(tmp_path, url, every=0.1, environ=environ) as (_, log):
        until(lambda: "run finished" in log.read_text(), 60, "no run", log)
        for step, seconds in (("+3600s", 3600), ("+0s", -3600)):
            clock.write_text(step)
            steps = len(said(log, "the clock was stepped"))
            until(lambda n=steps: len(said(log, "the clock was stepped")) > n, 15, "the step was not seen", log)  # type: ignore[misc]
            assert abs(said(log, "the clock was stepped")[-1]["seconds"] - seconds) <= 2
            before = len(said(log, "run finished"))
            until(lambda n=before: len(said(log, "run finished")) > n, 30, "no run after the step", log)  # type: ignore[misc]
        assert not said(log, "no run began for twice the interval"), (
            "the schedule itself went on, not only its watchdog"
        )
    assert broken(url) == ()
    assert {run.status for run in runs(url)} <= {"published", "interrupted"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        missing(f"a tmpfs cannot be mounted ({mounted.stderr.strip()})", remedy="run as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_fails_runs_with_a_sentence_and_nothing_else(small_disk: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{small_disk}/auditor.db"
    with serving(tmp_path, url) as (base, log):
        until(lambda: len(said(log, "run finished")) > 1, 60, "no run", log)
        filler = small_disk / "filler"
        filling = os.open(filler, os.O_WRONLY | os.O_CREAT)
        with suppress(OSError):
            while os.write(filling, bytes(4096)):
                pass
        os.close(filling)
        until(lambda: bool(said(log, "run failed")), 60, "no run failed", log)
        failed = said(log, "run failed")[0]
        assert "the disk is full" in failed["reason"]
        assert "db prune" in failed["remedy"]
        assert fetched(f"{base}/healthz")[0] == 200
        assert "shop" in fetched(f"{base}/")[1], "what was published last is shown on"
        filler.unlink()
        before = len(said(log, "run finished"))
        until(lambda: len(said(log, "run finished")) > before, 30, "it did not recover", log)
    assert broken(url) == ()
    assert "running" not in {run.status for run in runs(url)}


def test_a_postgresql_that_is_restarted_in_the_midst_of_runs_loses_none_that_was_published(
    postgres: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    with serving(tmp_path, postgres_url) as (base, log):
        until(lambda: len(said(log, "run finished")) > 1, 60, "no run", log)
        for immediate in (True, False):
            postgres.stop(immediate=immediate)
            told = len(said(log, "run finished"))
            time.sleep(2.5)
            assert fetched(f"{base}/healthz")[0] == 200
            assert "shop" in fetched(f"{base}/")[1]
            postgres.start()
            until(lambda n=told: len(said(log, "run finished")) > n, 30, "it did not recover", log)  # type: ignore[misc]
        finished = {line["run"] for line in said(log, "run finished")}
        reasons = {line["reason"] for line in said(log, "cannot lead")}
        assert any("does not answer" in reason for reason in reasons), reasons
    assert broken(postgres_url) == ()
    found = runs(postgres_url)
    assert finished <= {run.id for run in found if run.status == "published"}
    assert "running" not in {run.status for run in found}
