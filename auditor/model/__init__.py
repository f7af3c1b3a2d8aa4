"""The vocabulary of an audit: frozen types that every module speaks, and nothing that reads or writes.

Everything that crosses a module boundary is here. Both sides of the comparison, git and the cluster, are the same type,
`Snapshot`; what one run learned is one `Audit`.
"""

from __future__ import annotations

from auditor.model.audits import Audit, Coverage, Score, Scores
from auditor.model.changes import (
    NOTHING_GIVEN,
    Cause,
    Change,
    Drift,
    Earlier,
    Given,
    Ignored,
    NotCompared,
    Owner,
    Past,
    Window,
)
from auditor.model.errors import Misuse, Unavailable, Unreadable
from auditor.model.objects import Body, Locate, Origin, Place, RawPath, Ref, Resource, Sealed
from auditor.model.rules import Answer, Fault, Finding, Granted, NotApplicable, Policy, Rule, Unknown, Verdict, Waiver
from auditor.model.sides import Cell, Problem, Root, Snapshot, Source
from auditor.model.words import (
    CauseKind,
    CellState,
    Certainty,
    ChangeKind,
    Direction,
    DriftKind,
    Judges,
    Outcome,
    OwnerClass,
    Scope,
    Severity,
    Side,
    WaiverState,
)

__all__ = [
    "NOTHING_GIVEN",
    "Answer",
    "Audit",
    "Body",
    "Cause",
    "CauseKind",
    "Cell",
    "CellState",
    "Certainty",
    "Change",
    "ChangeKind",
    "Coverage",
    "Direction",
    "Drift",
    "DriftKind",
    "Earlier",
    "Fault",
    "Finding",
    "Given",
    "Granted",
    "Ignored",
    "Judges",
    "Locate",
    "Misuse",
    "NotApplicable",
    "NotCompared",
    "Origin",
    "Outcome",
    "Owner",
    "OwnerClass",
    "Past",
    "Place",
    "Policy",
    "Problem",
    "RawPath",
    "Ref",
    "Resource",
    "Root",
    "Rule",
    "Scope",
    "Score",
    "Scores",
    "Sealed",
    "Severity",
    "Side",
    "Snapshot",
    "Source",
    "Unavailable",
    "Unknown",
    "Unreadable",
    "Verdict",
    "Waiver",
    "WaiverState",
    "Window",
]
