"""Manifests as they were probably meant: as unified diffs, as whole texts, and as JSON. In: lines before and after. Out: text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Final, Protocol

from auditor import model
from auditor.publish import forms
from auditor.publish.foreign import encodable, visible
from auditor.publish.jsonform import problem_forms

_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Mend(Protocol):
    """One file, put right where it was not."""

    @property
    def file(self) -> str: ...
    @property
    def before(self) -> Sequence[str]: ...
    @property
    def after(self) -> Sequence[str]: ...
    @property
    def masked(self) -> bool: ...


def diff(mend: Mend) -> str:
    """The changes of one file as a unified diff, with a line feed at its end; hidden characters as they are."""
    before, after = (_lines(lines) for lines in (mend.before, mend.after))
    name = visible(mend.file).lstrip("/")
    return "".join(f"{line}\n" for line in difflib.unified_diff(before, after, f"a/{name}", f"b/{name}", lineterm=""))


def diffs_text(mends: Sequence[Mend], *, readable: bool) -> str:
    """All changes, one file after the other; `readable` for a terminal, where characters that cannot be seen are shown."""
    text = "".join(diff(mend) for mend in mends)
    return "\n".join(visible(line, 100_000) for line in text.split("\n")) if readable else text


def whole_text(mends: Sequence[Mend]) -> str:
    """The files whole, as one stream of documents."""
    texts = ["\n".join(_lines(mend.after)).rstrip("\n") + "\n" for mend in mends]
    return "".join(text if index == 0 or text.startswith("---") else f"---\n{text}" for index, text in enumerate(texts))


def mends_form(mends: Sequence[Mend], problems: Sequence[model.Problem]) -> forms.MendsForm:
    """The same for programs."""
    return {
        "version": 1,
        "mends": [
            {"file": visible(mend.file), "diff": diff(mend), "text": whole_text([mend]), "masked": mend.masked}
            for mend in mends
        ],
        "problems": problem_forms(problems),
    }


def _lines(lines: Sequence[str]) -> list[str]:
    """Without what follows the last line break, and with nothing that steers a terminal; CRLF stays."""
    kept = list(lines[:-1] if lines and not lines[-1] else lines)
    return [_harmless(line[:-1]) + "\r" if line.endswith("\r") else _harmless(line) for line in kept]


def _harmless(line: str) -> str:
    return encodable(_CONTROLS.sub("\ufffd", line))
