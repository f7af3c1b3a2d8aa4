"""Drift: what git says against what runs. `compare` takes both snapshots and gives a `Comparison`."""

from __future__ import annotations

from auditor.drift.compare import Comparison, compare
from auditor.drift.rules import Rule

__all__ = ["Comparison", "Rule", "compare"]
