"""Terminal output: an Audit, a Snapshot or the catalogue in, text out; plain in a pipe, coloured on a terminal.

The only importer of rich. What is said is made by `text_drift`, `text_audit`, `text_check` and `text_catalogue`; how it looks, here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Final, TextIO

from auditor import model
from auditor.publish import text_audit, text_catalogue, text_check, text_drift, text_score, text_waivers
from auditor.publish.blocks import Block, Line, Span, Table
from auditor.publish.listed import Listed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from auditor.compliance import Explained

NARROWEST: Final = 60
_STYLES: Final[Mapping[str, str]] = {
    "": "",
    "title": "bold",
    "strong": "bold",
    "bad": "bold red",
    "warn": "yellow",
    "ok": "cyan",
    "muted": "bright_black",
    "git": "blue",
    "live": "yellow",
    "unknown": "magenta",
    "waived": "magenta",
}


@dataclass(frozen=True, slots=True)
class Look:
    """How to print: columns, whether in colour, whether lists are whole, and the zone of times."""

    width: int = 100
    colour: bool = False
    whole: bool = False
    zone: tzinfo = UTC
    see_all: str = "--all"
    """What to add to the command to see whole lists."""


def look(stream: TextIO, environ: Mapping[str, str] | None = None, *, whole: bool = False) -> Look:
    """What fits this stream: 100 columns and no colour in a pipe; NO_COLOR and TERM=dumb are respected (no-color.org)."""
    environ = os.environ if environ is None else environ
    if not stream.isatty():
        return Look(whole=whole)
    columns = shutil.get_terminal_size((100, 24)).columns
    colour = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Look(width=min(max(columns, NARROWEST), 160), colour=colour, whole=whole)


def show(text: str, stream: TextIO) -> None:
    """Write to a stream of any encoding: what it cannot take is written as an escape."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def audit_text(audit: model.Audit, policies: Iterable[model.Policy] = (), look: Look = Look()) -> str:
    """One whole run: what was audited, drift, waiting, worst findings, scores, what is not known, one line of summary."""
    return render(
        text_audit.blocks(audit, tuple(policies), whole=look.whole, see_all=look.see_all, zone=look.zone), look
    )


def check_text(
    listed: Listed, look: Look = Look(), source_line: Callable[[model.Place], str | None] | None = None
) -> str:
    """Findings and problems by file and line. `source_line` gives the written line of a place; values that may be secret are masked."""
    return render(text_check.blocks(listed, source_line, whole=look.whole, see_all=look.see_all), look)


def diff_text(audit: model.Audit, look: Look = Look(), *, context: int = 3) -> str:
    """Drift only: every field with both sides, who and when; what waits; what could not be compared.

    `context`: unchanged lines around a change within a text.
    """
    return render(
        text_drift.blocks(audit, whole=look.whole, see_all=look.see_all, zone=look.zone, context=context), look
    )


def manifests_text(snapshot: model.Snapshot, look: Look = Look()) -> str:
    """Every object as read with file and line, every problem."""
    return render(text_check.manifests_blocks(snapshot), look)


def policies_text(policies: Iterable[model.Policy], look: Look = Look()) -> str:
    """The catalogue, by practice."""
    return render(text_catalogue.policies_blocks(tuple(policies)), look)


def waivers_text(granted: Sequence[model.Granted], faults: Sequence[model.Problem] = (), look: Look = Look()) -> str:
    """Every waiver by file and line, and what is wrong with those that do not count."""
    return render(text_waivers.blocks(granted, faults, whole=look.whole, see_all=look.see_all), look)


def score_text(explained: Explained, look: Look = Look()) -> str:
    """Why a score is what it is."""
    return render(text_score.blocks(explained, whole=look.whole, see_all=look.see_all), look)


def explain_text(
    policy: model.Policy,
    bad: str,
    good: str,
    look: Look = Look(),
    waiver: str = "",
    *,
    fails: Sequence[str] = (),
    passes: Sequence[str] = (),
    frameworks: Sequence[str] = (),
) -> str:
    """One policy: what it wants, why, what fails and what passes, what to do, and how to waive it (`waiver`: the annotation)."""
    return render(text_catalogue.explain_blocks(policy, bad, good, waiver, fails, passes, frameworks), look)


def render(blocks: Sequence[Block], look: Look) -> str:
    """Blocks at a width; no line ends in blanks, one line feed at the end."""
    console = _console(look)
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Table):
            lines += _table(console, block, look)
        else:
            if block.spans and block.spans[0].style == "title" and lines and lines[-1]:
                lines.append("")
            lines += _line(console, block, look)
    return "\n".join(lines) + "\n"


def _console(look: Look) -> Console:
    from rich.console import Console

    return Console(
        width=look.width,
        force_terminal=look.colour,
        color_system="standard" if look.colour else None,
        no_color=not look.colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )


def _line(console: Console, block: Line, look: Look) -> list[str]:
    indent = " " * block.indent
    length = sum(len(span.text) for span in block.spans)
    if block.whole or (length + block.indent <= look.width and all(span.text.isascii() for span in block.spans)):
        return [_paint(console, indent, block.spans, look)]
    from rich.text import Text

    text = Text(no_wrap=False, overflow="fold")
    for span in block.spans:
        text.append(span.text, style=_STYLES[span.style])
    room = max(20, look.width - block.indent - block.hang)
    first, *rest = text.wrap(console, room + block.hang, overflow="fold") or [Text()]
    wrapped = [(indent, first)]
    if rest:
        # the first line has more room than those that hang: wrap the remainder anew
        tail = text[len(first.plain) :] if text.plain.startswith(first.plain) else Text(" ").join(rest)
        tail = _without_leading_blanks(tail)
        wrapped += [(indent + " " * block.hang, part) for part in tail.wrap(console, room, overflow="fold")]
    return [_ansi(console, start, part, look) for start, part in wrapped]


def _without_leading_blanks(text: Text) -> Text:
    return text[len(text.plain) - len(text.plain.lstrip()) :]


def _table(console: Console, table: Table, look: Look) -> list[str]:
    from rich.cells import cell_len
    from rich.text import Text

    widths = [
        max([cell_len(head), *(cell_len(row[column].text) for row in table.rows)])
        for column, head in enumerate(table.heads)
    ]
    # text columns give way, the widest first, until the row fits
    room = look.width - table.indent - 2 * (len(widths) - 1)
    flexible = [column for column, head in enumerate(table.heads) if head not in table.numbers]
    while sum(widths) > room and flexible and max(widths[column] for column in flexible) > 8:
        widest = max(flexible, key=lambda column: widths[column])
        widths[widest] -= 1
    lines = []
    head = tuple(Span(text, "muted") for text in table.heads)
    for row in (head, *table.rows):
        cells = [
            Text(span.text, style=_STYLES[span.style]).wrap(console, width, overflow="fold") or [Text()]
            for span, width in zip(row, widths, strict=True)
        ]
        for n in range(max(len(cell) for cell in cells)):
            parts = Text(" " * table.indent)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
                part = cell[n] if n < len(cell) else Text()
                part.rstrip()
                blanks = " " * (width - part.cell_len)
                gap = "  " if column else ""
                right = table.heads[column] in table.numbers
                parts = Text.assemble(parts, gap, blanks, part) if right else Text.assemble(parts, gap, part, blanks)
            lines.append(_ansi(console, "", parts, look))
    return lines


def _paint(console: Console, indent: str, found: tuple[Span, ...], look: Look) -> str:
    if not look.colour:
        return (indent + "".join(span.text for span in found)).rstrip()
    from rich.text import Text

    text = Text()
    for span in found:
        text.append(span.text, style=_STYLES[span.style])
    return _ansi(console, indent, text, look)


def _ansi(console: Console, indent: str, text: Text, look: Look) -> str:
    text.rstrip()
    if not look.colour:
        return (indent + text.plain).rstrip()
    from rich.color import ColorSystem

    return indent + "".join(
        segment.style.render(segment.text, color_system=ColorSystem.STANDARD) if segment.style else segment.text
        for segment in text.render(console)
    )
