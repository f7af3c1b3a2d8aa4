"""What was read of one file, as one line of JSON: the answer of the reading process, and what the cache keeps.

In and out: `manifests.reader.Read` of one file <-> bytes. Names of source and file are not in it: whoever asked knows them.
Places go along as the piece of text they can be computed from; those of a Secret one by one, as its text is not to be parsed
outside of the process that seals it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.kube import secrets
from auditor.manifests import reader
from auditor.manifests.documents import decoded
from auditor.manifests.places import Places, Written
from auditor.model import Locate, Origin, Place, Problem, RawPath, Ref, Resource, Severity


@dataclass(frozen=True, slots=True)
class Read:
    """What one file holds; `skipped`: what its documents are that are no manifests. `keepable`: there is no Secret in it, so that the cache may have it."""

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    skipped: tuple[str, ...] = ()
    keepable: bool = True
    waivers: tuple[Resource, ...] = ()
    mended: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    """Its lines before and after it was put right, masked, where that was asked for."""


def encode(read: reader.Read, text: bytes, mended: tuple[Sequence[str], Sequence[str]] | None = None) -> bytes:
    """The line for one file that was read from `text`; without the line break."""
    pieces = _Pieces(decoded(text))
    # what is wrong with a document that could not be read may be told in the words of a Secret
    keepable = b"Secret" not in text or not read.problems
    keepable = keepable and not any(secrets.is_secret(resource.body) for resource in read.resources)
    resources = [_encoded(resource, pieces) for resource in read.resources]
    waivers = [_encoded(document, pieces) for document in read.waivers]
    problems = [
        {
            "is": [problem.code, problem.severity.value, problem.message, problem.remedy],
            "at": [problem.place.line, problem.place.column] if problem.place else None,
            "ref": [problem.ref.cluster, problem.ref.group, problem.ref.kind, problem.ref.namespace, problem.ref.name]
            if problem.ref
            else None,
        }
        for problem in read.problems
    ]
    skipped = [each.reason for each in read.skipped]
    return secrets.to_json(
        {
            "keepable": keepable,
            "skipped": skipped,
            "resources": resources,
            "problems": problems,
            "waivers": waivers,
            **({"mended": mended} if mended else {}),
        }
    )


def _encoded(resource: Resource, pieces: _Pieces) -> dict[str, Any]:
    ref = resource.ref
    return {
        "ref": [ref.cluster, ref.group, ref.kind, ref.namespace, ref.name],
        "version": resource.api_version,
        "line": resource.origin.line if resource.origin else 1,
        "body": resource.body,
        **pieces.of(resource),
    }


def decode(line: bytes, *, source: str, file: str, text: bytes) -> Read:
    """The other way. ValueError if the line is not one that `encode` made: it was cut, or another version made it."""
    try:
        record = secrets.from_json(line)
        whole = _Text(text)
        resources = tuple(_resource(each, source, file, whole) for each in record["resources"])
        problems = tuple(
            Problem(
                each["is"][0],
                Severity(each["is"][1]),
                each["is"][2],
                each["is"][3],
                Place(source, file, *each["at"]) if each["at"] else None,
                Ref(*each["ref"]) if each["ref"] else None,
            )
            for each in record["problems"]
        )
        waivers = tuple(_resource(each, source, file, whole) for each in record["waivers"])
        mended = None
        if "mended" in record:
            before, after = record["mended"]
            mended = (tuple(before), tuple(after))
        return Read(resources, problems, tuple(record["skipped"]), bool(record["keepable"]), waivers, mended)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("not a record") from error


def _resource(record: Mapping[str, Any], source: str, file: str, whole: _Text) -> Resource:
    locate: Locate | None = None
    if "places" in record:
        locate = _Known(record["places"])
    elif "piece" in record:
        start, end, first, prefix = record["piece"]
        locate = Places(whole.written(start, end, first), tuple(prefix))
    return Resource(
        Ref(*record["ref"]), record["version"], record["body"], Origin(source, file, record["line"]), locate
    )


class _Text:
    """The text of a file, decoded once, when the first place in it is asked for."""

    __slots__ = ("_decoded", "_text", "_written")

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._decoded: bytes | None = None
        self._written: dict[tuple[int, int], Written] = {}

    def written(self, start: int, end: int, first: int) -> Written:
        """The piece from `start` to `end`; objects of one List share it."""
        if self._decoded is None:
            self._decoded = decoded(self._text)
        found = self._written.get((start, end))
        if found is None:
            found = self._written[start, end] = Written(self._decoded[start:end], first)
        return found


class _Pieces:
    """Where in a text the documents of its objects stand."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 0
        self._last: tuple[bytes, int] = (b"", 0)

    def of(self, resource: Resource) -> dict[str, Any]:
        """The piece that the places of an object are computed from, or all of them; nothing where none can be told."""
        if not isinstance(resource.locate, Places):
            return {}
        piece, first, prefix = resource.locate.piece
        if piece is None:  # a document with a Secret in it
            return {"places": _all_places(resource)}
        if piece is not self._last[0]:
            start = self._text.find(piece, self._at)
            if start < 0:
                return {"places": _all_places(resource)}
            self._last, self._at = (piece, start), start + len(piece)
        start = self._last[1]
        return {"piece": [start, start + len(piece), first, prefix]}


class _Known:
    """Places that were computed before: calling it gives that of the path, or of its nearest parent."""

    __slots__ = ("_places",)

    def __init__(self, places: Sequence[Any]) -> None:
        self._places = {tuple(path): (line, column) for path, line, column in places}

    def __call__(self, path: RawPath) -> tuple[int, int] | None:
        for length in range(len(path), -1, -1):
            found = self._places.get(path[:length])
            if found is not None:
                return found
        return None


def _all_places(resource: Resource) -> list[Any]:
    if resource.locate is None:
        return []
    places = []
    for path in _paths(resource.body, ()):
        found = resource.locate(path)
        if found is not None:
            places.append([path, *found])
    return places


def _paths(value: Any, path: RawPath) -> Iterator[RawPath]:
    yield path
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _paths(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _paths(each, (*path, index))
