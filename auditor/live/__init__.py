"""The cluster as a `Snapshot` with coverage: read from an API server, or from a dump on disk. Nothing is ever written to a cluster."""

from __future__ import annotations

from auditor.live.dump import read_dump, write_dump
from auditor.live.login import is_api_server
from auditor.live.snapshot import Wanted, confirm, fetch

__all__ = ["Wanted", "confirm", "fetch", "is_api_server", "read_dump", "write_dump"]
