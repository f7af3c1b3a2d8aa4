"""Mends as a patch: findings that have one right mend, and the files they are in, in; the files mended, and a unified diff, out.

A finding has one where its rule says what to remove (`Fault.surplus`). Where a text cannot be changed without changing anything
else, nothing is offered. Nothing is written here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from auditor.manifests import Places
from auditor.manifests.removal import without
from auditor.model import RawPath, Resource, Snapshot
from auditor.publish.listed import Item


@dataclass(frozen=True, slots=True)
class Patch:
    """One file, before and after, and the findings that are mended by it."""

    file: str
    before: str
    after: str
    items: tuple[Item, ...]


def patches(items: Iterable[Item], side: Snapshot, text_of: Callable[[str], bytes | None]) -> tuple[Patch, ...]:
    """What can be mended, by file. `text_of` gives a file's bytes, None where they are not to be had."""
    by_file: dict[str, list[tuple[Item, Resource]]] = {}
    for item in items:
        resource = side.by_ref.get(item.ref) if item.ref and item.surplus and item.status == "open" else None
        if resource is not None and resource.origin is not None and isinstance(resource.locate, Places):
            by_file.setdefault(resource.origin.file, []).append((item, resource))
    found = (_patch(file, wanted, text_of(file)) for file, wanted in sorted(by_file.items()))
    return tuple(patch for patch in found if patch)


def unified(patches: Iterable[Patch], named: Callable[[str], str]) -> str:
    """The patches as `git apply` and `patch -p1` take them; `named` gives a file's name from where they will be applied."""
    return "".join(_diff(patch, named(patch.file)) for patch in patches)


def _patch(file: str, wanted: Sequence[tuple[Item, Resource]], data: bytes | None) -> Patch | None:
    try:
        text = (data or b"").decode()
    except UnicodeDecodeError:
        return None
    if not text or text.startswith("\ufeff"):
        return None
    pieces: dict[tuple[bytes, int], list[tuple[Item, tuple[RawPath, ...]]]] = {}
    for item, resource in wanted:
        assert isinstance(resource.locate, Places)
        piece, first, prefix = resource.locate.piece
        if piece is not None:
            pieces.setdefault((piece, first), []).append((item, tuple((*prefix, *path) for path in item.surplus)))
    after, mended = text, []
    for (piece, first), mends in sorted(pieces.items(), key=lambda one: -one[0][1]):  # the last first: lines stay true
        found = _mended(piece, mends)
        if found is None:
            continue
        new, items = found
        start = _line_start(text, first)
        old = piece.decode()
        if not (text + "\n")[start:].startswith(old):
            continue
        after = after[:start] + new + after[start + len(old) :]
        mended += items
    if not mended:
        return None
    if not text.endswith("\n"):
        after = after.removesuffix("\n")
    return Patch(file, text, after, tuple(item for item, _ in wanted if item in mended))


def _mended(piece: bytes, mends: Sequence[tuple[Item, tuple[RawPath, ...]]]) -> tuple[str, list[Item]] | None:
    """All at once where that can be, else those that can be mended alone."""
    for chosen in (mends, [mend for mend in mends if without(piece, mend[1])]):
        new = without(piece, [path for _, paths in chosen for path in paths]) if chosen else None
        if new is not None:
            return new.decode(), [item for item, _ in chosen]
    return None


def _line_start(text: str, line: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
    return at


def _diff(patch: Patch, name: str) -> str:
    old, new = (name, name) if name.startswith("/") else (f"a/{name}", f"b/{name}")
    lines = difflib.unified_diff(
        patch.before.splitlines(keepends=True), patch.after.splitlines(keepends=True), old, new
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
