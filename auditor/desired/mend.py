"""The files of a source as their authors probably meant them: a source in, its files and what is wrong even then out.

Nothing is written, neither into a folder nor into a repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from auditor.desired import folder, sandbox, source_name
from auditor.desired.files import Gathered, charts
from auditor.kube.secrets import Key
from auditor.model import Problem, Unavailable
from auditor.settings import FolderSource, GitSource


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
    """The files of a source, put right, and every problem that is left. Raises `Unavailable` where git cannot be reached."""
    name = source_name(source)
    gathered = _gathered(source, name, cache, deadline)
    request = sandbox.Request(name, "", source.namespace or None, key, charts(gathered.files), mend=True)
    read = sandbox.read(gathered.files, request, deadline=deadline)
    found = tuple(
        Mended(file.name, *each.mended) for file, each in zip(gathered.files, read, strict=True) if each.mended
    )
    return found, (*gathered.problems, *(problem for each in read for problem in each.problems))


def _gathered(source: GitSource | FolderSource, name: str, cache: Path | None, deadline: float) -> Gathered:
    if not isinstance(source, GitSource):
        return folder.gather(source.path, source=name)
    from auditor.desired import repository, tree

    if cache is None:
        raise Unavailable("git", "there is no cache for git repositories", remedy="name a folder as cache:")
    with repository.opened(source, cache=cache, deadline=deadline) as opened:
        return tree.gather(opened, repository.fetched(opened), source=name)
