"""The manifests that a command line names: files, folders, patterns and `-`, without what `.auditorignore` leaves out.

`.auditorignore` is written as `.gitignore` is (https://git-scm.com/docs/gitignore), and lies where the command is run, or at the
top of the repository that this is in. What it leaves out is as if it were not there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from auditor.cli.evaluate import folders
from auditor.model import Misuse, Problem, Snapshot

if TYPE_CHECKING:
    from auditor.kube.secrets import Key

IGNORE: Final = ".auditorignore"
_TWICE: Final = "SRC102"


def manifests_at(paths: Sequence[str], *, deadline: float, key: Key) -> Snapshot:
    """What the paths hold. Raises `Misuse` for one that is not there, and for a pattern that nothing matches."""
    named = [path for pattern in paths for path in matching(pattern)]
    ignored = ignoring(os.getcwd())
    if ignored is None:
        return folders(named, deadline=deadline, key=key)
    kept = [path for path in named if os.path.isdir(path) or path == "-" or not ignored(path)]
    return _without(folders(kept, deadline=deadline, key=key), ignored) if kept else Snapshot()


def top_of(here: str) -> str:
    """The top of the repository that a folder is in; the folder itself where it is in none."""
    top = here
    while not os.path.exists(os.path.join(top, ".git")):
        top, last = os.path.dirname(top), top
        if top == last:
            return here
    return top


def ignoring(here: str) -> Callable[[str], bool] | None:
    """Whether a file is left out, as the nearest `.auditorignore` has it; None where there is no such file."""
    for folder in dict.fromkeys((here, top_of(here))):
        try:
            with open(os.path.join(folder, IGNORE), encoding="utf-8", errors="replace") as stream:
                lines = stream.read().splitlines()
        except FileNotFoundError:
            continue
        except OSError as error:
            said = (error.strerror or "error").lower()
            raise Misuse(f"{os.path.join(folder, IGNORE)}: {said}", remedy="let the auditor read it") from None
        return _matcher(folder, lines)
    return None


def _matcher(folder: str, lines: Sequence[str]) -> Callable[[str], bool]:
    from pathspec import GitIgnoreSpec
    from pathspec.patterns.gitignore.base import GitIgnorePatternError

    try:
        spec = GitIgnoreSpec.from_lines(lines)
    except GitIgnorePatternError as error:
        raise Misuse(f"{os.path.join(folder, IGNORE)}: {error}", remedy="write it as a line of .gitignore") from None

    def ignored(file: str) -> bool:
        path = os.path.relpath(os.path.join(os.getcwd(), file), folder)
        return not path.startswith("..") and spec.match_file(path)

    return ignored


def matching(pattern: str) -> Iterator[str]:
    """The path itself, or what a pattern matches, in order: shells that were told not to, and Windows, leave that to us."""
    if pattern == "-" or os.path.lexists(pattern) or not any(sign in pattern for sign in "*?["):
        yield pattern
        return
    from glob import glob

    found = sorted(glob(pattern, recursive=True))
    if not found:
        raise Misuse(f"nothing matches {pattern!r}", remedy="name a folder or a file of manifests")
    yield from found


def _without(side: Snapshot, ignored: Callable[[str], bool]) -> Snapshot:
    known: dict[str, bool] = {}

    def left_out(file: str) -> bool:
        if file not in known:
            known[file] = ignored(file)
        return known[file]

    resources = tuple(one for one in side.resources if not (one.origin and left_out(one.origin.file)))
    often: dict[object, int] = {}
    for one in resources:
        often[one.ref] = often.get(one.ref, 0) + 1

    def stands(problem: Problem) -> bool:
        if problem.place and left_out(problem.place.file):
            return False
        return problem.code != _TWICE or problem.ref is None or often.get(problem.ref, 0) > 1

    return replace(
        side,
        resources=resources,
        problems=tuple(filter(stands, side.problems)),
        waivers=tuple(one for one in side.waivers if not (one.origin and left_out(one.origin.file))),
    )
