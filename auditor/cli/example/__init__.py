"""The built-in example: three commits of manifests, and what an API server held after people had worked on it by hand."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

from auditor.desired.example import Commit, make_repository

HERE = Path(__file__).parent
LIVE = HERE / "live.json"
"""Recorded from the test control plane by `python -m tests.record_example`, with managedFields."""


def commits() -> tuple[Commit, ...]:
    """The example's commits, oldest first."""
    found = json.loads((HERE / "commits.json").read_text())
    return tuple(Commit(HERE / "commits" / one["folder"], one["author"], one["date"], one["message"]) for one in found)


def recorded_at() -> datetime:
    """When the live state was recorded; the example is judged as of then, so that ages in it mean something."""
    found = re.search(rb'"fetchedAt":\s*"([^"]+)"', LIVE.read_bytes())
    assert found, "the recorded live state has lost its time"
    return datetime.fromisoformat(found[1].decode())


def repository(path: Path, upto: int | None = None) -> Path:
    """A bare repository of the example at `path`, with its first `upto` commits."""
    return make_repository(path, commits()[:upto])
