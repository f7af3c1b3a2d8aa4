"""The files of a source as their authors probably meant them: a source in, its files and what is wrong even then out.

Nothing is written, neither into a folder nor into a repository.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auditor.desired import folder, sandbox, source_name
from auditor.desired.files import Gathered, charts
from auditor.kube.secrets import Key
from auditor.model import Problem, Unavailable
from auditor.settings import FolderSource, GitSource

_UNREADABLE: Final = ("MAN001", "MAN003", "SRC")


@dataclass(frozen=True, slots=True)
class Mended:
    """One file: its name, and its lines before and after. What may be a credential is masked in both."""

    file: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def changed(self) -> bool:
        return self.before != self.after

    @property
    def masked(self) -> bool:
        """Whether there is something in it that is not shown."""
        from auditor.manifests.masking import MASK

        return any(MASK in line for line in self.after)


def mend(
    source: GitSource | FolderSource, *, key: Key, cache: Path | None, deadline: float
) -> tuple[tuple[Mended, ...], tuple[Problem, ...]]:
    """The files of a source, put right, and every problem that is left. Raises `Unavailable` where git cannot be reached.

    Of files that are rendered (patches among them, which are no whole objects) only what keeps them from being read is told.
    """
    name = source_name(source)
    gathered, plain = _gathered(source, name, cache, deadline)
    request = sandbox.Request(name, "", source.namespace or None, key, charts(gathered.files), mend=True)
    read = sandbox.read(gathered.files, request, deadline=deadline)
    found = tuple(
        Mended(file.name, *each.mended) for file, each in zip(gathered.files, read, strict=True) if each.mended
    )
    left = [
        problem
        for file, each in zip(gathered.files, read, strict=True)
        for problem in each.problems
        if plain is None or file.name in plain or problem.code.startswith(_UNREADABLE)
    ]
    return found, (*gathered.problems, *left)


def _gathered(
    source: GitSource | FolderSource, name: str, cache: Path | None, deadline: float
) -> tuple[Gathered, Collection[str] | None]:
    """All files, and the names of those that are read as they are where others are rendered."""
    from auditor.desired import rendering

    if not isinstance(source, GitSource):
        gathered = folder.gather(source.path, source=name, limits=source.limits)
        tree = folder.tree(source.path, source.limits) if gathered.renderable else None
        if tree is None:
            return gathered, None
        given = rendering.prepared(tree, gathered, source.render, source=name, deadline=deadline)
        return gathered, {file.name for file in given.plain}
    from auditor.desired import repository
    from auditor.desired import tree as of_git

    if cache is None:
        raise Unavailable("git", "there is no cache for git repositories", remedy="name a folder as cache:")
    deadline = min(deadline, time.monotonic() + source.timeout_seconds)
    with repository.opened(source, cache=cache, deadline=deadline) as opened:
        commit = repository.fetched(opened)
        gathered = of_git.gather(opened, commit, source=name)
        if not gathered.renderable:
            return gathered, None
        whole = of_git.whole(opened, commit)
        given = rendering.prepared(whole, gathered, source.render, source=name, deadline=deadline)
        return gathered, {file.name for file in given.plain}
