"""Fixtures for the desired side: a cache, a key, a repository, and real servers that give it out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor import desired
from auditor.kube.secrets import Key, key_of
from auditor.model import Snapshot
from auditor.settings import FolderSource, GitSource
from tests.desired.repositories import Made, config_map
from tests.gitservers import HttpsServer, SshServer, https_server, ssh_server

TOKEN = "canary-t0ken/with+signs=and@more"

Fetch = Callable[[GitSource | FolderSource], Snapshot]


@pytest.fixture
def key() -> Key:
    return key_of(b"only for tests, all of them")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def fetch(key: Key, cache: Path) -> Fetch:
    """Fetches a source as a run does, with 30 seconds to do it."""

    def fetched(source: GitSource | FolderSource) -> Snapshot:
        return desired.fetch(source, cluster="test", key=key, cache=cache, deadline=time.monotonic() + 30)

    return fetched


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A repository with one commit: a ConfigMap in `apps/web.yaml`."""
    repository = Made(tmp_path / "served" / "r.git")
    repository.commit({"apps/web.yaml": config_map("web")}, message="first")
    return repository


@pytest.fixture
def local(made: Made) -> GitSource:
    """The repository by its path."""
    return GitSource.model_validate({"url": made.path.as_uri(), "allow_local": True})


@pytest.fixture(scope="session")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """One sshd for all tests; each makes repositories of its own below `root`."""
    folder = tmp_path_factory.mktemp("ssh")
    root = folder / "served"
    root.mkdir()
    with ssh_server(folder / "sshd", root) as server:
        yield server


@pytest.fixture
def https(tmp_path: Path) -> Iterator[HttpsServer]:
    root = tmp_path / "served"
    root.mkdir(exist_ok=True)
    with https_server(tmp_path / "https", root, token=TOKEN) as server:
        yield server
