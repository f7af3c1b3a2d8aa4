"""What git remembers of a folder: its commits, and what earlier ones said of each object.

In: a fetched source and a revision. Out: `Commit`s; `Earlier` bodies by object. One `git log` tells which blobs changed, and
only those are read. First parents only: a merge counts as the one change that it brought to the branch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from auditor.desired import failures, parsed, rendered_past, repository, sandbox
from auditor.desired.files import File, printable
from auditor.desired.repository import Repository
from auditor.desired.source_text import COMMIT, source_name
from auditor.desired.tree import blob_sizes, blobs
from auditor.kube.secrets import Key
from auditor.model import Body, Earlier, Ref, Unavailable
from auditor.settings import GitSource

MOST_BLOBS: Final = 2_000
MOST_BYTES: Final = 16 << 20
"""How much of the past is read at most: commits beyond it are not looked back at."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file that a commit changed: its blob before and after, None where it was no plain file."""

    name: str
    before: str | None
    after: str | None

    @property
    def blobs(self) -> tuple[str, ...]:
        return tuple(blob for blob in (self.before, self.after) if blob)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: `author` is a name as git recorded it (no address), `at` when it was committed."""

    revision: str
    author: str
    subject: str
    at: datetime
    parent: str | None = None
    changes: tuple[Change, ...] = ()


def commits(source: GitSource, revision: str, *, cache: Path, count: int, deadline: float) -> tuple[Commit, ...]:
    """The last `count` commits up to `revision` that touched the source's folder, newest first, with what they changed."""
    with repository.opened(source, cache=cache, deadline=deadline) as opened:
        return log(opened, revision, count=count, folder=source.folder)


def log(
    opened: Repository,
    revision: str,
    *,
    count: int,
    folder: str = "",
    besides: Sequence[str] = (),
    without: str = "",
) -> tuple[Commit, ...]:
    """The same, of a repository that is open; `besides` are files that count like those of the folder; without the commit
    `without` and what came before it. Raises `Unavailable` where a commit is not in it."""
    if not COMMIT.fullmatch(revision) or (without and not COMMIT.fullmatch(without)):
        raise Unavailable("git", "the revision is not a commit in full", remedy="fetch first", reason="not_found")
    arguments = [
        "log",
        "--first-parent",
        "--diff-merges=first-parent",
        "--no-renames",
        "--raw",
        "--no-abbrev",
        "-z",
        "--no-color",
    ]
    arguments += [
        "--no-show-signature",
        "--no-notes",
        "--encoding=UTF-8",
        f"--max-count={count}",
        _FORMAT,
        "--end-of-options",
        revision,
        *((f"^{without}",) if without else ()),
    ]
    said = opened.git(*arguments, *(("--", f"{folder}/", *besides) if folder else ()), limit=64 << 20)
    if said.status and not said.cut:
        raise failures.damaged(said, opened.source)
    found = list(_parsed(said.output.decode("utf-8", "surrogateescape").split("\0")))
    return tuple(found[:-1] if said.cut else found)


def times(opened: Repository, revision: str) -> tuple[datetime, datetime]:
    """When a commit was written by its author, and when it was committed: a rebase, or a merge by a server, is later."""
    said = opened.must("log", "--max-count=1", "--no-show-signature", "--format=%at %ct", "--end-of-options", revision)
    authored, _, committed = said.decode("ascii", "replace").partition(" ")
    return _time(authored), _time(committed)


# Everything stands between NULs, which neither names nor messages can hold: the place of a piece tells what it is.
_FORMAT: Final = "--format=%H%x00%P%x00%ct%x00%an%x00%s"
_LAST_SECOND: Final = 253_402_300_799
_RAW: Final = re.compile(r":(\d{6}) (\d{6}) ([0-9a-f]+) ([0-9a-f]+) [A-Z]\d*")


def _parsed(pieces: Sequence[str]) -> Iterator[Commit]:
    """Five pieces of a commit, then two for each change: what changed, and the file's name; and so on."""
    at = 0
    while at + 5 <= len(pieces):
        revision, parents, seconds, author, subject = pieces[at : at + 5]
        if not COMMIT.fullmatch(revision.strip("\n")):
            at += 1
            continue
        at += 5
        changes = []
        while at + 1 < len(pieces):
            found = _RAW.fullmatch(pieces[at].strip("\n"))
            if found:
                changes.append(_change(found, pieces[at + 1]))
                at += 2
            elif pieces[at].strip("\n"):
                break
            else:
                at += 1
        yield Commit(
            revision.strip("\n"),
            printable(author),
            printable(subject)[:200],
            _time(seconds),
            parents.split(" ")[0] or None,
            tuple(change for change in changes if change.blobs),
        )


def _change(found: re.Match[str], name: str) -> Change:
    before, after = (
        blob if mode.startswith("100") else None for mode, blob in ((found[1], found[3]), (found[2], found[4]))
    )
    return Change(name, before, after)


def _time(seconds: str) -> datetime:
    """A commit may claim any time: what no calendar knows becomes the last moment of the year 9999."""
    text = seconds.strip()
    return datetime.fromtimestamp(min(int(text) if text.isdigit() else 0, _LAST_SECOND), UTC)


@dataclass(frozen=True, slots=True)
class Walk:
    """What lies between two audited revisions, and before.

    `earlier`: as `desired.earlier` gives it. `commits`: those since the older revision, newest first, with the files they changed;
    at most `MOST_COMMITS`; `past`: all that were looked at. `rewritten`: the older revision is not among what led to the newer one
    (a forced push), or not there.
    """

    earlier: Mapping[Ref, tuple[Earlier, ...]]
    commits: tuple[Commit, ...] = ()
    rewritten: bool = False
    past: tuple[Commit, ...] = ()


MOST_COMMITS: Final = 500


def walk(
    source: GitSource,
    revision: str,
    *,
    since: str | None,
    cache: Path,
    key: Key,
    cluster: str,
    commits: int,
    deadline: float,
) -> Walk:
    """What commits up to `revision` said of each object that the last `commits` of them, or those since the revision `since`,
    changed; and the latter. Without `since`, no commit counts as between."""
    with repository.opened(source, cache=cache, deadline=deadline) as opened:
        given = rendered_past.prepared(opened, revision, deadline=deadline)
        besides = rendered_past.besides(given)
        between, rewritten = _between(opened, revision, since, besides)
        past = log(opened, revision, count=max(commits, len(between)), folder=source.folder, besides=besides)
        turned = rendered_past.states(opened, past, given, cache=cache, key=key, cluster=cluster, deadline=deadline)
        past = tuple(replace(commit, changes=rendered_past.plain(commit.changes, given)) for commit in past)
        wanted = {blob for commit in past for change in commit.changes for blob in change.blobs}
        sizes = {
            blob: size for blob, size in blob_sizes(opened, wanted).items() if size <= source.limits.file_mib << 20
        }
        past = _affordable(past, sizes)
        near = {blob for commit in past for change in commit.changes for blob in change.blobs if blob in sizes}
        texts = blobs(opened, near)
    files = {
        (change.name, blob): File(printable(change.name), texts[blob], blob)
        for commit in past
        for change in commit.changes
        for blob in change.blobs
        if blob in texts
    }
    request = sandbox.Request(source_name(source), cluster, source.namespace or None, key)
    read = parsed.read(tuple(files.values()), request, cache=cache, deadline=deadline, purpose="past")
    objects = {
        at: {resource.ref: resource.body for resource in found.resources} for at, found in zip(files, read, strict=True)
    }
    return Walk(_told(past, objects, turned), between, rewritten, past)


def _between(
    opened: Repository, revision: str, since: str | None, besides: Sequence[str]
) -> tuple[tuple[Commit, ...], bool]:
    if since is None or since == revision:
        return (), False
    if not COMMIT.fullmatch(since) or opened.git("cat-file", "-e", since + "^{commit}").status:
        return (), True
    between = log(opened, revision, count=MOST_COMMITS, folder=opened.source.folder, besides=besides, without=since)
    return between, opened.git("merge-base", "--is-ancestor", since, revision).status != 0


def _affordable(past: tuple[Commit, ...], sizes: Mapping[str, int]) -> tuple[Commit, ...]:
    """As many of the newest commits as may be read."""
    seen: set[str] = set()
    total = 0
    for index, commit in enumerate(past):
        for change in commit.changes:
            for blob in change.blobs:
                if blob in sizes and blob not in seen:
                    seen.add(blob)
                    total += sizes[blob]
        if len(seen) > MOST_BLOBS or total > MOST_BYTES:
            return past[:index]
    return past


def _told(
    past: tuple[Commit, ...],
    objects: Mapping[tuple[str, str], Mapping[Ref, Body]],
    turned: Mapping[str, tuple[Mapping[Ref, Body], Mapping[Ref, Body]]],
) -> Mapping[Ref, tuple[Earlier, ...]]:
    """For each commit, newest first, the state before it of what it changed.

    That state is known by the commit that made it: the next older one that changed the object, or where there is none
    among these, the parent of the one that changed it; "" for what was before the first commit.
    """
    told: dict[Ref, list[Earlier]] = {}
    unnamed: dict[Ref, bool] = {}
    for commit in past:
        before, after = _sides(commit, objects)
        for side, rendered in zip((before, after), turned.get(commit.revision, ()), strict=False):
            side.update(rendered)
        for ref in before.keys() | after.keys():
            if before.get(ref) == after.get(ref):
                continue
            states = told.setdefault(ref, [])
            if states and unnamed[ref]:
                states[-1] = Earlier(commit.revision, states[-1].body, states[-1].until)
            states.append(Earlier(commit.parent or "", before.get(ref), commit.revision))
            unnamed[ref] = True
    return {ref: tuple(states) for ref, states in told.items()}


def _sides(
    commit: Commit, objects: Mapping[tuple[str, str], Mapping[Ref, Body]]
) -> tuple[dict[Ref, Body], dict[Ref, Body]]:
    """All objects in the files that a commit changed, before and after it, wherever they moved among these."""
    before: dict[Ref, Body] = {}
    after: dict[Ref, Body] = {}
    for change in commit.changes:
        before.update(objects.get((change.name, change.before or ""), {}))
        after.update(objects.get((change.name, change.after or ""), {}))
    return before, after
