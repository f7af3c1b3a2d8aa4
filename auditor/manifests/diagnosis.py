"""What the author of a broken manifest probably meant: its text in, one mistake for each slip of the hand out, and the text put right.

Asked only about documents that cannot be read or do not fit their schema. Lines are put where they belong by the names of
fields that Kubernetes knows: whoever writes `containers` beside `spec` meant it below. Nothing is said that the schema does
not bear out; no value is quoted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from auditor.manifests import closing, heads, readings, rewriting, slips
from auditor.manifests.budget import MOST_TOLD, Budget
from auditor.manifests.builder import Built, build
from auditor.manifests.faults import faults_of
from auditor.manifests.heads import Head, Part
from auditor.manifests.lines import lines
from auditor.manifests.mistakes import QUOTES, Mistake, Refused
from auditor.manifests.parts import Fault
from auditor.manifests.readings import Reading
from auditor.manifests.rewriting import Written
from auditor.manifests.spots import KeySpot, Spot

LARGEST: Final = 100_000
"""Characters of a document that is looked at; larger ones were not typed by hand."""
_TABS: Final = (2, 4, 8)
_ALIKE: Final = 0.09
"""Readings whose cost differs by no more are equally plausible."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is known of one document. Lines count from 0 within the text that was given.

    `slips`: what is wrong with its lines. `written`: its lines without those. `body`: what they say, None where they still
    cannot be read; then `refused` tells why. `faults`: what the schema has to say of the body, at line and column of the
    text as it was. `doubts`: where two readings are as likely as each other; nothing is put right then.
    """

    part: Part
    head: Head
    slips: tuple[Mistake, ...]
    written: tuple[Written, ...]
    built: Built | None
    refused: Mistake | None
    faults: tuple[tuple[Fault, int, int], ...] = ()
    doubts: tuple[Mistake, ...] = ()

    @property
    def body(self) -> Mapping[str, Any] | None:
        return self.built.value if self.built is not None and isinstance(self.built.value, Mapping) else None


def diagnosed(text: str) -> list[Mistake]:
    """The slips in one document, in the order of its lines; none where its kind is not known. Lines and columns from 0."""
    return [mistake for each in diagnoses(text) for mistake in (*each.slips, *each.doubts)][:MOST_TOLD]


def diagnoses(text: str) -> list[Diagnosis]:
    """What is known of a document, or of each that its text holds; none where it cannot be told what it was meant to be."""
    if len(text) > LARGEST or "{{" in text or text.lstrip()[:1] in ("{", "["):
        return []
    found: list[Diagnosis] = []
    for part in heads.parts(text):
        diagnosis = _of_part(part)
        if diagnosis is None:
            return []
        if part.first:
            message = "a second document begins here without a line ---"
            at = part.ruler if part.ruler is not None else part.first
            remedy = "write --- on this line" if part.ruler is not None else "put a line --- above it"
            diagnosis = replace(diagnosis, slips=(Mistake("MAN001", at, 0, message, remedy), *diagnosis.slips))
        found.append(diagnosis)
    return found


def _of_part(part: Part) -> Diagnosis | None:
    widths = (
        _TABS if any("\t" in line[: len(line) - len(line.lstrip())] for line in part.text.split("\n")) else _TABS[:1]
    )
    tried = [
        (reading, head)
        for head in heads.heads(part.text)
        for width in widths
        for reading in readings.readings(lines(part.text, width), head.node, head.kind)
    ]
    if not tried:
        return None
    tried.sort(key=lambda each: each[0].cost)
    cheapest = tried[0][0].cost
    found = _diagnosed(part, *tried[0])
    for reading, head in tried[1:4]:
        if found.body is not None or reading.cost > cheapest + 1:
            break
        other = _diagnosed(part, reading, head)
        found = other if other.body is not None else found
    likely = {each[1][:2] for each in tried if each[0].cost <= cheapest + _ALIKE}
    if len(likely) > 1:
        return _kind_in_doubt(found, sorted(likely))
    if found.slips and found.body is not None:
        plain = _as_it_is(part, found.head)
        odd = any(mistake.message == QUOTES for mistake in found.slips)
        if not plain.slips and plain.body is not None and len(plain.faults) <= len(found.faults) and not odd:
            return plain  # it can be read, and nothing is gained by moving lines
        others = [_diagnosed(part, *each) for each in tried[1:6] if each[0].cost <= cheapest + _ALIKE]
        alike = (
            each for each in others if each.body not in (None, found.body) and len(each.faults) <= len(found.faults)
        )
        if second := next(alike, None):
            found = _in_doubt(found, second)
    return found


def _kind_in_doubt(found: Diagnosis, likely: Sequence[tuple[str, str]]) -> Diagnosis:
    """Its apiVersion or its kind is missing, and what is written fits several."""
    missing = "kind" if len({kind for _, kind in likely}) > 1 else "apiVersion"
    names = [kind if missing == "kind" else api_version for api_version, kind in likely]
    fits = f", and what is written fits {', '.join(names[:-1])} and {names[-1]}" if len(names) < 6 else ""
    said = f"{missing} is missing{fits}"
    written = enumerate(found.part.text.split("\n"))
    line = next((number for number, text in written if text.strip() and not text.startswith(("#", "---"))), 0)
    doubt = Mistake("MAN005", found.part.first + line, 0, said, f"add {missing}")
    faults = tuple(each for each in found.faults if each[0].path != (missing,))
    return replace(found, doubts=(doubt,), faults=faults)


def _diagnosed(part: Part, reading: Reading, head: Head) -> Diagnosis:
    told = [mistake for placed in reading.placed for mistake in slips.of(placed)]
    return _read(part, head, rewriting.rewritten(part.text, reading), told)


def _as_it_is(part: Part, head: Head) -> Diagnosis:
    written = [Written(number, line) for number, line in enumerate(part.text.split("\n"))]
    return _read(part, head, written, [])


def _read(part: Part, head: Head, written: list[Written], told: list[Mistake]) -> Diagnosis:
    """What the lines put right say, once what is not closed is; `told` is what was wrong with them."""
    built, refused = None, None
    for _ in range(5):
        text = "\n".join(each.text for each in written)
        try:
            built, refused = build(text.encode("utf-8", "replace"), Budget(), places=True), None
            break
        except Refused as error:
            refused = error.mistake
            closed = closing.closed(written, refused)
            if closed is None:
                break
            written, mistake = closed
            told.append(mistake)
    told.sort(key=lambda mistake: mistake.line)
    told = [replace(each, line=each.line + part.first) for each in told[:MOST_TOLD]]
    found = Diagnosis(part, head, tuple(told), tuple(written), built, refused)
    return replace(found, faults=tuple(_faults(found)))


def _faults(diagnosis: Diagnosis) -> list[tuple[Fault, int, int]]:
    body = diagnosis.body
    if body is None or diagnosis.built is None:
        return []
    found = faults_of(body)
    return [(fault, *_place(diagnosis, fault)) for fault in found]


def _place(diagnosis: Diagnosis, fault: Fault) -> tuple[int, int]:
    """Line and column of a fault in the text as it was."""
    spot = spot_of(diagnosis.built, fault.path)
    return origin(diagnosis, spot.line), spot.column


def spot_of(built: Built | None, path: tuple[str | int, ...]) -> Spot | KeySpot:
    """Where a path, or the nearest parent that is written, stands in the text put right."""
    found: Spot | KeySpot = Spot(0, 0, 0, 0, None) if built is None or built.spot is None else built.spot
    spot = found
    for step in path:
        inside = spot.inside if isinstance(spot, Spot) else None
        if isinstance(inside, dict) and isinstance(step, str) and step in inside:
            found, spot = inside[step], inside[step].value
        elif isinstance(inside, list) and isinstance(step, int) and step < len(inside):
            found = spot = inside[step]
        else:
            break
    return found


def origin(diagnosis: Diagnosis, line: int) -> int:
    """The line of the text as it was that a line of the text put right was, or the next one that is not new."""
    numbers = [each.number for each in diagnosis.written[line:]]
    number = next((number for number in numbers if number is not None), 0)
    return number + diagnosis.part.first


def _in_doubt(found: Diagnosis, other: Diagnosis) -> Diagnosis:
    """Two readings that are as likely as each other: both are said."""
    ours = {mistake.line: mistake for mistake in found.slips}
    theirs = {mistake.line: mistake for mistake in other.slips}
    doubts = []
    for line in sorted(ours.keys() | theirs.keys()):
        first, second = ours.get(line), theirs.get(line)
        if first == second:
            continue
        said = first or second
        assert said is not None
        if first is not None and second is not None:
            message = f"{first.message}, or {second.message.removeprefix('wrong depth: ')}: both can be meant"
            doubts.append(replace(said, message=message, remedy=f"{first.remedy}, or {second.remedy}"))
        else:
            doubts.append(replace(said, message=f"{said.message}, or the lines about it are meant otherwise"))
    same = tuple(mistake for mistake in found.slips if theirs.get(mistake.line) == mistake)
    return replace(found, slips=same, doubts=tuple(doubts))
