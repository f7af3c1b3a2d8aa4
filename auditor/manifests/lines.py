"""The lines of a manifest as a person wrote them, whether or not they are YAML: text in, what each line seems to say out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Line:
    """One line that says something. `number` counts from 0; columns from 0, with tabs of the width that was asked for.

    `dash`: the column of its dash, None without one; `column`: where its key or text begins. `key` is None where the line has
    nothing like a key. `sign` is what stands after the key: ":" with a blank or the end after it, "tight" (a colon and text at
    once), "remark" and "aside" (a colon and words in brackets, at once or after a blank), "noted" (words in brackets and then a
    colon), "wide" (a full-width colon), "" (no colon). `value` is what follows, without a remark.
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
    deeper: bool = False
    """Whether the next line is indented more, as what it holds would be."""
    lead: str = ""
    """Its dashes, as they should be written."""
    head: str = ""
    """Its key as it is written, with its quotes."""
    rest: str = ""
    """What follows the sign, as it is written."""
    odd: str = ""
    """"tab" or "space" where it is indented, or set apart, by blanks that YAML does not take for such; "dash" for a longer dash."""


# Full-width characters are written as escapes, so that nobody takes them for their likes.
WIDE_COLON: Final = "\uff1a"
_SPACE: Final = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
_BRACKET: Final = "\uff08\u3010\u300c\uff3b"
_KEY = re.compile(
    r"(?P<key>[\w$.][\w$./-]*|\"[^\"]*\"|'[^']*')(?P<gap>[ \t" + _SPACE + r"]*)"
    r"(?P<note>(?:[" + _BRACKET + r"][^:" + WIDE_COLON + r"]*(?=[:" + WIDE_COLON + r"]))?)"
    r"(?P<sign>[:" + WIDE_COLON + r"]?)(?P<rest>.*)",
    re.DOTALL,
)
_DASH = re.compile(r"[-\uff0d\u2013\u2014](?:[ " + _SPACE + r"]+|$)")
_GLUED = re.compile(r"-(?=[A-Za-z][\w-]*[ ]*[:" + WIDE_COLON + r"])")
_REMARK = re.compile(r"[" + _BRACKET + r"].*|\(.*\)$")
_BLOCK = re.compile(r"[|>][-+0-9]*([ ]+#.*)?$")
_INDENT = re.compile(r"[ \t" + _SPACE + r"]*")
_ODD = re.compile(r"[" + _SPACE + r"]")
_OUTER = re.compile(r"^[" + _SPACE + r" \t]+|[" + _SPACE + r" \t]+$")


def lines(text: str, tab: int = 2) -> list[Line]:
    """All lines that say something; those of block scalars, of quoted text and of brackets that go on belong to the first.

    `tab`: how many columns a tab in the indentation is taken for.
    """
    found = list(_lines(text.split("\n"), tab))
    return [_opening(line, found[index + 1] if index + 1 < len(found) else None) for index, line in enumerate(found)]


def _lines(texts: list[str], tab: int) -> Iterator[Line]:
    number = 0
    while number < len(texts):
        line = _line(number, texts[number].rstrip(), tab)
        number += 1
        if line is None:
            continue
        yield line
        number = _end(line, texts, number)


def _line(number: int, text: str, tab: int) -> Line | None:
    indent = _INDENT.match(text)[0]  # type: ignore[index]
    content = text[len(indent) :]
    if not content or content.startswith(("#", "---", "...")):
        return None
    odd = "tab" if "\t" in indent else "space" if not indent.isascii() else ""
    column = len(indent.expandtabs(tab) if odd == "tab" else indent)
    dash: int | None = None
    glued = False
    lead = ""
    while match := _DASH.match(content):
        dash = column if dash is None else dash
        if not match[0].isascii():
            odd = odd or ("space" if content[0] == "-" else "dash")
        column += match.end()
        lead += "-" + " " * max(match.end() - 1, 0)
        content = content[match.end() :]
    if dash is None and (match := _GLUED.match(content)):
        dash, glued, lead = column, True, "- "
        column, content = column + 1, content[1:]
    match = _KEY.match(content)
    if not match:
        return Line(number, column, dash, None, "", content, glued, lead=lead, rest=content, odd=odd)
    head, sign, rest = match["key"], match["sign"], match["rest"]
    key = head.strip("\"'")
    if (odd_gap := _ODD.match(rest)) or _ODD.search(match["gap"]):
        odd = odd or "space"
    if odd_gap:
        rest = " " + _OUTER.sub("", rest)
    value = without_remark(rest)
    if match["note"]:
        sign, rest = "noted", match["note"]
        value = ""
    elif sign == WIDE_COLON:
        sign = "wide"
    elif sign == ":" and _REMARK.match(value.strip()):
        sign = "aside" if rest.startswith((" ", "\t")) else "remark"
    elif sign == ":" and rest and not rest.startswith((" ", "\t")):
        sign = "tight"
    elif sign == "" and (match["gap"] or not rest):
        rest = match["gap"] + rest
        value = without_remark(rest)
    elif sign == "":
        return Line(number, column, dash, None, "", content, glued, lead=lead, rest=content, odd=odd)
    return Line(number, column, dash, key, sign, value.strip(), glued, lead=lead, head=head, rest=rest, odd=odd)


def without_remark(value: str) -> str:
    """The value on a line, without the comment that follows it."""
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
    if line.key is None or following is None:
        return line
    own = line.column
    deeper = (
        following.column > own
        if following.dash is None
        else following.dash >= (own if line.dash is None else line.dash + 1)
    )
    if not deeper:
        return line
    bare = not line.value or line.sign in ("remark", "aside", "wide")
    return replace(line, opens=bare, deeper=True)
