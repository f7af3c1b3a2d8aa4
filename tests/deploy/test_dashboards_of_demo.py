"""The dashboards over what `auditor demo` serves: the program itself, its metrics, and a real Prometheus between."""

from __future__ import annotations

import http.client
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.processes import free_ports, start, stop, wait_until
from tests.deploy.dashboards import Query, filled, queries
from tests.prometheus import Prometheus, check_metrics, history, scraping

pytestmark = pytest.mark.component

CHOSEN = {
    "datasource": "any",
    "cluster": "demo",
    "team": ".*",
    "namespace": "shop",
    "nslabel": "namespace",
    "__rate_interval": "4h",
}

LACKING = re.compile(
    "auditor_collect_denied"  # a recorded cluster denies nothing
    "|auditor_manifest_errors"  # its repository can be read
    "|auditor_run(s_total|_duration)"  # it is audited once, and no daemon runs
    "|auditor_waivers|waived"  # nothing in it is waived
)


def metrics(port: int) -> bytes:
    """What `/metrics` says; nothing while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read()
    except OSError:
        return b""
    finally:
        connection.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    log: Path = tmp_path_factory.mktemp("demo") / "demo.log"
    (port,) = free_ports(1)
    process = start([sys.executable, "-m", "auditor", "demo", "--port", str(port)], log)
    try:
        wait_until(lambda: b"auditor_coverage_ratio{" in metrics(port), process, log)
        yield port
    finally:
        stop(process)


@pytest.fixture(scope="module")
def prometheus(demo: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    past = history(metrics(demo).decode(), 15, {"job": "auditor", "instance": f"127.0.0.1:{demo}"})
    with scraping(tmp_path_factory.mktemp("prometheus"), demo, labels={}, honor_labels=True, past=past) as running:
        yield running


def test_the_metrics_are_well_formed(demo: int) -> None:
    assert check_metrics(metrics(demo)) == ""


@pytest.mark.parametrize("query", queries(), ids=str)
def test_every_query_shows_what_the_demo_has(prometheus: Prometheus, query: Query) -> None:
    expr = filled(query.expr, CHOSEN)
    assert prometheus.query(expr) or LACKING.search(expr), expr
