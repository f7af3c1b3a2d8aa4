"""One YAML document in, plain dicts and lists out: kubectl's reading of it, without recursion and within a budget.

libyaml's events drive an explicit stack, so that no depth of nesting can exhaust ours; aliases and merges are counted as they
would unfold, so that a bomb is refused before it grows. With `places`, the place of every key and element comes back beside
the values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from yaml import YAMLError
from yaml.cyaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from auditor.manifests import scalars
from auditor.manifests.budget import DEEPEST, MOST_TOLD, Budget, check, height, too_deep
from auditor.manifests.mistakes import Mistake, Refused, explained
from auditor.manifests.refusals import indicator_in_flow, key_text, no_number, nul, tagged
from auditor.manifests.spots import KeySpot, Spot


@dataclass(slots=True)
class Built:
    """One document. `begin` is where its content begins (line, column and character, from 0), None where there is none;
    `spot` its places, if wanted. Duplicate keys are only noticed without places; with them they are among the mistakes."""

    value: Any = None
    begin: tuple[int, int, int] | None = None
    spot: Spot | None = None
    duplicates: bool = False
    mistakes: list[Mistake] = field(default_factory=list)
    stack: list[tuple[Any, ...]] = field(default_factory=list)
    """What was open when it ended: the last of each is the event that opened it."""


class _Anchor:
    """What an anchor names: `nodes` is what it unfolds to, None while it is still open."""

    __slots__ = ("height", "nodes", "spot", "value")

    def __init__(self) -> None:
        self.nodes: int | None = None
        self.value: Any = None
        self.height = 0
        self.spot: Spot | None = None


_KEY: Final = object()  # a map waits for its next key
_MERGE: Final = object()  # the key was `<<`
_UNSEEN: Final = object()


def build(text: bytes, budget: Budget, *, places: bool = False, wary: bool = False) -> Built:
    """Read the first document of a text in UTF-8.

    `wary`: the text has an escape that can make a NUL. Raises Refused, with the place of the mistake where it can be told.
    """
    parser = CParser(text)
    built = Built()
    try:
        try:
            _build(parser, budget, built, places, wary)
        except YAMLError as error:
            opened = next((frame[-1] for frame in reversed(built.stack) if frame[-1].flow_style), None)
            raise explained(error, text, opened and opened.start_mark) from None
        _nothing_follows(parser, text, built)
    finally:
        parser.dispose()
    return built


def _build(parser: CParser, budget: Budget, built: Built, places: bool, wary: bool) -> None:
    get_event = parser.get_event
    values, keys, longest = budget.values, budget.keys, 40
    stack = built.stack
    holder: Any = None  # the dict or list being filled; None at the top
    in_map = in_flow = False
    key: Any = None
    anchors: dict[str, _Anchor] = {}
    heights: dict[int, int] = {}
    merged: dict[int, set[str]] = {}  # keys that came by merge into a map still open
    kept: list[Any] = []  # keeps the ids in `heights` from being used again
    anchor: _Anchor | None
    nodes, aliased = 1, 0
    infinite: list[Any] = []  # what is no number in JSON is refused, unless a later entry of the same name replaces it
    value: Any
    spot: Any = None
    inside: Any = None  # places of what `holder` holds
    key_at = (0, 0, 0)
    get_event()  # stream
    if type(get_event()) is StreamEndEvent:
        return
    while True:
        event = get_event()
        kind = type(event)
        if kind is ScalarEvent:
            value = event.value
            if in_flow and value and not event.style and ("?" in value or (value[0] == ":" and event.tag is None)):
                raise indicator_in_flow(event)
            if event.implicit[0]:
                if key is _KEY and value == "<<":
                    key = _MERGE
                    continue
                if event.tag is not None:  # a lone ! means text
                    pass
                elif key is _KEY:
                    name = keys.get(value)
                    if name is None:
                        name = keys[value] = key_text(scalars.resolve(value), event)
                    if event.anchor is None:
                        nodes += 1
                        if name in holder and not _was_merged(merged, holder, name):
                            _note_duplicate(built, name, event, inside)
                        key = name
                        if places:
                            mark = event.start_mark
                            key_at = (mark.line, mark.column, mark.index)
                        continue
                    value = scalars.resolve(value)
                elif len(value) > longest:
                    value = scalars.plain(value)
                else:
                    known = values.get(value, _UNSEEN)
                    value = values.setdefault(value, scalars.plain(value)) if known is _UNSEEN else known
            elif event.tag is not None:
                value = tagged(event, key is _KEY)
            if wary and value.__class__ is str and "\0" in value:
                raise nul(event)
            nodes += 1
            if places:
                start, end = event.start_mark, event.end_mark
                spot = Spot(start.line, start.column, start.index, end.index, None)
            if event.anchor is not None:
                anchor = anchors[event.anchor] = _Anchor()
                anchor.value, anchor.nodes, anchor.spot = value, 1, spot
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            mark = event.start_mark
            if key is _KEY:
                raise Refused(
                    Mistake.at(mark, "MAN001", "a key is a list or a map", "write the key as plain text, or in quotes")
                )
            if len(stack) >= DEEPEST:
                raise too_deep(mark)
            if built.begin is None:
                built.begin = (mark.line, mark.column, mark.index)
            nodes += key is not _MERGE or kind is MappingStartEvent  # Go does not count the list of a merge
            anchor = None
            if event.anchor is not None:
                anchor = anchors[event.anchor] = _Anchor()
            stack.append((holder, in_map, in_flow, key, inside, key_at, anchor, nodes, event))
            in_map = kind is MappingStartEvent
            in_flow = event.flow_style
            holder = {} if in_map else []
            key = _KEY if in_map else None
            if places:
                inside = {} if in_map else []
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            value, closed = holder, inside
            if merged:
                merged.pop(id(value), None)
            holder, in_map, in_flow, key, inside, key_at, anchor, before, opening = stack.pop()
            if places:
                mark = opening.start_mark
                spot = Spot(mark.line, mark.column, mark.index, event.end_mark.index, closed)
            if anchor is not None:
                anchor.value, anchor.nodes, anchor.spot = value, nodes - before + 1, spot
                anchor.height = height(value, heights)
                kept.append(value)
        elif kind is AliasEvent:
            mark = event.start_mark
            found = anchors.get(event.anchor)
            if found is None:
                raise Refused(
                    Mistake.at(
                        mark,
                        "MAN001",
                        "an alias (*) names an anchor that is not defined above",
                        "define the anchor with &, or quote the value",
                    )
                )
            if found.nodes is None:
                raise Refused(Mistake.at(mark, "MAN001", "an anchor contains itself", "write the value out"))
            value, spot = found.value, found.spot
            nodes += 1 + found.nodes
            aliased += found.nodes
            budget.aliases -= 1
            check(nodes, aliased, budget, mark)
            if len(stack) + found.height > DEEPEST:
                raise too_deep(mark)
        elif kind is DocumentEndEvent:
            break
        else:
            continue  # the start of the document

        # A value is complete, a scalar key with an anchor or an alias as key included: put it where it belongs.
        if in_map:
            if key is _KEY:
                key = key_text(value, event)
                if key in holder and not _was_merged(merged, holder, key):
                    _note_duplicate(built, key, event, inside)
                if places:
                    mark = event.start_mark
                    key_at = (mark.line, mark.column, mark.index)
                continue
            if key is _MERGE:
                _merge(value, holder, merged, spot, inside, event)
            else:
                if value.__class__ is float and not math.isfinite(value):
                    infinite.append(event)
                holder[key] = value
                if places:
                    inside[key] = KeySpot(*key_at, spot)
            key = _KEY
        else:
            if value.__class__ is float and not math.isfinite(value):
                infinite.append(event)
            if holder is None:
                built.value, built.spot = value, spot
                if built.begin is None:
                    mark = event.start_mark
                    built.begin = (mark.line, mark.column, mark.index)
            else:
                holder.append(value)
                if places:
                    inside.append(spot)
    check(nodes, aliased, budget, event.start_mark)
    if infinite and _has_infinite(built.value):
        raise no_number(infinite[0])
    budget.nodes -= nodes


def _has_infinite(value: Any) -> bool:
    """Whether a float that JSON has no place for is left in a value. What aliases share is looked at once."""
    waiting, seen = [value], set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list):
            if id(each) not in seen:
                seen.add(id(each))
                waiting.extend(each.values() if isinstance(each, dict) else each)
        elif isinstance(each, float) and not math.isfinite(each):
            return True
    return False


def _note_duplicate(built: Built, key: str, event: Any, inside: Any) -> None:
    built.duplicates = True
    if inside is not None and len(built.mistakes) < MOST_TOLD:
        built.mistakes.append(
            Mistake.at(
                event.start_mark,
                "MAN002",
                f"key {key[:60]!r} is written twice, and the last one counts",
                "remove one of them",
                inside[key],
            )
        )


def _was_merged(merged: dict[int, set[str]], holder: Any, name: str) -> bool:
    """Whether a key came by merge only; from now on it is written."""
    names = merged.get(id(holder))
    if not names or name not in names:
        return False
    names.remove(name)
    return True


def _merge(value: Any, holder: Any, merged: dict[int, set[str]], spot: Any, inside: Any, event: Any) -> None:
    """Go applies `<<` where it stands: what comes by it overrides what stands above; of a list the first map wins, and
    the list itself may be no alias."""
    maps: Iterable[tuple[Any, Any]]
    if isinstance(value, dict):
        maps = [(value, spot)]
    elif isinstance(value, list) and type(event) is not AliasEvent and all(isinstance(each, dict) for each in value):
        maps = reversed(list(zip(value, spot.inside if spot else [None] * len(value), strict=True)))
    else:
        raise Refused(
            Mistake.at(
                event.start_mark,
                "MAN001",
                "a merge (<<) takes a map or a list of maps",
                "name an anchor of a map, as in <<: *name",
            )
        )
    names = merged.setdefault(id(holder), set())
    for each, where in maps:
        names.update(each.keys() - holder.keys())
        holder.update(each)
        if where is not None:
            inside.update(where.inside)


def _nothing_follows(parser: CParser, text: bytes, built: Built) -> None:
    """kubectl stops at the end of the first document of a piece: what stands after `...` or a closed brace is not read."""
    try:
        event = parser.get_event()
        if event is None or type(event) is StreamEndEvent:
            return
        mark = event.end_mark
    except YAMLError as error:
        found = explained(error, text).mistake
        line, column = found.line, found.column
    else:
        line, column = mark.line, mark.column
    built.mistakes.append(
        Mistake(
            "MAN001",
            line,
            column,
            "this is not read: the document ended above it",
            "begin a new document with a line ---",
        )
    )
