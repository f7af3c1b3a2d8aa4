"""Everything one run learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from auditor.model.changes import Drift, Ignored, NotCompared
from auditor.model.objects import Ref
from auditor.model.rules import Granted, Verdict
from auditor.model.sides import Cell, Problem, Source


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what was wanted could be read. `ratio`: listed / wanted cells, None where nothing was wanted."""

    ratio: float | None
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """0 to 100, or None where nothing applied: never 100 for nothing. Means over workloads for what holds several.

    `minimum` is the worst workload's; `unknown_ratio` the share of verdicts that could not be given, None where none was asked.
    """

    score: float | None
    minimum: float | None
    workloads: int
    unknown_ratio: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    formula: int
    cluster: Score
    namespaces: Mapping[str, Score] = field(default_factory=dict)
    teams: Mapping[str, Score] = field(default_factory=dict)
    workloads: Mapping[Ref, Score] = field(default_factory=dict)
    team_of: Mapping[str, str] = field(default_factory=dict)
    """The team of each namespace, as its labels say; "unowned" where they do not."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything one run learned; the only thing the store is given."""

    at: datetime
    cluster: str
    sources: tuple[Source, ...]
    coverage: Coverage
    problems: tuple[Problem, ...]
    verdicts: tuple[Verdict, ...]
    drift: tuple[Drift, ...]
    not_compared: tuple[NotCompared, ...]
    scores: Scores
    seen: frozenset[Ref] = frozenset()
    """Objects that were read live, for `Past.seen` of later runs."""
    ignored: tuple[Ignored, ...] = ()
    """Filled only where it was asked for; never stored."""
    silenced: int = 0
    """How many differences would have counted but for an ignore rule."""
    waivers: tuple[Granted, ...] = ()
    """Every waiver that can be read, by place; a store keeps what they say, not what they cover."""
