"""A real git repository made on the spot from folders: what `auditor demo` and the tests audit.

In: one folder of files for each commit, with author, date and message. Out: the path of a bare repository with branch `main`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Commit:
    """All files of one commit (`files`: a folder), its author as `Name <mail>`, date (RFC 3339) and message."""

    files: Path
    author: str
    date: str
    message: str


def make_repository(path: Path, commits: Sequence[Commit]) -> Path:
    """Makes a bare repository at `path`, whose commits hold exactly the folders' files. Raises OSError if it cannot be written."""
    import git

    with git.Repo.init(path, bare=True, initial_branch="main") as repository:
        parent: str | None = None
        for commit in commits:
            name, _, mail = commit.author.partition(" <")
            environment = {
                "GIT_AUTHOR_NAME": name,
                "GIT_AUTHOR_EMAIL": mail.rstrip(">"),
                "GIT_AUTHOR_DATE": commit.date,
                "GIT_COMMITTER_NAME": name,
                "GIT_COMMITTER_EMAIL": mail.rstrip(">"),
                "GIT_COMMITTER_DATE": commit.date,
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_INDEX_FILE": str(path / "index"),
            }
            with repository.git.custom_environment(**environment):
                repository.git.execute(["git", f"--git-dir={path}", f"--work-tree={commit.files}", "add", "--all", "."])
                tree = repository.git.write_tree()
                before = ["-p", parent] if parent else []
                parent = repository.git.commit_tree(tree, *before, "-m", commit.message)
                repository.git.update_ref("refs/heads/main", parent)
    return path
