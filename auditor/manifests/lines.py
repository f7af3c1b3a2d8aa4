"""The lines of a manifest as a person wrote them, whether or not they are YAML: text in, what each line seems to say out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Line:
    """One line that says something. `number` counts from 0; columns from 0.

    `dash`: the column of its dash, None without one; `column`: where its key or text begins. `key` is None where the line has
    nothing like a key. `sign` is what stands after the key: ":" with a blank or the end after it, "tight" (a colon and text at
    once), "remark" and "aside" (a colon and words in brackets, at once or after a blank), "wide" (a full-width colon), "" (no
    colon). `value` is what follows.
    `glued`: no blank after the dash.
    """

    number: int
    column: int
    dash: int | None
    key: str | None
    sign: str
    value: str
    glued: bool = False
    opens: bool = False
    """Whether it has no value of its own and what it holds stands below."""


# Full-width characters are written as escapes, so that nobody takes them for their likes.
_WIDE: Final = "\uff1a"
_KEY = re.compile(
    r"(?P<key>[A-Za-z$_][\w$./-]*|\"[^\"]*\"|'[^']*')(?P<gap>[ \t]*)(?P<sign>[:" + _WIDE + r"]?)(?P<rest>.*)", re.DOTALL
)
_DASH = re.compile(r"-[ ]+|-$")
_GLUED = re.compile(r"-(?=[A-Za-z][\w-]*[ ]*[:" + _WIDE + r"])")
_REMARK = re.compile(r"[\uff08\u3010\u300c\uff3b].*|\(.*\)$")
_BLOCK = re.compile(r"[|>][-+0-9]*([ ]+#.*)?$")


def lines(text: str) -> list[Line]:
    """All lines that say something; those of block scalars, of quoted text and of brackets that go on belong to the first."""
    found = list(_lines(text.split("\n")))
    return [_opening(line, found[index + 1] if index + 1 < len(found) else None) for index, line in enumerate(found)]


def _lines(texts: list[str]) -> Iterator[Line]:
    number = 0
    while number < len(texts):
        line = _line(number, texts[number].rstrip())
        number += 1
        if line is None:
            continue
        yield line
        number = _end(line, texts, number)


def _line(number: int, text: str) -> Line | None:
    content = text.lstrip(" ")
    column = len(text) - len(content)
    if not content or content.startswith(("#", "---", "...")):
        return None
    dash: int | None = None
    glued = False
    while match := _DASH.match(content):
        dash = column if dash is None else dash
        column += match.end()
        content = content[match.end() :]
    if dash is None and (match := _GLUED.match(content)):
        dash, glued = column, True
        column, content = column + 1, content[1:]
    match = _KEY.match(content)
    if not match:
        return Line(number, column, dash, None, "", content, glued)
    key, sign, rest = match["key"].strip("\"'"), match["sign"], match["rest"]
    value = _without_remark(rest)
    if sign == _WIDE:
        sign = "wide"
    elif sign == ":" and _REMARK.match(value.strip()):
        sign = "aside" if rest.startswith((" ", "\t")) else "remark"
    elif sign == ":" and rest and not rest.startswith((" ", "\t")):
        sign = "tight"
    elif sign == "" and (match["gap"] or not rest):
        value = _without_remark(match["gap"] + rest)
    elif sign == "":
        return Line(number, column, dash, None, "", content, glued)
    return Line(number, column, dash, key, sign, value.strip(), glued)


def _without_remark(value: str) -> str:
    if value.lstrip().startswith("#") and value[:1] in (" ", "\t"):
        return ""
    return value if value.lstrip().startswith(("'", '"')) else value.split(" #", 1)[0]


def _end(line: Line, texts: list[str], number: int) -> int:
    """The number of the first line that the value of this one does not go on in."""
    indent = line.column if line.dash is None else line.dash
    if _BLOCK.match(line.value):
        while number < len(texts) and (not texts[number].strip() or _indent(texts[number]) > indent):
            number += 1
        return number
    opening = line.value[:1]
    if opening in ('"', "'") and line.value.count(opening) % 2:
        return _after(texts, number, lambda text: text.count(opening) % 2 == 1)
    if opening in ("[", "{"):
        open_now = _brackets(line.value)
        while number < len(texts) and open_now > 0 and (not texts[number].strip() or _indent(texts[number]) > indent):
            open_now += _brackets(texts[number])
            number += 1
        if number < len(texts) and open_now > 0 and open_now + _brackets(texts[number]) == 0:
            number += 1
    return number


def _after(texts: list[str], number: int, ends: object) -> int:
    assert callable(ends)
    for at in range(number, len(texts)):
        if ends(texts[at]):
            return at + 1
    return number


_QUOTED: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")


def _brackets(text: str) -> int:
    bare = _QUOTED.sub("", text)
    return bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" "))


def _opening(line: Line, following: Line | None) -> Line:
    if line.key is None or following is None or (line.value and line.sign not in ("remark", "aside", "wide")):
        return line
    own = line.column
    deeper = (
        following.column > own
        if following.dash is None
        else following.dash >= (own if line.dash is None else line.dash + 1)
    )
    if not deeper:
        return line
    return Line(line.number, line.column, line.dash, line.key, line.sign, line.value, line.glued, True)
