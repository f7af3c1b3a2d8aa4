"""What the rendered parts of a source said at earlier commits: a log in, objects before and after each commit out.

A commit that changed a file which a kustomization used is rendered, and so is what was before it; both are kept in the cache, so
that a run renders only what is new. What cannot be rendered, or not in time, is not told: the direction of a change is then unknown.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from auditor.desired import rendering, tree
from auditor.desired.files import Gathered, is_manifest
from auditor.desired.repository import Repository
from auditor.desired.sandbox import Request
from auditor.desired.source_text import source_name
from auditor.kube.secrets import Key
from auditor.model import Body, Ref, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.desired.history import Change, Commit

SPARE = 10.0
"""Seconds of the deadline that are left for everything else."""


def prepared(opened: Repository, revision: str, *, deadline: float) -> rendering.Prepared | None:
    """What a commit renders; None where it renders nothing."""
    if not tree.renderable(opened, revision):
        return None
    whole = tree.whole(opened, revision)
    source = opened.source
    return rendering.prepared(whole, Gathered(), source.render, source=source_name(source), deadline=deadline)


def besides(given: rendering.Prepared | None) -> Sequence[str]:
    """Files outside of the source's folder that its parts use."""
    if given is None or given.tree is None:
        return ()
    within = given.tree.within
    return sorted({name for part in given.parts for name in part.files if not within(name)})


def plain(changes: Sequence[Change], given: rendering.Prepared | None) -> tuple[Change, ...]:
    """The changes of manifests that are read as they stand."""
    return tuple(
        change
        for change in changes
        if is_manifest(change.name)
        and (given is None or given.tree is None or (given.tree.within(change.name) and not _owned(change.name, given)))
    )


def _owned(name: str, given: rendering.Prepared) -> bool:
    return given.division.owner(name) is not None


def states(
    opened: Repository,
    past: Sequence[Commit],
    given: rendering.Prepared | None,
    *,
    cache: Path,
    key: Key,
    cluster: str,
    deadline: float,
) -> Mapping[str, tuple[Mapping[Ref, Body], Mapping[Ref, Body]]]:
    """By commit: the rendered objects before and after it, for commits that changed what is rendered."""
    if given is None or given.tree is None:
        return {}
    source = opened.source
    request = Request(source_name(source), cluster, source.namespace or None, key)
    known: dict[str, Mapping[Ref, Body] | None] = {}

    def at(revision: str | None) -> Mapping[Ref, Body] | None:
        if revision is None:
            return {}
        if revision not in known:
            known[revision] = None
            if time.monotonic() < deadline - SPARE:
                known[revision] = _objects(opened, revision, given, request, cache, deadline)
        return known[revision]

    found = {}
    used = set(besides(given))
    for commit in past:
        if any(_owned(change.name, given) or change.name in used for change in commit.changes):
            after, before = at(commit.revision), at(commit.parent)
            if before is not None and after is not None:
                found[commit.revision] = (before, after)
    return found


def _objects(
    opened: Repository,
    revision: str,
    now: rendering.Prepared,
    request: Request,
    cache: Path,
    deadline: float,
) -> Mapping[Ref, Body] | None:
    """What a commit renders to; None where a part of it cannot be rendered, or something was read as it stands that now is not."""
    try:
        then = prepared(opened, revision, deadline=deadline)
        if then is None or then.division.owned != now.division.owned or len(then.parts) < len(then.division.roots):
            return None
        read, _ = rendering.rendered(then, request, opened.source.render, cache=cache, deadline=deadline)
    except Unavailable:
        return None
    if any(not each.resources and each.problems for each in read):
        return None
    return {resource.ref: resource.body for each in read for resource in each.resources}
