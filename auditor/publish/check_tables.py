"""A check as a table: Markdown for a comment on a change, CSV for a spreadsheet. A `Listed` in, a text out."""

from __future__ import annotations

import csv
import io
import re
from typing import Final

from auditor.publish import words
from auditor.publish.foreign import visible
from auditor.publish.listed import Item, Listed, by_practice, severities
from auditor.publish.text_audit import severity_counts

_ROWS: Final = 200
"""Rows of the Markdown table: a comment on GitHub ends at 65,536 characters."""
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|~@!&])")
_FORMULA: Final = re.compile(r"[=+\-@\t\r]")
COLUMNS: Final = (
    *("status", "severity", "policy", "policy_name", "kind", "namespace", "name"),
    *("file", "line", "column", "path", "message", "remedy", "fingerprint", "reason"),
)


def markdown(listed: Listed) -> bytes:
    """A heading with the counts, a line for each practice, and what is open by file and line; at most 200 rows."""
    open_ = listed.open
    counts = severity_counts(severities(open_))
    lines = [f"### auditor check: {counts}", ""]
    for practice, found in by_practice(listed).items():
        lines.append(f"- {words.PRACTICES[practice]}: {severity_counts(found)}")
    if open_:
        lines += ["", "| | where | policy | object | what is wrong |", "|---|---|---|---|---|"]
        lines += [_row(listed, item) for item in open_[:_ROWS]]
    if len(open_) > _ROWS:
        lines += ["", f"… and {len(open_) - _ROWS:,} more: `auditor check` shows all."]
    for status, said in (("known", "known by the baseline"), ("waived", "waived")):
        if count := sum(item.status == status for item in listed.items):
            lines += ["", f"{count:,} {said}."]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def csv_rows(listed: Listed) -> bytes:
    """RFC 4180, with a head. A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for item in listed.items:
        ref, place = item.ref, item.place
        row = [
            *(item.status, item.severity.value, item.code, item.name),
            *((ref.kind, ref.namespace or "", ref.name) if ref else ("", "", "")),
            *((listed.file(place), str(place.line), str(place.column)) if place else ("", "", "")),
            *(item.path, item.message, item.remedy, item.fingerprint, item.reason),
        ]
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode("utf-8", "backslashreplace")


def _row(listed: Listed, item: Item) -> str:
    where = f"{listed.file(item.place)}:{item.place.line}" if item.place else ""
    name = f"{item.code} {item.name}".rstrip()
    cells = (item.severity.value, where, name, str(item.ref or ""), item.message)
    return "| " + " | ".join(_MARKUP.sub(_inert, visible(cell)) for cell in cells) + " |"


def _inert(found: re.Match[str]) -> str:
    """Markup as text. GitHub looks for @names after escapes are gone, so what follows an @ is kept apart from it."""
    return "@<!-- -->" if found[0] == "@" else f"\\{found[0]}"


def _cell(value: str) -> str:
    shown = visible(value)
    return f"'{shown}" if _FORMULA.match(shown) else shown
