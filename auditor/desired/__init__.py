"""The desired side: sources in, one `Snapshot` out, with every object's file and line and every problem.

A source is a folder or a revision of a git repository. `fetch` reads one, `combine` puts several together; `earlier` and
`commits` tell what git remembers. Raises `Unavailable("git", …)` where git cannot be reached, `Misuse` for a source that
cannot be meant. This module imports little: the process that parses manifests goes through it too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.model import Earlier, Place, Problem, Ref, Resource, Root, Severity, Snapshot, Source, Unavailable

if TYPE_CHECKING:
    from auditor.desired.files import File, Gathered
    from auditor.desired.history import Commit, Walk
    from auditor.desired.records import Read
    from auditor.desired.rendering import Prepared
    from auditor.desired.repository import Repository
    from auditor.desired.sandbox import Limits
    from auditor.kube.secrets import Key
    from auditor.settings import FolderSource, GitSource


def parse_source(text: str, *, allow_local: bool = True) -> GitSource | FolderSource:
    """The source that a person's text names; see `source_text`. Raises `Misuse`."""
    from auditor.desired import source_text

    return source_text.parse_source(text, allow_local=allow_local)


def source_name(source: GitSource | FolderSource) -> str:
    """The short name of a source, as in `Source.name` and `Place.source`."""
    from auditor.desired import source_text

    return source_text.source_name(source)


def fetch(source: GitSource | FolderSource, *, cluster: str, key: Key, cache: Path | None, deadline: float) -> Snapshot:
    """Everything that one source declares, now. `deadline` in monotonic seconds; a folder needs no `cache`.

    What cannot be read is a problem with its place: while there is one of severity error, the source may declare more than
    the snapshot holds. Raises `Unavailable` where git cannot be reached: what an earlier fetch brought is never served.
    """
    from auditor.settings import GitSource

    if isinstance(source, GitSource):
        return _fetch_git(source, cluster, key, cache, deadline)
    return _read_folder(source, cluster, key, deadline)


def fetched(
    source: GitSource | FolderSource, revision: str, *, cache: Path, key: Key, cluster: str, deadline: float
) -> Snapshot:
    """What a git source declared at a commit that was fetched before; nothing is fetched. Raises `Unavailable`."""
    from auditor.desired import repository
    from auditor.desired.source_text import COMMIT
    from auditor.settings import GitSource

    name = source_name(source)
    if not isinstance(source, GitSource) or not COMMIT.fullmatch(revision):
        raise Unavailable("git", f"{name} has no commit {revision[:40]}", reason="not_found")
    with repository.opened(source, cache=cache, deadline=deadline) as opened:
        if opened.git("cat-file", "-e", revision + "^{commit}").status:
            message = f"the commit {revision[:7]} of {name} is not in the cache"
            raise Unavailable("git", message, remedy="name the settings that it was audited with", reason="not_found")
        found = _read_commit(opened, revision, name)
    return _declared(source, found, name, cluster, key, cache, deadline)


def combine(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Several sources as one side. Where two declare the same object, the later counts, and it is said."""
    if len(snapshots) == 1:
        return snapshots[0]
    resources = tuple(resource for snapshot in snapshots for resource in snapshot.resources)
    within = [problem for snapshot in snapshots for problem in snapshot.problems]
    across = [problem for problem in _twice(resources) if problem not in within]
    return Snapshot(
        resources=resources,
        problems=(*within, *across),
        sources=tuple(source for snapshot in snapshots for source in snapshot.sources),
        waivers=tuple(document for snapshot in snapshots for document in snapshot.waivers),
    )


def earlier(
    source: GitSource | FolderSource,
    revision: str,
    *,
    cache: Path,
    key: Key,
    cluster: str,
    commits: int = 20,
    seconds: float = 60,
) -> Mapping[Ref, tuple[Earlier, ...]]:
    """What earlier commits said of each object that the last `commits` commits up to `revision` changed, newest first.

    What `revision` itself says is not among it. `body` is None where the object was absent. A folder remembers nothing.
    The source must have been fetched; raises `Unavailable` where its repository is not in the cache, or after `seconds`.
    """
    return walk(source, revision, cache=cache, key=key, cluster=cluster, commits=commits, seconds=seconds).earlier


def walk(
    source: GitSource | FolderSource,
    revision: str,
    *,
    cache: Path,
    key: Key,
    cluster: str,
    since: str | None = None,
    commits: int = 20,
    seconds: float = 60,
) -> Walk:
    """`earlier`, and with it the commits that came after the revision `since`; see `history.Walk`. A folder remembers nothing."""
    from auditor.desired import history
    from auditor.settings import GitSource

    if not isinstance(source, GitSource):
        return history.Walk({})
    return history.walk(
        source,
        revision,
        since=since,
        cache=cache,
        key=key,
        cluster=cluster,
        commits=commits,
        deadline=time.monotonic() + seconds,
    )


def commits(
    source: GitSource | FolderSource, revision: str, *, cache: Path, count: int = 100, seconds: float = 30
) -> tuple[Commit, ...]:
    """The last `count` commits up to `revision` that touched the source's folder, newest first; none for a folder."""
    from auditor.desired import history
    from auditor.settings import GitSource

    if not isinstance(source, GitSource):
        return ()
    return history.commits(source, revision, cache=cache, count=count, deadline=time.monotonic() + seconds)


def read_files(paths: Sequence[str], *, key: Key, deadline: float) -> Snapshot:
    """Single files as one source, read by one process however many they are: a commit hook names each file that changed.

    What lies in a chart's `templates` is known as such although its `Chart.yaml` is not among them. Raises `Misuse`.
    """
    from auditor.desired import folder, sandbox
    from auditor.desired.files import Gathered, charts

    name = "files"
    parts = [folder.gather(path, source=name) for path in paths]
    files = {file.name: file for part in parts for file in part.files}
    gathered = Gathered(tuple(files.values()), tuple(problem for part in parts for problem in part.problems))
    beside = {chart for path in paths if (chart := folder.chart_of(path))}
    request = sandbox.Request(name, "", None, key, tuple(sorted({*charts(gathered.files), *beside})))
    read = sandbox.read(gathered.files, request, deadline=deadline)
    return _snapshot(read, gathered.problems, Source(name, fetched_at=datetime.now(UTC)))


def _read_folder(source: FolderSource, cluster: str, key: Key, deadline: float) -> Snapshot:
    from auditor.desired import folder, sandbox
    from auditor.desired.files import charts

    name = source_name(source)
    gathered = folder.gather(source.path, source=name, limits=source.limits)
    request = sandbox.Request(name, cluster, source.namespace or None, key, charts(gathered.files), _limits(source))
    tree = folder.tree(source.path, source.limits) if gathered.renderable else None
    if tree is None:
        read = sandbox.read(gathered.files, request, deadline=deadline)
        return _snapshot(read, gathered.problems, Source(name, fetched_at=datetime.now(UTC), appliers=source.appliers))
    from auditor.desired import rendering

    given = rendering.prepared(tree, gathered, source.render, source=name, deadline=deadline)
    read = sandbox.read(given.plain, request, deadline=deadline)
    more, roots = rendering.rendered(given, request, source.render, cache=None, deadline=deadline)
    roots = (*_plain(given.plain, read, source.path), *roots)
    said = Source(name, fetched_at=datetime.now(UTC), appliers=source.appliers, roots=roots, tools=_tools(roots))
    return _snapshot([*read, *more], (*gathered.problems, *given.problems), said)


def _fetch_git(source: GitSource, cluster: str, key: Key, cache: Path | None, deadline: float) -> Snapshot:
    from auditor.desired import failures, repository
    from auditor.desired.source_text import COMMIT

    if cache is None:
        raise Unavailable("git", "there is no cache for git repositories", remedy="name a folder as cache:")
    name = source_name(source)
    deadline = min(deadline, time.monotonic() + source.timeout_seconds)
    with repository.opened(source, cache=cache, deadline=deadline) as opened:
        fetched_at = datetime.now(UTC)
        before = repository.held(opened)
        commit = repository.fetched(opened)
        try:
            found = _read_commit(opened, commit, name)
        except failures.Damaged:
            repository.renew(opened)
            fetched_at = datetime.now(UTC)
            commit = repository.fetched(opened)
            found = _read_commit(opened, commit, name)
        rewritten = repository.rewritten(opened, before, commit)
    snapshot = _declared(source, found, name, cluster, key, cache, deadline)
    branch = None if COMMIT.fullmatch(source.revision) else source.revision
    (said,) = snapshot.sources
    said = replace(said, fetched_at=fetched_at, branch=branch)
    return replace(snapshot, sources=(said,), problems=(*rewritten, *snapshot.problems))


def _read_commit(opened: Repository, commit: str, name: str) -> Committed:
    """A commit's files, and what of them is rendered."""
    from auditor.desired import history, tree

    gathered = tree.gather(opened, commit, source=name)
    given = None
    if gathered.renderable:
        from auditor.desired import rendering

        whole = tree.whole(opened, commit)
        given = rendering.prepared(whole, gathered, opened.source.render, source=name, deadline=opened.deadline)
    return Committed(commit, history.times(opened, commit), gathered, given)


def _declared(
    source: GitSource, found: Committed, name: str, cluster: str, key: Key, cache: Path, deadline: float
) -> Snapshot:
    """What a commit declares, read and rendered."""
    from auditor.desired import parsed, sandbox
    from auditor.desired.files import charts

    gathered, given = found.gathered, found.given
    request = sandbox.Request(name, cluster, source.namespace or None, key, charts(gathered.files), _limits(source))
    authored, committed = found.times
    said = Source(name, found.commit, commit_at=committed, authored_at=authored, appliers=source.appliers)
    if given is None:
        read = parsed.read(gathered.files, request, cache=cache, deadline=deadline)
        return _snapshot(read, gathered.problems, said)
    from auditor.desired import rendering

    read = parsed.read(given.plain, request, cache=cache, deadline=deadline)
    more, roots = rendering.rendered(given, request, source.render, cache=cache, deadline=deadline)
    said = replace(said, roots=(*_plain(given.plain, read, source.folder), *roots), tools=_tools(roots))
    return _snapshot([*read, *more], (*gathered.problems, *given.problems), said)


@dataclass(frozen=True, slots=True)
class Committed:
    """What was read of a commit while its repository was open; `times`: when it was written, and when committed."""

    commit: str
    times: tuple[datetime, datetime]
    gathered: Gathered
    given: Prepared | None


def _limits(source: GitSource | FolderSource) -> Limits:
    """What one file of the source may cost its reader."""
    from auditor.desired.sandbox import Limits

    said = source.limits
    return Limits(said.memory_mib << 20, said.cpu_seconds, said.seconds, said.answer_mib << 20)


def _tools(roots: Sequence[Root]) -> tuple[str, ...]:
    return tuple(sorted({root.tool for root in roots if root.tool}))


def _plain(files: Sequence[File], read: Sequence[Read], folder: str) -> tuple[Root, ...]:
    """The part of a source that is read as it stands, where there is one."""
    objects = sum(len(each.resources) for each in read)
    names = tuple(file.name for file in files)
    return (Root(folder or ".", "plain", "", names, objects),) if files else ()


def _snapshot(read: Sequence[Read], problems: Sequence[Problem], source: Source) -> Snapshot:
    from auditor.desired.files import no_manifests

    resources = tuple(resource for each in read for resource in each.resources)
    found = [*problems, *(problem for each in read for problem in each.problems), *_twice(resources)]
    waivers = tuple(document for each in read for document in each.waivers)
    if not resources and not waivers and not found:
        skipped = Counter(reason for each in read for reason in each.skipped)
        found.append(no_manifests(source.name, source=source.name, instead=skipped))
    return Snapshot(resources=resources, problems=tuple(found), sources=(source,), waivers=waivers)


def _twice(resources: Sequence[Resource]) -> list[Problem]:
    """A problem for each object that is declared more than once, at its last place, which is the one that counts."""
    from auditor.desired.files import TWICE

    seen: dict[Ref, Resource] = {}
    found: list[Problem] = []
    for resource in resources:
        before = seen.get(resource.ref)
        if before is not None:
            found.append(
                Problem(
                    TWICE,
                    Severity.WARNING,
                    f"{resource.ref} is declared twice: in {_spot(before, resource)} and in {_spot(resource, before)}; the latter counts",
                    "keep one of them, or name the folder of one environment alone",
                    Place(resource.origin.source, resource.origin.file, resource.origin.line)
                    if resource.origin
                    else None,
                    resource.ref,
                )
            )
        seen[resource.ref] = resource
    return found


def _spot(resource: Resource, beside: Resource) -> str:
    if resource.origin is None:
        return "another source"
    elsewhere = beside.origin is None or beside.origin.source != resource.origin.source
    return f"{resource.origin.file}:{resource.origin.line}" + (f" of {resource.origin.source}" if elsewhere else "")
