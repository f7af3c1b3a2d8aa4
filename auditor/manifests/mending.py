"""A file of manifests as its author probably meant it: its text in, every line as it should be written out.

What is certain is put right: lines at the wrong depth, colons, dashes, remarks, blanks, misspelt fields, types. Where two
readings are as likely as each other, the document is left as it is. Nothing is written anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.manifests import classes, corrections, diagnosis
from auditor.manifests.documents import LARGEST, Document, decoded, documents
from auditor.manifests.faults import faults_of, is_odd
from auditor.manifests.rewriting import Written


@dataclass(frozen=True, slots=True)
class Mended:
    """A file before and after, as lines without their breaks; `origins`: the line that each line after was before, from 1, or for
    a new line the next that is not."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    origins: tuple[int, ...]

    @property
    def changed(self) -> bool:
        return self.before != self.after


def mended(text: bytes, *, largest: int = LARGEST) -> Mended:
    """The file put right where that can be told; `largest` in bytes, larger files come back as they are."""
    whole = decoded(text)
    before = whole.decode("utf-8").split("\n")
    after: list[Written] = []
    at, looked = 0, 0
    for document in documents(text, largest=largest):
        looked += len(document.text)
        written = _document(document) if looked <= diagnosis.LARGEST else None
        if written is None:
            continue
        first = document.first - 1
        count = len(document.text.decode("utf-8").removesuffix("\n").split("\n"))
        after.extend(Written(number, before[number]) for number in range(at, first))
        after.extend(Written(None if each.number is None else each.number + first, each.text) for each in written)
        at = first + count
    after.extend(Written(number, before[number]) for number in range(at, len(before)))
    return Mended(tuple(before), tuple(each.text for each in after), tuple(_origins(after)))


def _origins(written: Sequence[Written]) -> list[int]:
    found: list[int] = []
    following = len(written)
    for each in reversed(written):
        following = following if each.number is None else each.number + 1
        found.append(following)
    return found[::-1]


def _document(document: Document) -> list[Written] | None:
    """The lines of a document put right; None where there is nothing to put right, or it cannot be told how."""
    if document.readable and not document.mistakes:
        value = document.value
        if classes.no_manifest(value) or not isinstance(value, dict):
            return None
        if not faults_of(value) and not is_odd(document.text):
            return None
    text = document.text.decode("utf-8").removesuffix("\n")
    found = diagnosis.diagnoses(text)
    if not found or any(each.body is None or each.doubts for each in found):
        return None
    written: list[Written] = []
    for each in found:
        if each.part.first:
            written.append(Written(each.part.ruler, "---" + _ending(text)))
        written.extend(
            Written(None if line.number is None else line.number + each.part.first, line.text)
            for line in corrections.corrected(each)
        )
    changed = [each.text for each in written] != text.split("\n")
    return written if changed else None


def _ending(text: str) -> str:
    return "\r" if "\r\n" in text else ""
