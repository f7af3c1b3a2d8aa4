"""Who wrote on the cluster: managedFields of live objects, and the owners that drift names, in; a tool out. Never a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from auditor.causes.commits import steps_of
from auditor.causes.evidence import Evidence
from auditor.drift.owners import BEFORE_RECORDS, Writer, likely_remover, moment, owners_of, writers
from auditor.kube.paths import field_steps
from auditor.kube.schema import node_of
from auditor.kube.workloads import controller_of
from auditor.model import Cause, CauseKind, Certainty, Change, Drift, DriftKind, Owner, OwnerClass, Ref, Window

KINDS: Final = {
    OwnerClass.HUMAN: CauseKind.HAND,
    OwnerClass.CONTROLLER: CauseKind.CONTROLLER,
    OwnerClass.GITOPS: CauseKind.APPLIER,
    OwnerClass.UNKNOWN: CauseKind.TOOL,
}
_COARSE: Final = timedelta(seconds=1)
"""managedFields have whole seconds."""


def by(owner: Owner | None, window: Window | None, *, detail: str = "") -> Cause | None:
    """The cause that an owner is; None where nobody is named, or only what the server made up for times before it kept records."""
    if owner is None or not owner.manager or owner.manager in BEFORE_RECORDS:
        return None
    return Cause(
        KINDS[owner.owner_class],
        owner.certainty,
        detail,
        at=owner.time,
        manager=owner.manager,
        operation=owner.operation,
        subresource=owner.subresource,
        window=window,
    )


def related(one: str, other: str) -> bool:
    """Whether one of two paths leads to the other."""
    a, b = steps_of(one), steps_of(other)
    shared = min(len(a), len(b))
    return a[:shared] == b[:shared]


class LiveSide:
    """The cluster as this run saw it."""

    def __init__(self, evidence: Evidence, window: Window) -> None:
        self._live, self._appliers, self._window = evidence.live, evidence.appliers, window
        self._drift: dict[Ref, Drift] = {drift.ref: drift for drift in evidence.drift}

    def is_there(self, ref: Ref) -> bool:
        return self._live is not None and ref in self._live.by_ref

    def drift_of(self, ref: Ref) -> Drift | None:
        return self._drift.get(ref)

    def drifted(self, ref: Ref, path: str) -> tuple[Change, ...]:
        """What drifts at this path, below it, or around it."""
        drift = self._drift.get(ref)
        if drift is None or drift.kind is not DriftKind.MODIFIED:
            return ()
        return tuple(change for change in drift.changes if related(path, change.path))

    def wrote(self, ref: Ref, path: str) -> Cause | None:
        """Who wrote the object at that path since the last run, as the server recorded it; else who may have removed it."""
        entries = self._writers(ref)
        if not entries or self._live is None:
            return None
        resource = self._live.by_ref[ref]
        owners = owners_of(entries, field_steps(steps_of(path)), node_of(ref.group, ref.kind, resource.body))
        owners = tuple(entry for entry in owners if entry.subresource != "status")
        fresh = [entry for entry in owners if self._since(entry.time)]
        if fresh:
            entry = max(fresh, key=_newest)
            # Several fields share one time: the last change of the entry need not be this one.
            certainty = Certainty.RECORDED if entry.time else Certainty.LIKELY
            return by(_owner(entry, certainty), self._window)
        if owners:
            return None  # whoever owns it wrote it before the last run
        return by(likely_remover(entries, self._after()), self._window)

    def made(self, ref: Ref) -> Cause | None:
        """Who created the object: whoever wrote it first, at the time of its creation."""
        if self._live is None or ref not in self._live.by_ref:
            return None
        resource = self._live.by_ref[ref]
        created = moment(resource.metadata.get("creationTimestamp"))
        parent = controller_of(resource)
        if parent is not None:
            kind, name = parent.get("kind", ""), parent.get("name", "")
            return Cause(CauseKind.CONTROLLER, detail=f"made for {kind} {name}", at=created, window=self._window)
        entries = [e for e in self._writers(ref) if not e.subresource and e.manager not in BEFORE_RECORDS]
        first = [entry for entry in entries if entry.time and entry.time == created]
        if len(first) == 1:
            found = by(_owner(first[0], Certainty.RECORDED), self._window)
        elif len(entries) == 1:
            found = by(_owner(entries[0], Certainty.LIKELY), self._window)
        else:
            return None
        return replace(found, at=created) if found else None

    def _writers(self, ref: Ref) -> tuple[Writer, ...]:
        resource = self._live.by_ref.get(ref) if self._live else None
        return writers(resource, self._appliers) if resource else ()

    def _after(self) -> datetime | None:
        return self._window.after - _COARSE if self._window.after else None

    def _since(self, time: datetime | None) -> bool:
        after = self._after()
        return time is None or after is None or time >= after


def _owner(entry: Writer, certainty: Certainty) -> Owner:
    return Owner(entry.manager, entry.operation, entry.subresource, entry.time, entry.owner_class, certainty)


def _newest(entry: Writer) -> tuple[bool, float]:
    return entry.time is None, entry.time.timestamp() if entry.time else 0.0


def one_of(causes: Iterable[Cause | None]) -> Cause | None:
    """The one cause that all share who have one; SEVERAL where they differ; None where nobody has one."""
    found = list(dict.fromkeys(c for c in causes if c is not None and c.kind is not CauseKind.UNKNOWN))
    if not found:
        return None
    if len({(c.kind, c.revision, c.manager, c.operation, c.subresource) for c in found}) > 1:
        return Cause(CauseKind.SEVERAL)
    # One commit or tool, in several places: what is said of all of them is what they share, in whatever order they came.
    first = found[0]
    shared: dict[str, Any] = {
        name: getattr(first, name) if all(getattr(c, name) == getattr(first, name) for c in found) else empty
        for name, empty in (("at", None), ("place", None), ("window", None), ("detail", ""))
    }
    certain = all(c.certainty is Certainty.RECORDED for c in found)
    return replace(first, certainty=Certainty.RECORDED if certain else Certainty.LIKELY, **shared)
