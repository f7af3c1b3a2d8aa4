"""The words that verdicts, drift and coverage are told in: one word for one thing."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What a policy says of an object. Only pass and fail are scored."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not-applicable"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    BROKEN = "broken"


class Severity(StrEnum):
    """How bad: one scale for findings, drift, problems, alerts and metrics."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """2 for error, 1 for warning, 0 for info: larger is worse."""
        return _RANK[self]


_RANK: Final = {Severity.ERROR: 2, Severity.WARNING: 1, Severity.INFO: 0}


class Side(StrEnum):
    """Where a finding is true. `BOTH`: a commit brought it; `LIVE` alone: drift did; `GIT` alone: not rolled out yet."""

    GIT = "git"
    LIVE = "live"
    BOTH = "both"


class CellState(StrEnum):
    """What became of one wanted kind in one namespace."""

    LISTED = "listed"
    DENIED = "denied"
    UNAVAILABLE = "unavailable"
    ABSENT = "absent"  # the server does not serve the kind
    EXCLUDED = "excluded"  # a setting says not to ask


class DriftKind(StrEnum):
    MODIFIED = "modified"
    MISSING = "missing"
    UNMANAGED = "unmanaged"  # never was in git
    ORPHANED = "orphaned"  # was in git or carries its tracking, left it, still runs


class Direction(StrEnum):
    LIVE_CHANGED = "live-changed"
    GIT_AHEAD = "git-ahead"
    BOTH = "both"
    UNKNOWN = "unknown"


class ChangeKind(StrEnum):
    CHANGED = "changed"
    MISSING = "missing"  # git declares it, the live object lacks it
    ADDED = "added"  # live has it, nobody declared it
    REMOVED_IN_GIT = "removed-in-git"


class OwnerClass(StrEnum):
    HUMAN = "human"
    GITOPS = "gitops"
    CONTROLLER = "controller"
    UNKNOWN = "unknown"


class Certainty(StrEnum):
    """How sure a "who" is. managedFields keep no trace of a removal: there, LIKELY is the most that can be said."""

    RECORDED = "recorded"
    LIKELY = "likely"
    UNKNOWN = "unknown"


class WaiverState(StrEnum):
    ACTIVE = "active"
    EXPIRING = "expiring"  # it ends within two weeks
    EXPIRED = "expired"
    UNUSED = "unused"  # its policy was asked, and it waives nothing


class Scope(StrEnum):
    """What a policy has to see: one OBJECT alone, OBJECTS beside each other, or what RUNS on a cluster."""

    OBJECT = "object"
    OBJECTS = "objects"
    RUNS = "runs"


class CauseKind(StrEnum):
    """Why something began or ended. Nothing is guessed: what has no evidence is UNKNOWN."""

    COMMIT = "commit"
    HAND = "hand"  # a tool that a person works with wrote it on the cluster
    CONTROLLER = "controller"
    APPLIER = "applier"  # the tool that brings git to the cluster wrote it
    TOOL = "tool"  # a program that is none of the known ones wrote it
    POLICY = "policy"  # a policy was switched on or off, or judges otherwise
    SETTINGS = "settings"
    COVERAGE = "coverage"  # it could be read, and could not before; or the other way round
    WAIVER = "waiver"  # a waiver began or ended
    AUDITOR = "auditor"  # another version of this program, or of its score
    FIRST_RUN = "first-run"  # it was so when it was first looked at
    SEVERAL = "several"  # more than one of these, at once
    UNKNOWN = "unknown"


class Judges(StrEnum):
    """What a policy is about: RUNNING objects (live, and git beside it) or what is DECLARED (git only)."""

    RUNNING = "running"
    DECLARED = "declared"
