"""The process that parses what a repository holds: confined before it reads a byte, and answering one line a file.

In (standard input): one line of JSON, `{"mend", "source", "cluster", "namespace", "charts", "memory", "seconds", "key": [id, secret in hex]}`, then for each file
a line `{"file", "bytes"}` and so many bytes. Out (standard output): a line `{"confined": bool}`, then one line for each file
in that order, as `records.encode` makes it, or `{"failed": where}` where our own code failed. Ended by its parent or by the
kernel at any moment; the first file without an answer is then the one that did it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Any

import orjson

from auditor.desired import confine
from auditor.desired.files import TEXT_BYTES
from auditor.desired.records import encode
from auditor.kube.secrets import Key
from auditor.manifests import reader


def main() -> None:
    """Reads requests until their end. Started by `sandbox`, never by a person."""
    stream = sys.stdin.buffer
    request = orjson.loads(stream.readline())
    key_id, secret = request["key"]
    key = Key(key_id, bytes.fromhex(secret))
    _answer(orjson.dumps({"confined": confine.confine(request["memory"])}))
    while line := stream.readline():
        header = orjson.loads(line)
        text = stream.read(header["bytes"])
        confine.begin_file(request["seconds"] + (len(text) >> 20))
        _answer(_read(header["file"], text, request, key))


def _read(file: str, text: bytes, request: dict[str, Any], key: Key) -> bytes:
    try:
        if request.get("mend"):
            return _mended(file, text, request, key)
        return encode(_read_file(file, text, request, key), text)
    except MemoryError:
        os._exit(confine.NO_MEMORY)
    except Exception as error:  # a door: whatever happens here concerns one file, and its words may hold a secret
        return orjson.dumps({"failed": _where(error)})


def _read_file(file: str, text: bytes, request: dict[str, Any], key: Key) -> reader.Read:
    return reader.read(
        text,
        source=request["source"],
        file=file,
        cluster=request["cluster"],
        namespace=request["namespace"],
        key=key,
        siblings=request["charts"],
        largest=TEXT_BYTES,
    )


def _mended(file: str, text: bytes, request: dict[str, Any], key: Key) -> bytes:
    """The file put right, and what is wrong with it even then, at the lines of the file as it is."""
    from auditor.manifests import masking, mending

    found = mending.mended(text, largest=TEXT_BYTES)
    after = "\n".join(found.after).encode("utf-8")
    read = _read_file(file, after if found.changed else text, request, key)
    problems = [
        replace(problem, place=replace(problem.place, line=found.origins[problem.place.line - 1]))
        if problem.place and found.changed and 0 < problem.place.line <= len(found.origins)
        else problem
        for problem in read.problems
    ]
    shown = (masking.masked(found.before), masking.masked(found.after))
    return encode(reader.Read(problems=tuple(problems)), text, shown)


def _where(error: Exception) -> str:
    """Type and line of a failure of our own, and nothing of what it says."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f" at {os.path.basename(at.tb_frame.f_code.co_filename)}:{at.tb_lineno}" if at else ""
    return type(error).__name__ + where


def _answer(line: bytes) -> None:
    """At once, so that what was read is known whatever the next file does."""
    left = memoryview(line + b"\n")
    while left:
        left = left[os.write(1, left) :]
