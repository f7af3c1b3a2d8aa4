"""A bare repository in the cache for each URL and revision: fetched with its history, never checked out.

In: a `GitSource`. Out: `Repository` and the commit that the revision is now. Raises `Unavailable`, never serves what an
earlier fetch brought: old data shown as new is the worst an auditor can do.

One process at a time (flock). What a killed fetch left behind is swept before the next; a repository that is damaged is
dropped and fetched anew. There is no `--depth`: history says who changed what, and what commits said before.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, BinaryIO, Final

from auditor.desired import failures, git_process
from auditor.desired.access import Access, access
from auditor.desired.git_process import Said
from auditor.desired.source_text import COMMIT, check
from auditor.model import Problem, Severity, Unavailable
from auditor.settings import GitSource

REWRITTEN: Final = "SRC109"
HEAD: Final = "refs/auditor/head"
PACKS: Final = 50
"""Packs and folders of loose objects beyond which a repository is tidied; git itself is told not to, as it would detach."""
_GARBAGE: Final = (
    "objects/pack/tmp_*",
    "objects/pack/.tmp-*",
    "objects/tmp_*",
    "objects/??/tmp_obj_*",
    "*.lock",
    "gc.pid",
    "refs/**/*.lock",
    "objects/**/*.lock",
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A bare repository that this process holds the lock of, and how long it may work on it."""

    path: Path
    source: GitSource
    access: Access = field(repr=False)
    deadline: float
    lock: int

    def git(self, *arguments: str, limit: int = 1 << 20, given: BinaryIO | None = None) -> Said:
        """One git command on it. Only fixed words, checked names and full hashes may be arguments."""
        return git_process.run(
            arguments,
            at=self.path,
            access=self.access,
            deadline=self.deadline,
            limit=limit,
            given=given,
            lock=self.lock,
        )

    def must(self, *arguments: str, limit: int = 1 << 20, given: BinaryIO | None = None) -> bytes:
        """The output of a command that cannot fail on a sound repository. Raises `failures.Damaged`."""
        said = self.git(*arguments, limit=limit, given=given)
        if said.status or said.cut:
            raise failures.damaged(said, self.source)
        return said.output


@contextmanager
def opened(source: GitSource, *, cache: Path, deadline: float) -> Iterator[Repository]:
    """The repository of a source, locked until the end of the block. Raises `Misuse` for an unsafe source, `Unavailable`."""
    check(source)
    name = hashlib.blake2b(f"{source.url}\0{source.revision}".encode(), digest_size=16).hexdigest()
    place = cache.absolute() / "git" / name
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = (place / "lock").open("ab")
    except OSError as error:
        raise failures.unwritable(cache, error) from error
    with lock:
        _locked(lock, deadline)
        repository = Repository(place / "bare.git", source, access(source), deadline, lock.fileno())
        _prepare(repository)
        yield repository


def fetched(repository: Repository) -> str:
    """Brings the revision and its history; gives the full hash of its commit. A rewritten branch is followed.

    Raises `Unavailable` with what is so: wrong key, unknown host, no such branch (and which there are), …
    """
    known = any((repository.path / "objects").glob("pack/*")) or any((repository.path / "objects").glob("??/*"))
    said = _fetch(repository)
    if said.status and known and failures.explain(said, repository.source).reason == "other":
        # nothing that the server did: perhaps our own copy is broken
        renew(repository)
        said = _fetch(repository)
    if said.status:
        raise failures.explain(said, repository.source)
    commit = repository.git("rev-parse", "--verify", "--quiet", "--end-of-options", HEAD + "^{commit}")
    found = commit.output.decode("ascii", "replace").strip()
    if commit.status or not COMMIT.fullmatch(found):
        raise Unavailable(
            "git",
            f"{repository.source.revision} is no commit",
            remedy="name a branch, or a tag of a commit",
            reason="not_found",
        )
    _tidy(repository)
    return found


def held(repository: Repository) -> str | None:
    """The commit that the last fetch brought; None where there was none."""
    said = repository.git("rev-parse", "--verify", "--quiet", "--end-of-options", HEAD + "^{commit}")
    found = said.output.decode("ascii", "replace").strip()
    return found if not said.status and COMMIT.fullmatch(found) else None


def rewritten(repository: Repository, before: str | None, now: str) -> tuple[Problem, ...]:
    """A problem where the commit that was audited before is no longer part of the history; nothing where that is not known."""
    if before is None or before == now:
        return ()
    said = repository.git("merge-base", "--is-ancestor", before, now)
    if said.status != 1:
        return ()
    message = f"the history of {repository.source.revision} was rewritten: {before[:7]} is no longer part of it"
    remedy = "see who pushed by force, and that what was dropped is not missed"
    return (Problem(REWRITTEN, Severity.INFO, message, remedy),)


def renew(repository: Repository) -> None:
    """Forgets what was fetched and begins anew: for a copy that turned out to be damaged."""
    _drop(repository)
    _prepare(repository)


def _fetch(repository: Repository) -> Said:
    revision = repository.source.revision
    if revision.startswith("refs/"):
        return _fetch_ref(repository, revision)
    if COMMIT.fullmatch(revision):
        return _fetch_commit(repository, revision)
    said = _fetch_ref(repository, f"refs/heads/{revision}")
    if said.status and failures.no_such_ref(said):
        # a branch goes before a tag of the same name; a tag costs a second question each time
        names = advertised(repository)
        if f"refs/tags/{revision}" not in names:
            raise failures.no_revision(repository.source, names)
        said = _fetch_ref(repository, f"refs/tags/{revision}")
    return said


def _fetch_ref(repository: Repository, ref: str) -> Said:
    return repository.git(*_FETCH, "--", repository.source.url, f"+{ref}:{HEAD}")


def _fetch_commit(repository: Repository, commit: str) -> Said:
    said = repository.git(*_FETCH, "--", repository.source.url, f"+{commit}:{HEAD}")
    if said.status and failures.not_advertised(said):
        # older servers give only what a branch or tag names: take them all, then look
        said = repository.git(
            *_FETCH,
            "--",
            repository.source.url,
            "+refs/heads/*:refs/auditor/heads/*",
            "+refs/tags/*:refs/auditor/tags/*",
        )
        if not said.status and repository.git("cat-file", "-e", commit + "^{commit}").status:
            raise failures.no_revision(repository.source, ())
        if not said.status:
            said = repository.git("update-ref", HEAD, commit)
    return said


_FETCH: Final = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
    "--no-show-forced-updates",
)


def advertised(repository: Repository) -> Sequence[str]:
    """The full names of the branches and tags that the server has, at most about 100,000 of them."""
    said = repository.git(
        "ls-remote", "--quiet", "--heads", "--tags", "--refs", "--", repository.source.url, limit=8 << 20
    )
    if said.status and not said.cut:
        raise failures.explain(said, repository.source)
    names = (line.partition("\t")[2] for line in said.output.decode("utf-8", "replace").splitlines())
    return [name for name in names if re.match(r"refs/(heads|tags)/", name)]


def _prepare(repository: Repository) -> None:
    """Makes the repository where there is none, and sweeps what a killed git left."""
    path = repository.path
    try:
        if not (path / "HEAD").is_file() or not (path / "objects").is_dir():
            _drop(repository)
            path.mkdir()
            said = repository.git("init", "--quiet", "--bare", "--initial-branch=auditor")
            if said.status:
                raise failures.explain(said, repository.source)
        for pattern in _GARBAGE:
            for left in path.glob(pattern):
                left.unlink(missing_ok=True)
    except OSError as error:
        raise failures.unwritable(path, error) from error


def _drop(repository: Repository) -> None:
    shutil.rmtree(repository.path, ignore_errors=True)


def _tidy(repository: Repository) -> None:
    """Packs what many small fetches left, under our lock and deadline. If it does not end in time, it is not missed."""
    objects = repository.path / "objects"
    loose = sum(1 for folder in objects.glob("??/*"))
    if loose < PACKS * 100 and sum(1 for _ in objects.glob("pack/*.pack")) < PACKS:
        return
    half = time.monotonic() + (repository.deadline - time.monotonic()) / 2
    try:
        replace(repository, deadline=half).git("gc", "--quiet", "--prune=now")
    except Unavailable:
        return


def _locked(lock: IO[bytes], deadline: float) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Unavailable(
                    "git", "another run still works on this repository", remedy="wait for it to end", reason="timeout"
                ) from None
            time.sleep(0.05)
        else:
            return
