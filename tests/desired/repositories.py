"""Repositories for tests, made by git itself: ordinary commits, and trees that no ordinary git would write.

In: file names and texts. Out: commit ids. Who asks gets the same commit for the same input: names and dates are fixed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.components import need

_AUTHOR = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


class Made:
    """A bare repository at `path`, written to by plumbing alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._second = 1_700_000_000
        self.author = "Ada"
        need("git", remedy="apt-get install git")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True, env=self._environment())

    def _environment(self) -> dict[str, str]:
        moment = f"{self._second} +0000"
        return {
            **os.environ,
            **_AUTHOR,
            "GIT_AUTHOR_NAME": self.author,
            "GIT_AUTHOR_DATE": moment,
            "GIT_COMMITTER_DATE": moment,
        }

    def git(self, *arguments: str, given: bytes = b"") -> str:
        done = subprocess.run(
            ["git", f"--git-dir={self.path}", *arguments],
            input=given,
            capture_output=True,
            check=True,
            env=self._environment(),
        )
        return done.stdout.decode().strip()

    def blob(self, text: str | bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", given=text.encode() if isinstance(text, str) else text)

    def commit(
        self,
        files: Mapping[str, str | bytes],
        *,
        message: str = "change",
        branch: str = "main",
        parent: str | None = "branch",
    ) -> str:
        """A commit with exactly these files. A value that begins with `-> ` is a link to what follows.

        `parent`: a commit, None for none, "branch" for the branch as it is.
        """
        entries = {}
        for name, text in files.items():
            if isinstance(text, str) and text.startswith("-> "):
                entries[name] = ("120000", self.blob(text.removeprefix("-> ")))
            else:
                entries[name] = ("100644", self.blob(text))
        return self.commit_entries(entries, message=message, branch=branch, parent=parent)

    def commit_entries(
        self,
        entries: Mapping[str, tuple[str, str]],
        *,
        message: str = "change",
        branch: str = "main",
        parent: str | None = "branch",
    ) -> str:
        """The same from (mode, object id) by path."""
        return self.commit_tree(self._tree(entries), message=message, branch=branch, parent=parent)

    def commit_tree(
        self, tree: str, *, message: str = "change", branch: str = "main", parent: str | None = "branch"
    ) -> str:
        self._second += 60
        if parent == "branch":
            found = subprocess.run(
                ["git", f"--git-dir={self.path}", "rev-parse", "-q", "--verify", f"refs/heads/{branch}"],
                capture_output=True,
                check=False,
                env=self._environment(),
            )
            parent = found.stdout.decode().strip() or None
        commit = self.git("commit-tree", tree, *(["-p", parent] if parent else []), "-m", message)
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def tree(self, lines: bytes) -> str:
        """A tree from the lines of `git mktree`, NUL after each; objects need not be there."""
        return self.git("mktree", "-z", "--missing", given=lines)

    def raw_tree(self, entries: list[tuple[bytes, bytes, str]]) -> str:
        """A tree of (mode, name, object id) that git itself would refuse to write."""
        body = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(found) for mode, name, found in entries)
        return self.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", given=body)

    def _tree(self, entries: Mapping[str, tuple[str, str]]) -> str:
        lines = b""
        folders: dict[str, dict[str, tuple[str, str]]] = {}
        for name, entry in entries.items():
            first, slash, rest = name.partition("/")
            if slash:
                folders.setdefault(first, {})[rest] = entry
            else:
                kind = "commit" if entry[0] == "160000" else "blob"
                lines += f"{entry[0]} {kind} {entry[1]}\t".encode() + os.fsencode(name) + b"\0"
        for folder, inner in folders.items():
            lines += f"040000 tree {self._tree(inner)}\t".encode() + os.fsencode(folder) + b"\0"
        return self.tree(lines)


def config_map(name: str, value: str = "1", *, namespace: str = "shop") -> str:
    """A ConfigMap, as text."""
    return (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\ndata:\n  a: '{value}'\n"
    )
