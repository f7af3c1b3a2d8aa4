"""Manifests on disk: a folder, a file, or standard input -> `Gathered` texts.

Links are followed only where they lead to a file within the folder. Nothing is opened that is not a regular file: a named
pipe would block, a device would not end. Raises `Misuse` where the path itself cannot be read.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from auditor.desired.files import (
    LINK,
    LISTED,
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
from auditor.desired.trees import Tree, folders_of
from auditor.model import Misuse, Problem, Severity
from auditor.settings import LimitSettings

STDIN: Final = "<stdin>"
DEFAULT: Final = LimitSettings()


def gather(path: str, *, source: str, limits: LimitSettings = DEFAULT) -> Gathered:
    """All manifests under the path, by name; `-` is standard input. Names are as whoever gave the path can open them."""
    if path == "-":
        return _stdin(source, limits)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise _cannot(path, error) from error
    if stat.S_ISDIR(mode):
        return _folder(path, source, limits)
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode) and not stat.S_ISCHR(mode):
        raise Misuse(f"{printable(path)} is neither a folder nor a file", remedy="name a folder or a file of manifests")
    # what is named outright may be a pipe: <(kustomize build .)
    try:
        with open(path, "rb") as stream:
            text = stream.read((limits.source_mib << 20) + 1)
    except OSError as error:
        raise _cannot(path, error) from error
    return _one(printable(path), text, source, limits)


def chart_of(path: str) -> str | None:
    """The `Chart.yaml` of the chart among whose templates a file lies; None where it lies in none."""
    folder = os.path.dirname(path)
    while folder and folder != os.path.dirname(folder):
        folder, name = os.path.split(folder)
        chart = os.path.join(folder, "Chart.yaml")
        if name == "templates" and os.path.isfile(chart):
            return chart
    return None


def tree(path: str, limits: LimitSettings = DEFAULT) -> Tree | None:
    """Everything around a folder, for what is rendered: a kustomization may use what lies beside it, as far as the git work tree
    reaches that the folder is in; without one, nothing outside of the folder. None where the path is no folder."""
    if not os.path.isdir(path):
        return None
    own = os.path.realpath(path)
    above = [own, *map(str, Path(own).parents)]
    top = next((each for each in above if os.path.exists(os.path.join(each, ".git"))), own)
    files, links = _listed(top)
    if len(files) > LISTED and top != own:
        top = own
        files, links = _listed(top)
    start = os.path.relpath(own, top)

    def shown(name: str) -> str:
        inside = os.path.relpath(os.path.join(top, name), own)
        named = os.path.join(path, inside) if inside != "." else path
        return os.path.normpath(named) if inside.startswith("..") else named

    def read(names: Collection[str]) -> Mapping[str, bytes]:
        found = {name: _read(os.path.join(top, name), name, "", limits.file_mib << 20) for name in names}
        return {name: each.text for name, each in found.items() if isinstance(each, File)}

    folder = "" if start == "." else start
    return Tree(folder, dict.fromkeys(files, ""), links, folders_of([*files, *links]), read, shown)


def _listed(top: str) -> tuple[list[str], dict[str, str]]:
    """Regular files, and what links say, by their path from the top; more than may be looked at are not listed."""
    files: list[str] = []
    links: dict[str, str] = {}
    waiting = [""]
    while waiting and len(files) <= LISTED:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(top, folder)) as found:
                for entry in found:
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_symlink():
                        links[name] = os.readlink(entry.path)
                    elif entry.is_dir(follow_symlinks=False):
                        if entry.name != ".git":
                            waiting.append(name)
                    elif entry.is_file(follow_symlinks=False):
                        files.append(name)
        except OSError:
            continue  # what cannot be listed cannot be used; the walk of the manifests says it
    return files, links


def _stdin(source: str, limits: LimitSettings) -> Gathered:
    return _one(STDIN, sys.stdin.buffer.read((limits.source_mib << 20) + 1), source, limits)


def _one(name: str, text: bytes, source: str, limits: LimitSettings) -> Gathered:
    """What is named outright may be as large as a whole source."""
    if len(text) > limits.source_mib << 20:
        return Gathered((), (too_large(name, len(text), limits.source_mib << 20, source=source),))
    file = File(name, text)
    pointer = lfs_pointer(file, source=source)
    if pointer:
        return Gathered((), (pointer,))
    if not text.strip():
        return Gathered((), (no_manifests(name, source=source),))
    return Gathered((file,))


def _folder(path: str, source: str, limits: LimitSettings) -> Gathered:
    root = os.path.realpath(path)
    files: list[File] = []
    problems: list[Problem] = []
    total = 0
    renderable = 0
    for name in sorted(_walk(path, source, problems, limits.files)):
        renderable += is_renderable(name)
        if not is_manifest(name):
            continue
        shown = printable(name)
        opened: str | Problem | None = name
        if os.path.islink(name):
            opened = _resolved(name, root, source)
        if opened is None:
            continue
        found = opened if isinstance(opened, Problem) else _read(opened, shown, source, limits.file_mib << 20)
        if isinstance(found, File):
            found = lfs_pointer(found, source=source) or found
        if isinstance(found, Problem):
            problems.append(found)
        elif found is not None:
            files.append(found)
            total += len(found.text)
            if total > limits.source_mib << 20:
                raise Misuse(
                    f"{printable(path)} holds more than {limits.source_mib} MiB of manifests",
                    remedy="name a folder within it, or raise limits.source_mib of this source",
                )
    if not files and not problems and not renderable:
        problems.append(no_manifests(printable(path), source=source))
    return Gathered(tuple(files), tuple(problems), bool(renderable))


def _walk(path: str, source: str, problems: list[Problem], most: int) -> Iterator[str]:
    """Names of what ends as manifests do, below the path. Folders behind links are not entered; `.git` is not either."""
    entries = 0
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    entries += 1
                    if entries > most:
                        raise Misuse(
                            f"{printable(path)} holds more than {most:,} files and folders",
                            remedy="name a folder within it, or raise limits.files of this source",
                        )
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name != ".git":
                            waiting.append(entry.path)
                    elif is_manifest(entry.name) or is_renderable(entry.name):
                        yield entry.path
        except OSError as error:
            problems.append(_unreadable(folder, error, source))


def _resolved(name: str, root: str, source: str) -> str | Problem | None:
    """What a link leads to; None where that is read anyway, at its own place; a problem where it leads out or nowhere."""
    target = os.path.realpath(name)
    shown = printable(name)
    if target != root and not target.startswith(root.rstrip("/") + "/"):
        return problem(
            LINK,
            f"{shown} is a link that leads out of the folder; it is not followed",
            remedy="put the manifest into the folder, or name the folder that holds both",
            severity=Severity.WARNING,
            source=source,
            file=shown,
        )
    if not os.path.exists(target):
        return problem(
            LINK,
            f"{shown} is a link that leads nowhere",
            remedy="correct the link, or remove it",
            severity=Severity.WARNING,
            source=source,
            file=shown,
        )
    inside = target[len(root.rstrip("/")) + 1 :].split("/")
    if os.path.isdir(target) or (is_manifest(target) and ".git" not in inside):
        return None
    return target


def _read(path: str, shown: str, source: str, most: int) -> File | Problem | None:
    try:
        # never blocks on a pipe, never follows a link that was put there meanwhile
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return problem(
                    UNREADABLE, f"{shown} is no regular file", source=source, file=shown, severity=Severity.WARNING
                )
            if status.st_size > most:
                return too_large(shown, status.st_size, most, source=source)
            text = stream.read(most + 1)
    except OSError as error:
        return _unreadable(path, error, source)
    if len(text) > most:
        return too_large(shown, len(text), most, source=source)
    return File(shown, text)


def _unreadable(path: str, error: OSError, source: str) -> Problem:
    shown = printable(path)
    return problem(
        UNREADABLE,
        f"{shown} cannot be read: {(error.strerror or 'error').lower()}",
        remedy="let the auditor read it",
        source=source,
        file=shown,
    )


def _cannot(path: str, error: OSError) -> Misuse:
    shown = printable(path)
    if not isinstance(error, FileNotFoundError):
        return Misuse(
            f"{shown} cannot be read: {(error.strerror or 'error').lower()}",
            remedy="let the auditor read it, or name another path",
        )
    parent = Path(path).parent
    try:
        beside = [str(parent / entry) if str(parent) != "." else entry for entry in os.listdir(parent)]
    except OSError:
        beside = []
    from difflib import get_close_matches

    close = get_close_matches(path.rstrip("/"), beside, n=3)
    return Misuse(
        f"{shown} does not exist", remedy=near(path, close) if close else "name a folder or a file of manifests"
    )
