"""What a renderer printed, read in a process that may die of it: resources with the places of their sources, as one JSON line.

In (standard input): a line of JSON, then the bytes it announces: `{"source", "cluster", "namespace", "key", "file", "folder",
"strip", "renderer", "chain", "rendered": size, "again": size, "files": [[name, size], …]}`. Out: `{"keepable", "resources", "problems", "skipped"}`, whose
places name files of the tree. `strip`: whether the origins that kustomize told were asked for by us alone.
"""

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Mapping
from typing import Any, Final

import orjson

from auditor.desired import chart_provenance, confine, provenance
from auditor.desired.files import TEXT_BYTES
from auditor.kube import paths, secrets
from auditor.manifests import reader
from auditor.manifests.budget import Budget
from auditor.manifests.documents import documents, uncollected
from auditor.model import Body, Problem, RawPath, Resource, Sealed, Severity

ANOTHER: Final = "SRC407"
ORIGIN: Final = "config.kubernetes.io/origin"


def main() -> None:
    """Started by `tool`, never by a person."""
    confine.confine(int(sys.argv[2]))
    confine.begin_file(int(sys.argv[3]))
    stream = sys.stdin.buffer
    request = orjson.loads(stream.readline())
    text = stream.read(request["rendered"])
    again = stream.read(request["again"])
    files = {name: stream.read(size) for name, size in request["files"]}
    try:
        with uncollected():
            answer = answered(request, text, again, files)
    except MemoryError:
        os._exit(confine.NO_MEMORY)
    left = memoryview(answer + b"\n")
    while left:
        left = left[os.write(1, left) :]


def answered(request: Mapping[str, Any], text: bytes, again: bytes, files: Mapping[str, bytes]) -> bytes:
    """The whole answer for one root."""
    read = _read(text, request)
    second = {each.ref: each.body for each in _read(again, request).resources} if again else None
    known = _Known(request, text, files)
    resources, by_ref = [], {}
    problems: list[Any] = []
    keepable = b"Secret" not in text or not read.problems
    for resource in read.resources:
        keepable = keepable and not secrets.is_secret(resource.body)
        body, places = known.of(resource)
        by_ref[resource.ref] = (resource, places)
        if second is not None:
            steady, unlike = steadied(body, second.get(resource.ref))
            if unlike is not None:
                problems.append(_another(resource, unlike, places))
            if steady is None:
                continue
            body = steady
        ref = resource.ref
        resources.append(
            {
                "ref": [ref.cluster, ref.group, ref.kind, ref.namespace, ref.name],
                "version": resource.api_version,
                "body": body,
                "places": [[list(path), *at] for path, at in places.items()],
            }
        )
    problems += [_problem(problem, by_ref, request["file"]) for problem in read.problems]
    skipped = [each.reason for each in read.skipped]
    return secrets.to_json({"keepable": keepable, "resources": resources, "problems": problems, "skipped": skipped})


def _read(text: bytes, request: Mapping[str, Any]) -> reader.Read:
    key_id, secret = request["key"]
    return reader.read(
        text,
        source=request["source"],
        file="rendered.yaml",  # no file of the tree: what its name would say does not hold
        cluster=request["cluster"],
        namespace=request["namespace"],
        key=secrets.Key(key_id, bytes.fromhex(secret)),
        largest=TEXT_BYTES,
    )


def steadied(body: Body, second: Body | None) -> tuple[Body | None, RawPath | None]:
    """The body with every value that the second rendering has otherwise as one that is compared to nothing, and where the first
    of them is. None for an object that the second does not have: its name is another each time."""
    if second is None:
        return None, ("metadata", "name")
    unlike: list[RawPath] = []

    def walk(one: Any, other: Any, path: RawPath) -> Any:
        if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
            return {key: walk(each, other[key], (*path, key)) for key, each in one.items()}
        if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            return [walk(a, b, (*path, n)) for n, (a, b) in enumerate(zip(one, other, strict=True))]
        if one == other:
            return one
        unlike.append(path)
        return Sealed("", "", frozenset({"encrypted"}))

    steady = walk(body, second, ())
    return (steady, unlike[0]) if unlike else (body, None)


def _another(resource: Resource, path: RawPath, places: Mapping[RawPath, provenance.At]) -> Any:
    """That an object is rendered otherwise each time: what runs can then be compared to nothing."""
    ref = resource.ref
    where = paths.keyed(ref.group, ref.kind, resource.body, path)
    at = next(places[path[:n]] for n in range(len(path), -1, -1) if path[:n] in places)
    message = f"{ref} is rendered otherwise each time, first at {where}; what differs is compared to nothing"
    remedy = "take the value from a Secret or from values instead of making it in the template"
    said = [ANOTHER, Severity.INFO.value, message, remedy]
    return {"is": said, "at": list(at), "ref": [ref.cluster, ref.group, ref.kind, ref.namespace, ref.name]}


class _Known:
    """What a renderer was given, and how its output leads back to it."""

    def __init__(self, request: Mapping[str, Any], text: bytes, files: Mapping[str, bytes]) -> None:
        self._request = request
        helm = request["renderer"] == "helm"
        self._chart = chart_provenance.chart(text, files, request["folder"], request["chain"]) if helm else None
        self._texts = None if helm else provenance.texts(files, request["chain"])

    def of(self, resource: Resource) -> tuple[Body, dict[RawPath, provenance.At]]:
        """The body without what only we asked for, and the places of its paths; that of () always."""
        if self._chart is not None:
            places = dict(chart_provenance.places(resource, self._chart))
            return resource.body, {(): (self._chart.file, 1, 1), **places}
        assert self._texts is not None
        body, origin, configured = _taken(resource.body, self._request)
        manifest, patches = provenance.origin_of(body, origin, configured, self._texts)
        places = dict(provenance.places(body, manifest, patches, configured, self._texts))
        first = (configured or origin or self._request["file"], 1, 1)
        return body, {(): manifest.at(()) if manifest else first, **places}


def _taken(body: Body, request: Mapping[str, Any]) -> tuple[Body, str | None, str | None]:
    """The body without what only we asked for; the file it came from; the kustomization whose generator made it."""
    metadata = body.get("metadata")
    notes = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(notes, dict) or ORIGIN not in notes:
        return body, None, None
    said = next((each.value for each in documents(str(notes[ORIGIN]).encode(), Budget())), None)
    said = said if isinstance(said, dict) else {}
    if request["strip"]:
        rest = {name: value for name, value in notes.items() if name != ORIGIN}
        kept = {name: value for name, value in metadata.items() if name != "annotations"}
        body = {**body, "metadata": {**kept, "annotations": rest} if rest else kept}
    return body, _in_tree(said.get("path"), request), _in_tree(said.get("configuredIn"), request)


def _in_tree(path: Any, request: Mapping[str, Any]) -> str | None:
    if not isinstance(path, str) or not path:
        return None
    return posixpath.normpath(posixpath.join(request["folder"], path))


def _problem(
    problem: Problem, by_ref: Mapping[Any, tuple[Resource, Mapping[RawPath, provenance.At]]], file: str
) -> Any:
    """A problem at the place of the source that the field came from."""
    at = (file, 1, 1)
    found = by_ref.get(problem.ref) if problem.ref else None
    if found and problem.place:
        resource, places = found
        path = _path_at(resource, problem.place.line, problem.place.column)
        at = next((places[path[:n]] for n in range(len(path), -1, -1) if path[:n] in places), at)
    ref = problem.ref
    return {
        "is": [problem.code, problem.severity.value, problem.message, problem.remedy],
        "at": list(at),
        "ref": [ref.cluster, ref.group, ref.kind, ref.namespace, ref.name] if ref else None,
    }


def _path_at(resource: Resource, line: int, column: int) -> RawPath:
    """The path of an object that is written at a place of the rendered text."""
    if resource.locate is not None:
        for path, _ in provenance.walked(resource.body, ()):
            if path and resource.locate(path) == (line, column):
                return path
    return ()
