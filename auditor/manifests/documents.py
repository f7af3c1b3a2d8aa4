"""A file in, its documents out: bytes as kubectl decodes and splits them, each piece read on its own.

One bad document does not lose the others. Lines are those of the file.
"""

from __future__ import annotations

import codecs
import gc
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from auditor.manifests import scalars
from auditor.manifests.budget import DEEPEST, MOST_ALIASES, MOST_NODES, Budget
from auditor.manifests.builder import Built, build
from auditor.manifests.mistakes import Mistake, Refused, counter, in_file

LARGEST: Final = 3 * 1024 * 1024
"""Bytes of one file."""
MOST_DOCUMENTS: Final = 100_000
"""Documents of one file."""

_SEPARATOR = re.compile(rb"^---([^\n]*)\n?", re.MULTILINE)
_INNER_BOM = re.compile(b"\n(?=" + codecs.BOM_UTF8 + b")")
_NUL_ESCAPE = re.compile(rb"\\(?:0|x00|u0000|U00000000)")
_JSON_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{\]}]', re.DOTALL)
_BLANK = re.compile(r"[ \t\r\n]*")
_SECRET = re.compile(rb"kind[\"']?\s*:\s*[\"']?Secret|stringData", re.IGNORECASE)
_SURROGATE_ESCAPE = re.compile(rb"\\[uU][dD][89a-fA-F]")


@dataclass(slots=True)
class Document:
    """One document. `text` is its piece of the file, in UTF-8; `first` the file's line that the piece begins on, from 1.

    `line` is where its content begins. With a mistake that kept it from being read, `value` is None and `readable` False.
    """

    text: bytes
    first: int
    line: int
    value: Any = None
    readable: bool = True
    mistakes: list[Mistake] = field(default_factory=list)
    """Their lines count from 1, within the file; so do their columns."""


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection while values are built: there are no cycles among them, and looking for some doubles the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def decoded(data: bytes) -> bytes:
    """The text as UTF-8 without a byte order mark and with a line break at its end, as kubectl's reader makes it.

    UTF-16 with a byte order mark is converted; what is no UTF-8 becomes U+FFFD.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    else:
        data = data.removeprefix(codecs.BOM_UTF8)
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            data = data.decode("utf-8", "replace").encode("utf-8")
    return data if data.endswith(b"\n") else data + b"\n"


def pieces(text: bytes) -> Iterator[tuple[int, bytes, str]]:
    """(first line, text, what stands in the way) of each piece: kubectl cuts at every line that begins with ---.

    Such a line is dropped where a piece ends, and kept where one begins: kubectl's reader does so, and it can be seen
    (`---` with `...` below it is an empty document). Text on it after --- is refused, unless it is a comment.
    """
    start, line, refused = 0, 1, ""
    for match in _SEPARATOR.finditer(text):
        piece = text[start : match.start()]
        after = match[1].decode("utf-8").strip()
        bad = bool(after) and after[0] != "#"
        if piece or refused:
            yield line, piece, refused
        elif not bad:
            continue
        line += piece.count(b"\n") + 1
        start = match.end()
        refused = "text follows --- on its line" if bad else ""
    if start < len(text) or refused:
        yield line, text[start:], refused


def documents(data: bytes, budget: Budget | None = None, *, largest: int = LARGEST) -> Iterator[Document]:
    """Every document of a file that holds something. Raises nothing: what cannot be read is a document with a mistake.

    `largest` in bytes; the budgets of larger files are in proportion. The memory of scalars in `budget` is used, its counts are reset.
    """
    if len(data) > largest:
        yield _unreadable(
            b"", 1, Mistake("SRC201", 1, 1, f"the file is larger than {largest / (1 << 20):.0f} MiB", "split the file")
        )
        return
    text = decoded(data)
    budget = budget or Budget()
    budget.nodes, budget.aliases = max(MOST_NODES, len(text)), MOST_ALIASES
    most = MOST_DOCUMENTS
    if text.lstrip()[:1] == b"{" and (stream := list(_json_stream(text, most))):
        yield from stream
        return
    for number, (first, piece, refused) in enumerate(pieces(text)):
        if number >= most:
            yield _unreadable(b"", first, _too_many(most, first))
            return
        if refused:
            yield _unreadable(
                piece, first, Mistake("MAN001", first - 1, 4, refused, "begin the document on the next line")
            )
        elif piece.strip(b" \r\n"):
            document = _document(piece, first, budget)
            if document is not None:
                yield document


def _unreadable(text: bytes, first: int, mistake: Mistake) -> Document:
    return Document(text, first, mistake.line, None, False, [mistake])


def _duplicates(piece: bytes, wary: bool) -> list[Mistake]:
    """Keys that are written twice, by name; without their names in a Secret, where a value gone astray may be one."""
    mistakes = build(piece, Budget(), places=True, wary=wary).mistakes
    if not _SECRET.search(piece):
        return mistakes
    return [
        replace(each, message="a key is written twice, and the last one counts") if each.code == "MAN002" else each
        for each in mistakes
    ]


def _too_many(most: int, line: int) -> Mistake:
    return Mistake("SRC202", line, 1, f"more than {most} documents in one file", "split the file")


def _document(piece: bytes, first: int, budget: Budget) -> Document | None:
    if piece.lstrip()[:1] == b"{" and len(alone := list(_json_stream(piece, 2, first))) == 1:
        return alone[0]
    wary = _NUL_ESCAPE.search(piece) is not None
    try:
        if mark := _INNER_BOM.search(piece):
            line = piece.count(b"\n", 0, mark.end())
            raise Refused(Mistake("MAN001", line, 0, "a byte order mark stands at the start of this line", "remove it"))
        try:
            built = build(piece, budget, wary=wary)
        except Refused as refused:
            piece, built = _with_colons(piece, refused, budget, wary)
    except Refused as refused:
        return _unreadable(piece, first, _of_a_template(in_file(refused.mistake, first, counter(piece)), piece, first))
    if built.begin is None or (built.value is None and not built.mistakes):
        return None
    if built.duplicates:
        built.mistakes += _duplicates(piece, wary)
    counted = counter(piece)
    mistakes = [in_file(mistake, first, counted) for mistake in built.mistakes]
    return Document(piece, first, first + counted(*built.begin)[0], built.value, True, mistakes)


_COLONS: Final = 20
"""Texts with a colon before a comma or a bracket that are read in one document."""
_FLOW_TEXT: Final = re.compile(r"[^\s,\[\]{}?]+")


def _with_colons(piece: bytes, refused: Refused, budget: Budget, wary: bool) -> tuple[bytes, Built]:
    """What kubectl reads where libyaml does not: within [] and {}, text may have a colon before a comma or a bracket (`{a:}`).

    The text is read in quotes, which is what it means, and columns on its line count them. Raises what was refused otherwise.
    """
    for _ in range(_COLONS):
        begin, at = refused.mistake.index, refused.mistake.stopped
        if begin is None or at is None:
            raise refused
        text = piece.decode("utf-8")
        rest = _FLOW_TEXT.match(text, at)
        end = rest.end() if rest else at
        said = text[begin:end]
        if "\n" in said or "\r" in said or said.startswith(("'", '"')):
            raise refused
        piece = (text[:begin] + "'" + said.replace("'", "''") + "'" + text[end:]).encode("utf-8")
        try:
            return piece, build(piece, budget, wary=wary)
        except Refused as again:
            refused = again
    raise refused


def _of_a_template(mistake: Mistake, piece: bytes, first: int) -> Mistake:
    """The mistake itself, or, where its line is still a template, that."""
    lines = piece.split(b"\n")
    line = lines[mistake.line - first] if mistake.line - first < len(lines) else b""
    if mistake.code != "MAN001" or b"{{" not in line:
        return mistake
    return replace(
        mistake,
        message="this is a template, not a manifest yet",
        remedy="render it first (helm template, kustomize build), or put a Chart.yaml beside its folder templates",
    )


def _json_stream(text: bytes, most: int, first: int = 1) -> Iterator[Document]:
    """The objects of a text that is JSON through and through, one after the other; nothing at all where it is not."""
    found: list[Document] = []
    try:
        content = text.decode("utf-8")
        if mistake := _json_limits(content, text, first):
            yield _unreadable(text, first, mistake)
            return
        doubled = False

        def pairs(entries: list[tuple[str, Any]]) -> dict[str, Any]:
            nonlocal doubled
            made = dict(entries)
            doubled = doubled or len(made) != len(entries)
            return made

        decoder = json.JSONDecoder(
            object_pairs_hook=pairs, parse_float=_json_float, parse_int=_json_int, parse_constant=_no_constant
        )
        at, counted, line = _BLANK.match(content).end(), 0, first  # type: ignore[union-attr]
        surrogates = _SURROGATE_ESCAPE.search(text) is not None
        while at < len(content):
            if len(found) >= most:
                found.append(_unreadable(b"", line, _too_many(most, line)))
                break
            doubled = False
            value, end = decoder.raw_decode(content, at)
            line += content.count("\n", counted, at)
            counted = at
            if surrogates:
                value = _without_surrogates(value)
            piece = content[at:end].encode("utf-8")
            found.append(Document(piece, line, line, value, True, _json_duplicates(piece, line) if doubled else []))
            at = _BLANK.match(content, end).end()  # type: ignore[union-attr]
    except ValueError:
        return
    yield from found


def _json_limits(content: str, text: bytes, first: int) -> Mistake | None:
    if _NUL_ESCAPE.search(text) and (at := content.find("\\u0000")) >= 0 and not content[:at].endswith("\\"):
        line = content.count("\n", 0, at)
        return Mistake("MAN001", first + line, 1, "a NUL character is not allowed", "remove the escape \\u0000")
    if content.count("{") + content.count("[") <= DEEPEST:
        return None
    depth = 0
    for match in _JSON_BRACKETS.finditer(content):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
        if depth > DEEPEST:
            line = content.count("\n", 0, match.start())
            return Mistake("SRC203", first + line, 1, f"nested deeper than {DEEPEST} levels", "nest less")
    return None


def _json_float(text: str) -> int | float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("out of range")
    return scalars.whole(value)


def _json_int(text: str) -> int | float:
    value = int(text)
    return value if -(2**63) <= value < 2**64 else float(text)


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _json_duplicates(piece: bytes, first: int) -> list[Mistake]:
    try:
        mistakes = _duplicates(piece, False)
    except Refused:  # JSON that is no YAML (escaped surrogate pairs): the line is not to be had
        return [
            Mistake(
                "MAN002", first, 1, "a key is written twice in one object; the last one counts", "remove one of them"
            )
        ]
    counted = counter(piece)
    return [in_file(mistake, first, counted) for mistake in mistakes]


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(each) for each in value]
    return value
