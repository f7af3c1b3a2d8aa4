"""The rows of a diff: one Drift in, one row for each field out, with the parts that differ marked. Git left, live right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from auditor.model import Change, ChangeKind, Drift, Severity
from auditor.publish import words
from auditor.publish.foreign import visible

MOST_ROWS: Final = 500
_PARTS: Final = re.compile(r"[A-Za-z0-9]+|.", re.DOTALL)
_COMMON: Final = 0.4
_LONGEST: Final = 512


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Row:
    """`git` and `live` in pieces; a side that is absent is one piece, with `set` False."""

    path: str
    note: str
    where: str
    dangerous: bool
    git: tuple[Piece, ...]
    git_set: bool
    live: tuple[Piece, ...]
    live_set: bool
    who: str
    text: str


def rows(drift: Drift, zone: tzinfo, now: datetime) -> list[Row]:
    """At most `MOST_ROWS`; dangerous ones first, else in the order of the audit."""
    ordered = sorted(drift.changes, key=lambda change: change.severity is not Severity.ERROR)
    return [_row(change, zone, now) for change in ordered[:MOST_ROWS]]


def marked(git: str, live: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both texts, with what lies between their common beginning and end marked; wholly where they have little in common."""
    left, right = _PARTS.findall(git), _PARTS.findall(live)
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    end = 0
    while end < min(len(left), len(right)) - start and left[-1 - end] == right[-1 - end]:
        end += 1
    common = sum(map(len, left[:start])) + sum(map(len, left[len(left) - end :]))
    if common < _COMMON * max(len(git), len(live)):
        return (Piece(git, True),), (Piece(live, True),)
    return _pieces(left, start, end), _pieces(right, start, end)


def _pieces(parts: Sequence[str], start: int, end: int) -> tuple[Piece, ...]:
    middle = len(parts) - end
    found = (
        Piece("".join(parts[:start]), False),
        Piece("".join(parts[start:middle]), True),
        Piece("".join(parts[middle:]), False),
    )
    return tuple(piece for piece in found if piece.text)


def _row(change: Change, zone: tzinfo, now: datetime) -> Row:
    git, live = words.sides(change)
    git_set, live_set = change.desired is not None, change.live is not None
    left: tuple[Piece, ...] = (Piece(git, False),)
    right: tuple[Piece, ...] = (Piece(live, False),)
    if git_set and live_set and max(len(git), len(live)) <= 2 * _LONGEST and not live.startswith("redacted"):
        left, right = marked(git, live)
    notes = {ChangeKind.ADDED: "added", ChangeKind.REMOVED_IN_GIT: "removed in git", ChangeKind.MISSING: "missing"}
    return Row(
        visible(change.path, 2000),
        notes.get(change.change, ""),
        visible(str(change.place)) if change.place else "",
        change.severity is Severity.ERROR,
        left,
        git_set,
        right,
        live_set,
        words.who(change, zone, now=now) if change.owner or change.window else "",
        "\n".join(visible(line) for line in change.words.splitlines()[:200]),
    )
