"""`/metrics`: a State in, Prometheus' text format out. The only importer of prometheus_client."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from auditor.publish.metric_table import METRICS, metrics_markdown
from auditor.publish.samples import MOST_SERIES, samples
from auditor.publish.state import BUCKETS, Durations, State

# Not the library's "latest": Prometheus before 3.0 does not know version 1.0.0 of the format
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

__all__ = ["CONTENT_TYPE", "StateCollector", "exposition", "metrics_markdown"]

disable_created_metrics()  # type: ignore[no-untyped-call]


class StateCollector(Collector):
    """Every metric of one published state; asked for it once a scrape, so no scrape sees half of two."""

    def __init__(self, state: Callable[[], State], most: int = MOST_SERIES) -> None:
        self._state, self._most = state, most

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is depends on the state."""
        return ()

    def collect(self) -> Iterable[Metric]:
        found = samples(self._state(), self._most)
        for metric in METRICS:
            values = found[metric.name]
            if not values:
                continue
            family: GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily
            if metric.type == "histogram":
                family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
            elif metric.type == "counter":
                family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            else:
                family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in sorted(values.items(), key=lambda item: item[0]):
                if isinstance(value, Durations):
                    if isinstance(family, HistogramMetricFamily):
                        family.add_metric(labels, _cumulative(value), value.total)
                elif not isinstance(family, HistogramMetricFamily):
                    family.add_metric(labels, value)
            yield family


def exposition(state: State, most: int = MOST_SERIES) -> bytes:
    """The whole scrape: ours, and the process's own metrics where the system tells them."""
    registry = CollectorRegistry()
    registry.register(StateCollector(lambda: state, most))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _cumulative(durations: Durations) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
    return [(bound, sum(durations.counts[: n + 1])) for n, bound in enumerate(bounds)]
