"""Where the values of one document are written, as libyaml counts: the shape of what `builder` and `places` pass between them."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Spot(NamedTuple):
    """Where a value is written: line and column from 0 in its document, start and end as character positions in its text."""

    line: int
    column: int
    start: int
    end: int
    inside: Inside


class KeySpot(NamedTuple):
    """Where an entry's key is written, and its value."""

    line: int
    column: int
    start: int
    value: Spot


Inside: TypeAlias = dict[str, KeySpot] | list[Spot] | None
