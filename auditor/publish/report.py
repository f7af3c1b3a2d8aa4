"""A report for people: ReportData in, Markdown, HTML or plain text out, and files where they are wanted."""

from __future__ import annotations

import os
import re
import textwrap
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from auditor.model import Unavailable
from auditor.publish import report_model
from auditor.publish.gathered import gather
from auditor.publish.report_data import Opened, ReportData, Unread
from auditor.publish.report_parts import GLYPHS, Grid, Item

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Opened", "ReportData", "Unread", "gather", "html", "mail_html", "markdown", "text", "write"]

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|#~&!])")
_STARTS: Final = re.compile(r"^(\s*)([-+=]|\d+[.)])")
_WIDTH: Final = 76
_MAIL_ITEMS: Final = 15
_LONGEST: Final = 300
"""Characters of one foreign text in mail: what is cut is in the report."""


def markdown(data: ReportData) -> str:
    """CommonMark with tables, no HTML; whatever a name holds, it is text."""
    report = report_model.report(data)
    lines = [f"# {_escaped(report.title)}", ""]
    lines += [f"- {_escaped(name)}: {_escaped(said)}" for name, said in report.facts]
    lines += ["", " ".join(_escaped(said) for said in report.lead), ""]
    for section in report.sections:
        lines += [f"## {_escaped(section.title)}", ""]
        for said in section.said:
            lines += [_escaped(said), ""]
        for item in section.items:
            notes = "".join(f"\n  {_escaped(note)}  " for note in item.notes if note)
            lines.append(
                f"- {GLYPHS[item.kind]} {item.kind} {_code(item.subject)}: {_escaped(item.said)}  {notes}".rstrip()
            )
        if section.items:
            lines.append("")
        if section.grid:
            lines += [*_table(section.grid), ""]
        if section.more:
            lines += [f"{section.more:,} more.", ""]
    return "\n".join(lines).rstrip() + "\n"


def html(data: ReportData) -> str:
    """One file that needs no other; reads in order without its style too."""
    return _environment().get_template("report.html").render(report=report_model.report(data), glyphs=GLYPHS)


def mail_html(data: ReportData) -> str:
    """For mail clients: styles inline, no picture, no link, no more than four columns, lists cut."""
    return (
        _environment()
        .get_template("mail.html")
        .render(report=report_model.report(data, _MAIL_ITEMS), glyphs=GLYPHS, four=_four_columns, cut=_cut)
    )


def text(data: ReportData) -> str:
    """For mail: 76 columns, the same sections as in HTML."""
    report = report_model.report(data, _MAIL_ITEMS)
    lines = [*_wrapped(report.title, 0), "=" * min(_WIDTH, len(report.title)), ""]
    for name, said in report.facts:
        lines += _wrapped(f"{name}: {_cut(said)}", 2)
    lines += ["", *_wrapped(" ".join(report.lead), 0)]
    for section in report.sections:
        lines += ["", section.title.upper(), ""]
        for said in section.said:
            lines += _wrapped(_cut(said), 0)
        for item in section.items:
            lines += _item(item)
        if section.grid:
            lines += _columns(section.grid)
        if section.more:
            lines += [f"{section.more:,} more."]
    return "\n".join(lines) + "\n"


def subject(data: ReportData) -> str:
    """Of a mail: the state first, at most 70 characters or so, no control character."""
    return report_model.report(data, 0).subject


def write(folder: Path, data: ReportData) -> tuple[Path, ...]:
    """Write `CLUSTER_FROM_TO.md` and `.html` into the folder, each whole or not at all. Raises `Unavailable`."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", data.cluster)[:80].strip(".-") or "manifests"
    first, last = (at.astimezone(data.zone) for at in (data.since, data.until))
    stem = f"{name}_{first:%Y-%m-%dT%H%M}_{last:%Y-%m-%dT%H%M}"
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, content in ((".md", markdown(data)), (".html", html(data))):
            file = folder / f"{stem}{suffix}"
            half = folder / f".{stem}{suffix}.{os.getpid()}"
            half.write_text(content, encoding="utf-8", errors="replace")
            half.replace(file)
            written.append(file)
    except OSError as error:
        message = f"cannot write the report into {folder}: {error.strerror or error}"
        remedy = "give the auditor a folder that it may write to (report.folder)"
        raise Unavailable("report", message, remedy=remedy, reason="full" if error.errno == 28 else "other") from None
    return tuple(written)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _escaped(said: str) -> str:
    return _STARTS.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", said))


def _code(said: str) -> str:
    """A code span; its fence is longer than any run of backticks within (CommonMark 6.1)."""
    longest = max((len(run) for run in re.findall("`+", said)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if said.startswith("`") or said.endswith("`") or not said.strip() else ""
    return f"{fence}{pad}{said}{pad}{fence}"


def _table(grid: Grid) -> list[str]:
    rules = ("---:" if n in grid.numbers else "---" for n in range(len(grid.heads)))
    lines = [f"| {' | '.join(map(_escaped, grid.heads))} |", f"| {' | '.join(rules)} |"]
    return [*lines, *(f"| {' | '.join(map(_escaped, row))} |" for row in grid.rows)]


def _four_columns(grid: Grid) -> Grid:
    """The first four: a fifth does not fit a phone."""
    return Grid(grid.heads[:4], tuple(row[:4] for row in grid.rows), grid.numbers)


def _cut(said: str) -> str:
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _item(item: Item) -> list[str]:
    lines = _wrapped(f"{GLYPHS[item.kind]} {item.kind.upper()}  {_cut(item.subject)}", 0, 2)
    for said in (item.said, *item.notes):
        lines += _wrapped(_cut(said), 4) if said else []
    return lines


def _columns(grid: Grid) -> list[str]:
    """Rows at their widths where they fit, else one line for each cell."""
    rows = [grid.heads, *grid.rows]
    widths = [max(len(row[n]) for row in rows) for n in range(len(grid.heads))]
    if sum(widths) + 2 * (len(widths) - 1) <= _WIDTH:
        return [
            "  ".join(
                cell.rjust(w) if n in grid.numbers else cell.ljust(w)
                for n, (cell, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
    lines = []
    for row in grid.rows:
        rest = ", ".join(f"{head.lower()} {cell}" for head, cell in zip(grid.heads[1:], row[1:], strict=True))
        lines += [*_wrapped(_cut(row[0]), 0), *_wrapped(_cut(rest), 4)]
    return lines


def _wrapped(said: str, indent: int, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        said,
        _WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    ) or [""]
