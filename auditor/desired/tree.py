"""Manifests in a commit -> `Gathered` texts, from git's objects alone: no checkout, so no hook, filter or link can act.

In: a fetched `Repository`, a commit, a folder. Links are resolved within the tree; submodules and LFS pointers are said,
not followed. Raises `Unavailable` where the folder is not there, or the tree is larger than any real one.
"""

from __future__ import annotations

import posixpath
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from auditor.desired import failures
from auditor.desired.files import (
    LINK,
    LINK_HOPS,
    RENDERABLE,
    SUBMODULE,
    UNREADABLE,
    File,
    Gathered,
    is_manifest,
    is_renderable,
    lfs_pointer,
    near,
    no_manifests,
    printable,
    problem,
    too_large,
)
from auditor.desired.repository import Repository
from auditor.desired.trees import Tree, folders_of
from auditor.model import Problem, Severity, Unavailable

_LINK_MODE: Final = "120000"
_SUBMODULE_MODE: Final = "160000"
_ENTRY = re.compile(r"(?P<mode>\d{6}) (?P<type>\w+) (?P<blob>[0-9a-f]{40,64})\t(?P<name>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a tree: its mode, the id of its object, and its whole path (bytes that are no UTF-8 as surrogates)."""

    mode: str
    blob: str
    name: str


def gather(repository: Repository, commit: str, *, source: str) -> Gathered:
    """All manifests of the source's folder in a commit, by path."""
    folder = repository.source.folder
    entries = _entries(repository, commit, folder)
    problems = [_submodule(entry, source) for entry in entries if entry.mode == _SUBMODULE_MODE]
    wanted = {
        entry.name: entry
        for entry in entries
        if is_manifest(entry.name) and entry.mode not in (_LINK_MODE, _SUBMODULE_MODE)
    }
    links = [entry for entry in entries if entry.mode == _LINK_MODE and is_manifest(entry.name)]
    if links:
        for found in _followed(repository, commit, links, wanted, source):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                wanted[found.name] = found
    files: list[File] = []
    limits = repository.source.limits
    sizes = blob_sizes(repository, {entry.blob for entry in wanted.values()})
    small = {blob for blob, size in sizes.items() if size <= limits.file_mib << 20}
    total = sum(sizes[blob] for blob in small)
    if total > limits.source_mib << 20:
        raise Unavailable(
            "git",
            f"{_where(folder, repository)} holds more than {limits.source_mib} MiB of manifests",
            remedy="name a folder within it, or raise limits.source_mib of this source",
        )
    texts = blobs(repository, small)
    for name in sorted(wanted):
        entry = wanted[name]
        shown = printable(name)
        if entry.blob not in sizes:
            problems.append(problem(UNREADABLE, f"git cannot read {shown}", source=source, file=shown))
            continue
        if entry.blob not in texts:
            problems.append(too_large(shown, sizes[entry.blob], limits.file_mib << 20, source=source))
            continue
        file = File(shown, texts[entry.blob], entry.blob)
        pointer = lfs_pointer(file, source=source)
        if pointer:
            problems.append(pointer)
        else:
            files.append(file)
    renderable = any(is_renderable(entry.name) for entry in entries)
    if not files and not problems and not renderable:
        problems.append(no_manifests(folder or "the repository", source=source))
    return Gathered(tuple(files), tuple(problems), renderable)


def renderable(repository: Repository, commit: str) -> bool:
    """Whether there is a kustomization or a chart in the source's folder."""
    folder = repository.source.folder
    arguments = ["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit]
    said = repository.git(
        *arguments, *(("--", f"{folder}/") if folder else ()), limit=repository.source.limits.files * 320
    )
    endings = tuple(f"/{name}\0".encode() for name in RENDERABLE)
    names = b"/" + said.output.replace(b"\0", b"\0/")
    return any(ending in names for ending in endings)


def whole(repository: Repository, commit: str) -> Tree:
    """Everything in a commit, for what is rendered: a kustomization may use what lies beside the source's folder."""
    entries = _whole(repository, commit)
    files = {entry.name: entry.blob for entry in entries if entry.mode.startswith("100")}
    linked = {entry.name: entry.blob for entry in entries if entry.mode == _LINK_MODE}
    targets = blobs(repository, linked.values()) if linked else {}
    links = {name: targets.get(blob, b"").decode("utf-8", "surrogateescape") for name, blob in linked.items()}

    def read(names: Collection[str]) -> Mapping[str, bytes]:
        wanted = {name: files[name] for name in names if name in files}
        sizes = blob_sizes(repository, wanted.values())
        limits = repository.source.limits
        small = {blob for blob, size in sizes.items() if size <= limits.file_mib << 20}
        if sum(sizes[blob] for blob in small) > limits.source_mib << 20:
            return {}
        texts = blobs(repository, small)
        return {name: texts[blob] for name, blob in wanted.items() if blob in texts}

    return Tree(repository.source.folder, files, links, folders_of([*files, *links]), read, printable)


def blob_sizes(repository: Repository, ids: Iterable[str]) -> Mapping[str, int]:
    """Bytes of each blob; those that are no blobs, or not there, are left out."""
    asked = sorted(set(ids))
    if not asked:
        return {}
    with tempfile.TemporaryFile() as given:
        given.write("".join(f"{blob}\n" for blob in asked).encode())
        given.seek(0)
        said = repository.must("cat-file", "--batch-check", limit=len(asked) * 120 + 1, given=given)
    sizes = {}
    for line in said.decode("ascii", "replace").splitlines():
        blob, _, rest = line.partition(" ")
        kind, _, size = rest.partition(" ")
        if kind == "blob" and size.isdigit():
            sizes[blob] = int(size)
    return sizes


def blobs(repository: Repository, ids: Iterable[str]) -> Mapping[str, bytes]:
    """The text of each blob. Ask for sizes first: all of it is held in memory."""
    asked = sorted(set(ids))
    if not asked:
        return {}
    with tempfile.TemporaryFile() as given:
        given.write("".join(f"{blob}\n" for blob in asked).encode())
        given.seek(0)
        said = repository.must(
            "cat-file", "--batch", limit=(repository.source.limits.source_mib << 21) + len(asked) * 200, given=given
        )
    return dict(_batch(said))


def _batch(said: bytes) -> Iterator[tuple[str, bytes]]:
    """`<id> blob <size>\\n<text>\\n` over and over."""
    at = 0
    while at < len(said):
        end = said.index(b"\n", at)
        words = said[at:end].decode("ascii", "replace").split(" ")
        at = end + 1
        if len(words) == 3:
            size = int(words[2])
            if words[1] == "blob":
                yield words[0], said[at : at + size]
            at += size + 1


def _entries(repository: Repository, commit: str, folder: str) -> list[Entry]:
    """Every file of the folder. A few kilobytes of trees that repeat each other can list 10^10: the count is capped."""
    arguments = ["ls-tree", "-r", "-z", "--full-tree", commit]
    said = repository.git(
        *arguments, *(("--", f"{folder}/") if folder else ()), limit=repository.source.limits.files * 320
    )
    if said.status and not said.cut:
        raise failures.damaged(said, repository.source)
    lines = said.output.decode("utf-8", "surrogateescape").split("\0")[:-1]
    if said.cut or len(lines) > repository.source.limits.files:
        raise Unavailable(
            "git",
            f"{_where(folder, repository)} holds more than {repository.source.limits.files:,} files",
            remedy="name a folder within it, or raise limits.files of this source",
            reason="other",
        )
    entries = [
        Entry(found["mode"], found["blob"], found["name"]) for line in lines if (found := _ENTRY.fullmatch(line))
    ]
    if not entries and folder:
        raise Unavailable(
            "git",
            f"there is no folder {folder} in {repository.source.revision} of {repository.source.url}",
            remedy=near(folder, _folders(repository, commit)) or "name a folder of the repository",
            reason="not_found",
        )
    return entries


def _folders(repository: Repository, commit: str) -> list[str]:
    said = repository.git("ls-tree", "-r", "-d", "-z", "--name-only", "--full-tree", commit, limit=1 << 20)
    return [printable(name) for name in said.output.decode("utf-8", "surrogateescape").split("\0") if name]


def _followed(
    repository: Repository, commit: str, links: list[Entry], read: Mapping[str, Entry], source: str
) -> Iterator[Entry | Problem]:
    """What links lead to within the tree, under the link's own name; nothing where that is read at its own place anyway."""
    whole = {entry.name: entry for entry in _whole(repository, commit)}
    folders = {folder for name in whole for folder in _parents(name)}
    targets = blobs(repository, {entry.blob for entry in whole.values() if entry.mode == _LINK_MODE})
    for link in links:
        shown = printable(link.name)
        name: str | None = link.name
        for _ in range(LINK_HOPS):
            entry = whole.get(name) if name is not None else None
            if name is None or entry is None or entry.mode != _LINK_MODE:
                break
            name = _target(name, targets.get(entry.blob, b"").decode("utf-8", "surrogateescape"))
        entry = whole.get(name) if name is not None else None
        if name is None:
            yield _link(shown, "leads out of the repository; it is not followed", source)
        elif entry is None and name not in folders:
            yield _link(shown, "leads nowhere", source)
        elif entry is not None and entry.mode == _LINK_MODE:
            yield _link(shown, f"leads to another link, and so on more than {LINK_HOPS} times", source)
        elif entry is not None and entry.mode != _SUBMODULE_MODE and entry.name not in read:
            yield Entry(entry.mode, entry.blob, link.name)


def _whole(repository: Repository, commit: str) -> list[Entry]:
    said = repository.git("ls-tree", "-r", "-z", "--full-tree", commit, limit=repository.source.limits.files * 320)
    lines = said.output.decode("utf-8", "surrogateescape").split("\0")[:-1]
    return [Entry(found["mode"], found["blob"], found["name"]) for line in lines if (found := _ENTRY.fullmatch(line))]


def _parents(name: str) -> Iterator[str]:
    while name := posixpath.dirname(name):
        yield name


def _target(link: str, target: str) -> str | None:
    """The path in the tree that a link leads to; None where it leaves the tree."""
    if not target or target.startswith("/"):
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(link), target))
    return None if path == ".." or path.startswith("../") else path


def _link(shown: str, what: str, source: str) -> Problem:
    return problem(
        LINK,
        f"{shown} is a link that {what}",
        remedy="put the manifest itself into the repository",
        severity=Severity.WARNING,
        source=source,
        file=shown,
    )


def _submodule(entry: Entry, source: str) -> Problem:
    shown = printable(entry.name)
    return problem(
        SUBMODULE,
        f"{shown} is a submodule: what it holds is not audited",
        remedy="name its repository as a source of its own",
        severity=Severity.INFO,
        source=source,
        file=shown,
    )


def _where(folder: str, repository: Repository) -> str:
    return f"the folder {folder} of {repository.source.url}" if folder else f"the repository at {repository.source.url}"
