"""One side of the comparison at one moment: what was read, what could not be, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from auditor.model.objects import Place, Ref, Resource
from auditor.model.words import CellState, Severity


@dataclass(frozen=True, slots=True)
class Problem:
    """Bad input, as data. `code`: MAN… manifests, SRC… sources, rendering and limits, WVR… waivers."""

    code: str
    severity: Severity
    message: str
    remedy: str = ""
    place: Place | None = None
    ref: Ref | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind in one namespace (None: a cluster-scoped kind, or the kind as a whole), and whether it could be read."""

    group: str
    kind: str
    namespace: str | None
    state: CellState
    reason: str = ""
    objects: int = 0

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.kind}{where}: {self.state}" + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Root:
    """A part of a source that is read, or rendered, as a whole. Every file that was used belongs to exactly one.

    `renderer`: "plain", "kustomize" or "helm"; `tool` with its version, "" where there was none.
    """

    folder: str
    renderer: str
    tool: str = ""
    files: tuple[str, ...] = ()
    objects: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """Where a side came from: its name, the revision read (a commit, or none for files), and when. No credentials."""

    name: str
    revision: str | None = None
    fetched_at: datetime | None = None
    commit_at: datetime | None = None
    branch: str | None = None
    appliers: tuple[str, ...] = ()
    """Regular expressions of field managers that apply this source, beside the usual ones (`drift.owners`)."""
    roots: tuple[Root, ...] = ()
    """What of it was read as it stands, and what was rendered; not stored."""
    tools: tuple[str, ...] = ()
    """What rendered it, with versions."""
    authored_at: datetime | None = None
    """When the commit was written; `commit_at` is when it was committed."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One side at one moment. Of two resources with one ref the later wins (as kubectl would have it).

    `otherwise` is what a kind without a cell counts as: LISTED for folders and complete dumps, UNAVAILABLE for a plain List.
    """

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    cells: tuple[Cell, ...] = ()
    sources: tuple[Source, ...] = ()
    otherwise: CellState = CellState.LISTED
    version: str = ""
    """Of the API server (`v1.36.3`), where one was asked."""
    waivers: tuple[Resource, ...] = ()
    """Documents of waivers files; only git has any."""
    by_ref: Mapping[Ref, Resource] = field(init=False, repr=False)
    _kinds: Mapping[tuple[str, str], tuple[Resource, ...]] = field(init=False, repr=False)
    _cells: Mapping[tuple[str, str, str | None], Cell] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_ref = {resource.ref: resource for resource in self.resources}
        kinds: dict[tuple[str, str], list[Resource]] = {}
        for resource in by_ref.values():
            kinds.setdefault((resource.ref.group, resource.ref.kind), []).append(resource)
        object.__setattr__(self, "by_ref", by_ref)
        object.__setattr__(self, "_kinds", {kind: tuple(found) for kind, found in kinds.items()})
        object.__setattr__(self, "_cells", {(c.group, c.kind, c.namespace): c for c in self.cells})

    def cell(self, group: str, kind: str, namespace: str | None) -> Cell:
        """The state of a kind in a namespace: its own cell, else that of the kind as a whole, else `otherwise`."""
        found = self._cells.get((group, kind, namespace)) or self._cells.get((group, kind, None))
        return found or Cell(
            group, kind, namespace, self.otherwise, "not in this dump" * (self.otherwise is not CellState.LISTED)
        )

    def cell_of(self, ref: Ref) -> Cell:
        return self.cell(ref.group, ref.kind, ref.namespace)

    def of_kind(self, group: str, kind: str) -> tuple[Resource, ...]:
        """All objects of a kind that were read, whatever could not be."""
        return self._kinds.get((group, kind), ())

    def kinds(self) -> Iterable[tuple[str, str]]:
        """(group, kind) of everything that was read."""
        return self._kinds.keys()
