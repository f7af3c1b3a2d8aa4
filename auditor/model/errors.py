"""What ends a run or a verdict: a kind that could not be read, an outside that broke, a wrong command line."""

from __future__ import annotations

from auditor.model.sides import Cell


class Unreadable(Exception):
    """Something was asked about a kind that could not be read. The verdict of the asker is unknown."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(f"cannot read {cell}")
        self.cell = cell


class Unavailable(Exception):
    """The outside is broken: git, the cluster or the store. Raised at the door, from the library's error.

    `stage` is "git", "cluster" or "store"; `reason` a short closed word for metrics ("auth", "host_key", "network",
    "not_found", "timeout", "full", "newer", "other"); the message is a sentence without any credential; `remedy` says what to do;
    `source` is the name of the source that failed, where it was one.
    """

    def __init__(self, stage: str, message: str, *, remedy: str = "", reason: str = "other", source: str = "") -> None:
        super().__init__(message)
        self.stage, self.message, self.remedy, self.reason = stage, message, remedy, reason
        self.source = source


class Misuse(Exception):
    """The command line or the settings are wrong (exit 2): a sentence with file and line where there is one, and the mend."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy
