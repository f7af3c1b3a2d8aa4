"""What is wrong in a text, with the line of the mistake: libyaml's errors in, ours out.

A parser says where it gave up; a person wants the line to mend. No text of the document is quoted: it may be a secret.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, TypeAlias

from yaml import MarkedYAMLError, YAMLError
from yaml.reader import ReaderError

QUOTES: Final = "these quotes are not plain ones: they are part of the value"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake; `line` and `column` count from 0 within the document's text."""

    code: str
    line: int
    column: int
    message: str
    remedy: str = ""
    index: int | None = None
    """Characters before it, where known: lines are counted from it where the text has line breaks of Unicode's own."""

    earlier: tuple[int, int, int] | None = None
    """Line, column and character of what it repeats."""
    stopped: int | None = None
    """Of text within [] or {} that begins at `index`: the colon that libyaml stopped at."""

    @classmethod
    def at(cls, mark: Any, code: str, message: str, remedy: str = "", earlier: Any = None) -> Mistake:
        where = (earlier.line, earlier.column, earlier.start) if earlier else None
        return cls(code, mark.line, mark.column, message, remedy, mark.index, where)


# libyaml counts these as line breaks, and editors do not.
_UNICODE_BREAK = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")
_BREAK = re.compile(r"\r\n?|\n")


Counted: TypeAlias = Callable[[int, int, int | None], tuple[int, int]]
"""(line, column, characters before) as libyaml tells them -> (line, column) as editors count; all from 0."""


def counter(text: bytes) -> Counted:
    """How to count in this text (UTF-8): as libyaml does, unless the text has line breaks that no editor knows."""
    if not _UNICODE_BREAK.search(text):
        return _as_told
    starts = [0, *(match.end() for match in _BREAK.finditer(text.decode("utf-8")))]

    def counted(line: int, column: int, index: int | None) -> tuple[int, int]:
        if index is None:
            return line, column
        number = bisect_right(starts, index) - 1
        return number, index - starts[number]

    return counted


def _as_told(line: int, column: int, index: int | None) -> tuple[int, int]:
    return line, column


def in_file(mistake: Mistake, first: int, counted: Counted) -> Mistake:
    """A mistake in a piece of a file that begins on line `first`, as line and column of the file, from 1."""
    line, column = counted(mistake.line, mistake.column, mistake.index)
    message = mistake.message
    if mistake.earlier:
        message += f"; the first is on line {first + counted(*mistake.earlier)[0]}"
    return replace(mistake, line=first + line, column=column + 1, message=message, index=None, earlier=None)


class Refused(Exception):
    """A document cannot be read."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.message)
        self.mistake = mistake


def explained(error: YAMLError, text: bytes, opened: Any = None) -> Refused:
    """The mistake behind an error of libyaml in this text (UTF-8); `opened` marks the [ or { that was last open, if one was."""
    if isinstance(error, ReaderError):
        before = text[: error.position].decode("utf-8", "replace")
        line = before.count("\n")
        column = len(before) - before.rfind("\n") - 1
        return Refused(
            Mistake(
                "MAN001",
                line,
                column,
                "control characters are not allowed",
                "remove the character, or write it as an escape in double quotes",
                len(before),
            )
        )
    assert isinstance(error, MarkedYAMLError)
    mark = error.problem_mark or error.context_mark
    problem, context = str(error.problem or ""), str(error.context or "")
    if context.startswith("while scanning a quoted scalar") and "unexpected" in problem:
        return Refused(
            Mistake.at(error.context_mark, "MAN001", "the quote that opens here is never closed", "close the quote")
        )
    if context.startswith("while scanning a simple key"):
        mark = error.context_mark
    if problem == "found unexpected ':'" and error.context_mark is not None:
        begin = error.context_mark
        found = Mistake.at(
            begin, "MAN001", "within [] or {}, a colon stands before a comma or a bracket", "quote the text"
        )
        return Refused(replace(found, stopped=mark.index))
    if opened is not None and _unclosed(text, opened.line, mark):
        return Refused(Mistake.at(opened, "MAN001", "the bracket that opens here is never closed", "close it"))
    if quote := _open_quote(text, mark.line):
        return Refused(
            Mistake("MAN001", *quote, "the quote that opens here is not closed on its line", "close the quote")
        )
    if tab := _tab(text, mark.line):
        return Refused(Mistake("MAN003", tab[0], tab[1], "a tab is used for indentation", "indent with spaces"))
    return Refused(Mistake.at(mark, "MAN001", problem or "this is not YAML", ""))


_OPEN_QUOTE = re.compile(rb"(?:^|[:,\[{-][ ]+)(\"[^\"]*|'[^']*)$")
_ENTRY = re.compile(rb"[ ]*(?:- )?[\w./-]+:(?:\s|$)")


def _open_quote(text: bytes, gave_up: int) -> tuple[int, int] | None:
    """(line, column) of a quote above the line that was not closed before the next key: it swallowed what follows."""
    lines = text.split(b"\n")[: gave_up + 1]
    for number, (line, below) in enumerate(pairwise(lines)):
        match = _OPEN_QUOTE.search(line.rstrip())
        if match and _ENTRY.match(below):
            return number, len(line[: match.start(1)].decode("utf-8"))
    return None


def _unclosed(text: bytes, opened: int, gave_up: Any) -> bool:
    """Whether what gave libyaml up within brackets is text that was never meant to be in them: it is not indented deeper."""
    lines = text.split(b"\n")
    if gave_up.line <= opened:
        return False
    if gave_up.line >= len(lines) or not b"\n".join(lines[gave_up.line :]).strip():
        return True
    line, above = lines[gave_up.line], lines[opened]
    return len(line) - len(line.lstrip(b" ")) <= len(above) - len(above.lstrip(b" "))


def _tab(text: bytes, line: int) -> tuple[int, int] | None:
    """(line, column) of a tab in the indentation of this line."""
    lines = text.split(b"\n", line + 1)
    if line >= len(lines):
        return None
    content = lines[line]
    indent = content[: len(content) - len(content.lstrip(b" \t"))]
    at = indent.find(b"\t")
    return (line, at) if at >= 0 else None
