"""Terminal output as values: lines of styled spans, and tables. `text_*` make them, `text` renders them at a width.

Every span is visible text already (`foreign.visible`): a block may be printed as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Style: TypeAlias = Literal["", "title", "strong", "bad", "warn", "ok", "muted", "git", "live", "unknown", "waived"]


@dataclass(frozen=True, slots=True)
class Span:
    text: str
    style: Style = ""


Words: TypeAlias = str | Span | Sequence[str | Span]


@dataclass(frozen=True, slots=True)
class Line:
    """One paragraph: wrapped at the width, `indent` columns in, and what wraps is `hang` columns further in.

    A `whole` line is never wrapped: manifests stay copyable.
    """

    spans: tuple[Span, ...] = ()
    indent: int = 0
    hang: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; columns whose head is in `numbers` stand right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Span, ...], ...]
    numbers: frozenset[str] = field(default_factory=frozenset)
    indent: int = 2


Block: TypeAlias = Line | Table
BLANK = Line()


def spans(words: Words) -> tuple[Span, ...]:
    if isinstance(words, (str, Span)):
        words = (words,)
    return tuple(Span(word) if isinstance(word, str) else word for word in words)


def line(words: Words, indent: int = 0, hang: int = 0, *, whole: bool = False) -> Line:
    return Line(spans(words), indent, hang, whole)


def title(text: str) -> Line:
    """A heading of one section, after a blank line that the renderer sets."""
    return Line((Span(text, "title"),))


def hidden(count: int, what: str, see_all: str) -> list[Block]:
    """`12 more findings: --all shows every one`; nothing where nothing is hidden."""
    if count <= 0:
        return []
    return [line(Span(f"… {count:,} more {what}{'' if count == 1 else 's'}: {see_all} shows all", "muted"), 2)]
