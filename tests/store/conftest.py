"""Every test of the store runs on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.model import Audit
from auditor.store import Store, open_store
from tests.store.estates import CLUSTER


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.component)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database of each kind; nothing is in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/auditor.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def publish(store: Store) -> Callable[[Audit], int]:
    """Publishes an audit as a run of its own; the run's id."""

    def run(audit: Audit) -> int:
        number = store.begin(CLUSTER, "schedule", audit.at)
        store.publish(number, audit)
        return number

    return run
