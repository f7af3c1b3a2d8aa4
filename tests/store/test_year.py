"""The year that `make bench` asks questions of has the rows that published runs have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from auditor.store import Store, cause_rows, open_store
from auditor.store.facts import FACTS
from auditor.store.tables import objects, runs
from tests.store.estates import CLUSTER
from tests.store.year import Story, Year


def rows(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every interval with its runs and causes, and every run, without the numbers that a database gives."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with store.engine.connect() as connection:
        known = {row.id: (row.namespace, row.name) for row in connection.execute(select(objects))}
        for name, fact in FACTS.items():
            every = connection.execute(select(fact.table)).all()
            causes = cause_rows.of_rows(connection, every)
            columns = (*fact.columns, "opened_run", "since_run", "closed_run", "replaced")
            told = [
                (
                    *(known.get(getattr(row, c)) if c == "object_id" else getattr(row, c) for c in columns),
                    causes[cause_rows.opened(row) or (0, 0)],
                    causes.get(cause_rows.closed(row) or (0, 0)),
                )
                for row in every
            ]
            found[name] = sorted(told, key=repr)
        found["runs"] = [
            tuple(row)
            for row in connection.execute(
                select(runs.c.id, runs.c.at, runs.c.sources, runs.c.coverage, runs.c.formula).order_by(runs.c.id)
            )
        ]
    return found


@pytest.mark.timeout(300)
def test_the_rows_of_200_runs_made_in_bulk_are_those_of_200_published_runs(store: Store, tmp_path: Path) -> None:
    small: dict[str, int] = {"workloads": 25, "policies": 4, "per_hour": 40}
    story = Story(**small)
    for number in range(1, 201):
        if number > 1:
            story.step()
        said = story.whole()
        store.publish(store.begin(CLUSTER, "schedule", said.at), said, evidence=story.evidence(said.drift))
    bulk = open_store(f"sqlite:///{tmp_path}/bulk.db")
    Year(bulk, Story(**small)).write(200)
    published, made = rows(store), rows(bulk)
    for name in published:
        assert made[name] == published[name], name
    kinds = {row[-2].kind.value for row in published["findings"]}
    assert kinds >= {"commit", "hand", "controller", "tool", "unknown", "first-run"}, (
        "a story of one cause proves little"
    )
    bulk.close()
