"""What one audit says, as rows of the tables.

In: an `Audit` and the ids of its objects. Out: for each fact, its rows by key, each row with the fact's columns in their order.
The order of anything in the audit makes no difference. Everything is cleaned (`auditor.store.texts`), so that a row equals what
a later run reads back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, Final, TypeAlias

from auditor.model import Audit, Change, Drift, Finding, Place, Problem, Ref, Score, Verdict, Window
from auditor.store import facts
from auditor.store.facts import Fact
from auditor.store.texts import NAME_LIMIT, PATH_LIMIT, clean, digest, value_text

Row: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = dict[Row, Row]
"""Rows by key; the key is how a row begins."""
Identity: TypeAlias = tuple[str, str, str, str]
"""Group, kind, namespace ("" for none) and name, as stored."""

SELF: Final = "self"


def identity(ref: Ref) -> Identity:
    """What tells a ref from the others of its cluster, as stored."""
    return (_name(ref.group), _name(ref.kind), _name(ref.namespace or ""), _name(ref.name))


def refs_of(audit: Audit) -> Iterator[Ref]:
    """Every object that the audit says something about, many of them several times."""
    for verdict in audit.verdicts:
        yield verdict.ref
        yield from verdict.concerns
        yield from (finding.ref for finding in verdict.findings)
    yield from (drift.ref for drift in audit.drift)
    yield from (entry.ref for entry in audit.not_compared)
    yield from (problem.ref for problem in audit.problems if problem.ref)
    yield from audit.scores.workloads
    yield from audit.seen
    yield from (granted.waiver.holder for granted in audit.waivers if granted.waiver.holder)


def rows_of(
    audit: Audit, ids: Mapping[Ref, int], conditions: Mapping[tuple[str, str], str] | None = None
) -> dict[str, Rows]:
    """The rows of each fact, by the name of its table. `conditions`: what the audit was made under."""

    def rows(fact: Fact, found: Iterable[Row]) -> Rows:
        out: Rows = {}
        width = len(fact.key)
        for row in found:
            # Two that claim one identity cannot both be open. The choice must not depend on their order.
            first = out.setdefault(row[:width], row)
            if first is not row:
                out[row[:width]] = min(first, row, key=repr)
        return out

    return {
        "verdicts": rows(facts.VERDICTS, (_verdict(v, ids) for v in audit.verdicts)),
        "findings": rows(facts.FINDINGS, (_finding(f, ids) for v in audit.verdicts for f in v.findings)),
        "drift": rows(facts.DRIFT, (_drift(d, ids) for d in audit.drift)),
        "drift_fields": rows(
            facts.DRIFT_FIELDS, chain.from_iterable(_numbered(_fields(d, ids), 3) for d in audit.drift)
        ),
        "not_compared": rows(
            facts.NOT_COMPARED,
            _numbered(((ids[e.ref], clean(e.path, PATH_LIMIT), 0, clean(e.reason)) for e in audit.not_compared), 2),
        ),
        "cells": rows(
            facts.CELLS,
            (
                (_name(c.group), _name(c.kind), _name(c.namespace or ""), c.state.value, clean(c.reason), c.objects)
                for c in audit.coverage.cells
            ),
        ),
        "problems": rows(facts.PROBLEMS, _problems(audit.problems, ids)),
        "scores": rows(facts.SCORES, _scores(audit)),
        "workload_scores": rows(
            facts.WORKLOAD_SCORES, ((ids[ref], *_score(score)) for ref, score in audit.scores.workloads.items())
        ),
        "teams": rows(facts.TEAMS, ((_name(ns), clean(team)) for ns, team in audit.scores.team_of.items())),
        "seen": rows(facts.SEEN, ((ids[ref],) for ref in audit.seen)),
        "conditions": rows(
            facts.CONDITIONS,
            ((_name(kind), _name(name), clean(said)) for (kind, name), said in (conditions or {}).items()),
        ),
        "waivers": rows(facts.WAIVERS, _waivers(audit, ids)),
    }


@lru_cache(maxsize=4096)  # the same few hundred policies, kinds and namespaces, thousands of times
def _name(text: str) -> str:
    return clean(text, NAME_LIMIT)


def _verdict(verdict: Verdict, ids: Mapping[Ref, int]) -> Row:
    own = ids[verdict.ref]
    concerns = (
        SELF if verdict.concerns == (verdict.ref,) else " ".join(map(str, sorted({ids[r] for r in verdict.concerns})))
    )
    return (
        own,
        _name(verdict.policy),
        verdict.outcome.value,
        verdict.severity.value,
        clean(verdict.reason),
        concerns,
        verdict.scored,
    )


def _finding(finding: Finding, ids: Mapping[Ref, int]) -> Row:
    return (
        _name(finding.fingerprint),
        ids[finding.ref],
        _name(finding.policy),
        clean(finding.path, PATH_LIMIT),
        finding.side.value,
        finding.severity.value,
        finding.pending,
        clean(finding.message),
        clean(finding.remedy),
        *_place(finding.place),
    )


def _waivers(audit: Audit, ids: Mapping[Ref, int]) -> Iterator[Row]:
    counts: dict[str, int] = {}
    for granted in audit.waivers:
        waiver, holder = granted.waiver, granted.waiver.holder
        about = [waiver.kind, waiver.namespace, waiver.name, waiver.container]
        fingerprint = digest(waiver.policy, *(identity(holder) if holder else ("file",)), *about)
        counts[fingerprint] = number = counts.get(fingerprint, -1) + 1
        yield (
            digest(fingerprint, str(number)) if number else fingerprint,
            ids[holder] if holder else None,
            _name(waiver.policy),
            *map(clean, about),
            clean(waiver.reason),
            waiver.until.isoformat(),
            clean(waiver.by),
            granted.state.value,
            *_place(waiver.place),
        )


def _drift(drift: Drift, ids: Mapping[Ref, int]) -> Row:
    return (
        ids[drift.ref],
        drift.kind.value,
        drift.direction.value,
        drift.severity.value,
        clean(drift.reason),
        *_place(drift.place),
        *_window(drift.window),
    )


def _fields(drift: Drift, ids: Mapping[Ref, int]) -> Iterator[Row]:
    for change in drift.changes:
        yield (
            ids[drift.ref],
            drift.kind.value,
            clean(change.path, PATH_LIMIT),
            0,
            change.change.value,
            value_text(change.desired),
            value_text(change.live),
            change.severity.value,
            change.direction.value,
            clean(change.words),
            *_owner(change),
            *_place(change.place),
            change.owner.time if change.owner else None,
            *_window(change.window or drift.window),
        )


def _owner(change: Change) -> Row:
    owner = change.owner
    if owner is None:
        return (None,) * 5
    return (
        clean(owner.manager),
        clean(owner.operation),
        clean(owner.subresource),
        owner.owner_class.value,
        owner.certainty.value,
    )


def _numbered(rows: Iterable[Row], at: int) -> Iterator[Row]:
    """The rows with a number at that position, counting from 0 those that begin alike."""
    counts: dict[Row, int] = {}
    for row in sorted(rows, key=repr):
        head = row[:at]
        counts[head] = number = counts.get(head, -1) + 1
        yield (*head, number, *row[at + 1 :])


def _problems(problems: Iterable[Problem], ids: Mapping[Ref, int]) -> Iterator[Row]:
    def row(problem: Problem) -> Row:
        place = problem.place
        # Without the line: a problem that moves with its file is the same one.
        fingerprint = digest(
            problem.code,
            problem.message,
            *(identity(problem.ref) if problem.ref else ()),
            *((place.source, place.file) if place else ()),
        )
        return (
            fingerprint,
            ids[problem.ref] if problem.ref else None,
            _name(problem.code),
            problem.severity.value,
            clean(problem.message),
            clean(problem.remedy),
            *_place(place),
        )

    counts: dict[str, int] = {}
    for found in sorted(map(row, problems), key=repr):
        counts[found[0]] = number = counts.get(found[0], -1) + 1
        yield (digest(found[0], str(number)) if number else found[0], *found[1:])


def _scores(audit: Audit) -> Iterator[Row]:
    yield ("cluster", "", *_score(audit.scores.cluster))
    for scope, named in (("namespace", audit.scores.namespaces), ("team", audit.scores.teams)):
        for name, score in named.items():
            yield (scope, _name(name), *_score(score))


def _score(score: Score) -> Row:
    return (score.score, score.minimum, score.workloads, score.unknown_ratio)


def _place(place: Place | None) -> Row:
    return (clean(place.source), clean(place.file), place.line, place.column) if place else (None,) * 4


def _window(window: Window | None) -> Row:
    return (window.after, window.before) if window else (None, None)
