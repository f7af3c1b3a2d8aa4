"""Slips of the hand, in words: what a reading notes about a line in, the mistake to tell out. No value is quoted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.manifests.mistakes import QUOTES, Mistake

if TYPE_CHECKING:
    from auditor.manifests.lines import Line
    from auditor.manifests.readings import Note, Placed

DEPTH: Final = "depth"
"""An entry that stands at another depth than the map it belongs to."""
ELEMENT: Final = "element"
"""An entry that stands at another depth than the element of a list it belongs to."""
AGAIN: Final = "again"
"""One more line at a depth that was told already."""
FIRST: Final = "first"
"""The first entry of a map, with which the others do not line up."""
DASH: Final = "dash"
"""An element that does not line up with those above it."""
FIRST_DASH: Final = "first dash"
"""The first element of a list, with which the others do not line up."""
COLON: Final = "colon"
REMARK: Final = "remark"
GLUED: Final = "glued"
MISSPELT: Final = "misspelt"
"""Told of the text put right, where its path is known; only where the colon is missing as well, with that."""
NO_DASH: Final = "no dash"
PARENT: Final = "parent"
"""The line above, which should open the map that this entry belongs to, is missing."""
STRAY: Final = "stray"
"""Text that belongs to nothing: a remark without #."""


_SMART: Final = "\u201c\u201d\u201e\u2018\u2019"
_NAMED: Final = frozenset({"labels", "matchLabels", "nodeSelector", "selector"})
_DEPTHS: Final = frozenset({DEPTH, ELEMENT, AGAIN, DASH})


def of(placed: Placed) -> list[Mistake]:
    """What is wrong with a line and how it stands, in the order to tell it."""
    told = [_told(note, placed) for note in placed.notes if not (placed.line.odd and note.what in _DEPTHS)]
    found = [mistake for mistake in told if mistake is not None]
    if placed.line.odd:
        found.append(_odd(placed.line))
    if requoted(placed) is not None:
        found.append(_slip(placed.line, placed.line.column, QUOTES, "write plain quotes"))
    return found


def requoted(placed: Placed) -> str | None:
    """The value of a line in plain quotes, where typographic ones stand around it and cannot be meant as text: in fields, labels and
    selectors, and where YAML would not read it."""
    value, node = placed.line.value, placed.node
    if len(value) < 2 or value[0] not in _SMART or value[-1] not in _SMART + "\"'" or node is None:
        return None
    element = placed.opened and placed.opened[0].role == "element"
    frame = placed.opened[0] if element else placed.frame
    known = frame is not None and frame.node is not None and (frame.node.kind == "object" or frame.name in _NAMED)
    inner = value[1:-1]
    if node.kind not in ("string", "int-or-string", "quantity") or not (known or ": " in inner or " #" in inner):
        return None
    return f'"{inner}"' if '"' not in inner and "\\" not in inner else None


def _odd(line: Line) -> Mistake:
    if line.odd == "tab":
        return Mistake("MAN003", line.number, 0, "a tab is used for indentation", "indent with spaces")
    if line.odd == "dash":
        return _slip(line, line.dash or 0, "this dash is not a plain one", "write a plain - and a space")
    message = "a blank that is not a plain space stands where YAML counts spaces"
    return _slip(line, 0, message, "write plain spaces: it is a no-break or a full-width one")


def _told(note: Note, placed: Placed) -> Mistake | None:
    line = note.line or placed.line
    key = line.key or "the element"
    what, name = note.what, note.name
    if what == DEPTH or (what == AGAIN and placed.frame is not None and placed.frame.role == "map"):
        other = note.column not in (None, line.column)
        remedy = f"indent it by {note.column} spaces" if other else f"indent it below {name}"
        return _slip(line, line.column, f"wrong depth: {key} belongs under {name}", remedy, "MAN004")
    if what == ELEMENT:
        message = f"wrong depth: {key} belongs to the element of {name} that begins above it"
        remedy = f"indent it by {note.column} spaces, as the first field of the element"
        return _slip(line, line.column, message, remedy, "MAN004")
    if what == FIRST:
        message = f"wrong depth: {key} does not line up with the fields below it"
        return _slip(line, line.column, message, f"indent it by {note.column} spaces", "MAN004")
    if what == DASH:
        message = f"wrong depth: this dash does not line up with the elements of {name} above it"
        if note.column is None:
            message = f"wrong depth: this element belongs under {name}"
        remedy = (
            f"put the dash at column {(note.column or 0) + 1}" if note.column is not None else f"indent it below {name}"
        )
        return _slip(line, line.dash or 0, message, remedy, "MAN004")
    if what == FIRST_DASH:
        message = f"wrong depth: this dash does not line up with the elements of {name} below it"
        return _slip(line, line.dash or 0, message, f"put the dash at column {(note.column or 0) + 1}", "MAN004")
    if what == COLON:
        return _colon(line, placed)
    if what == REMARK:
        end = line.column + len(line.key or "")
        said = line.key if placed.node is not None else "the key"
        return _slip(line, end, f"a remark without # follows {said}", "put a blank and # before the remark")
    if what == GLUED:
        return _slip(line, line.dash or 0, "no space follows the dash", f"write - {line.key}:")
    if what == NO_DASH:
        return _slip(line, line.column, f"no dash begins this element of {name}", f"write - {key}:")
    if what == PARENT:
        message = f"{name} is missing above {key}"
        return _slip(line, line.column, message, f"write {name}: on a line of its own above it", "MAN004")
    if what == MISSPELT and is_part(placed):
        message = f"{line.key} is not a field: it is written {name}"
        return _slip(line, line.column, message, f"write {name}", "MAN005")
    if what == STRAY:
        return _slip(line, line.column, "text that belongs to nothing: a remark without #", "begin the line with #")
    return None


def is_part(placed: Placed) -> bool:
    """Whether a line is one of the parts by which a manifest is known at all: without them its schema is not."""
    root = placed.frame is not None and placed.frame.above is None
    return root and placed.name in ("apiVersion", "kind", "metadata")


def _colon(line: Line, placed: Placed) -> Mistake:
    end = line.column + len(line.key or "")
    name = placed.name
    # A key that the schema does not know may be the value of a Secret gone astray: it is not named.
    known = placed.node is not None and placed.frame is not None and not _is_free(placed)
    said, write = (line.key, f"write {name}:") if known else ("the key", "write a plain colon")
    if line.sign == "wide":
        return _slip(line, end, f"the colon after {said} is a full-width one", write)
    if line.sign == "tight":
        return _slip(line, end, f"no space follows the colon after {said}", "write a space after the colon")
    if name == line.key or not known:
        return _slip(
            line, line.column, f"no colon follows {said}", write if known else "write a colon and a space after it"
        )
    return _slip(line, line.column, f"no colon follows the key, and the field is called {name}", write)


def _is_free(placed: Placed) -> bool:
    """Whether the line stands in a map whose keys are the author's own."""
    element = placed.opened and placed.opened[0].role == "element"
    node = placed.opened[0].node if element else placed.frame.node if placed.frame else None
    return node is None or node.kind != "object"


def _slip(line: Line, column: int, message: str, remedy: str, code: str = "MAN001") -> Mistake:
    return Mistake(code, line.number, column, message, remedy)
