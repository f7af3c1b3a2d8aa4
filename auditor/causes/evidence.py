"""What a run can show of causes, and the changes that want one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from auditor.model import Cause, Drift, Earlier, Policy, Ref, Snapshot


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of a source; `files`: the manifests it changed, named as places name them."""

    source: str
    revision: str
    author: str
    subject: str
    at: datetime
    files: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beside the audit itself.

    `commits`: those since the last published run, newest first; `earlier`: what they, and some before, made of each object.
    `rewritten`: sources whose last audited revision is no ancestor of this one. `conditions`: what the audit was made under, by
    kind ("policy", "setting", "auditor") and name. `appliers`: further regular expressions of managers that apply git.
    """

    desired: Snapshot | None = None
    live: Snapshot | None = None
    drift: tuple[Drift, ...] = ()
    commits: tuple[Commit, ...] = ()
    earlier: Mapping[Ref, tuple[Earlier, ...]] = field(default_factory=dict)
    rewritten: frozenset[str] = frozenset()
    conditions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    appliers: tuple[str, ...] = ()
    policies: tuple[Policy, ...] = ()
    """Those that were asked: a trial asks them again about other states of an object."""


@dataclass(frozen=True, slots=True)
class Event:
    """One interval that begins, ends, or gives way to the next of the same thing.

    `of`: the table; `before` and `after`: its columns as stored, None where nothing was or is. `ref`: the object it is about;
    `concerns`: of a verdict, the workloads it counts for. `brought`: why the interval that ends began.
    """

    of: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    ref: Ref | None = None
    concerns: tuple[Ref, ...] = ()
    brought: Cause | None = None

    def said(self, column: str) -> Any:
        """A column as it is now, or last was."""
        found = self.after if self.after is not None else self.before
        return found.get(column) if found is not None else None
