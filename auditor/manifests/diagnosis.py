"""What the author of a broken manifest probably meant: its text in, one mistake for each slip of the hand out.

Asked only about documents that cannot be read or do not fit their schema. Lines are put where they belong by the names of
fields that Kubernetes knows: whoever writes `containers` beside `spec` meant it below. Nothing is said that the schema does
not bear out; no value is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from auditor.kube import schema
from auditor.kube.nearest import nearest
from auditor.manifests import conformity
from auditor.manifests.budget import MOST_TOLD
from auditor.manifests.lines import Line, lines
from auditor.manifests.mistakes import Mistake

_LARGEST: Final = 200_000
"""Characters of a document that is looked at; larger ones were not typed by hand."""
_HEAD = re.compile(r"^[\"']?(apiVersion|kind)[\"']?[ ]*:[ ]*[\"']?([\w./-]+)[\"']?[ ]*(?:#.*)?$", re.MULTILINE)
_SCALARS: Final = {"string", "integer", "number", "boolean", "quantity", "int-or-string"}


class _Open:
    """A map, a list or an element of a list that lines are being put into. `indent` is the column of its key or dash."""

    __slots__ = ("above", "column", "first", "indent", "keys", "moved", "name", "node", "role")

    def __init__(self, node: schema.Node | None, role: str, indent: int, above: _Open | None, name: str) -> None:
        self.node, self.role, self.indent, self.above, self.name = node, role, indent, above, name
        self.column: int | None = None  # where its fields begin, once one is written
        self.first: Line | None = None
        self.moved: int | None = None  # where fields that were meant for it begin instead
        self.keys: set[str] = set()

    def chain(self) -> Iterator[_Open]:
        here: _Open | None = self
        while here is not None:
            yield here
            here = here.above


def explained_by(mistake: Mistake, slips: list[Mistake]) -> list[Mistake]:
    """What to say of a document that cannot be read, given where the reader stopped: the slips, if one of them stopped it."""
    if any(slip.line <= mistake.line for slip in slips):
        return slips
    return [mistake, *slips]


def diagnosed(text: str) -> list[Mistake]:
    """The slips in one document, in the order of its lines; none where its kind is not known. Lines and columns from 0."""
    head = dict(_HEAD.findall(text))
    if len(text) > _LARGEST or "{{" in text or "apiVersion" not in head or "kind" not in head:
        return []
    node = conformity.node_of(head["apiVersion"], head["kind"])
    if node is None:
        return []
    slips, firsts = _walked(text, node, head["kind"])
    for first, column in firsts[:1]:
        # Either what follows is out of line, or the first field that set the line is: the simpler explanation it is.
        others, _ = _walked(_moved(text, first, column), node, head["kind"])
        odd = [line for line in lines(text) if line.column % 2] == [first]
        if len(others) + 1 < len(slips) + odd:
            message = f"wrong depth: {first.key} does not line up with the fields below it"
            slips = [*others, _slip(first, first.column, message, f"indent it by {column} spaces", "MAN004")]
    return sorted(slips, key=lambda slip: slip.line)


def _walked(text: str, node: schema.Node, kind: str) -> tuple[list[Mistake], list[tuple[Line, int]]]:
    """The slips as the lines tell them from top to bottom; and first fields that later ones do not line up with, and where those are."""
    root = _Open(node, "map", -1, None, kind)
    root.column = 0
    slips: list[Mistake] = []
    firsts: list[tuple[Line, int]] = []
    here = root
    for line in lines(text):
        here = _put(line, here, slips, firsts)
        if len(slips) >= MOST_TOLD:
            break
    return slips, firsts


def _moved(text: str, line: Line, column: int) -> str:
    written = text.split("\n")
    written[line.number] = " " * column + written[line.number].lstrip(" ")
    return "\n".join(written)


def _put(line: Line, here: _Open, slips: list[Mistake], firsts: list[tuple[Line, int]]) -> _Open:
    """Put a line where it belongs; what is open after it comes back."""
    if line.dash is None:
        return here if line.key is None else _entry(line, here, slips, firsts)
    element = _element(line, here)
    if element is None:
        return here
    if line.glued:
        slips.append(_slip(line, line.dash, "no space follows the dash", f"write - {line.key}:"))
    if line.key is None or not (_is_object(element.node) or (line.sign == ":" and element.node is None)):
        return element
    return _entry(line, element, slips, firsts, parent=element)


def _element(line: Line, here: _Open) -> _Open | None:
    """A new element of the list that a dash belongs to."""
    assert line.dash is not None
    for frame in here.chain():
        if frame.role == "list" and frame.indent <= line.dash and frame.column in (None, line.dash):
            break
    else:
        return None
    if line.glued and not (line.key and frame.node and frame.node.items and frame.node.items.child(line.key)):
        return None
    frame.column = line.dash
    element = _Open(frame.node.items if frame.node else None, "element", line.dash, frame, frame.name)
    element.column = line.column + line.glued
    return element


def _entry(
    line: Line, here: _Open, slips: list[Mistake], firsts: list[tuple[Line, int]], parent: _Open | None = None
) -> _Open:
    assert line.key is not None
    written = parent or _written(line, here)
    if line.sign == "" and not _is_key_without_colon(line, written, here):
        return here  # text that goes on, or an element that is text
    meant = written if written is not None and _takes(written, line) else None
    if meant is None and parent is None:
        meant = next((frame for frame in here.chain() if _would_take(frame, line)), None)
        if meant is not None and meant is not written:
            _told_of_depth(line, meant, slips)
            if meant.first is not None and meant.indent < line.column != meant.first.column:
                firsts.append((meant.first, line.column))
    if meant is None:
        meant = written or here
    meant.keys.add(line.key)
    if meant is written and meant.column is None:
        meant.column, meant.first = line.column, line
    child = meant.node.child(line.key) if meant.node is not None and meant.node.kind in ("object", "map") else None
    name = line.key
    if child is None and _is_object(meant.node) and line.sign in ("", "wide") and (close := _close(line.key, meant)):
        child, name = meant.node.child(close) if meant.node else None, close
    _told_of_colon(line, name, child if _is_object(meant.node) else None, slips)
    if child is not None and child.kind in _SCALARS:
        return meant
    if line.value and not line.opens:
        return meant
    role = "list" if child is not None and child.kind == "list" else "map"
    return _Open(child, role, line.column, meant, name)


def _written(line: Line, here: _Open) -> _Open | None:
    """What a line stands in by its column alone, as YAML sees it; None where it lines up with nothing."""
    for frame in here.chain():
        if frame.role == "list":
            continue
        if frame.moved == line.column or (frame.indent < line.column and frame.column in (None, line.column)):
            return frame
    return None


def _takes(frame: _Open, line: Line) -> bool:
    """Whether a line may stand where it does."""
    node = frame.node
    if node is None or node.kind == "any" or (node.kind == "object" and not node.fields()):
        return True
    assert line.key is not None
    if node.kind == "map":
        return not (line.opens and node.items is not None and node.items.kind in _SCALARS)
    return node.kind == "object" and node.child(line.key) is not None


def _would_take(frame: _Open, line: Line) -> bool:
    """Whether a line that stands where it cannot was meant for this: an object with that very field, not written yet."""
    node = frame.node
    if node is None or node.kind != "object" or line.key is None or line.key in frame.keys:
        return False
    child = node.child(line.key)
    return child is not None and (
        child.kind not in _SCALARS if line.opens else not line.value or child.kind in _SCALARS or line.value[0] in "[{*"
    )


def _is_object(node: schema.Node | None) -> bool:
    return node is not None and node.kind == "object" and bool(node.fields())


def _is_key_without_colon(line: Line, written: _Open | None, here: _Open) -> bool:
    """Whether a line without a colon names a field of the object it stands in."""
    if (
        written is None
        or line.key is None
        or not _is_object(written.node)
        or line.key in written.keys
        or " " in line.value
    ):
        return False
    assert written.node is not None
    child = written.node.child(line.key)
    if line.opens:
        return child is not None or _close(line.key, written) is not None
    return child is not None and child.kind in _SCALARS and bool(line.value)


def _close(key: str, frame: _Open) -> str | None:
    return nearest(key, set(frame.node.fields()) - frame.keys) if frame.node else None


def _told_of_depth(line: Line, meant: _Open, slips: list[Mistake]) -> None:
    if meant.role == "element":
        meant.moved = line.column  # the whole of the element is out of line: it is said of its first line
        message = f"wrong depth: {line.key} belongs to the element of {meant.name} that begins above it"
        remedy = f"indent it by {meant.column} spaces, as the first field of the element"
    else:
        message = f"wrong depth: {line.key} belongs under {meant.name}"
        remedy = (
            f"indent it by {meant.column} spaces"
            if meant.column not in (None, line.column)
            else f"indent it below {meant.name}"
        )
    slips.append(_slip(line, line.column, message, remedy, "MAN004"))


def _told_of_colon(line: Line, name: str, child: schema.Node | None, slips: list[Mistake]) -> None:
    end = line.column + len(line.key or "")
    # A key that the schema does not know may be the value of a Secret gone astray: it is not named.
    said, write = (line.key, f"write {name}:") if child is not None else ("the key", "write a plain colon")
    if line.sign == "wide":
        slips.append(_slip(line, end, f"the colon after {said} is a full-width one", write))
    elif line.sign == "" and name == line.key:
        slips.append(_slip(line, line.column, f"no colon follows {said}", write))
    elif line.sign == "":
        slips.append(_slip(line, line.column, f"no colon follows the key, and the field is called {name}", write))
    elif line.sign == "remark" or (line.sign == "aside" and line.opens):
        slips.append(_slip(line, end, f"a remark without # follows {said}", "put a blank and # before the remark"))
    elif line.sign == "tight" and child is not None:
        slips.append(_slip(line, end, f"no space follows the colon after {said}", "write a space after the colon"))


def _slip(line: Line, column: int, message: str, remedy: str, code: str = "MAN001") -> Mistake:
    return Mistake(code, line.number, column, message, remedy)
