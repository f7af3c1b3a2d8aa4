"""Paths with wildcards, as ignore rules name them: a text in, a pattern that matches the place of a change out. Pure.

Three ways to write one: our own (`spec.template.spec.containers[name=istio-*].resources`, `metadata.annotations[*]`,
`ports[containerPort=53]`), a JSON pointer (`/spec/replicas`, RFC 6901), and the part of jq that paths are written in
(`.spec.template.spec.containers[] | select(.name == "web") | .image`). A pattern covers what is below it, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from auditor.kube.paths import Element, Member, Step, text_of
from auditor.model import RawPath


@dataclass(frozen=True, slots=True)
class Piece:
    """One step of a pattern: a field, or an element of a list.

    `name`: a glob for a field or a set's member; `keys`: globs for the fields that tell an element apart; `position`: of an
    element; `any`: any element, and any key of a map.
    """

    name: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    position: int | None = None
    any: bool = False


Pattern = tuple[Piece, ...]

_TOKEN: Final = re.compile(r'\.?([^.\[\]"]+)|\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]')
_JQ: Final = re.compile(
    r'\.?\["([^"]+)"\]|\."([^"]+)"|\.([A-Za-z_][A-Za-z0-9_-]*)|\.?\[(\d*)\]\??|\s*\|\s*select\(\s*\.(\w+)\s*==\s*"([^"]*)"\s*\)|\s*\|\s*'
)
_GLOBS: Final = str.maketrans({"*": "[*]", "?": "[?]", "[": "[[]"})


def parse(text: str) -> Pattern:
    """A path of ours or a JSON pointer. Raises ValueError, with the place where it cannot be read."""
    text = text.strip()
    if text.startswith("/"):
        return pointer(text)
    pieces: list[Piece] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or (found[1] and at and not text.startswith(".", at)):
            raise ValueError(f"cannot read the path {text!r} from character {at + 1} on")
        pieces.append(_piece(found))
        at = found.end()
    if not pieces:
        raise ValueError("the path is empty")
    return tuple(pieces)


def _piece(found: re.Match[str]) -> Piece:
    if found[1]:
        return Piece(name=found[1])
    if found[2] is not None:
        return Piece(name=found[2].replace('\\"', '"').translate(_GLOBS) if "*" not in found[2] else found[2])
    inside = found[3]
    if inside == "*":
        return Piece(any=True)
    if inside.isdigit():
        return Piece(position=int(inside))
    if inside.startswith("="):
        return Piece(name=inside[1:])
    keys = tuple(part.partition("=")[::2] for part in inside.split(","))
    if not all(name and value for name, value in keys):
        raise ValueError(f"[{inside}] names no element: write [name=web], [*], or a position")
    return Piece(keys=keys)


def pointer(text: str) -> Pattern:
    """https://www.rfc-editor.org/rfc/rfc6901; the empty one is the whole object."""
    names = [name.replace("~1", "/").replace("~0", "~") for name in text.split("/")[1:]] if text else []
    return tuple(Piece(name=name.translate(_GLOBS), position=int(name) if name.isdigit() else None) for name in names)


def jq(text: str) -> Pattern | None:
    """The path that a jq expression walks; None for one that does more."""
    pieces: list[Piece] = []
    at, text = 0, text.strip()
    while at < len(text):
        found = _JQ.match(text, at)
        if found is None or found.end() == at:
            return None
        quoted, named, name, position, key, value = found.groups()
        if position is not None:
            pieces.append(Piece(position=int(position)) if position else Piece(any=True))
        elif key is not None:
            if not pieces or not pieces[-1].any:
                return None
            pieces[-1] = Piece(keys=((key, value.translate(_GLOBS)),))
        elif quoted or named or name:
            pieces.append(Piece(name=(quoted or named or name).translate(_GLOBS)))
        at = found.end()
    return tuple(pieces) or None


# --- where a change is --------------------------------------------------------------------------------------------------------


def covers(pattern: Pattern, steps: Sequence[Step], raw: RawPath) -> bool:
    """Whether a change at these steps is at, or below, what the pattern names. `raw`: the same as it is written, in which
    elements have positions."""
    if len(pattern) > len(steps):
        return False
    return all(
        _is_step(piece, step, raw[at] if at < len(raw) else None)
        for at, (piece, step) in enumerate(zip(pattern, steps, strict=False))
    )


def _is_step(piece: Piece, step: Step, written: str | int | None) -> bool:
    if piece.any:
        return True
    if isinstance(step, str):
        return bool(piece.name) and fnmatchcase(step, piece.name)
    if isinstance(step, Member):
        return bool(piece.name) and fnmatchcase(step.value, piece.name)
    if isinstance(step, Element):
        own = dict(step.keys)
        if piece.keys:
            return all(name in own and fnmatchcase(own[name], glob) for name, glob in piece.keys)
        return piece.position is not None and piece.position == written
    return isinstance(step, int) and piece.position == step


# --- whether it is anywhere ---------------------------------------------------------------------------------------------------


def is_in(pattern: Sequence[Piece], body: Any) -> bool:
    """Whether a body has the place at all."""
    if not pattern:
        return True
    return any(is_in(pattern[1:], inner) for inner in _below(pattern[0], body))


def _below(piece: Piece, body: Any) -> Iterator[Any]:
    if isinstance(body, Mapping):
        yield from (
            value for name, value in body.items() if piece.any or (piece.name and fnmatchcase(name, piece.name))
        )
    elif isinstance(body, list | tuple):
        for position, each in enumerate(body):
            if piece.any or piece.position == position or _is_element(piece, each):
                yield each


def _is_element(piece: Piece, value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(piece.keys) and all(
            name in value and fnmatchcase(text_of(value[name]), glob) for name, glob in piece.keys
        )
    return bool(piece.name) and fnmatchcase(text_of(value), piece.name)
