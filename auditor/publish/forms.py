"""The shapes of `-o json`: a public interface. A field is added, never renamed; `docs/schema/` is generated from here.

`jsonform` fills these, `schema` turns them into JSON Schema. Times are RFC 3339 in UTC; a secret value is `{"redacted": true}`.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired

# pydantic takes TypedDicts of the standard library from Python 3.12 on only
from typing_extensions import TypedDict

SeverityWord = Literal["error", "warning", "info"]
SideWord = Literal["git", "live", "both"]
OutcomeWord = Literal["pass", "fail", "not-applicable", "unknown", "waived", "broken"]
DirectionWord = Literal["live-changed", "git-ahead", "both", "unknown"]


class RefForm(TypedDict):
    cluster: str
    group: str
    kind: str
    namespace: str | None
    name: str


class PlaceForm(TypedDict):
    source: str
    file: str
    line: int
    column: int


class SourceForm(TypedDict):
    name: str
    revision: str | None
    fetched_at: str | None
    commit_at: str | None
    branch: str | None
    tools: list[str]
    authored_at: str | None


class RootForm(TypedDict):
    """A part of a source that is read (`plain`), or rendered (`kustomize`, `helm`), as a whole."""

    source: str
    folder: str
    renderer: str
    tool: str
    files: list[str]
    objects: int


class CellForm(TypedDict):
    group: str
    kind: str
    namespace: str | None
    state: Literal["listed", "denied", "unavailable", "absent", "excluded"]
    reason: str
    objects: int


class CoverageForm(TypedDict):
    ratio: float | None
    cells: list[CellForm]


class ProblemForm(TypedDict):
    code: str
    severity: SeverityWord
    message: str
    remedy: str
    place: PlaceForm | None
    ref: RefForm | None


class PolicyName(TypedDict):
    id: str
    name: str


class FindingForm(TypedDict):
    fingerprint: str
    side: SideWord
    severity: SeverityWord
    path: str
    message: str
    remedy: str
    place: PlaceForm | None
    pending: bool


class VerdictForm(TypedDict):
    ref: RefForm
    policy: PolicyName
    outcome: OutcomeWord
    severity: SeverityWord
    reason: str
    concerns: list[RefForm]
    findings: list[FindingForm]
    waived: list[FindingForm]
    scored: bool


# "class" is a word of Python: this one needs the functional spelling
OwnerForm = TypedDict(
    "OwnerForm",
    {
        "manager": str,
        "operation": str,
        "subresource": str,
        "time": str | None,
        "class": Literal["human", "gitops", "controller", "unknown"],
        "certainty": Literal["recorded", "likely", "unknown"],
    },
)


class WindowForm(TypedDict):
    after: str | None
    before: str


class ChangeForm(TypedDict):
    path: str
    change: Literal["changed", "missing", "added", "removed-in-git"]
    desired: Any
    live: Any
    severity: SeverityWord
    window: WindowForm | None
    place: PlaceForm | None
    owner: OwnerForm | None
    direction: DirectionWord
    words: str


class DriftForm(TypedDict):
    ref: RefForm
    kind: Literal["modified", "missing", "unmanaged", "orphaned"]
    direction: DirectionWord
    severity: SeverityWord
    changes: list[ChangeForm]
    reason: str
    place: PlaceForm | None
    window: WindowForm | None
    pending: bool


class NotComparedForm(TypedDict):
    ref: RefForm
    reason: str


class ScoreForm(TypedDict):
    score: float | None
    minimum: float | None
    workloads: int
    unknown_ratio: float | None


class NamespaceScoreForm(ScoreForm):
    namespace: str
    team: str | None


class TeamScoreForm(ScoreForm):
    team: str


class WorkloadScoreForm(ScoreForm):
    ref: RefForm


class ScoresForm(TypedDict):
    formula: int
    cluster: ScoreForm
    namespaces: list[NamespaceScoreForm]
    teams: list[TeamScoreForm]
    workloads: list[WorkloadScoreForm]


class IgnoredForm(TypedDict):
    """A difference that does not count, and why (`--show-ignored`)."""

    ref: RefForm
    path: str
    reason: str
    desired: Any
    live: Any
    owner: OwnerForm | None


class WaiverForm(TypedDict):
    """One waiver; `on` is the object that carries it, else `scope` says by globs whom it is for."""

    policy: str
    state: Literal["active", "expiring", "expired", "unused"]
    reason: str
    by: str
    until: str
    on: RefForm | None
    scope: dict[str, str]
    container: str
    place: PlaceForm | None
    covers: list[RefForm]


class WaiversForm(TypedDict):
    """`auditor waivers -o json`"""

    version: Literal[1]
    at: str
    waivers: list[WaiverForm]
    problems: list[ProblemForm]


class FailingForm(TypedDict):
    policy: str
    weight: int


class ShareForm(TypedDict):
    """One member of the mean; `ref` is null for the rest of a namespace, and `namespace` too for that of the cluster."""

    ref: RefForm | None
    namespace: str | None
    score: float
    passed: int
    failed: int
    failing: list[FailingForm]


class GainForm(TypedDict):
    """What mending all failures of one policy would add to the whole score."""

    policy: PolicyName
    objects: int
    points: float


class ExplainedForm(TypedDict):
    """Why the score is what it is (`--explain-score`)."""

    score: float | None
    weights: dict[str, int]
    members: list[ShareForm]
    gains: list[GainForm]


class AuditForm(TypedDict):
    """`auditor audit -o json`"""

    version: Literal[1]
    at: str
    cluster: str
    sources: list[SourceForm]
    coverage: CoverageForm
    problems: list[ProblemForm]
    verdicts: list[VerdictForm]
    drift: list[DriftForm]
    not_compared: list[NotComparedForm]
    ignored: list[IgnoredForm]
    ignored_by_rules: int
    scores: ScoresForm
    explained: NotRequired[ExplainedForm]


class CheckForm(TypedDict):
    """`auditor check -o json`"""

    version: Literal[1]
    at: str
    sources: list[SourceForm]
    problems: list[ProblemForm]
    verdicts: list[VerdictForm]
    scores: ScoresForm
    explained: NotRequired[ExplainedForm]
    known: NotRequired[list[str]]


class DiffForm(TypedDict):
    """`auditor diff -o json`"""

    version: Literal[1]
    at: str
    cluster: str
    sources: list[SourceForm]
    coverage: CoverageForm
    problems: list[ProblemForm]
    drift: list[DriftForm]
    not_compared: list[NotComparedForm]
    ignored: list[IgnoredForm]
    ignored_by_rules: int


class ResourceForm(TypedDict):
    ref: RefForm
    api_version: str
    place: PlaceForm | None
    body: dict[str, Any]


class ManifestsForm(TypedDict):
    """`auditor manifests -o json`"""

    version: Literal[1]
    sources: list[SourceForm]
    roots: list[RootForm]
    resources: list[ResourceForm]
    problems: list[ProblemForm]


class MendForm(TypedDict):
    """`masked`: something in it may be a credential and is not shown."""

    file: str
    diff: str
    text: str
    masked: bool


class MendsForm(TypedDict):
    """`auditor manifests --mend -o json`; `problems` are those that are left."""

    version: Literal[1]
    mends: list[MendForm]
    problems: list[ProblemForm]


class TouchedForm(TypedDict):
    """Controls of a framework that a policy bears on: a mapping, not a certification."""

    framework: str
    edition: str
    controls: list[str]


class PolicyForm(TypedDict):
    id: str
    name: str
    practice: int
    severity: SeverityWord
    kinds: list[str]
    reads: list[str]
    judges: Literal["running", "declared"]
    enabled: bool
    title: str
    rationale: str
    remedy: str
    version: int
    scope: Literal["object", "objects", "runs"]
    since: str
    frameworks: list[TouchedForm]


class PoliciesForm(TypedDict):
    """`auditor policies -o json`"""

    version: Literal[1]
    policies: list[PolicyForm]


class CauseForm(TypedDict):
    """Why something began or ended. `kind` says which of the other fields there are; `words` is the same for people."""

    kind: Literal[
        "commit",
        "hand",
        "controller",
        "applier",
        "tool",
        "policy",
        "settings",
        "coverage",
        "waiver",
        "auditor",
        "first-run",
        "several",
        "unknown",
    ]
    certainty: Literal["recorded", "likely", "unknown"]
    detail: str
    revision: str
    author: str
    subject: str
    at: str | None
    manager: str
    operation: str
    subresource: str
    window: WindowForm | None
    place: PlaceForm | None
    words: str


class SpanForm(TypedDict):
    """One interval of one thing: `what` has the columns of the table `of`."""

    of: str
    since: str
    opened: str
    opened_cause: CauseForm | None
    closed: str | None
    closed_cause: CauseForm | None
    replaced: bool
    what: dict[str, Any]


class CommitForm(TypedDict):
    source: str
    revision: str
    author: str
    subject: str
    at: str


class PartForm(TypedDict):
    at: str
    points: float
    cause: CauseForm | None


class MoveForm(TypedDict):
    """What moved a score: `rest` are the points that no part explains."""

    scope: Literal["cluster", "namespace", "team"]
    name: str
    since: str
    until: str
    before: ScoreForm | None
    after: ScoreForm | None
    parts: list[PartForm]
    rest: float
    sentences: list[str]


class HistoryForm(TypedDict):
    """`auditor history OBJECT -o json`; without an object `ref` is null, and `moves` tells of the score."""

    version: Literal[1]
    ref: RefForm | None
    spans: list[SpanForm]
    commits: list[CommitForm]
    moves: list[MoveForm]
    notes: list[str]


class BlamedForm(TypedDict):
    ref: RefForm
    policy: str
    finding: FindingForm
    since: str
    until: str | None
    cause: CauseForm | None
    spans: list[SpanForm]
    notes: list[str]


class BlamedFieldForm(TypedDict):
    """One field that drifts, and why it began to."""

    ref: RefForm
    change: ChangeForm
    since: str
    cause: CauseForm | None


class BlameForm(TypedDict):
    """`auditor blame FINDING -o json`"""

    version: Literal[1]
    findings: list[BlamedForm]
    drift: list[BlamedFieldForm]


class PeriodForm(TypedDict):
    since: str
    until: str | None


class UnreadForm(PeriodForm):
    cell: CellForm


class ReportedFindingForm(PeriodForm):
    ref: RefForm
    policy: str
    finding: FindingForm
    cause: CauseForm | None
    ended: CauseForm | None


class ReportedDriftForm(PeriodForm):
    drift: DriftForm
    cause: CauseForm | None
    ended: CauseForm | None


class ConditionForm(TypedDict):
    """What audits are made under, as it changed; null where it was not, or is not."""

    at: str
    kind: Literal["policy", "setting", "auditor"]
    name: str
    before: str | None
    after: str | None


class ReportForm(TypedDict):
    """`auditor report -o json`: null scores where nothing was known; without published runs nothing is said of the period."""

    version: Literal[1]
    cluster: str
    since: str
    until: str
    runs: dict[str, int]
    gaps: list[PeriodForm]
    unread: list[UnreadForm]
    revisions: dict[str, list[str]]
    scores: ScoresForm | None
    scores_before: ScoresForm | None
    findings_opened: list[ReportedFindingForm]
    findings_resolved: list[ReportedFindingForm]
    drift_opened: list[ReportedDriftForm]
    drift_resolved: list[ReportedDriftForm]
    moves: list[MoveForm]
    conditions: list[ConditionForm]
