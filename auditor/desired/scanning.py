"""What kustomizations refer to, read in a process that may die of it: texts in, paths and lines out; nothing is rendered here.

In (standard input): a line of JSON, the names and sizes of the files, then their bytes. Out: one line of JSON for each, in that
order: `{"error", "kind", "paths": [[text, line, field], …], "ask", "instead", "slips"}`; slips are
mistakes that kustomize passes over: [code, line, column, message, remedy]. `ask`: how kustomize is brought to say which file
an object came from: "append" a line to the file, take "instead" for it, "" where it cannot be asked, "own" where it is asked
already. Literals, which may be secrets, are not among the paths.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, Final

import orjson

from auditor.desired import confine
from auditor.manifests.budget import Budget
from auditor.manifests.documents import Document, documents
from auditor.manifests.places import Places, Written
from auditor.model import RawPath

ORIGINS: Final = "originAnnotations"
ASK: Final = f"buildMetadata: [{ORIGINS}]\n".encode()
"""https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/buildmetadata/"""

# What holds values and names, never paths.
_NO_PATHS: Final = frozenset(
    {
        "literals", "pairs", "commonLabels", "commonAnnotations", "labels", "annotations", "images", "namespace",
        "namePrefix", "nameSuffix", "vars", "metadata", "options", "generatorOptions", "replicas", "patch", "target",
        "buildMetadata", "apiVersion", "kind", "sortOptions", "selectors", "name", "behavior", "type",
    }
)  # fmt: skip
_LONGEST: Final = 4096


def main() -> None:
    """Started by `tool`, never by a person."""
    confine.confine(int(sys.argv[2]))
    confine.begin_file(int(sys.argv[3]))
    stream = sys.stdin.buffer
    for name, size in orjson.loads(stream.readline()):
        answer = orjson.dumps(scanned(name, stream.read(size))) + b"\n"
        left = memoryview(answer)
        while left:
            left = left[os.write(1, left) :]


def scanned(name: str, text: bytes) -> dict[str, Any]:
    """What one kustomization, or one configuration of a generator, refers to."""
    read = list(documents(text, Budget()))
    error = next((mistake for each in read for mistake in each.mistakes if not each.readable), None)
    paths: list[list[Any]] = []
    for document in read:
        places = Places(Written(document.text, document.first))
        for path, value in _strings(document.value, ()):
            if "\n" not in value and 0 < len(value) <= _LONGEST:
                line = (places(path) or (document.line, 1))[0]
                field = next((str(step) for step in path if isinstance(step, str)), "")
                if field == "replacements" and path[-1] != "path":
                    continue
                paths.append([value, line, field])
                if "=" in value and path[-2:-1] and "files" in path:
                    paths.append([value.partition("=")[2], line, field])
    only = read[0] if len(read) == 1 and isinstance(read[0].value, dict) else None
    kind = str(only.value.get("kind", "")) if only else ""
    ask, instead = _asking(text, only) if only else ("", None)
    said = f"{name}:{error.line}: {error.message}" if error else ""
    slips = [
        [mistake.code, mistake.line, mistake.column, mistake.message, mistake.remedy]
        for each in read
        if each.readable
        for mistake in each.mistakes
    ]
    return {"error": said, "kind": kind, "paths": paths, "ask": ask, "instead": instead, "slips": slips}


def _strings(value: Any, path: RawPath) -> Iterator[tuple[RawPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            if key not in _NO_PATHS:
                yield from _strings(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _strings(each, (*path, index))


def _asking(text: bytes, document: Document) -> tuple[str, str | None]:
    """How to have origins told without changing anything else; what has a mistake in it is left to kustomize as it is."""
    asked = document.value.get("buildMetadata")
    if document.mistakes or not (asked is None or isinstance(asked, list)):
        return "", None
    if asked and ORIGINS in asked:
        return "own", None
    if asked is None and "buildMetadata" not in document.value:
        again = list(documents(text + b"\n" + ASK, Budget()))
        if len(again) == 1 and again[0].value == {**document.value, "buildMetadata": [ORIGINS]}:
            return "append", None
    return "instead", orjson.dumps({**document.value, "buildMetadata": [*(asked or ()), ORIGINS]}).decode()
