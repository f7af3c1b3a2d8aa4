"""What the schema says is wrong with a document that can be read, put right where only one thing can be meant.

A diagnosis in, the lines of its text out: misspelt fields, values of another type, a status, entries written twice alike, an
apiVersion that is known by the kind. What cannot be told is left as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final, NamedTuple

from auditor.manifests import scalars
from auditor.manifests.budget import Budget
from auditor.manifests.builder import Built, build
from auditor.manifests.diagnosis import Diagnosis, spot_of
from auditor.manifests.faults import faults_of
from auditor.manifests.mistakes import Refused
from auditor.manifests.parts import Fault
from auditor.manifests.rewriting import Written
from auditor.manifests.spots import KeySpot, Spot


class _Edit(NamedTuple):
    """`line` from 0; characters from `start` to `end` become `text`. With `lines`, so many whole lines go instead."""

    line: int
    start: int
    end: int
    text: str
    lines: int = 0


_ROUNDS: Final = 3
"""Putting one thing right can show another: what stands below a misspelt field was not looked at before."""
_PLAIN: Final = re.compile(r"[\w./:@+-]+")


def corrected(found: Diagnosis) -> list[Written]:
    """The lines of the document, put right as far as that is certain."""
    written = _headed(found)
    for _ in range(_ROUNDS):
        built = _built(written)
        if built is None or not isinstance(built.value, dict):
            return written
        faults = faults_of(built.value)
        edits = [edit for fault in faults if (edit := _edit(fault, written, built, found))]
        edits += _doubles(written, built)
        better = _applied(written, edits) if edits else written
        again = _built(better) if edits else None
        if again is None or not isinstance(again.value, dict):
            return written
        if len(faults_of(again.value)) + len(again.mistakes) >= len(faults) + len(built.mistakes):
            return written
        written = better
    return written


def _headed(found: Diagnosis) -> list[Written]:
    """With the apiVersion or the kind that are missing, above all other lines."""
    body = found.body or {}
    known = {key.lower() for key in body}
    missing = [
        f"{name}: {value}"
        for name, value in (("apiVersion", found.head.api_version), ("kind", found.head.kind))
        if name.lower() not in known
    ]
    written = list(found.written)
    at = next((index for index, each in enumerate(written) if each.text.strip() and not each.text.startswith("#")), 0)
    at += bool(missing) and "apiversion" in known and re.match(r"apiVersion\b", written[at].text) is not None
    ending = "\r" if any(each.text.endswith("\r") for each in written) else ""
    return [*written[:at], *(Written(None, each + ending) for each in missing), *written[at:]]


def _built(written: Iterable[Written]) -> Built | None:
    try:
        return build("\n".join(each.text for each in written).encode("utf-8", "replace"), Budget(), places=True)
    except Refused:
        return None


def _applied(written: list[Written], edits: Iterable[_Edit]) -> list[Written]:
    made = list(written)
    last = len(made) + 1
    for edit in sorted(set(edits), key=lambda edit: (edit.line, edit.start), reverse=True):
        if edit.line + edit.lines > last:
            continue  # within what went already
        last = edit.line
        if edit.lines:
            del made[edit.line : edit.line + edit.lines]
        else:
            number, text = made[edit.line]
            made[edit.line] = Written(number, text[: edit.start] + edit.text + text[edit.end :])
            last = edit.line + 1  # several on one line: from right to left
    return made


def _edit(fault: Fault, written: list[Written], built: Built, found: Diagnosis) -> _Edit | None:
    spot = spot_of(built, fault.path)
    if not isinstance(spot, KeySpot) and not fault.wanted:
        return None
    if fault.path and fault.path[-1] == "status" and len(fault.path) == 1 and isinstance(spot, KeySpot):
        return _removed(spot, written)
    if fault.instead_of and isinstance(spot, KeySpot):
        return _renamed(written, spot, str(fault.path[-1]), fault.instead_of)
    if fault.code in ("MAN004", "MAN006") and isinstance(spot, KeySpot) and fault.path in (("apiVersion",), ("kind",)):
        return _replaced(
            written, spot.value, found.head.api_version if fault.path[0] == "apiVersion" else found.head.kind
        )
    if fault.wanted:
        return _retyped(written, spot.value if isinstance(spot, KeySpot) else spot, fault.wanted)
    return None


def _renamed(written: list[Written], spot: KeySpot, key: str, name: str) -> _Edit | None:
    text = written[spot.line].text
    start = spot.column + (text[spot.column : spot.column + 1] in ("'", '"'))
    return _Edit(spot.line, start, start + len(key), name) if text[start:].startswith(key) else None


def _written(written: list[Written], spot: Spot) -> str | None:
    """The text of a scalar that stands on one line."""
    text = written[spot.line].text[spot.column : spot.column + spot.end - spot.start].rstrip("\r")
    return text if spot.inside is None and spot.end > spot.start and len(text) == spot.end - spot.start else None


def _replaced(written: list[Written], spot: Spot, value: str) -> _Edit | None:
    text = _written(written, spot)
    return None if text is None or text == value else _Edit(spot.line, spot.column, spot.column + len(text), value)


def _retyped(written: list[Written], spot: Spot, wanted: str) -> _Edit | None:
    text = _written(written, spot)
    if text is None:
        return None
    value = _as(text, wanted)
    return None if value is None else _Edit(spot.line, spot.column, spot.column + len(text), value)


def _as(text: str, wanted: str) -> str | None:
    """The scalar as it is written for a type; None where it cannot be meant so."""
    if wanted == "string":
        return f'"{text}"' if _PLAIN.fullmatch(text) else None
    bare = unicodedata.normalize("NFKC", text).strip("\"'\u201c\u201d\u2018\u2019").strip()
    types: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,)}
    if wanted not in types:
        return None
    first, _, remark = bare.partition(" ")
    if match := re.fullmatch(r"([\w.+-]+?)\s*([(\[\u3010\u300c].*)", bare):
        first, remark = match[1], match[2]
    value = scalars.plain(first) if first else None
    if type(value) not in types[wanted]:
        return None
    return first + (f" # {remark.strip()}" if remark.strip() else "")


def _removed(spot: KeySpot, written: list[Written]) -> _Edit | None:
    """An entry of a map in block style, with all that it holds."""
    text = written[spot.line].text
    if text[: spot.column].strip():
        return None
    return _Edit(spot.line, 0, 0, "", _extent(written, spot.line, spot.column))


def _extent(written: list[Written], line: int, column: int) -> int:
    """How many lines the entry has that begins on a line, at a column."""
    end = line + 1
    for number in range(line + 1, len(written)):
        text = written[number].text
        content = text.strip()
        indent = len(text) - len(text.lstrip(" "))
        if (
            content
            and not content.startswith("#")
            and indent <= column
            and not (indent == column and content[0] == "-")
        ):
            break
        if content and not content.startswith("#"):
            end = number + 1
    return end - line


def _doubles(written: list[Written], built: Built) -> list[_Edit]:
    """Entries that are written twice, word for word: the second one goes."""
    found = []
    for mistake in built.mistakes:
        if mistake.code != "MAN002" or mistake.earlier is None:
            continue
        line, column = mistake.earlier[:2]
        count, again = _extent(written, line, column), _extent(written, mistake.line, mistake.column)
        first = [each.text.strip() for each in written[line : line + count]]
        second = [each.text.strip() for each in written[mistake.line : mistake.line + again]]
        if first == second and not written[mistake.line].text[: mistake.column].strip():
            found.append(_Edit(mistake.line, 0, 0, "", again))
    return found
