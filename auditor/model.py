"""The vocabulary of an audit: frozen types that every module speaks, and nothing that reads or writes.

Everything that crosses a module boundary is here. Both sides of the comparison, git and the cluster, are the same type,
`Snapshot`; what one run learned is one `Audit`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

RawPath: TypeAlias = tuple[str | int, ...]
"""Keys and positions from the top of a body, as code walks them: `("spec", "containers", 0, "image")`.
People see keyed paths instead (`spec.containers[name=web].image`): `auditor.kube.paths` turns one into the other."""

Body: TypeAlias = Mapping[str, Any]
"""A Kubernetes object as JSON gives it: camelCase keys, dicts, lists, scalars, and `Sealed` where a secret value stood.
Nobody changes a body after it was read; the tests hand out deep-frozen ones to prove it."""


class Outcome(StrEnum):
    """What a policy says of an object. Only pass and fail are scored."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not-applicable"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    BROKEN = "broken"


class Severity(StrEnum):
    """How bad: one scale for findings, drift, problems, alerts and metrics."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """2 for error, 1 for warning, 0 for info: larger is worse."""
        return _RANK[self]


_RANK: Final = {Severity.ERROR: 2, Severity.WARNING: 1, Severity.INFO: 0}


class Side(StrEnum):
    """Where a finding is true. `BOTH`: a commit brought it; `LIVE` alone: drift did; `GIT` alone: not rolled out yet."""

    GIT = "git"
    LIVE = "live"
    BOTH = "both"


class CellState(StrEnum):
    """What became of one wanted kind in one namespace."""

    LISTED = "listed"
    DENIED = "denied"
    UNAVAILABLE = "unavailable"
    ABSENT = "absent"  # the server does not serve the kind
    EXCLUDED = "excluded"  # a setting says not to ask


class DriftKind(StrEnum):
    MODIFIED = "modified"
    MISSING = "missing"
    UNMANAGED = "unmanaged"  # never was in git
    ORPHANED = "orphaned"  # was in git or carries its tracking, left it, still runs


class Direction(StrEnum):
    LIVE_CHANGED = "live-changed"
    GIT_AHEAD = "git-ahead"
    BOTH = "both"
    UNKNOWN = "unknown"


class ChangeKind(StrEnum):
    CHANGED = "changed"
    MISSING = "missing"  # git declares it, the live object lacks it
    ADDED = "added"  # live has it, nobody declared it
    REMOVED_IN_GIT = "removed-in-git"


class OwnerClass(StrEnum):
    HUMAN = "human"
    GITOPS = "gitops"
    CONTROLLER = "controller"
    UNKNOWN = "unknown"


class Certainty(StrEnum):
    """How sure a "who" is. managedFields keep no trace of a removal: there, LIKELY is the most that can be said."""

    RECORDED = "recorded"
    LIKELY = "likely"
    UNKNOWN = "unknown"


class WaiverState(StrEnum):
    ACTIVE = "active"
    EXPIRING = "expiring"  # it ends within two weeks
    EXPIRED = "expired"
    UNUSED = "unused"  # its policy was asked, and it waives nothing


class Scope(StrEnum):
    """What a policy has to see: one OBJECT alone, OBJECTS beside each other, or what RUNS on a cluster."""

    OBJECT = "object"
    OBJECTS = "objects"
    RUNS = "runs"


class CauseKind(StrEnum):
    """Why something began or ended. Nothing is guessed: what has no evidence is UNKNOWN."""

    COMMIT = "commit"
    HAND = "hand"  # a tool that a person works with wrote it on the cluster
    CONTROLLER = "controller"
    APPLIER = "applier"  # the tool that brings git to the cluster wrote it
    TOOL = "tool"  # a program that is none of the known ones wrote it
    POLICY = "policy"  # a policy was switched on or off, or judges otherwise
    SETTINGS = "settings"
    COVERAGE = "coverage"  # it could be read, and could not before; or the other way round
    WAIVER = "waiver"  # a waiver began or ended
    AUDITOR = "auditor"  # another version of this program, or of its score
    FIRST_RUN = "first-run"  # it was so when it was first looked at
    SEVERAL = "several"  # more than one of these, at once
    UNKNOWN = "unknown"


class Judges(StrEnum):
    """What a policy is about: RUNNING objects (live, and git beside it) or what is DECLARED (git only)."""

    RUNNING = "running"
    DECLARED = "declared"


class Unreadable(Exception):
    """Something was asked about a kind that could not be read. The verdict of the asker is unknown."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(f"cannot read {cell}")
        self.cell = cell


class Unavailable(Exception):
    """The outside is broken: git, the cluster or the store. Raised at the door, from the library's error.

    `stage` is "git", "cluster" or "store"; `reason` a short closed word for metrics ("auth", "host_key", "network",
    "not_found", "timeout", "full", "newer", "other"); the message is a sentence without any credential; `remedy` says what to do;
    `source` is the name of the source that failed, where it was one.
    """

    def __init__(self, stage: str, message: str, *, remedy: str = "", reason: str = "other", source: str = "") -> None:
        super().__init__(message)
        self.stage, self.message, self.remedy, self.reason = stage, message, remedy, reason
        self.source = source


class Misuse(Exception):
    """The command line or the settings are wrong (exit 2): a sentence with file and line where there is one, and the mend."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy


class Ref(NamedTuple):
    """The identity of an object, on both sides. Without a version: git may say v1beta1 where the server says v1.

    A named tuple, as `Verdict` is: every lookup hashes one, and a dataclass does that five times as slowly.

    `namespace` is None for cluster-scoped objects and where neither the manifest nor its source names one;
    `cluster` is "" where there is none (files only).
    """

    cluster: str
    group: str
    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """For sorting: by cluster, namespace, kind, group, name; no namespace comes first."""
        return (self.cluster, self.namespace or "", self.kind, self.group, self.name)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written. `file` is what a person can open: a path from where they stand, or within the repository.
    `line` and `column` count from 1."""

    source: str
    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Origin:
    """The document an object was read from: its source, file, and the line it begins on."""

    source: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is left of a secret value: enough to compare it and to judge it, nothing to read.

    Not a string, so that it cannot be printed or sent by accident. `mark` is an HMAC under the key `key_id`: marks under
    different keys compare as unknown. `facts` are what rules may know: "empty", "placeholder", "pem-private", "pem-public",
    "token", "encrypted" (SOPS), "invalid" (not base64).
    """

    key_id: str
    mark: str
    facts: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "<sealed>"

    __str__ = __repr__

    def same_as(self, other: Sealed) -> bool | None:
        """Whether both hide the same value; None where that cannot be known (another key, or encrypted)."""
        if self.key_id != other.key_id or "encrypted" in self.facts | other.facts:
            return None
        return self.mark == other.mark


Locate: TypeAlias = Callable[[RawPath], tuple[int, int] | None]
"""(line, column) of a path of one document, or of its nearest parent that is written; None when it cannot be told."""


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One Kubernetes object of either side. Live objects have no origin."""

    ref: Ref
    api_version: str
    body: Body
    origin: Origin | None = None
    locate: Locate | None = field(default=None, repr=False)
    trace: Callable[[RawPath], Place] | None = field(default=None, repr=False)
    """Of a rendered object: where each field comes from, which may be another file than the object's own."""

    def place(self, path: RawPath = ()) -> Place | None:
        """Where the path is written, or its nearest written parent; None for a live object. Parses on demand."""
        if self.origin is None:
            return None
        if self.trace is not None:
            return self.trace(path)
        at = self.locate(path) if self.locate else None
        line, column = at or (self.origin.line, 1)
        return Place(self.origin.source, self.origin.file, line, column)

    @property
    def metadata(self) -> Mapping[str, Any]:
        return _mapping(self.body.get("metadata"))

    def labels(self) -> Mapping[str, Any]:
        return _mapping(self.metadata.get("labels"))

    def annotations(self) -> Mapping[str, Any]:
        return _mapping(self.metadata.get("annotations"))


def _mapping(value: Any) -> Mapping[str, Any]:
    if type(value) is dict:  # nearly always; the general test is slow
        return value
    return value if isinstance(value, Mapping) else {}


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


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule yields: one thing that is wrong, at one place of the object it was given.

    `severity` where it differs from the policy's; `subject` tells faults of one path apart (the missing Secret's name);
    `remedy` where it differs from the policy's; `surplus`: what to remove, where removing it is the one right mend.
    """

    path: RawPath
    message: str
    severity: Severity | None = None
    subject: str = ""
    remedy: str = ""
    surplus: tuple[RawPath, ...] = ()


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """What a rule returns when it has nothing to say of this object, and why, in words ("a Job owns it")."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a rule returns when it cannot tell, and which fact is missing. Faults that it yielded stand all the same."""

    reason: str


Answer: TypeAlias = Generator[Fault, None, NotApplicable | Unknown | None]
Rule: TypeAlias = Callable[[Resource, Any], Answer]
"""(the object, its `kube.surroundings.Surroundings`) -> faults. Raising `Unreadable` is the same as returning `Unknown`."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One rule and all that is said about it. Made by `kube.policy.policy` from a documented generator function."""

    id: str
    name: str
    practice: int
    """1 to 10; 0 for what cuts across them."""
    severity: Severity
    kinds: tuple[str, ...]
    """Kinds it is asked about; `kube.workloads.TEMPLATED` for everything with a Pod template."""
    judges: Judges
    title: str
    rationale: str
    remedy: str
    rule: Rule = field(repr=False)
    reads: tuple[str, ...] = ()
    """Further kinds it needs to see; they are wanted from the cluster."""
    enabled: bool = True
    version: int = 1
    scope: Scope = Scope.OBJECT
    since: str = "0.1.0"
    """The version of the auditor that first had it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, with its identity (`fingerprint`: never an index, never a value, without the cluster) and its place."""

    policy: str
    ref: Ref
    fingerprint: str
    side: Side
    severity: Severity
    path: str
    message: str
    remedy: str
    place: Place | None = None
    pending: bool = False
    """Only in git, of an object that runs (or will): shown, neither scored nor counted."""
    surplus: tuple[RawPath, ...] = ()
    """What to remove from git, where removing it is the one right mend. Not stored."""


class Verdict(NamedTuple):
    """What one policy says of one object. `concerns`: the workloads whose score it counts for; none: its namespace's.

    A named tuple: a run makes a hundred thousand, and it is made three times as fast as a frozen dataclass.
    """

    policy: str
    name: str
    ref: Ref
    outcome: Outcome
    severity: Severity
    reason: str = ""
    concerns: tuple[Ref, ...] = ()
    findings: tuple[Finding, ...] = ()
    scored: bool = True
    """False for an object that is only in git while a cluster was read: pending."""
    waived: tuple[Finding, ...] = ()
    """Findings that a waiver covers, beside the others for which the verdict fails all the same. Not stored."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """One exception that somebody granted, in git. `until` is the last day (UTC) it holds.

    `holder`: the object that carries it as an annotation. Without one it is from a waivers file, and `kind`, `namespace` and
    `name` are globs for the objects it is for. `container` is a glob too. "" is any.
    """

    policy: str
    reason: str
    by: str
    until: date
    place: Place | None
    holder: Ref | None = None
    kind: str = ""
    namespace: str = ""
    name: str = ""
    container: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """A waiver, what became of it, and the objects of which it waives something now."""

    waiver: Waiver
    state: WaiverState
    covers: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """Who wrote a field, as the server recorded it: a tool, never a person. `time` is an upper bound for the field."""

    manager: str
    operation: str
    subresource: str
    time: datetime | None
    owner_class: OwnerClass
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Window:
    """Between the last run that did not see a change (None: there was none) and the first that did."""

    after: datetime | None
    before: datetime


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an interval began or ended.

    `revision` (in full), `author` and `subject` are of a commit, `manager`, `operation`, `subresource` of a writer on the cluster:
    a tool, never a person. `at` is when the commit was made, or an upper bound for what the tool wrote; `window` bounds what nobody
    dated. `place` is the line in git that it is about; `detail` says the rest: which policy or setting, and from what to what.
    """

    kind: CauseKind
    certainty: Certainty = Certainty.RECORDED
    detail: str = ""
    revision: str = ""
    author: str = ""
    subject: str = ""
    at: datetime | None = None
    manager: str = ""
    operation: str = ""
    subresource: str = ""
    window: Window | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `desired` and `live` are JSON values, None where absent, `Sealed` where secret."""

    path: str
    change: ChangeKind
    desired: Any
    live: Any
    severity: Severity
    place: Place | None = None
    owner: Owner | None = None
    window: Window | None = None
    direction: Direction = Direction.UNKNOWN
    words: str = ""
    """The difference within a long text, worded (by DeepDiff); empty for short values."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One object that is not what git says. `changes` is empty for an unmanaged or orphaned one."""

    ref: Ref
    kind: DriftKind
    direction: Direction
    severity: Severity
    changes: tuple[Change, ...] = ()
    reason: str = ""
    place: Place | None = None
    window: Window | None = None

    @property
    def pending(self) -> bool:
        """Git is ahead and nothing else: listed apart, no exit 1, not in drift metrics."""
        return self.direction is Direction.GIT_AHEAD


@dataclass(frozen=True, slots=True)
class Given:
    """What rules are told beside the two sides, as plain values.

    `drift`: of this run, by object; None where nothing was compared. `registries`: those that a setting allows, () for no list.
    """

    drift: Mapping[Ref, Drift] | None = None
    registries: tuple[str, ...] = ()


NOTHING_GIVEN: Final = Given()


@dataclass(frozen=True, slots=True)
class NotCompared:
    """What could not be compared, and why. `path` where it is one field; "" where it is the object as a whole."""

    ref: Ref
    reason: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A difference that is no drift, and why: a default, an injection, a controller's field. Told only where it was asked for."""

    ref: Ref
    path: str
    reason: str
    desired: Any = None
    live: Any = None
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier commit said of an object; `body` is None where it did not have it.

    `until` is the commit that changed it into what came after, "" where that is not known: what one commit changed is
    applied together or not at all.
    """

    revision: str
    body: Body | None
    until: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of before, as plain values.

    `earlier`: for objects whose files changed in the commits looked back at, what those said, newest first.
    `seen`: objects that a published run saw live. `last_run_at`: of the last published run, None if there was none.
    `windows`: of what is open, by (ref, path); path "" is the object as a whole.
    """

    earlier: Mapping[Ref, tuple[Earlier, ...]] = field(default_factory=dict)
    seen: frozenset[Ref] = frozenset()
    last_run_at: datetime | None = None
    windows: Mapping[tuple[Ref, str], Window] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what was wanted could be read. `ratio`: listed / wanted cells, None where nothing was wanted."""

    ratio: float | None
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """0 to 100, or None where nothing applied: never 100 for nothing. Means over workloads for what holds several.

    `minimum` is the worst workload's; `unknown_ratio` the share of verdicts that could not be given, None where none was asked.
    """

    score: float | None
    minimum: float | None
    workloads: int
    unknown_ratio: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    formula: int
    cluster: Score
    namespaces: Mapping[str, Score] = field(default_factory=dict)
    teams: Mapping[str, Score] = field(default_factory=dict)
    workloads: Mapping[Ref, Score] = field(default_factory=dict)
    team_of: Mapping[str, str] = field(default_factory=dict)
    """The team of each namespace, as its labels say; "unowned" where they do not."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything one run learned; the only thing the store is given."""

    at: datetime
    cluster: str
    sources: tuple[Source, ...]
    coverage: Coverage
    problems: tuple[Problem, ...]
    verdicts: tuple[Verdict, ...]
    drift: tuple[Drift, ...]
    not_compared: tuple[NotCompared, ...]
    scores: Scores
    seen: frozenset[Ref] = frozenset()
    """Objects that were read live, for `Past.seen` of later runs."""
    ignored: tuple[Ignored, ...] = ()
    """Filled only where it was asked for; never stored."""
    silenced: int = 0
    """How many differences would have counted but for an ignore rule."""
    waivers: tuple[Granted, ...] = ()
    """Every waiver that can be read, by place; a store keeps what they say, not what they cover."""
