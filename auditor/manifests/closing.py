"""Quotes and brackets that were never closed: the line that opens one, closed at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditor.manifests.mistakes import Mistake
from auditor.manifests.rewriting import Written

_CLOSES = {"[": "]", "{": "}"}


def closed(written: Sequence[Written], mistake: Mistake) -> tuple[list[Written], Mistake] | None:
    """The lines with what opens at the place of this mistake closed, and the mistake at the line of the text as it was; None where
    it is of another sort."""
    if "that opens here" not in mistake.message or mistake.line >= len(written):
        return None
    number, text = written[mistake.line]
    opening = text[mistake.column : mistake.column + 1]
    if opening in ("'", '"'):
        ending = opening
    elif opening in _CLOSES:
        rest = text[mistake.column :]
        ending = "".join(_CLOSES[each] * max(rest.count(each) - rest.count(_CLOSES[each]), 0) for each in ("{", "["))
    else:
        return None
    line = Written(number, text.rstrip() + ending)
    lines = [*written[: mistake.line], line, *written[mistake.line + 1 :]]
    return lines, replace(mistake, line=number if number is not None else 0, index=None)
