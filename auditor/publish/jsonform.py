"""What `-o json` prints: model types in, plain dicts of `forms` out; `dumps` makes bytes of them.

Nothing here can print a secret value: `Sealed` becomes `{"redacted": true}`, and what stands in a Secret's data without having
been sealed is redacted too. Order is total, so two equal audits print the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from auditor import model
from auditor.publish import forms
from auditor.publish.encoding import REDACTED, dumps, plain

if TYPE_CHECKING:
    from auditor.compliance import Explained

__all__ = [
    "audit_form",
    "check_form",
    "diff_form",
    "dumps",
    "manifests_form",
    "moment",
    "plain",
    "policies_form",
    "waivers_form",
]

_SECRET_PARTS: Final = ("data", "stringData")


def audit_form(audit: model.Audit) -> forms.AuditForm:
    """Everything one run learned."""
    return {
        "version": 1,
        "at": moment(audit.at),
        "cluster": audit.cluster,
        "sources": [source_form(source) for source in audit.sources],
        "coverage": coverage_form(audit.coverage),
        "problems": problem_forms(audit.problems),
        "verdicts": verdict_forms(audit.verdicts),
        "drift": drift_forms(audit.drift),
        "not_compared": _not_compared(audit.not_compared),
        "ignored": [_ignored(each) for each in audit.ignored],
        "ignored_by_rules": audit.silenced,
        "scores": scores_form(audit.scores),
    }


def check_form(audit: model.Audit, known: Iterable[str] | None = None) -> forms.CheckForm:
    """Manifests judged: no drift, no coverage. `known`: fingerprints that the baseline knows, where one was given."""
    form: forms.CheckForm = {
        "version": 1,
        "at": moment(audit.at),
        "sources": [source_form(source) for source in audit.sources],
        "problems": problem_forms(audit.problems),
        "verdicts": verdict_forms(audit.verdicts),
        "scores": scores_form(audit.scores),
    }
    if known is not None:
        form["known"] = sorted(known)
    return form


def diff_form(audit: model.Audit) -> forms.DiffForm:
    """Desired against live: drift, and what could not be compared."""
    return {
        "version": 1,
        "at": moment(audit.at),
        "cluster": audit.cluster,
        "sources": [source_form(source) for source in audit.sources],
        "coverage": coverage_form(audit.coverage),
        "problems": problem_forms(audit.problems),
        "drift": drift_forms(audit.drift),
        "not_compared": _not_compared(audit.not_compared),
        "ignored": [_ignored(each) for each in audit.ignored],
        "ignored_by_rules": audit.silenced,
    }


def manifests_form(snapshot: model.Snapshot) -> forms.ManifestsForm:
    """The desired side as read, in the order it was read; of two objects with one ref both are listed."""
    return {
        "version": 1,
        "sources": [source_form(source) for source in snapshot.sources],
        "roots": [_root(root, source.name) for source in snapshot.sources for root in source.roots],
        "resources": [_resource(resource) for resource in snapshot.resources],
        "problems": problem_forms(snapshot.problems),
    }


def policies_form(policies: Iterable[model.Policy]) -> forms.PoliciesForm:
    """The catalogue, by id."""
    return {"version": 1, "policies": [_policy(policy) for policy in sorted(policies, key=lambda policy: policy.id)]}


def explained_form(explained: Explained) -> forms.ExplainedForm:
    """Why a score is what it is."""
    from auditor.compliance import WEIGHTS  # what only prints need not load what judges

    return {
        "score": explained.score,
        "weights": {severity.value: weight for severity, weight in WEIGHTS.items()},
        "members": [
            {
                "ref": ref_form(one.ref) if one.ref else None,
                "namespace": one.namespace,
                "score": one.score,
                "passed": one.passed,
                "failed": one.failed,
                "failing": [{"policy": policy, "weight": weight} for policy, weight in one.failing],
            }
            for one in explained.shares
        ],
        "gains": [
            {"policy": {"id": one.policy, "name": one.name}, "objects": one.objects, "points": one.points}
            for one in explained.gains
        ],
    }


def waivers_form(
    at: datetime, granted: Iterable[model.Granted], problems: Sequence[model.Problem]
) -> forms.WaiversForm:
    """Every waiver, in the order given, and what is wrong with those that do not count."""
    return {
        "version": 1,
        "at": moment(at),
        "waivers": [_waiver(one) for one in granted],
        "problems": problem_forms(problems),
    }


def moment(at: datetime) -> str:
    """RFC 3339 in UTC with `Z`; a time without a zone is UTC already. Parts of a second only where there are any."""
    utc = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds" if utc.microsecond else "seconds").removesuffix("+00:00") + "Z"


def ref_form(ref: model.Ref) -> forms.RefForm:
    return {"cluster": ref.cluster, "group": ref.group, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def place_form(place: model.Place | None) -> forms.PlaceForm | None:
    if place is None:
        return None
    return {"source": place.source, "file": place.file, "line": place.line, "column": place.column}


def source_form(source: model.Source) -> forms.SourceForm:
    return {
        "name": source.name,
        "revision": source.revision,
        "fetched_at": _moment_or_none(source.fetched_at),
        "commit_at": _moment_or_none(source.commit_at),
        "branch": source.branch,
        "tools": list(source.tools),
        "authored_at": _moment_or_none(source.authored_at),
    }


def _root(root: model.Root, source: str) -> forms.RootForm:
    return {
        "source": source,
        "folder": root.folder,
        "renderer": root.renderer,
        "tool": root.tool,
        "files": list(root.files),
        "objects": root.objects,
    }


def coverage_form(coverage: model.Coverage) -> forms.CoverageForm:
    cells = sorted(coverage.cells, key=lambda cell: (cell.namespace or "", cell.kind, cell.group))
    return {"ratio": coverage.ratio, "cells": [cell_form(cell) for cell in cells]}


def problem_forms(problems: Sequence[model.Problem]) -> list[forms.ProblemForm]:
    """In the order given: by file and line, as they were read."""
    return [
        {
            "code": problem.code,
            "severity": problem.severity.value,
            "message": problem.message,
            "remedy": problem.remedy,
            "place": place_form(problem.place),
            "ref": ref_form(problem.ref) if problem.ref else None,
        }
        for problem in problems
    ]


def verdict_forms(verdicts: Iterable[model.Verdict]) -> list[forms.VerdictForm]:
    """By object, then policy. There are many, and few different objects and policies in them: what repeats is made once."""
    by_object: dict[model.Ref, list[model.Verdict]] = {}
    for ref, found in groupby(verdicts, attrgetter("ref")):
        by_object.setdefault(ref, []).extend(found)
    ref_of, policy_of = cache(ref_form), cache(_named)
    made: list[forms.VerdictForm] = []
    for ref in sorted(by_object, key=attrgetter("key")):
        ours = ref_of(ref)
        of: tuple[model.Ref, ...] = ()
        concerns: list[forms.RefForm] = []
        for verdict in sorted(by_object[ref], key=attrgetter("policy")):
            if verdict.concerns != of:
                of = verdict.concerns
                concerns = [ref_of(each) for each in of]
            made.append(
                {
                    "ref": ours,
                    "policy": policy_of(verdict.policy, verdict.name),
                    "outcome": verdict.outcome.value,
                    "severity": verdict.severity.value,
                    "reason": verdict.reason,
                    "concerns": concerns,
                    "findings": [finding_form(finding) for finding in verdict.findings],
                    "waived": [finding_form(finding) for finding in verdict.waived],
                    "scored": verdict.scored,
                }
            )
    return made


def _named(id: str, name: str) -> forms.PolicyName:
    return {"id": id, "name": name}


def finding_form(finding: model.Finding) -> forms.FindingForm:
    return {
        "fingerprint": finding.fingerprint,
        "side": finding.side.value,
        "severity": finding.severity.value,
        "path": finding.path,
        "message": finding.message,
        "remedy": finding.remedy,
        "place": place_form(finding.place),
        "pending": finding.pending,
    }


def drift_forms(drift: Iterable[model.Drift]) -> list[forms.DriftForm]:
    """By object."""
    return [
        {
            "ref": ref_form(one.ref),
            "kind": one.kind.value,
            "direction": one.direction.value,
            "severity": one.severity.value,
            "changes": [change_form(one.ref, change) for change in one.changes],
            "reason": one.reason,
            "place": place_form(one.place),
            "window": window_form(one.window),
            "pending": one.pending,
        }
        for one in sorted(drift, key=lambda one: (one.ref.key, one.kind))
    ]


def change_form(ref: model.Ref, change: model.Change) -> forms.ChangeForm:
    """`ref`: of the object, so that an unsealed value of a Secret is redacted too."""
    secret = is_secret(ref) and (
        change.path in _SECRET_PARTS or change.path.startswith(("data.", "data[", "stringData"))
    )
    desired, live = (_redacted(side) if secret else plain(side) for side in (change.desired, change.live))
    return {
        "path": change.path,
        "change": change.change.value,
        "desired": desired,
        "live": live,
        "severity": change.severity.value,
        "window": window_form(change.window),
        "place": place_form(change.place),
        "owner": owner_form(change.owner) if change.owner else None,
        "direction": change.direction.value,
        "words": "" if secret else change.words,
    }


def owner_form(owner: model.Owner) -> forms.OwnerForm:
    return {
        "manager": owner.manager,
        "operation": owner.operation,
        "subresource": owner.subresource,
        "time": _moment_or_none(owner.time),
        "class": owner.owner_class.value,
        "certainty": owner.certainty.value,
    }


def score_form(score: model.Score) -> forms.ScoreForm:
    return {
        "score": score.score,
        "minimum": score.minimum,
        "workloads": score.workloads,
        "unknown_ratio": score.unknown_ratio,
    }


def scores_form(scores: model.Scores) -> forms.ScoresForm:
    return {
        "formula": scores.formula,
        "cluster": score_form(scores.cluster),
        "namespaces": [
            {"namespace": name, "team": scores.team_of.get(name), **score_form(score)}
            for name, score in sorted(scores.namespaces.items())
        ],
        "teams": [{"team": name, **score_form(score)} for name, score in sorted(scores.teams.items())],
        "workloads": [
            {"ref": ref_form(ref), **score_form(score)}
            for ref, score in sorted(scores.workloads.items(), key=lambda item: item[0].key)
        ],
    }


def is_secret(ref: model.Ref) -> bool:
    """Whether the object is a core Secret, whose data nobody is to see."""
    return ref.kind == "Secret" and not ref.group


def _resource(resource: model.Resource) -> forms.ResourceForm:
    body: dict[str, Any] = plain(resource.body)
    if is_secret(resource.ref):
        for part in _SECRET_PARTS:
            if part in body:
                body[part] = _redacted(resource.body[part])
    return {
        "ref": ref_form(resource.ref),
        "api_version": resource.api_version,
        "place": place_form(resource.place()),
        "body": body,
    }


def _policy(policy: model.Policy) -> forms.PolicyForm:
    from auditor.compliance.frameworks import touched  # nobody else needs it

    return {
        "id": policy.id,
        "name": policy.name,
        "practice": policy.practice,
        "severity": policy.severity.value,
        "kinds": list(policy.kinds),
        "reads": list(policy.reads),
        "judges": policy.judges.value,
        "enabled": policy.enabled,
        "title": policy.title,
        "rationale": policy.rationale,
        "remedy": policy.remedy,
        "version": policy.version,
        "scope": policy.scope.value,
        "since": policy.since,
        "frameworks": [
            {"framework": one.framework, "edition": one.edition, "controls": list(one.controls)}
            for one in touched(policy)
        ],
    }


def _waiver(granted: model.Granted) -> forms.WaiverForm:
    one = granted.waiver
    return {
        "policy": one.policy,
        "state": granted.state.value,
        "reason": one.reason,
        "by": one.by,
        "until": one.until.isoformat(),
        "on": ref_form(one.holder) if one.holder else None,
        "scope": {name: said for name in ("kind", "namespace", "name") if (said := getattr(one, name))},
        "container": one.container,
        "place": place_form(one.place),
        "covers": [ref_form(ref) for ref in granted.covers],
    }


def _ignored(found: model.Ignored) -> forms.IgnoredForm:
    secret = is_secret(found.ref)
    return {
        "ref": ref_form(found.ref),
        "path": found.path,
        "reason": found.reason,
        "desired": _redacted(found.desired) if secret else plain(found.desired),
        "live": _redacted(found.live) if secret else plain(found.live),
        "owner": owner_form(found.owner) if found.owner else None,
    }


def _not_compared(found: Iterable[model.NotCompared]) -> list[forms.NotComparedForm]:
    return [
        {"ref": ref_form(one.ref), "reason": one.reason}
        for one in sorted(found, key=lambda one: (one.ref.key, one.reason))
    ]


def cell_form(cell: model.Cell) -> forms.CellForm:
    """One kind in one namespace, and whether it could be read."""
    return {
        "group": cell.group,
        "kind": cell.kind,
        "namespace": cell.namespace,
        "state": cell.state.value,
        "reason": cell.reason,
        "objects": cell.objects,
    }


def window_form(window: model.Window | None) -> forms.WindowForm | None:
    """Between the last run that did not see it and the first that did."""
    return {"after": _moment_or_none(window.after), "before": moment(window.before)} if window else None


def _moment_or_none(at: datetime | None) -> str | None:
    return moment(at) if at else None


def _redacted(value: Any) -> Any:
    """Every leaf of a Secret's data redacted, sealed or not; what is absent stays absent."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {str(key): dict(REDACTED) for key in value}
    return dict(REDACTED)
