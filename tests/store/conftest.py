"""Every test of the store runs on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.model import Audit
from auditor.store import Store, open_store
from tests.postgres import Postgres
from tests.store.estates import CLUSTER


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.component)])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database of each kind; nothing is in it."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/auditor.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database to copy: migrations have tests of their own."""
    path = tmp_path_factory.mktemp("migrated") / "auditor.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def migrated_url(postgres: Postgres) -> str:
    """A migrated PostgreSQL database for all tests that do not change its schema: to make one takes hundreds of files."""
    url = postgres.database()
    open_store(url).close()
    return url


@pytest.fixture
def store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An open store of each kind, without any run."""
    if kind == "sqlite":
        copy = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "auditor.db")
        opened = open_store(f"sqlite:///{copy}")
    else:
        opened = open_store(request.getfixturevalue("migrated_url"))
        with opened.engine.begin() as connection:
            connection.exec_driver_sql("TRUNCATE clusters, policies, reports RESTART IDENTITY CASCADE")
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
