"""The base, applied to the control plane of this run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.controlplane.plane import Plane, User
from tests.deploy.base import BASE, NAMESPACE


@pytest.fixture(scope="package")
def installed(plane: Plane) -> Iterator[Plane]:
    """A control plane with the base applied; removed afterwards, and its namespace gone, so that it can be applied again."""
    plane.kubectl("apply", "-k", str(BASE))
    yield plane
    plane.kubectl("delete", "-k", str(BASE), "--ignore-not-found", "--timeout=50s")


@pytest.fixture(scope="package")
def account(installed: Plane) -> User:
    """The account that the Deployment's Pod runs as."""
    return installed.service_account(NAMESPACE, "gitops-auditor", seconds=3600)
