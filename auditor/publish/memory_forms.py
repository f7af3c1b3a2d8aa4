"""`history` and `blame` as JSON: what is remembered in, dicts of `forms` out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from auditor.causes import Commit
from auditor.memory import Blame, Timeline
from auditor.model import Cause, Change, Ref
from auditor.publish import forms, jsonform
from auditor.publish.cause_words import cause_words, move_sentences
from auditor.publish.encoding import plain
from auditor.store import Episode, Move, Span


def cause_form(cause: Cause | None) -> forms.CauseForm | None:
    """Why something began or ended; null where it was not recorded."""
    if cause is None:
        return None
    return {
        "kind": cause.kind.value,
        "certainty": cause.certainty.value,
        "detail": cause.detail,
        "revision": cause.revision,
        "author": cause.author,
        "subject": cause.subject,
        "at": jsonform.moment(cause.at) if cause.at else None,
        "manager": cause.manager,
        "operation": cause.operation,
        "subresource": cause.subresource,
        "window": jsonform.window_form(cause.window),
        "place": jsonform.place_form(cause.place),
        "words": cause_words(cause),
    }


def span_form(span: Span) -> forms.SpanForm:
    return {
        "of": span.of,
        "since": jsonform.moment(span.since),
        "opened": jsonform.moment(span.opened),
        "opened_cause": cause_form(span.opened_cause),
        "closed": jsonform.moment(span.closed) if span.closed else None,
        "closed_cause": cause_form(span.closed_cause),
        "replaced": span.replaced,
        "what": {name: _plain(value) for name, value in sorted(span.what.items())},
    }


def _plain(value: Any) -> Any:
    return jsonform.moment(value) if isinstance(value, datetime) else plain(value)


def move_form(move: Move) -> forms.MoveForm:
    """What moved a score."""
    parts: list[forms.PartForm] = [
        {"at": jsonform.moment(part.at), "points": round(part.points, 6), "cause": cause_form(part.cause)}
        for part in move.parts
    ]
    return {
        "scope": move.scope,  # type: ignore[typeddict-item]
        "name": move.name,
        "since": jsonform.moment(move.since),
        "until": jsonform.moment(move.until),
        "before": jsonform.score_form(move.before) if move.before else None,
        "after": jsonform.score_form(move.after) if move.after else None,
        "parts": parts,
        "rest": round(move.rest, 6),
        "sentences": list(move_sentences(move)),
    }


def history_form(timeline: Timeline | None, moves: Iterable[Move] = ()) -> forms.HistoryForm:
    """One object's time line, or what moved a score."""
    return {
        "version": 1,
        "ref": jsonform.ref_form(timeline.ref) if timeline else None,
        "spans": [span_form(span) for span in timeline.spans] if timeline else [],
        "commits": [_commit(commit) for commit in timeline.commits] if timeline else [],
        "moves": [move_form(move) for move in moves],
        "notes": list(timeline.notes) if timeline else [],
    }


def _commit(commit: Commit) -> forms.CommitForm:
    return {
        "source": commit.source,
        "revision": commit.revision,
        "author": commit.author,
        "subject": commit.subject,
        "at": jsonform.moment(commit.at),
    }


def blame_form(found: Iterable[Blame], drifting: Iterable[Episode] = ()) -> forms.BlameForm:
    """Who brought findings, and fields that drift."""
    return {
        "version": 1,
        "findings": [
            {
                "ref": jsonform.ref_form(one.finding.ref),
                "policy": one.finding.policy,
                "finding": jsonform.finding_form(one.finding),
                "since": jsonform.moment(one.since),
                "until": jsonform.moment(one.until) if one.until else None,
                "cause": cause_form(one.cause),
                "spans": [span_form(span) for span in one.spans],
                "notes": list(one.notes),
            }
            for one in found
        ],
        "drift": [_field(one.ref, one.what, one) for one in drifting if isinstance(one.what, Change)],
    }


def _field(ref: Ref, change: Change, one: Episode) -> forms.BlamedFieldForm:
    return {
        "ref": jsonform.ref_form(ref),
        "change": jsonform.change_form(ref, change),
        "since": jsonform.moment(one.since),
        "cause": cause_form(one.opened_cause),
    }
