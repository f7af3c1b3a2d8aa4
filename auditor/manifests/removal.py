"""A manifest without some of its fields: the text of one document and paths in, the text without them out.

Nothing else of it changes: comments, layout and the order stay. Where that cannot be had (an alias, the only entry of a map, a
layout that is not understood) the answer is None: what comes out is read again, and must say the same but for what was removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

from auditor.manifests.budget import Budget
from auditor.manifests.builder import build
from auditor.manifests.mistakes import Refused
from auditor.manifests.spots import KeySpot, Spot
from auditor.model import RawPath

_DASH: Final = re.compile(r"[ \t]*-[ \t]+")
_BLANK: Final = re.compile(r"[ \t]*")
_REST: Final = re.compile(r"[ \t]*(#[^\n]*)?\r?(\n|$)")


def without(document: bytes, paths: Iterable[RawPath]) -> bytes | None:
    """The document, in UTF-8, without what stands at the paths; None where it cannot be cut out cleanly."""
    chosen = sorted(set(paths), key=repr)
    try:
        built = build(document, Budget(), places=True)
        if built.spot is None or built.mistakes:
            return None
        text = document.decode()
        cuts = sorted(cut for path in chosen if (cut := _cut(text, built.spot, path, chosen)))
        if len(cuts) < len(chosen) or any(one[1] > other[0] for one, other in pairwise(cuts)):
            return None
        for start, end in reversed(cuts):
            text = text[:start] + text[end:]
        left = text.encode()
        again = build(left, Budget(), places=True)
    except (Refused, UnicodeDecodeError):
        return None
    same = not again.mistakes and again.value == _removed(built.value, chosen, ())
    return left if same else None


def _cut(text: str, top: Spot, path: RawPath, paths: Sequence[RawPath]) -> tuple[int, int] | None:
    """From where to where a path is to be cut out."""
    parent: Spot = top
    for step in path[:-1]:
        found = _held(parent, step)
        if found is None:
            return None
        parent = found.value if isinstance(found, KeySpot) else found
    entry = _held(parent, path[-1])
    if entry is None or parent.inside is None:
        return None
    beside = list(parent.inside.values()) if isinstance(parent.inside, dict) else list(parent.inside)
    if sum(other[:-1] == path[:-1] for other in paths) >= len(beside):
        return None  # nothing would be left of what holds it
    if text[parent.start : parent.start + 1] in ("{", "["):
        return _flow_cut(text, beside, entry)
    return _block_cut(text, entry)


def _held(spot: Spot, step: str | int) -> Spot | KeySpot | None:
    inside = spot.inside
    if isinstance(inside, dict) and isinstance(step, str):
        entry: KeySpot | None = inside.get(step)
        return entry
    if isinstance(inside, list) and isinstance(step, int) and 0 <= step < len(inside):
        element: Spot = inside[step]
        return element
    return None


def _block_cut(text: str, entry: Spot | KeySpot) -> tuple[int, int] | None:
    """Whole lines: from that of the key, or of the dash, to that on which the value ends, with the remark behind it."""
    start = text.rfind("\n", 0, entry.start) + 1
    lead = _BLANK if isinstance(entry, KeySpot) else _DASH
    end = _last(text, entry.value if isinstance(entry, KeySpot) else entry)
    rest = _REST.match(text, end)
    if not lead.fullmatch(text, start, entry.start) or rest is None:
        return None
    return start, rest.end()


def _flow_cut(text: str, beside: Sequence[Spot | KeySpot], entry: Spot | KeySpot) -> tuple[int, int]:
    """With the comma that sets it apart: up to the next entry, or from the end of the one before."""
    ordered = sorted(beside, key=lambda one: one.start)
    at = next(number for number, one in enumerate(ordered) if one.start == entry.start)
    if at + 1 < len(ordered):
        return entry.start, ordered[at + 1].start
    before = ordered[at - 1]
    return (
        _last(text, before.value if isinstance(before, KeySpot) else before),
        _last(text, entry.value if isinstance(entry, KeySpot) else entry),
    )


def _last(text: str, spot: Spot) -> int:
    """Where the value ends for the eye: libyaml ends a block where the next token begins."""
    waiting, end = [spot], spot.start
    while waiting:
        one = waiting.pop()
        inner = list(one.inside.values()) if isinstance(one.inside, dict) else list(one.inside or ())
        if inner and text[one.start : one.start + 1] not in ("{", "["):
            waiting += [each.value if isinstance(each, KeySpot) else each for each in inner]
        else:
            end = max(end, one.start + len(text[one.start : one.end].rstrip()))
    return end


def _removed(value: Any, paths: Sequence[RawPath], here: RawPath) -> Any:
    """The value without what stands at the paths; what holds none of them is the same object."""
    if not any(path[: len(here)] == here for path in paths):
        return value
    if isinstance(value, dict):
        return {k: _removed(v, paths, (*here, k)) for k, v in value.items() if (*here, k) not in paths}
    if isinstance(value, list):
        return [_removed(v, paths, (*here, n)) for n, v in enumerate(value) if (*here, n) not in paths]
    return value
