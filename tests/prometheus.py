"""A real Prometheus for tests: weeks of history made from one scrape, a target that serves it, and questions to ask.

In: the text of `/metrics`. Out: `Prometheus`, which has scraped it and answers. Needs the Debian package `prometheus`.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import shutil
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from tests.components import need
from tests.controlplane.processes import free_ports, start, stop, wait_until

HOUR: Final = 3600


@dataclass(frozen=True)
class Prometheus:
    """One that runs. Every answer is the `data` of its HTTP interface; a query that it refuses fails the test with its words."""

    port: int

    def query(self, expr: str, at: float | None = None) -> list[Mapping[str, Any]]:
        """An instant query: one sample for each series."""
        result: list[Mapping[str, Any]] = self._get("query", {"query": expr, "time": str(at or time.time())})["result"]
        return result

    def query_range(self, expr: str, hours: int, step: int = HOUR) -> list[Mapping[str, Any]]:
        """A range query up to now: `values` for each series."""
        now = time.time()
        asked = {"query": expr, "start": str(now - hours * HOUR), "end": str(now), "step": str(step)}
        result: list[Mapping[str, Any]] = self._get("query_range", asked)["result"]
        return result

    def label_values(self, label: str, matching: str) -> list[str]:
        """What Grafana's `label_values(matching, label)` shows."""
        values: list[str] = self._get(f"label/{label}/values", {"match[]": matching})
        return values

    def targets(self) -> list[Mapping[str, Any]]:
        active: list[Mapping[str, Any]] = self._get("targets", {})["activeTargets"]
        return active

    def ready(self) -> bool:
        """Whether it answers questions, and has scraped its target."""
        try:
            return self._fetch("/-/ready")[0] == 200 and bool(self.query('up{job="auditor"} == 1'))
        except OSError:
            return False

    def _get(self, path: str, asked: Mapping[str, str]) -> Any:
        answer = json.loads(self._fetch(f"/api/v1/{path}?{urllib.parse.urlencode(asked)}")[1])
        assert answer["status"] == "success", f"{answer.get('error')}: {asked}"
        return answer["data"]

    def _fetch(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def history(text: str, days: int, labels: Mapping[str, str]) -> str:
    """OpenMetrics: the samples of one scrape, each hour of so many days up to an hour ago; counters grow from nothing."""
    hours = days * 24
    now = int(time.time())
    lines = []
    for family in text_string_to_metric_families(text):
        if family.type not in ("gauge", "counter", "histogram"):
            continue
        lines.append(f"# TYPE {family.name} {family.type}")
        for sample in family.samples:
            told = {**labels, **sample.labels}
            series = f"{sample.name}{{{','.join(f'{name}={json.dumps(value)}' for name, value in told.items())}}}"
            for hour in range(hours):
                value = sample.value if family.type == "gauge" else sample.value * hour / hours
                lines.append(f"{series} {value} {now - (hours - hour) * HOUR}")
    return "\n".join([*lines, "# EOF", ""])


@contextlib.contextmanager
def target(text: Callable[[], bytes]) -> Iterator[int]:
    """An address that serves `/metrics`; its port."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def scraping(
    folder: Path, port: int, *, labels: Mapping[str, str], honor_labels: bool, past: str = ""
) -> Iterator[Prometheus]:
    """A Prometheus in `folder` that has scraped 127.0.0.1:`port` once, with labels of the target; `past` is its history.

    A sample is good for two hours, so that an hourly history is a line, not dots.
    """
    for program in ("prometheus", "promtool"):
        if shutil.which(program) is None:
            need(program, remedy="apt-get install prometheus")
    folder.mkdir(exist_ok=True)
    data = folder / "data"
    data.mkdir()
    if past:
        (folder / "past.om").write_text(past)
        make = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=768h", "openmetrics", "past.om", "data"]
        subprocess.run(make, cwd=folder, check=True, capture_output=True, timeout=60)
    job = {
        "job_name": "auditor",
        "honor_labels": honor_labels,
        "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": dict(labels)}],
    }
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))
    (own,) = free_ports(1)
    log = folder / "prometheus.log"
    process = start(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{own}",
            "--storage.tsdb.retention.time=1y",
            "--query.lookback-delta=2h",
            "--log.level=warn",
        ],
        log,
    )
    try:
        running = Prometheus(own)
        wait_until(running.ready, process, log, seconds=30)
        yield running
    finally:
        stop(process)


def check_metrics(text: bytes) -> str:
    """What `promtool check metrics` finds wrong with a scrape; empty when nothing."""
    if shutil.which("promtool") is None:
        need("promtool", remedy="apt-get install prometheus")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30)
    return (done.stdout + done.stderr).decode()
