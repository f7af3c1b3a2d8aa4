"""A report as JSON: ReportData in, a dict of `forms` out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from auditor.model import Drift, Finding
from auditor.publish import forms, jsonform
from auditor.publish.memory_forms import cause_form, move_form
from auditor.publish.report_data import Opened, ReportData


def report_form(data: ReportData) -> forms.ReportForm:
    """All that the other renderings rest on."""
    return {
        "version": 1,
        "cluster": data.cluster,
        "since": jsonform.moment(data.since),
        "until": jsonform.moment(data.until),
        "runs": {"published": data.published, "failed": data.failed},
        "gaps": [_period(since, until) for since, until in data.gaps],
        "unread": [{**_period(one.since, one.until), "cell": jsonform.cell_form(one.cell)} for one in data.unread],
        "revisions": {name: list(revisions) for name, revisions in data.revisions.items()},
        "scores": jsonform.scores_form(data.audit.scores) if data.audit and data.published else None,
        "scores_before": jsonform.scores_form(data.then) if data.then else None,
        "findings_opened": _findings(data.opened),
        "findings_resolved": _findings(data.resolved),
        "drift_opened": _drift(data.opened),
        "drift_resolved": _drift(data.resolved),
        "moves": [move_form(move) for move in data.moves],
        "conditions": [
            {"at": jsonform.moment(c.at), "kind": c.kind, "name": c.name, "before": c.before, "after": c.after}  # type: ignore[typeddict-item]
            for c in data.conditions
        ],
    }


def _period(since: datetime, until: datetime | None) -> forms.PeriodForm:
    return {"since": jsonform.moment(since), "until": jsonform.moment(until) if until else None}


def _findings(found: Iterable[Opened]) -> list[forms.ReportedFindingForm]:
    return [
        {
            **_period(one.since, one.until),
            "ref": jsonform.ref_form(one.what.ref),
            "policy": one.what.policy,
            "finding": jsonform.finding_form(one.what),
            "cause": cause_form(one.cause),
            "ended": cause_form(one.ended),
        }
        for one in found
        if isinstance(one.what, Finding)
    ]


def _drift(found: Iterable[Opened]) -> list[forms.ReportedDriftForm]:
    return [
        {
            **_period(one.since, one.until),
            "drift": jsonform.drift_forms([one.what])[0],
            "cause": cause_form(one.cause),
            "ended": cause_form(one.ended),
        }
        for one in found
        if isinstance(one.what, Drift)
    ]
