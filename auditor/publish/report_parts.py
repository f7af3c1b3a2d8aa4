"""What a report consists of, whatever it is rendered as: sections of sentences, items and tables.

All text in it is visible (`foreign`) already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Item:
    """One thing: how bad ("dangerous", "error", "warning", "info", "unknown", "waiting"), of what, what is so, and notes."""

    kind: str
    subject: str
    said: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """At most five columns; those in `numbers` stand right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Section:
    """`more`: how many items or rows there are beside those given."""

    title: str
    said: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    grid: Grid | None = None
    more: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """`subject` is for mail: the state first, at most 70 characters. `facts`: (name, text) of the head."""

    title: str
    subject: str
    facts: tuple[tuple[str, str], ...]
    lead: tuple[str, ...]
    sections: tuple[Section, ...] = field(default_factory=tuple)


GLYPHS: Final = {"dangerous": "▲", "error": "⬢", "warning": "△", "info": "i", "unknown": "?", "waiting": "·"}
