"""What a command sets for its process is undone after each test: logs go to this test's standard error."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from auditor import logs


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    before = list(logging.root.handlers)
    yield
    structlog.reset_defaults()
    logs._waiting.clear()
    logging.root.handlers[:] = before
