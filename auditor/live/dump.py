"""The live side on disk: a `Snapshot` to a JSON file and back, and whatever kubectl prints as a `Snapshot`.

Our own dump is a v1 List that any tool reads, with what was and was not read beside the objects. A plain List, documents, and
folders of them are read too; they say nothing of what was left out, so kinds that do not occur in them are unavailable.
Files are read whole: no kind and no namespace is left out, and Secrets are sealed on the way in.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from auditor.kube import kinds, secrets
from auditor.live.redaction import as_json, redacted
from auditor.manifests import reader
from auditor.manifests.documents import uncollected
from auditor.model import Cell, CellState, Misuse, Place, Problem, Ref, Resource, Sealed, Severity, Snapshot, Source

MARK: Final = "gitops-auditor.io/dump"
"""The field of a v1 List that holds what a plain List has no place for."""
VERSION: Final = 1

ODD_ITEM: Final = "SRC305"
NOT_COMPLETE: Final = "SRC306"

SUFFIXES: Final = frozenset({".json", ".yaml", ".yml"})
_LARGEST: Final = 1 << 31
_NUMBERS: Final = itertools.count()
"""Tell removed values apart, so that none is taken for the same as another."""


def write_dump(snapshot: Snapshot) -> bytes:
    """JSON, one object a line. Of a secret value only `{"redacted": true, "facts": […]}` is left: it compares as unknown later."""
    about = {
        "version": VERSION,
        "server": snapshot.version,
        "otherwise": snapshot.otherwise,
        "sources": [{"name": source.name, "fetchedAt": source.fetched_at} for source in snapshot.sources],
        "cells": [_of_cell(cell) for cell in snapshot.cells],
        "problems": [_of_problem(problem) for problem in snapshot.problems],
    }
    head = b'{"apiVersion":"v1","kind":"List","metadata":{},\n"%s":%s,\n"items":[\n' % (MARK.encode(), _json(about))
    objects = sorted(snapshot.by_ref.values(), key=lambda resource: resource.ref.key)
    return head + b",\n".join(_json(redacted(resource.body)) for resource in objects) + b"\n]}\n"


def read_dump(paths: Path | bytes | Sequence[Path], *, complete: bool, cluster: str, key: secrets.Key) -> Snapshot:
    """What a file, a folder, `-`, or bytes hold. `complete`: they hold the whole cluster, so what is not there is absent.

    Where a part of them cannot be read, they do not hold the whole cluster, whatever is said of them. The cells of our own
    dump stand in any case: what was denied when it was made is not there now. Raises `Misuse` where there is nothing to read.
    """
    read = _Reading(cluster, key)
    with uncollected():
        for file, text in _texts(paths):
            read.file(file, text)
    if complete and read.partly:
        message = "this dump does not hold the whole cluster: a part of it cannot be read"
        read.problems.append(Problem(NOT_COMPLETE, Severity.WARNING, message, "mend what the other problems name"))
    otherwise = CellState.LISTED if complete and not read.partly else CellState(read.otherwise)
    return Snapshot(
        resources=tuple(read.resources),
        problems=tuple(read.problems),
        cells=tuple(read.all_cells(otherwise)),
        sources=tuple(read.sources) or (Source(cluster or _name_of(paths)),),
        otherwise=otherwise,
        version=read.version,
    )


def _name_of(paths: Path | bytes | Sequence[Path]) -> str:
    first = paths if isinstance(paths, Path) else paths[0] if not isinstance(paths, bytes) and paths else None
    return first.name if isinstance(first, Path) and str(first) != "-" else "dump"


def _texts(paths: Path | bytes | Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every file meant. Raises `Misuse`."""
    if isinstance(paths, bytes):
        yield "-", paths
        return
    for path in [paths] if isinstance(paths, Path) else paths:
        if str(path) == "-":
            yield "-", sys.stdin.buffer.read()
            continue
        files = sorted(_files(path)) if path.is_dir() else [path]
        if not files:
            raise Misuse(
                f"{path} holds no JSON or YAML file",
                remedy="name a file of objects, as `kubectl get … -o json` prints them",
            )
        for file in files:
            try:
                text = file.read_bytes()
            except OSError as error:
                raise Misuse(
                    f"{file} cannot be read: {error.strerror}", remedy="name a file or folder of objects that is there"
                ) from None
            yield str(file), text


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if Path(name).suffix.lower() in SUFFIXES)


class _Reading:
    """What is gathered from all files of one dump."""

    def __init__(self, cluster: str, key: secrets.Key) -> None:
        self._cluster, self._key = cluster, key
        self._own: list[Cell] = []
        self._plain: Counter[tuple[str, str]] = Counter()
        self.otherwise = ""
        self.partly = False
        """Something in the files could not be read, so nothing can be told from its absence."""
        self.version = ""
        self.sources: list[Source] = []
        self.resources: list[Resource] = []
        self.problems: list[Problem] = []

    def file(self, file: str, text: bytes) -> None:
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            self._documents(file, text)
            return
        about = value.get(MARK) if isinstance(value, dict) else None
        own = isinstance(about, dict)
        if isinstance(about, dict):
            self._about(about, file)
        else:
            self.otherwise = CellState.UNAVAILABLE
        for item in _items(value):
            found = self._resource(item, file, own)
            if isinstance(found, Problem):
                self.problems.append(found)
                self.partly = True
            else:
                self._keep(found, own)

    def _documents(self, file: str, text: bytes) -> None:
        read = reader.read(
            text,
            source="",
            file=file,
            cluster=self._cluster,
            namespace=None,
            key=self._key,
            places=False,
            declared=False,
            largest=_LARGEST,
        )
        self.otherwise = CellState.UNAVAILABLE
        self.problems += read.problems
        self.partly = self.partly or any(problem.ref is None for problem in read.problems)
        for resource in read.resources:
            self._keep(replace(resource, origin=None), False)

    def _keep(self, resource: Resource, own: bool) -> None:
        self.resources.append(resource)
        if not own:
            self._plain[resource.ref.group, resource.ref.kind] += 1

    def _resource(self, item: object, file: str, own: bool) -> Resource | Problem:
        body = item if isinstance(item, dict) else {}
        metadata = body.get("metadata")
        api_version, kind = body.get("apiVersion"), body.get("kind")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not (
            isinstance(api_version, str)
            and api_version
            and isinstance(kind, str)
            and kind
            and isinstance(name, str)
            and name
        ):
            return Problem(
                ODD_ITEM,
                Severity.WARNING,
                "an item of this dump is no object: it lacks apiVersion, kind or metadata.name",
                "write the dump anew",
                Place("", file, 1),
            )
        assert isinstance(metadata, dict)
        group = kinds.split_api_version(api_version)[0]
        namespace = metadata.get("namespace")
        if not isinstance(namespace, str) or not namespace or kinds.scope(group, kind) is False:
            namespace = None
        if own:
            body = self._unknown(body)
        return Resource(Ref(self._cluster, group, kind, namespace, name), api_version, secrets.seal(body, self._key))

    def _unknown(self, value: Any) -> Any:
        """What `write_dump` left of secret values, as sealed values that compare as unknown, with each other too."""
        if isinstance(value, list):
            return [self._unknown(each) for each in value]
        if not isinstance(value, dict):
            return value
        facts = value.get("facts", [])
        if value.get("redacted") is True and value.keys() <= {"redacted", "facts"} and isinstance(facts, list):
            return Sealed(f"removed-{next(_NUMBERS)}", "", frozenset(each for each in facts if isinstance(each, str)))
        return {name: self._unknown(each) for name, each in value.items()}

    def _about(self, about: Mapping[str, Any], file: str) -> None:
        if about.get("version") != VERSION:
            raise Misuse(
                f"{file} is a dump of format {about.get('version')!r}; this auditor reads {VERSION}",
                remedy="write it anew with `auditor dump`",
            )
        try:
            self.version = self.version or str(about["server"])
            self.otherwise = self.otherwise or CellState(about["otherwise"])
            self.sources += [_source(each) for each in about["sources"]]
            self._own += [_cell(each) for each in about["cells"]]
            self.problems += [_problem(each) for each in about["problems"]]
        except (KeyError, TypeError, ValueError):
            raise Misuse(
                f"{file} is a broken dump: {MARK} is not as written", remedy="write it anew with `auditor dump`"
            ) from None

    def all_cells(self, otherwise: CellState) -> Iterator[Cell]:
        """Cells of our own dumps as they are; of plain files, each kind that occurs."""
        own = {(cell.group, cell.kind) for cell in self._own}
        yield from self._own
        for (group, kind), objects in sorted(self._plain.items()):
            if (group, kind) not in own:
                yield Cell(group, kind, None, CellState.LISTED, "", objects)


def _items(value: object) -> Iterator[object]:
    """The objects of a JSON file: itself, the items of a List, those of Lists in it. Items of a typed list get their type from it."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        kind = each.get("kind") if isinstance(each, dict) else None
        if isinstance(each, list):
            waiting += reversed(each)
        elif (
            isinstance(each, dict)
            and isinstance(kind, str)
            and kind.endswith("List")
            and isinstance(each.get("items"), list | None)
        ):
            typed = {"apiVersion": each.get("apiVersion"), "kind": kind.removesuffix("List")} if kind != "List" else {}
            waiting += [
                {**typed, **item} if isinstance(item, dict) else item for item in reversed(each.get("items") or [])
            ]
        else:
            yield each


def _json(value: object) -> bytes:
    return orjson.dumps(value, default=as_json, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def _of_cell(cell: Cell) -> dict[str, object]:
    return {
        "group": cell.group,
        "kind": cell.kind,
        "namespace": cell.namespace,
        "state": cell.state,
        "reason": cell.reason,
        "objects": cell.objects,
    }


def _cell(found: Mapping[str, Any]) -> Cell:
    namespace = found["namespace"]
    return Cell(
        str(found["group"]),
        str(found["kind"]),
        None if namespace is None else str(namespace),
        CellState(found["state"]),
        str(found["reason"]),
        int(found["objects"]),
    )


def _of_problem(problem: Problem) -> dict[str, object]:
    return {"code": problem.code, "severity": problem.severity, "message": problem.message, "remedy": problem.remedy}


def _problem(found: Mapping[str, Any]) -> Problem:
    return Problem(str(found["code"]), Severity(found["severity"]), str(found["message"]), str(found["remedy"]))


def _source(found: Mapping[str, Any]) -> Source:
    at = found["fetchedAt"]
    return Source(str(found["name"]), fetched_at=None if at is None else datetime.fromisoformat(at))
