"""Files that were read before are not read again: what a blob holds, kept in the cache by its id.

In and out as `sandbox.read`. One file of JSON lines for each source, replaced as a whole; nothing is kept of a file with a
Secret in it, sealed or not. What cannot be read back is parsed anew: the cache may be lost at any time.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache as once
from pathlib import Path

import auditor
from auditor.desired import sandbox
from auditor.desired.files import File
from auditor.desired.records import Read, decode
from auditor.desired.sandbox import Request
from auditor.manifests.documents import uncollected


def read(files: Sequence[File], request: Request, *, cache: Path, deadline: float, purpose: str = "now") -> list[Read]:
    """What each file holds, in order; only those are parsed that are not in the cache. `purpose` names the cache file."""
    salt = _salt(request)
    about = "\0".join((request.source, request.cluster, purpose)).encode()
    place = cache / "parsed" / f"{hashlib.blake2b(about, digest_size=16).hexdigest()}.jsonl"
    kept = dict(_load(place))
    keys = [_key(file, salt) for file in files]
    with uncollected():
        found = [_known(kept.get(key), file, request) for file, key in zip(files, keys, strict=True)]
    missing = [index for index, known in enumerate(found) if known is None]
    lines: dict[bytes, bytes] = {}
    for index, (new, line) in zip(
        missing, sandbox.read_lines([files[index] for index in missing], request, deadline=deadline), strict=True
    ):
        found[index] = new
        if new.keepable:
            lines[keys[index]] = line
    known_keys = set(keys)
    if lines or any(key not in known_keys for key in kept):
        _save(place, {key: line for key in keys for line in (lines.get(key) or kept.get(key),) if line})
    return [each for each in found if each is not None]


def _known(line: bytes | None, file: File, request: Request) -> Read | None:
    if line is None:
        return None
    try:
        return decode(line, source=request.source, file=file.name, text=file.text)
    except ValueError:
        return None


def _key(file: File, salt: bytes) -> bytes:
    return hashlib.blake2b(f"{file.blob}\0{file.name}\0".encode() + salt, digest_size=16).hexdigest().encode()


def _salt(request: Request) -> bytes:
    said = "\0".join(
        (request.source, request.cluster, request.namespace or "", str(request.namespace is None), *request.charts)
    )
    return hashlib.blake2b(said.encode() + _version(), digest_size=16).digest()


@once
def _version() -> bytes:
    """Changes with every line of the code that reads manifests: what an older version read is not taken for its word."""
    here = Path(auditor.__file__).parent
    digest = hashlib.blake2b(digest_size=16)
    for folder in ("manifests", "kube", "desired"):
        for path in sorted((here / folder).rglob("*")):
            if path.suffix in (".py", ".json"):
                digest.update(path.read_bytes())
    return digest.digest()


def _load(place: Path) -> Iterator[tuple[bytes, bytes]]:
    try:
        text = place.read_bytes()
    except OSError:
        return
    for line in text.splitlines():
        key, tab, record = line.partition(b"\t")
        if tab:
            yield key, record


def _save(place: Path, kept: dict[bytes, bytes]) -> None:
    """In one step, so that nobody reads half of it. A cache that cannot be written is no cache."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        for left in place.parent.glob(".new-*"):  # by one that was killed while it wrote
            if left.stat().st_mtime < time.time() - 3600:
                left.unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as stream:
            for key, record in kept.items():
                stream.write(key + b"\t" + record + b"\n")
        os.replace(name, place)
    except OSError:
        return
