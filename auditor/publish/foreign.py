"""Text of others, made safe to show: names, messages and paths come from repositories and clusters, so anybody writes them.

In: any string, lone surrogates and control characters included. Out: a string of visible characters that every encoder
takes. What was there is shown, not dropped: a name with a right-to-left override is news.
"""

from __future__ import annotations

import re
from typing import Final

# Not visible, or changing how their neighbours look (Unicode TR 36 and 39): controls, bidi and format characters, other
# spaces than the plain one, variation selectors, tags, byte order mark, and surrogates, which no encoder takes.
_HIDDEN: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\xa0\\xad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200f\\u2028-\\u202f"
    "\\u205f-\\u206f\\u2800\\u3000\\u3164\\ud800-\\udfff\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\uffff"
    "\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff]"
)
_LONE: Final = re.compile("[\ud800-\udfff]")
LONGEST: Final = 512
"""Characters of one foreign text that are shown; the rest is counted."""


def visible(text: str, limit: int = LONGEST) -> str:
    """Every character that cannot be seen becomes `⟨U+202E⟩`; beyond `limit` characters the rest is counted, not shown."""
    shown = _HIDDEN.sub(_code_point, text[:limit])
    return shown if len(text) <= limit else f"{shown}… (and {len(text) - limit} more characters)"


def visible_lines(text: str, limit: int = 100_000) -> str:
    """As `visible`, but lines stay lines: for manifests and other text that is meant to have them. Tabs become four blanks."""
    return "\n".join(visible(line.expandtabs(4), limit) for line in text.split("\n"))


def shorten(text: str, limit: int = 80) -> str:
    """Visible, and cut in the middle above `limit` characters: ends of names are what tells them apart."""
    shown = visible(text, limit=2000)
    if len(shown) <= limit:
        return shown
    tail = (limit - 1) * 2 // 5
    return f"{shown[: limit - 1 - tail]}…{shown[-tail:]}"


def encodable(text: str) -> str:
    """The same text where any encoder takes it; else lone surrogates are written out.

    A byte of a file name that is not UTF-8 (Python keeps it as U+DC80…U+DCFF) becomes `%FF`, any other lone surrogate `\\\\ud800`.
    """
    return _LONE.sub(_written_out, text) if _LONE.search(text) else text


def _code_point(found: re.Match[str]) -> str:
    return f"⟨U+{ord(found[0]):04X}⟩"


def _written_out(found: re.Match[str]) -> str:
    point = ord(found[0])
    return f"%{point - 0xDC00:02X}" if 0xDC80 <= point <= 0xDCFF else f"\\u{point:04x}"
