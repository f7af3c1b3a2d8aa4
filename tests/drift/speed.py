"""How fast live objects are compared, against a bare walk of the same objects in the same run: part of `make bench`.

In: nothing. Out: rows of (name, seconds, seconds of the walk, how many times as long it may take).
"""

from __future__ import annotations

import copy
import gc
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from auditor.drift import compare
from auditor.model import Ref, Resource, Snapshot, Source
from tests import estate

AT = datetime(2026, 1, 1, tzinfo=UTC)
RUNS = 2


def sides(workloads: int, drifted: int) -> tuple[Snapshot, Snapshot]:
    """Deployments as a server holds them, and as git has them; one in `drifted` (0: none) has another image."""
    from auditor.manifests.reader import read
    from tests.drift.sides import KEY

    one = next(text for text in estate.manifest(1, "team-000", "app-00001").split("---") if "kind: Deployment" in text)
    git = dict(read(one.encode(), source="x", file="x", cluster="", namespace=None, key=KEY).resources[0].body)
    items = json.loads(estate.live(2))["items"]
    runs = next(item for item in items if item["kind"] == "Deployment" and item["metadata"]["name"] == "app-00001")
    return (
        Snapshot(tuple(_named(git, number, False) for number in range(workloads)), sources=(Source("x"),)),
        Snapshot(tuple(_named(runs, n, bool(drifted) and n % drifted == 0) for n in range(workloads))),
    )


def _named(body: dict[str, Any], number: int, drifted: bool) -> Resource:
    name, made = f"app-{number:05}", copy.deepcopy(body)
    made["metadata"] = {**made["metadata"], "name": name}
    if drifted:
        made["spec"]["template"]["spec"]["containers"][0]["image"] = "drifted:1"
    return Resource(Ref("", "apps", "Deployment", "team-000", name), "apps/v1", made)


def walk(value: Any) -> int:
    """Every value, looked at once."""
    if isinstance(value, dict):
        return 1 + sum(map(walk, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(walk, value))
    return 1


def _seconds(work: Callable[[], object], runs: int) -> float:
    best = float("inf")
    for _ in range(runs):
        gc.collect()
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best


def rows() -> Iterator[tuple[str, float, float, float]]:
    """The last number: how many times the walk, or times linear, it may take."""
    per_object = {}
    for workloads, drifted, bar in ((10_000, 100, 5.0), (10_000, 0, 4.0), (1_000, 100, 5.0), (50_000, 100, 5.0)):
        git, live = sides(workloads, drifted)
        runs = RUNS if workloads < 50_000 else 1
        floor = _seconds(lambda git=git, live=live: [walk(r.body) for r in (*git.resources, *live.resources)], runs)  # type: ignore[misc]
        taken = _seconds(lambda git=git, live=live: compare(git, live, at=AT), runs)  # type: ignore[misc]
        per_object[workloads, drifted] = taken / workloads
        yield f"drift, {workloads:,} workloads, {100 // drifted if drifted else 0} % drifted", taken, floor, bar
    grown = per_object[50_000, 100] / per_object[1_000, 100]
    yield "drift, growth from 1,000 to 50,000 over linear", grown, 1.0, 1.1


def main() -> None:
    for name, taken, floor, bar in rows():
        print(f"{name:52} {taken:7.2f}  {taken / floor:6.2f} x floor ({floor:.2f})  bar {bar}", flush=True)


if __name__ == "__main__":
    main()
