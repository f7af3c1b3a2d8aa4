"""A document as one reading of it has it: its text and the reading in, its lines as they should be written out.

Lines that stand where they belong are kept as they are, to the letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from auditor.manifests import slips
from auditor.manifests.lines import Line
from auditor.manifests.readings import Frame, Placed, Reading, step_of


class Written(NamedTuple):
    """A line as it should be written, and the number of the line that it was; None for one that is new."""

    number: int | None
    text: str


def rewritten(text: str, reading: Reading) -> list[Written]:
    """The lines of the document, put right."""
    written = text.split("\n")
    step = step_of([placed.line for placed in reading.placed])
    final: dict[int, Frame] = {}
    for placed in reading.placed:
        holder = placed.frame
        if placed.opened and holder is not None and placed.opened[0].role == "element":
            final[holder.uid] = placed.opened[0].above or holder
        for frame in (holder, holder.above if holder is not None else None, *placed.opened):
            if frame is not None:
                final[frame.uid] = frame
    columns = _Columns(final, step)
    found: list[Written] = []
    at, delta = 0, 0
    pending: list[int] = []  # remarks and empty lines go with the line below them
    starts = [placed.line.number for placed in reading.placed[1:]] + [len(written)]
    for placed, following in zip(reading.placed, starts, strict=True):
        pending.extend(range(at, placed.line.number))
        at = placed.line.number
        inserted, line, moved = _line(placed, written[at], columns, delta)
        found.extend(_comments(pending, written, delta, moved))
        pending = []
        found.extend(Written(None, each) for each in inserted)
        found.append(Written(at, line))
        at, delta = at + 1, moved
        at = _continued(found, written, at, following, placed.line, moved)
    found.extend(_comments(list(range(at, len(written))), written, 0, 0))
    return found


def _continued(found: list[Written], written: Sequence[str], at: int, end: int, line: Line, delta: int) -> int:
    """The lines of a value that goes on: block scalars, quoted text, brackets. They move with their first line."""
    indent = line.column if line.dash is None else line.dash
    last = at
    for number in range(at, end):
        content = written[number].strip()
        if content and (
            len(written[number]) - len(written[number].lstrip(" ")) > indent or not content.startswith("#")
        ):
            last = number + 1
    found.extend(Written(number, _shifted(written[number], delta)) for number in range(at, last))
    return last


def _comments(numbers: Sequence[int], written: Sequence[str], before: int, after: int) -> list[Written]:
    return [
        Written(number, _shifted(written[number], after if before == after or written[number][:1] == " " else 0))
        for number in numbers
    ]


def _shifted(text: str, delta: int) -> str:
    if not delta or not text.strip():
        return text
    if delta > 0:
        return " " * delta + text
    return text[min(-delta, len(text) - len(text.lstrip(" "))) :]


class _Columns:
    """Where the entries of each frame stand in the text put right."""

    def __init__(self, final: dict[int, Frame], step: int) -> None:
        self._final, self._step = final, step
        self.opened: dict[int, int] = {-1: 0}  # the column of the key or dash that opened a frame

    def of(self, uid: int) -> int:
        frame = self._final[uid]
        at = self.opened.get(uid, 0)
        if frame.above is None:
            return 0
        if frame.column is None:
            return at + self._step
        stayed = frame.column < frame.indent + (frame.role == "map")
        base = frame.base if frame.base is not None and stayed else frame.indent
        natural = at + frame.column - base
        if frame.role == "element":
            return natural
        usual = (self._step,) if frame.role == "map" else (0, self._step)
        return frame.column if frame.column - at in usual else natural


def _line(placed: Placed, text: str, columns: _Columns, delta: int) -> tuple[list[str], str, int]:
    """Lines to put above it, the line itself, and by how much what it holds moves."""
    line = placed.line
    ending = "\r" if text.endswith("\r") else ""
    kinds = {note.what for note in placed.notes}
    if placed.frame is None:
        if slips.STRAY in kinds:
            return [], _shifted(text[: line.column] + "# " + text[line.column :], delta), delta
        return [], _shifted(text, delta), delta
    inserted: list[str] = []
    if slips.PARENT in kinds:
        parent = placed.frame
        assert parent.above is not None
        columns.opened[parent.uid] = columns.of(parent.above.uid)
        inserted.append(" " * columns.opened[parent.uid] + f"{parent.name}:{ending}")
    column = columns.of(placed.frame.uid)
    lead = line.lead
    at = column
    if placed.opened and placed.opened[0].role == "element":
        element = placed.opened[0]
        columns.opened[element.uid] = column
        if slips.NO_DASH in kinds:
            lead = "-" + " " * max((element.column or 0) - element.indent - 1, 1)
        at = columns.of(element.uid) if element.column is not None else column + len(lead)
        lead = lead.rstrip() + " " * (at - column - len(lead.rstrip())) if line.lead.count("-") < 2 else lead
    for frame in placed.opened:
        if frame.role != "element":
            columns.opened[frame.uid] = at
    begins = line.column if line.dash is None else line.dash
    content = _content(line, placed, kinds)
    said = " " * column + lead + content + ending
    if column == begins and not line.odd and not line.glued and content == line.head + _tail(line, text):
        said = text
    return inserted, said, at - line.column


def _tail(line: Line, text: str) -> str:
    """What is written after the key of a line that is kept."""
    return text.rstrip("\r").rstrip()[len(text) - len(text.lstrip()) + len(line.lead) + len(line.head) :]


def _content(line: Line, placed: Placed, kinds: set[str]) -> str:
    """Key, colon and value, put right."""
    if line.key is None:
        return line.rest
    head = line.head
    if (value := slips.requoted(placed)) is not None:
        return f"{head}: {line.rest.strip().replace(line.value, value, 1)}"
    if slips.MISSPELT in kinds and (slips.COLON in kinds or slips.is_part(placed)):
        head = line.head.replace(line.key, placed.name)
    rest = line.rest.strip()
    if slips.REMARK in kinds:
        return f"{head}: # {rest}"
    if slips.COLON in kinds and rest.startswith("#") and line.sign != "tight":
        return f"{head}:{line.rest}"
    if slips.COLON in kinds:
        return f"{head}: {rest}" if rest else f"{head}:"
    sign = {"wide": "\uff1a", "": ""}.get(line.sign, ":")
    return f"{head}{sign}{line.rest}"
