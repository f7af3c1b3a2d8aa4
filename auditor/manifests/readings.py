"""How the lines of a manifest may have been meant: lines and the schema of their kind in, the simplest readings out.

A reading puts every line into a map, a list or an element that is open there. It costs what the author would have had to get
wrong: a line out of its column, a colon left out, a name misspelt. Several readings are followed side by side, as what a line
means is often told by those below it; the cheapest of them is what the author probably meant. Of a manifest that is right it
costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from auditor.kube import schema
from auditor.kube.nearest import nearest
from auditor.manifests import slips
from auditor.manifests.lines import Line

WIDTH: Final = 12
"""Readings that are followed at once."""
MUCH_DEARER: Final = 2.6
"""A reading that costs so much more than the cheapest is dropped."""

_SCALARS: Final = frozenset({"string", "integer", "number", "boolean", "quantity", "int-or-string"})
_DEEPEST: Final = 60
_LEVEL: Final = 0.1  # of a line that is moved: what each level that it moves by adds
_MOVED, _GLUED, _NO_DASH, _NO_PARENT, _STRAY = 1.0, 0.4, 1.0, 1.2, 0.8
_SIGN, _NO_COLON, _MISSPELT, _UNFIT, _UNKNOWN, _TWICE = 0.3, 0.5, 0.6, 0.7, 1.6, 1.5
_LEFT_EMPTY, _LOST = 0.3, 0.4  # a map without entries; a line below what the schema does not know


class Note(NamedTuple):
    """One thing that is wrong with a line. `what` is one of `slips`; `name` what it is about."""

    what: str
    name: str = ""
    column: int | None = None
    line: Line | None = None
    """The line that it is about, where that is another one."""


class Frame(NamedTuple):
    """What lines are put into. `indent` is the column of the key or the dash that opened it, `column` that of its entries,
    once one is written; `shift` the column of entries that were meant for it and stand elsewhere."""

    uid: int
    role: str  # map, list or element
    node: schema.Node | None
    name: str
    indent: int
    column: int | None
    above: Frame | None
    shift: int | None = None
    keys: frozenset[str] = frozenset()
    entries: int = 0
    first: Line | None = None
    base: int | None = None
    """Where what opened it was meant to stand, if it stands elsewhere: what it holds may have stayed there."""

    def chain(self) -> Iterator[Frame]:
        """Itself and what it stands in, up to the root; or as far as a manifest is ever nested."""
        here: Frame | None = self
        for _ in range(_DEEPEST):
            if here is None:
                return
            yield here
            here = here.above


class Placed(NamedTuple):
    """A line, where it was put and what it opens. `frame` is as it was with the line in it."""

    line: Line
    frame: Frame | None
    opened: tuple[Frame, ...] = ()
    notes: tuple[Note, ...] = ()
    name: str = ""
    """Its key, as it was probably meant."""
    node: schema.Node | None = None


class _Trail(NamedTuple):
    before: _Trail | None
    placed: Placed


class _State(NamedTuple):
    cost: float
    here: Frame
    trail: _Trail | None


class Reading(NamedTuple):
    """One reading of a document: what it costs, and its lines from top to bottom."""

    cost: float
    placed: tuple[Placed, ...]


def readings(found: Sequence[Line], node: schema.Node, kind: str) -> list[Reading]:
    """The cheapest readings, cheapest first, at least one; the simpler first where they cost the same."""
    root = Frame(-1, "map", node, kind, -1, 0, None)
    states = [_State(0.0, root, None)]
    step = step_of(found)
    odd = [line.number for line in found if line.column % 2]
    alone = odd[0] if len(odd) == 1 else -1
    for line in found:
        reached = [after for state in states for after in _after(state, line, step, alone)]
        reached.sort(key=lambda state: state.cost)
        states = [state for state in reached[:WIDTH] if state.cost <= reached[0].cost + MUCH_DEARER]
    return [Reading(state.cost, tuple(_unrolled(state.trail))) for state in states]


def _unrolled(trail: _Trail | None) -> list[Placed]:
    found = []
    while trail is not None:
        found.append(trail.placed)
        trail = trail.before
    return found[::-1]


def step_of(found: Sequence[Line]) -> int:
    """Blanks of one level, as most lines that open something have it."""
    steps = [
        (below.column if below.dash is None else below.dash) - line.column
        for line, below in pairwise(found)
        if line.opens or (line.key is not None and not line.value)
    ]
    steps = [step for step in steps if step > 0]
    return max(set(steps), key=lambda step: (steps.count(step), step == 2, -step)) if steps else 2


def _after(state: _State, line: Line, step: int, alone: int) -> Iterator[_State]:
    """The states that a line leads to. `alone`: the number of the one line that stands in an odd column, if it is one."""
    if line.dash is not None:
        yield from _after_dash(state, line, step)
    elif line.key is None or not _may_be_entry(state.here, line):
        yield _text(state, line)
    else:
        yield from _after_entry(state, line, step, alone)


def _text(state: _State, line: Line) -> _State:
    """A line that is no entry: it goes on with what is above it, unless it cannot; then it is a remark."""
    stray = _is_stray(state, line)
    notes = (Note(slips.STRAY),) if stray else ()
    cost = state.cost + (_STRAY if stray else _LOST if state.here.node is None else 0)
    return _State(cost, state.here, _Trail(state.trail, Placed(line, None, notes=notes)))


def _is_stray(state: _State, line: Line) -> bool:
    said = (line.head + line.rest).strip()
    if not said or said[0] in "?<*&%!{[]}\"'|>@`#" or (said.isascii() and " " not in said):
        return False
    last = state.trail.placed.line if state.trail else None
    if last is None:
        return True
    if last.opens or (last.key is not None and not last.value and not last.rest):
        return _is_object(state.here.node) or state.here.role == "list"
    return line.column <= (last.column if last.dash is None else last.dash)


def _may_be_entry(here: Frame, line: Line) -> bool:
    """Whether a line with something like a key has one: with a colon it does, else where an entry is wanted."""
    if line.sign not in ("", "tight"):
        return True
    return any(_is_entry_of(frame, line) for frame in here.chain())


def _is_entry_of(frame: Frame, line: Line) -> bool:
    node = frame.node
    if frame.role == "list" or node is None or line.key is None or line.key in frame.keys:
        return False
    aligned = frame.column == line.column
    if line.sign == "" and " " in line.value and line.value[0] not in "[{" and not (aligned and _is_object(node)):
        return False
    if node.kind == "map":
        return frame.column == line.column or (frame.column is None and line.column > frame.indent)
    if not _is_object(node):
        return False
    child = node.child(line.key)
    if line.sign == "tight":
        return child is not None
    if line.opens:
        return child is not None or _close(line.key, frame) is not None
    return child is not None and bool(line.value) and (child.kind in _SCALARS or line.value[0] in "[{")


def _after_entry(state: _State, line: Line, step: int, alone: int) -> Iterator[_State]:
    empty = 0.0
    for frame in state.here.chain():
        if frame.role == "list":
            yield from _without_dash(state, frame, line, empty)
        else:
            yield from _into(state, frame, line, step, alone, empty)
        if not frame.entries and (_is_object(frame.node) or frame.role == "list"):
            empty += _LEFT_EMPTY


def _into(state: _State, frame: Frame, line: Line, step: int, alone: int, empty: float) -> Iterator[_State]:
    """An entry of this frame, where it stands or moved there."""
    fit = _fit(frame, line)
    if fit is None:
        return
    cost, name, child, notes = fit
    fits = cost < 1 and line.sign != "tight"  # nobody means a place where it does not fit either
    cost += empty + state.cost
    column = line.column
    entered = frame._replace(keys=frame.keys | {name}, entries=frame.entries + 1, first=frame.first or line)
    if frame.column is None and column > _base(frame):
        yield _placed(state, cost, entered._replace(column=column), line, name, child, notes)
    elif column == frame.column or column == frame.shift:
        again = (*notes, Note(slips.AGAIN, frame.name, frame.column)) if column != frame.column else notes
        more = 0.01 if column != frame.column else 0.0
        yield _placed(state, cost + more, entered, line, name, child, again)
    elif fits and (
        _is_object(frame.node) or (frame.node is not None and frame.node.kind == "map" and column > frame.indent)
    ):
        at = frame.column if frame.column is not None else frame.indent + step
        far = _LEVEL * abs(at - column) / max(step, 1)
        moved = Note(slips.ELEMENT if frame.role == "element" else slips.DEPTH, frame.name, frame.column)
        shifted = entered._replace(shift=column)
        yield _placed(state, cost + _MOVED + far, shifted, line, name, child, (moved, *notes))
        if frame.entries == 1 and frame.role == "map" and frame.above is not None and column > frame.indent:
            # Either this line is out of its column, or the first one is that set the column.
            usual = column - frame.indent == step != (frame.column or 0) - frame.indent
            odd = -0.03 if usual or (frame.first is not None and frame.first.number == alone) else 0.005
            late = Note(slips.FIRST, frame.first.key or "" if frame.first else "", column, frame.first)
            yield _placed(
                state, cost + _MOVED + far + odd, entered._replace(column=column), line, name, child, (late, *notes)
            )
        if frame.entries == 1 and frame.role == "element" and frame.above is not None and frame.above.entries == 1:
            yield from _dash_was_off(state, frame, cost + _MOVED + far, line, step, fit)
    if frame.column is not None and column > frame.column:
        yield from _under_missing(state, frame, line, empty)


def _dash_was_off(
    state: _State,
    frame: Frame,
    cost: float,
    line: Line,
    step: int,
    fit: tuple[float, str, schema.Node | None, tuple[Note, ...]],
) -> Iterator[_State]:
    """The first element of a list, whose second line shows that its dash stands beside its column."""
    above, column = frame.above, line.column
    assert above is not None
    dash = column - (frame.column or 0) + frame.indent
    if dash < above.indent:
        return
    odd = -0.03 if frame.indent - above.indent not in (0, step) and dash - above.indent in (0, step) else 0.2
    late = Note(slips.FIRST_DASH, frame.name, dash, frame.first)
    element = frame._replace(indent=dash, column=column, above=above._replace(column=dash))
    entered = element._replace(keys=frame.keys | {fit[1]}, entries=frame.entries + 1)
    yield _placed(state, cost + odd, entered, line, fit[1], fit[2], (late, *fit[3]))


def _under_missing(state: _State, frame: Frame, line: Line, empty: float) -> Iterator[_State]:
    """An entry of a map whose own line is missing: `replicas` where no `spec:` was written."""
    if not _is_object(frame.node) or frame.node is None or line.sign == "tight" or line.key is None:
        return
    wanted = [
        name
        for name in frame.node.fields()
        if name not in frame.keys
        and name != "status"
        and (child := frame.node.child(name)) is not None
        and (_is_object(child) and child.child(line.key) is not None)
    ]
    if len(wanted) != 1:
        return
    assert frame.column is not None
    child = frame.node.child(wanted[0])
    holder = frame._replace(keys=frame.keys | {wanted[0]}, entries=frame.entries + 1)
    parent = Frame(line.number * 4 + 3, "map", child, wanted[0], frame.column, line.column, holder)
    fit = _fit(parent, line)
    if fit is None or fit[0] >= 1:
        return
    cost, name, inner, notes = fit
    entered = parent._replace(keys=frozenset({name}), entries=1, first=line)
    missing = Note(slips.PARENT, wanted[0])
    yield _placed(state, state.cost + cost + empty + _NO_PARENT, entered, line, name, inner, (missing, *notes))


def _without_dash(state: _State, frame: Frame, line: Line, empty: float) -> Iterator[_State]:
    """The first entry of an element whose dash was left out."""
    items = frame.node.items if frame.node is not None else None
    if frame.entries or items is None or not _is_object(items) or line.column < frame.indent or line.sign == "tight":
        return
    below = line.deeper and not line.opens
    dash = line.column if below else max(line.column - 2, frame.indent)
    column = line.column + 2 if below or dash == line.column else line.column
    entered = frame._replace(column=dash, entries=1, first=line)
    element = Frame(line.number * 4, "element", items, frame.name, dash, column, entered)
    fit = _fit(element, line)
    if fit is None or fit[0] >= 1:
        return
    cost, name, child, notes = fit
    filled = element._replace(keys=frozenset({name}), entries=1, first=line)
    state = _State(state.cost + cost + empty + _NO_DASH, state.here, state.trail)
    yield _placed(state, state.cost, filled, line, name, child, (Note(slips.NO_DASH, frame.name), *notes), dashed=True)


def _after_dash(state: _State, line: Line, step: int) -> Iterator[_State]:
    assert line.dash is not None
    empty = 0.0
    found = False
    for each in state.here.chain():
        frame = each
        if frame.role == "map" and frame.column is None and _is_free(frame.node) and frame.above is not None:
            frame = frame._replace(role="list")  # what is not known is a list if a dash stands in it
        if frame.role == "list":
            for cost, element_of, notes in _as_element(frame, line, step):
                for after in _element(state, element_of, line, state.cost + cost + empty, notes):
                    found = True
                    yield after
        if not frame.entries and (_is_object(frame.node) or frame.role == "list"):
            empty += _LEFT_EMPTY
    if not found:
        yield _State(state.cost, state.here, _Trail(state.trail, Placed(line, None)))


def _base(frame: Frame) -> int:
    """The column beyond which what a frame holds may begin."""
    return frame.indent if frame.base is None else min(frame.base, frame.indent)


def _as_element(frame: Frame, line: Line, step: int) -> Iterator[tuple[float, Frame, tuple[Note, ...]]]:
    """The list with one more element, and what it costs."""
    assert line.dash is not None
    entered = frame._replace(entries=frame.entries + 1, first=frame.first or line)
    if frame.column is None and line.dash >= _base(frame):
        yield 0.0, entered._replace(column=line.dash), ()
    elif line.dash == frame.column:
        yield 0.0, entered, ()
    elif line.dash == frame.shift:
        yield 0.01, entered, (Note(slips.AGAIN, frame.name, frame.column),)
    elif frame.node is not None:
        at = frame.column if frame.column is not None else frame.indent
        far = _LEVEL * abs(at - line.dash) / max(step, 1)
        moved = (Note(slips.DASH, frame.name, frame.column),)
        yield _MOVED + far, entered._replace(shift=line.dash), moved
        if frame.entries == 1 and line.dash >= frame.indent:
            late = Note(slips.FIRST_DASH, frame.name, line.dash, frame.first)
            odd = -0.03 if (frame.column or 0) - frame.indent not in (0, step) else 0.005
            yield _MOVED + far + odd, entered._replace(column=line.dash), (late,)


def _element(state: _State, frame: Frame, line: Line, cost: float, notes: tuple[Note, ...]) -> Iterator[_State]:
    """A new element of a list, and what is written on its line."""
    items = schema.anything() if frame.node is not None and _is_free(frame.node) else frame.node and frame.node.items
    knows = line.key is not None and items is not None and (items.kind == "any" or items.child(line.key) is not None)
    if line.glued:
        if not knows:
            return
        cost, notes = cost + _GLUED, (*notes, Note(slips.GLUED))
    assert line.dash is not None
    element = Frame(line.number * 4, "element", items, frame.name, line.dash, line.column + line.glued, frame)
    if frame.column is not None and frame.column != line.dash:  # its other fields may have stayed where they belong
        element = element._replace(shift=frame.column + len(line.lead))
    if line.key is None or (items is None and line.sign != ":"):
        said = Placed(line, frame, (element,), notes, node=items)
        yield _State(
            cost + (_UNFIT if line.key is None and line.rest and _is_object(items) else 0),
            element,
            _Trail(state.trail, said),
        )
        return
    if items is not None and items.kind in _SCALARS:
        unfit = _UNFIT if line.sign in (":", "wide") else 0
        yield _State(cost + unfit, element, _Trail(state.trail, Placed(line, frame, (element,), notes, node=items)))
        return
    fit = _fit(element, line)
    if fit is None:
        yield _State(cost, element, _Trail(state.trail, Placed(line, frame, (element,), notes)))
        return
    more, name, child, fitting = fit
    filled = element._replace(keys=frozenset({name}), entries=1, first=line)
    yield _placed(state, cost + more, filled, line, name, child, (*notes, *fitting), dashed=True)


def _placed(
    state: _State,
    cost: float,
    frame: Frame,
    line: Line,
    name: str,
    child: schema.Node | None,
    notes: tuple[Note, ...],
    *,
    dashed: bool = False,
) -> _State:
    """The state with an entry in a frame; `dashed` where the frame is an element that the line itself begins."""
    opened: tuple[Frame, ...] = (frame,) if dashed else ()
    holder = frame.above if dashed else frame
    here = frame
    if not ((child is not None and child.kind in _SCALARS) or (line.value and not line.opens and not _noted(notes))):
        role = "list" if child is not None and child.kind == "list" else "map"
        indent = line.column + line.glued
        base = next((note.column for note in notes if note.what in _elsewhere(role) and note.column is not None), None)
        here = Frame(line.number * 4 + 1, role, child, name, indent, None, frame, base=base)
        opened = (*opened, here)
    return _State(cost, here, _Trail(state.trail, Placed(line, holder, opened, notes, name, child)))


def _elsewhere(role: str) -> tuple[str, ...]:
    """What a line is told of that may be out of its place alone. Of several in a row, all they hold is."""
    return (slips.DEPTH, slips.ELEMENT, slips.AGAIN) if role == "list" else (slips.DEPTH, slips.ELEMENT)


def _noted(notes: tuple[Note, ...]) -> bool:
    return any(note.what == slips.REMARK for note in notes)


def _fit(frame: Frame, line: Line) -> tuple[float, str, schema.Node | None, tuple[Note, ...]] | None:
    """What an entry costs in a frame, whatever its column: (cost, its name, its type, what is wrong); None where it is none."""
    node, key = frame.node, line.key
    assert key is not None
    cost, name = 0.0, key
    notes: tuple[Note, ...] = ()
    child: schema.Node | None = None
    if node is None or _is_free(node):
        if line.sign in ("", "tight"):
            return None
        cost, child = (_LOST, None) if node is None else (0.0, schema.anything())
    elif node.kind == "map":
        child = node.items
        if child is not None and child.kind in _SCALARS and line.sign == ":" and not line.rest:
            cost += _UNFIT + (_LEFT_EMPTY if line.opens else 0)
        if line.sign == "" and " " in line.value:
            return None
    elif node.kind == "object":
        child = node.child(key)
        if child is None:
            close = _close(key, frame)
            if close is None:
                if line.sign in ("", "tight"):
                    return None
                cost += _UNKNOWN
            else:
                cost += _MISSPELT
                child, name = node.child(close), close
                notes = (Note(slips.MISSPELT, close),)
    else:
        return None
    if name in frame.keys:
        cost += _TWICE
    if line.sign not in (":", "tight") or (line.sign == "tight" and child is not None):
        cost += _NO_COLON if line.sign == "" else _SIGN
        if line.sign == "aside" and not (line.opens or (child is not None and child.kind not in _SCALARS)):
            cost -= _SIGN
        elif line.sign in ("remark", "aside", "noted"):
            notes = (*notes, Note(slips.REMARK, name))
        else:
            notes = (*notes, Note(slips.COLON, name))
    if child is not None:
        if child.kind == "any":
            pass
        elif child.kind in _SCALARS:
            cost += _UNFIT if line.opens or not _suits(line.value, child) else 0
        elif line.value and line.sign != "aside" and not line.value.startswith(tuple("[{*&!|>\"'\uff3b\uff5b~")):
            if line.deeper and not _noted(notes) and line.value not in ("null", "|", ">"):
                notes = (*notes, Note(slips.REMARK, name))
                cost += _SIGN
            elif not _noted(notes) and line.value != "null":
                cost += _UNFIT
    return cost, name, child, notes


def _suits(value: str, node: schema.Node) -> bool:
    """Whether a written scalar may be of a type; what may be is not held against a reading."""
    if not value or value[0] in "*&!|>":
        return True
    if node.kind in ("integer", "number"):
        return value[0].isdigit() or value[0] in "-+.\"'\u201c\u2018"
    if node.kind == "string":
        return not value.isdigit() and value not in ("true", "false", "yes", "no", "on", "off")
    return True


def _is_object(node: schema.Node | None) -> bool:
    return node is not None and node.kind == "object" and bool(node.fields())


def _is_free(node: schema.Node | None) -> bool:
    """Whether nothing is known of what may be written there."""
    return node is None or node.kind == "any" or (node.kind == "object" and not node.fields())


def _close(key: str, frame: Frame) -> str | None:
    return _nearest(key, frame.node, frame.keys) if frame.node else None


@lru_cache(maxsize=4096)
def _nearest(key: str, node: schema.Node, keys: frozenset[str]) -> str | None:
    return nearest(key, set(node.fields()) - keys)
