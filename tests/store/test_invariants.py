"""`db check` finds nothing in a whole database, and says each thing that does not hold in a broken one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from auditor.model import Audit
from auditor.store import Store, invariants, open_store
from tests.store.estates import CLUSTER, minutes
from tests.store.test_kill import numbered

Publish = Callable[[Audit], int]


def history(store: Store, publish: Publish) -> None:
    """Four runs, each of which says everything otherwise; then one that never ended."""
    for n in range(1, 5):
        publish(numbered(n))
    store.begin(CLUSTER, "schedule", minutes(9))


def test_a_whole_database_breaks_nothing(store: Store, publish: Publish) -> None:
    assert invariants.broken(store.engine) == ()
    history(store, publish)
    assert invariants.broken(store.engine) == ()
    store.prune(minutes(3))
    assert invariants.broken(store.engine) == ()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE runs SET at = NULL WHERE id = 2", "run 2 is published, but says not what it judged"),
        (
            "UPDATE runs SET token = 7 WHERE id = 2",
            "run 3 was published by a leader whose successor had published before",
        ),
        ("UPDATE runs SET status = 'failed' WHERE id = 4", "begins with run 4, which was not published"),
        ("UPDATE drift SET closed_run = 5 WHERE opened_run = 4", "ends with run 5, which was not published"),
        ("UPDATE findings SET closed_run = 1 WHERE opened_run = 1", "ends before it begins"),
        ("UPDATE findings SET since_run = 4 WHERE opened_run = 1", "ends before it begins"),
        ("UPDATE findings SET closed_run = 4 WHERE opened_run = 2", "overlaps the one before of the same thing"),
        ("DELETE FROM findings WHERE opened_run = 2", "is replaced, but nothing follows it"),
        ("UPDATE drift_fields SET since_run = 99 WHERE opened_run = 4", "begins"),
        ("DROP TRIGGER runs_publish {on}", "the trigger runs_publish is missing"),
        ("DROP INDEX uq_findings_open", "the schema differs from that of its version"),
    ],
)
def test_what_does_not_hold_is_said(request: pytest.FixtureRequest, kind: str, damage: str, said: str) -> None:
    alters = damage.startswith("DROP")  # then no other test may have the database
    store = open_store(request.getfixturevalue("url")) if alters else request.getfixturevalue("store")
    history(store, lambda audit: store.publish(store.begin(CLUSTER, "schedule", audit.at), audit) and 0)
    with store.engine.begin() as connection:
        connection.execute(text(damage.format(on="" if kind == "sqlite" else "ON runs")))
    found = invariants.broken(store.engine)
    assert any(said in sentence for sentence in found), found
    assert len(found) <= 44, "three of a kind and how many more"
    if alters:
        store.close()


def test_a_leader_that_is_not_known_is_said(store: Store, publish: Publish) -> None:
    with store.leading(CLUSTER) as lead:
        number = store.begin(CLUSTER, "schedule", minutes(1), token=lead.token)
        store.publish(number, numbered(1))
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE leaders SET token = 1"))
    assert invariants.broken(store.engine) == (f"run {number} is of a leader that is not known",)


def test_a_reference_to_nothing_and_a_damaged_page_are_said(tmp_path: Path) -> None:
    path = tmp_path / "auditor.db"
    store = open_store(f"sqlite:///{path}")
    history(store, lambda audit: store.publish(store.begin(CLUSTER, "schedule", audit.at), audit) and 0)
    with closing(sqlite3.connect(path)) as other:  # as any program that does not ask for references to be kept
        other.execute("DELETE FROM objects WHERE id = 1")
        other.commit()
    found = invariants.broken(store.engine)
    assert any("refers to a row of objects that is not there" in sentence for sentence in found), found
    store.close()
