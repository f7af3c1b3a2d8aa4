"""pytest fixtures of the control plane: `plane` for the whole run, `own_plane` for outages, `namespace` for each test.

Loaded by `pytest_plugins = ["tests.controlplane.fixtures"]` in tests/conftest.py. A test that uses them is marked
`@pytest.mark.component`. With `CONTROLPLANE=<folder>` (printed by `python -m tests.controlplane.plane`) `plane` is that one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.components import missing
from tests.controlplane import build
from tests.controlplane.plane import Plane, attach, start_plane


@pytest.fixture(scope="session")
def plane() -> Iterator[Plane]:
    """The control plane of this run. Every test works in a namespace of its own and cleans up what is cluster-scoped."""
    running = attach(Path(shared)) if (shared := os.environ.get("CONTROLPLANE")) else _started()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def own_plane() -> Iterator[Plane]:
    """A control plane that the tests of one module may stop, starve and start again."""
    running = _started()
    yield running
    running.stop()


@pytest.fixture
def namespace(plane: Plane) -> Iterator[str]:
    """A new namespace; its deletion is begun afterwards and not waited for."""
    name = plane.new_namespace(f"test-{os.urandom(4).hex()}")
    yield name
    plane.api("DELETE", f"/api/v1/namespaces/{name}")


@contextmanager
def started() -> Iterator[Plane]:
    """A control plane of one's own, stopped at the end."""
    plane = _started()
    try:
        yield plane
    finally:
        plane.stop()


def _started() -> Plane:
    try:
        return start_plane()
    except build.NotBuilt as absent:
        return missing(f"the control plane is not built: no {', '.join(absent.missing)}", remedy=build.REMEDY)
