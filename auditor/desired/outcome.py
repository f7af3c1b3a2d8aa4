"""What came of rendering: the tool's output read into records, kept where it may be, and failures in words.

Kept is the record of one part, by what it was made of; never one with a Secret in it. The tool's output itself is never kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from auditor.desired import parsed, tool
from auditor.desired.files import printable, problem
from auditor.desired.records import Read
from auditor.desired.sandbox import Request
from auditor.desired.trees import Tree
from auditor.kube import secrets
from auditor.model import Origin, Place, Problem, RawPath, Ref, Resource, Severity
from auditor.settings import RenderSettings

if TYPE_CHECKING:
    from auditor.desired.rendering import Part

NOT_RENDERED: Final = "SRC401"
LIMIT: Final = "SRC405"
FORTNIGHT: Final = 14 * 24 * 3600
_READ: Final = "from auditor.desired.rendered import main; main()"


def read(
    text: bytes, part: Part, tree: Tree, request: Request, *, strip: bool, deadline: float, again: bytes = b""
) -> bytes | Problem:
    """The record of what a renderer printed, made in a process of its own. `again`: what it printed the second time."""
    shown = printable(tree.shown(part.plan.file))
    head = {
        "source": request.source,
        "cluster": request.cluster,
        "namespace": request.namespace,
        "key": [request.key.id, request.key.secret.hex()],
        "file": part.plan.file,
        "folder": part.plan.folder,
        "renderer": part.plan.renderer,
        "strip": strip,
        "chain": part.plan.chain,
        "rendered": len(text),
        "again": len(again),
        "files": [[name.encode("utf-8", "replace").decode(), len(each)] for name, each in part.files.items()],
    }
    given = b"".join((orjson.dumps(head), b"\n", text, again, *part.files.values()))
    done = tool.run(tool.Job(code=_READ, given=given, bounds=tool.Bounds(output=256 << 20)), deadline=deadline)
    line = done.output.rstrip(b"\n")
    if done.status or done.limit or not line.startswith(b"{"):
        why = f"what it renders to is too much to read ({done.limit or done.status})"
        return problem(LIMIT, f"{shown}: {why}", remedy="split it", source=request.source, file=shown)
    return line


def decoded(line: bytes, tree: Tree, request: Request) -> Read:
    """The resources of a record, with their places."""
    record = secrets.from_json(line)
    resources = tuple(_resource(each, tree, request.source) for each in record["resources"])
    problems = tuple(
        Problem(
            each["is"][0],
            Severity(each["is"][1]),
            each["is"][2],
            each["is"][3],
            _place(each["at"], tree, request.source),
            Ref(*each["ref"]) if each["ref"] else None,
        )
        for each in record["problems"]
    )
    return Read(resources, problems, tuple(record["skipped"]), bool(record["keepable"]))


def _resource(record: Mapping[str, Any], tree: Tree, source: str) -> Resource:
    trace = _Trace(record["places"], tree, source)
    first = trace(())
    origin = Origin(source, first.file, first.line)
    return Resource(Ref(*record["ref"]), record["version"], record["body"], origin, None, trace)


class _Trace:
    """Calling it gives the place of a path, or of its nearest parent."""

    __slots__ = ("_places", "_shown", "_source")

    def __init__(self, places: Sequence[Any], tree: Tree, source: str) -> None:
        self._places: dict[RawPath, Any] = {tuple(path): at for path, *at in places}
        self._shown = tree.shown
        self._source = source

    def __call__(self, path: RawPath) -> Place:
        found = next((self._places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._places), None)
        file, line, column = found or self._places[()]
        return Place(self._source, printable(self._shown(file)), line, column)


def _place(at: Sequence[Any], tree: Tree, source: str) -> Place:
    return Place(source, printable(tree.shown(at[0])), at[1], at[2])


def key_of(part: Part, tree: Tree, request: Request, version: str) -> str:
    """Changes with everything that the record is made of: the files, the tool, the source, and our own code."""
    digest = hashlib.blake2b(digest_size=16)
    said = (version, request.source, request.cluster, repr(request.namespace), part.plan.file)
    for piece in (*said, *part.plan.chain, *(f"{name}\0{target}" for name, target in sorted(part.links.items()))):
        digest.update(piece.encode("utf-8", "surrogateescape") + b"\0")
    for name, text in sorted(part.files.items()):
        content = tree.files.get(name, "").encode() or hashlib.blake2b(text, digest_size=16).digest()
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0" + content)
    digest.update(parsed._version())
    return digest.hexdigest()


def kept(cache: Path | None, key: str) -> bytes | None:
    """The record of an earlier run on exactly this."""
    if cache is None:
        return None
    place = cache / "rendered" / key
    try:
        check, _, line = place.read_bytes().partition(b"\n")
        os.utime(place)
    except OSError:
        return None
    return line if check == hashlib.blake2b(line, digest_size=16).hexdigest().encode() else None


def forget(cache: Path | None) -> None:
    """Removes what no run has used for a fortnight."""
    for place in (cache / "rendered").glob("*") if cache else ():
        with contextlib.suppress(OSError):
            if place.stat().st_mtime < time.time() - FORTNIGHT:
                place.unlink()


def keep(cache: Path | None, key: str, line: bytes) -> None:
    """In one step, so that nobody reads half of it; nothing with a Secret in it. What cannot be kept is made again."""
    if cache is None or not line.startswith(b'{"keepable":true'):
        return
    place = cache / "rendered" / key
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as stream:
            check = hashlib.blake2b(line, digest_size=16).hexdigest()
            stream.write(f"{check}\n".encode() + line)
        os.replace(name, place)
    except OSError:
        return


def explained(done: tool.Done, part: Part, tree: Tree, top: str, request: Request, settings: RenderSettings) -> Problem:
    """Why a renderer failed, in one sentence."""
    shown = printable(tree.shown(part.plan.file))
    limits = {
        "computing": (f"it needs more than {settings.cpu_seconds} seconds of computing", "cpu_seconds"),
        "time": (f"it takes longer than {settings.seconds:.0f} seconds", "seconds"),
        "output": (f"it renders to more than {settings.output_mib} MiB", "output_mib"),
        "memory": (f"it needs more than {settings.memory_mib} MiB of address space", "memory_mib"),
    }
    if not done.confined:
        why, remedy = "this kernel takes no system-call filter", "run it on a kernel with seccomp"
    elif done.limit:
        why, setting = limits[done.limit]
        remedy = f"split it, or raise render.{setting} of this source"
        return problem(LIMIT, f"{shown} is not rendered: {why}", remedy=remedy, source=request.source, file=shown)
    elif "library charts are not installable" in done.messages:
        why, remedy = "it is a library chart, which declares nothing by itself", ""
        return problem(
            NOT_RENDERED,
            f"{shown} is not rendered: {why}",
            severity=Severity.INFO,
            source=request.source,
            file=shown,
        )
    elif "missing in charts/ directory" in done.messages:
        why, remedy = (
            "a chart that it depends on is not in its folder charts",
            "helm dependency update, and commit charts",
        )
    elif "must specify --enable-helm" in done.messages:
        why, remedy = "it inflates a Helm chart, which is not done here", "render the chart into the repository"
    elif "plugins disabled" in done.messages or "unable to load builtin" in done.messages:
        why, remedy = "it uses a plugin, which is not run here", "commit what the plugin generates"
    else:
        why = _words(done.messages, part, top)
        command = "helm template" if part.plan.renderer == "helm" else "kubectl kustomize"
        remedy = f"see what {command} {printable(tree.shown(part.plan.folder)) or '.'} says"
    return problem(NOT_RENDERED, f"{shown} is not rendered: {why}", remedy=remedy, source=request.source, file=shown)


_OWN_WORDS: Final = frozenset(
    [
        "error",
        "accumulating",
        "resources",
        "resource",
        "from",
        "accumulation",
        "err",
        "base",
        "bases",
        "kustomization",
        "kustomize",
        "yaml",
        "json",
        "file",
        "files",
        "path",
        "invalid",
        "unknown",
        "field",
        "failed",
        "unable",
        "cannot",
        "find",
        "found",
        "no",
        "such",
        "or",
        "directory",
        "target",
        "patch",
        "patches",
        "merge",
        "kind",
        "name",
        "namespace",
        "secret",
        "Secret",
        "secretGenerator",
        "literals",
        "envs",
        "must",
        "be",
        "not",
        "in",
        "is",
        "the",
        "a",
        "of",
        "to",
        "for",
        "with",
        "and",
        "at",
        "line",
        "data",
        "type",
        "metadata",
        "Kustomization",
        "apiVersion",
        "generators",
        "transformers",
        "duplicate",
        "key",
        "already",
        "exists",
        "id",
        "matches",
        "multiple",
        "labels",
        "line",
        "mapping",
        "values",
        "are",
        "allowed",
        "this",
        "context",
        "did",
        "expected",
    ]
)


def _words(messages: str, part: Part, top: str) -> str:
    """What the tool said last, without our folder, and without any word that stands in a file that holds secrets."""
    text = re.sub(rf"{re.escape(os.path.realpath(top))}/?|{re.escape(top)}/?", "", messages)
    lines = [printable(line.strip()) for line in text.splitlines() if line.strip()]
    said = " ".join(lines).removeprefix("error: ")
    hiding = b"\n".join(text for text in part.files.values() if b"ecret" in text)
    named = {step for name in part.files for step in (name, *name.split("/"))}
    if any(b"secretGenerator" in text for text in part.files.values()):
        hiding += b"\n".join(text for name, text in part.files.items() if not name.endswith((".yaml", ".yml")))

    def masked(found: re.Match[str]) -> str:
        word = found[0]
        plain = word in _OWN_WORDS or word in named or len(word) < 4
        return word if plain or word.encode() not in hiding else "***"

    said = re.sub(r"[^\s'\":,;()\[\]{}=]+", masked, said) if hiding else said
    return said if len(said) <= 400 else f"{said[:150]} … {said[-240:]}"
