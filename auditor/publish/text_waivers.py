"""Waivers for a terminal: what became of each, how long it holds, why, and what it covers. In: `Granted` values. Out: blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from auditor.model import Granted, Problem, WaiverState
from auditor.publish import words
from auditor.publish.blocks import BLANK, Block, Span, Style, hidden, line, title
from auditor.publish.foreign import visible
from auditor.publish.text_audit import problem_blocks

_STYLES: Final[Mapping[WaiverState, Style]] = {
    WaiverState.ACTIVE: "ok",
    WaiverState.EXPIRING: "warn",
    WaiverState.EXPIRED: "bad",
    WaiverState.UNUSED: "muted",
}
_OBJECTS: Final = 5


def blocks(granted: Sequence[Granted], faults: Sequence[Problem], *, whole: bool, see_all: str) -> list[Block]:
    """`auditor waivers`: by file and line, then what is wrong with others, then one line of summary."""
    found: list[Block] = []
    file: object = ()
    for one in granted:
        place = one.waiver.place
        here = (place.source, place.file) if place else None
        if here != file:
            found.append(title(visible(place.file) if place else "Without a place in a file"))
            file = here
        found += _one(one, whole=whole, see_all=see_all)
    told = {(one.waiver.place, one.waiver.holder) for one in granted}
    unread = [fault for fault in faults if (fault.place, fault.ref) not in told]
    if unread:
        found.append(title("These do not waive"))
        for fault in unread:
            found += problem_blocks(fault.code, fault.severity, fault.message, fault.remedy, str(fault.place or ""))
    return [*found, *([BLANK] if found else []), line(Span(summary(granted, len(unread)), "strong"))]


def summary(granted: Sequence[Granted], unread: int = 0) -> str:
    """`3 waivers: 2 active, 1 expired · 1 does not waive`."""
    if not granted and not unread:
        return "No waiver is granted."
    states = Counter(one.state for one in granted)
    said = ", ".join(f"{states[state]} {state.value}" for state in WaiverState if states[state])
    parts = [f"{words.plural(len(granted), 'waiver')}{': ' if said else ''}{said}"]
    if unread:
        parts.append(f"{unread} more {'does' if unread == 1 else 'do'} not waive")
    return " · ".join(parts)


def _one(one: Granted, *, whole: bool, see_all: str) -> list[Block]:
    waiver = one.waiver
    who = (
        words.object_words(waiver.holder)
        if waiver.holder
        else ", ".join(
            f"{name} {visible(said)}" for name in ("namespace", "kind", "name") if (said := getattr(waiver, name))
        )
    )
    container = f", container {visible(waiver.container)}" if waiver.container else ""
    number = f"{waiver.place.line}  " if waiver.place else ""
    found: list[Block] = [
        line(
            [
                Span(number, "muted"),
                Span(f"{one.state.value} ", _STYLES[one.state]),
                Span(waiver.policy, "strong"),
                f"  {who}{container}",
            ],
            2,
            2,
        ),
        line(f"until {waiver.until}, by {visible(waiver.by)}: {visible(waiver.reason)}", 6, 2),
    ]
    shown = one.covers if whole else one.covers[:_OBJECTS]
    if shown and shown != (waiver.holder,):
        found.append(line([Span("covers ", "muted"), ", ".join(words.object_words(ref) for ref in shown)], 6, 2))
        found += hidden(len(one.covers) - len(shown), "object", see_all)
    return found
