"""Mends as a patch: findings that have one right mend, and the files they are in, in; the files mended, and a unified diff, out.

A finding has one where its rule says what to remove (`Fault.surplus`). Where a text cannot be changed without changing anything
else, nothing is offered. Nothing is written here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from auditor.manifests import Places
from auditor.manifests.removal import without
from auditor.model import RawPath, Ref, Resource, Snapshot
from auditor.publish import excerpt
from auditor.publish.listed import Item

_AROUND: Final = 3
_REMARK: Final = re.compile(r"(^|\s+)#.*$")
_WORDS: Final = re.compile(r"\s*#[A-Za-z ,.'()-]*")
_ANY: Final = Ref("", "", "ConfigMap", None, "")


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


def unified(patches: Iterable[Patch], named: Callable[[str], str]) -> tuple[str, int]:
    """The patches as `patch -p1` and `git apply --unidiff-zero` take them, and how many changes are not shown.

    `named` gives a file's name from where they will be applied. What may be a credential is in no output: a change whose lines may
    hold one is left out, and the lines around a change are shown as far as they hold none.
    """
    parts, hidden = [], 0
    for patch in patches:
        hunks, left_out = _hunks(patch.before.splitlines(keepends=True), patch.after.splitlines(keepends=True))
        hidden += left_out
        if hunks:
            name = named(patch.file)
            old, new = (name, name) if name.startswith("/") else (f"a/{name}", f"b/{name}")
            parts += [f"--- {old}\n+++ {new}\n", *hunks]
    return "".join(parts), hidden


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


def _hunks(old: Sequence[str], new: Sequence[str]) -> tuple[list[str], int]:
    steps = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changes = [step[1:] for step in steps if step[0] != "equal"]
    found, hidden, done, shift = [], 0, 0, 0
    for number, (start, end, new_start, new_end) in enumerate(changes):
        following = changes[number + 1][0] if number + 1 < len(changes) else len(old)
        removed, added = old[start:end], new[new_start:new_end]
        if not all(map(_harmless, (*removed, *added))):
            hidden += 1
            continue
        above = _near(old[max(done, start - _AROUND) : start][::-1])[::-1]
        below = _near(old[end : min(following, end + _AROUND)])
        found.append(_hunk(start - len(above), shift, above, removed, added, below))
        done, shift = end + len(below), shift + len(added) - len(removed)
    return found, hidden


def _hunk(
    at: int, shift: int, above: Sequence[str], removed: Sequence[str], added: Sequence[str], below: Sequence[str]
) -> str:
    """One hunk; `at` counts lines from 0, and `shift` is by how many the hunks above moved it. An empty side stands after a line."""
    around = len(above) + len(below)
    sides = ((at, around + len(removed)), (at + shift, around + len(added)))
    head = " ".join(f"{sign}{start + bool(count)},{count}" for sign, (start, count) in zip("-+", sides, strict=True))
    marked = [*((" ", line) for line in above), *(("-", line) for line in removed), *(("+", line) for line in added)]
    marked += [(" ", line) for line in below]
    lines = "".join(
        f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"
        for sign, line in marked
    )
    return f"@@ {head} @@\n{lines}"


def _near(lines: Sequence[str]) -> Sequence[str]:
    """The lines up to the first that may hold a credential."""
    stop = next((number for number, line in enumerate(lines) if not _harmless(line)), len(lines))
    return lines[:stop]


def _harmless(line: str) -> bool:
    """Whether an excerpt would show the line as it is, apart from a remark of plain words."""
    text = line.rstrip("\r\n")
    bare = _REMARK.sub("", text)
    remark = text[len(bare) :]
    if remark and (not _WORDS.fullmatch(remark) or excerpt.TELLING_KEYS.search(remark)):
        return False
    return not bare.strip() or excerpt.written(bare, 1, _ANY, "")[0] == bare
