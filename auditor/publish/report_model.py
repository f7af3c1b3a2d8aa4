"""A report: ReportData in, one model out that every rendering shares: the head, the first sentences, the sections.

What is not known is said; a number that rests on nothing is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from auditor.model import Finding, Score, Severity
from auditor.publish import report_sections, tally, words
from auditor.publish.foreign import shorten, visible
from auditor.publish.report_data import Opened, ReportData
from auditor.publish.report_parts import Report


def report(data: ReportData, most: int = 1_000) -> Report:
    """`most`: items or rows of a section; the rest is counted."""
    name = visible(data.cluster) or "manifests"
    period = f"{_day(data, data.since)} to {_day(data, data.until)}"
    facts = [
        ("Cluster", name),
        ("Period", f"{report_sections.long(data, data.since)} to {report_sections.long(data, data.until)}"),
        ("Runs", _runs(data)),
    ]
    if data.audit is not None and data.published:
        ratio = data.audit.coverage.ratio
        wanted = (
            "no cluster was read" if ratio is None else f"{words.percent(ratio)} of what was wanted, in the last run"
        )
        facts.append(("Coverage", wanted))
    for source, revisions in data.revisions.items():
        facts.append((f"git {shorten(source, 40)}", _revisions(revisions)))
    state = _state(data)
    made = Report(f"{name}: {period}", _subject(data, period, state), tuple(facts), _lead(data))
    if data.audit is None or not data.published:
        return replace(made, sections=tuple(report_sections.blind_spots(data, data.audit, most)))
    audit = data.audit
    sections = [
        *report_sections.needs_a_person(data, audit, most),
        *report_sections.moves(data),
        *report_sections.conditions(data, most),
        *report_sections.changed(data, most),
        *report_sections.scores(data, audit, most),
        *report_sections.drift(data, audit, most),
        *report_sections.persisting(data, audit, most),
        *report_sections.pace(data),
        *report_sections.policies(audit),
        *report_sections.waived(data, audit, most),
        *report_sections.blind_spots(data, audit, most),
        report_sections.method(audit),
    ]
    return replace(made, sections=tuple(sections))


def _state(data: ReportData) -> str:
    if data.audit is None or not data.published:
        return "no data"
    score = data.audit.scores.cluster.score
    if score is None:
        return "no score"
    moved = _moved(data, data.audit.scores.cluster, data.then.cluster if data.then else None)
    return f"{words.number(score)} of 100{', ' + moved if moved else ''}"


def _subject(data: ReportData, period: str, state: str) -> str:
    rest = f", {period}: {state}"
    ratio = data.audit.coverage.ratio if data.audit else None
    if data.published and ratio is not None and ratio < 0.95:
        rest += f", coverage {words.percent(ratio)}"
    return shorten(data.cluster or "manifests", max(12, 70 - len(rest))) + rest


def _lead(data: ReportData) -> tuple[str, ...]:
    audit = data.audit
    if not data.published or audit is None:
        said = [
            f"No run was published between {report_sections.long(data, data.since)} and {report_sections.long(data, data.until)}."
        ]
        if audit is not None and audit.scores.cluster.score is not None:
            last = words.number(audit.scores.cluster.score)
            said.append(f"Last known: a score of {last} at {words.when(audit.at, data.zone)}.")
        return (*said, "This report says nothing about the period.")
    score = audit.scores.cluster
    said = []
    if score.score is None:
        said.append("There is no score: nothing could be judged.")
    else:
        moved = _moved(data, score, data.then.cluster if data.then else None)
        lowest = f"; the lowest is {words.number(score.minimum)}" if score.minimum is not None else ""
        many = words.plural(score.workloads, "workload")
        said.append(
            f"The score is {words.number(score.score)} of 100{', ' + moved if moved else ''}, over {many}{lowest}."
        )
    if data.then is None:
        said.append("There is no earlier time to compare with.")
    elif data.then.formula != audit.scores.formula:
        before = words.score_words(data.then.cluster.score)
        said.append(f"The formula of the score changed: {before} before cannot be compared with it.")
    opened, resolved = len(_findings(data.opened)), len(_findings(data.resolved))
    ended = {0: "none was", 1: "1 was"}.get(resolved, f"{resolved:,} were")
    said.append(f"{words.plural(opened, 'finding').capitalize()} opened, and {ended} resolved.")
    drift = tally.standing_drift(audit.drift)
    dangerous = sum(one.severity is Severity.ERROR for one in drift)
    if drift:
        differ = "object differs" if len(drift) == 1 else "objects differ"
        said.append(f"{len(drift):,} {differ} from git{f', {dangerous:,} of them dangerous' if dangerous else ''}.")
    elif audit.coverage.ratio is None and not audit.seen:
        said.append("Nothing was compared with git.")
    elif audit.coverage.ratio == 1:
        said.append("What runs is what git says.")
    else:
        said.append("What could be read runs as git says.")
    if unread := tally.unread(audit.coverage.cells):
        said.append(
            f"{words.plural(len(unread), 'list')} could not be read; what is in {'it' if len(unread) == 1 else 'them'} is not known."
        )
    return tuple(said)


def _moved(data: ReportData, now: Score, then: Score | None) -> str:
    """`down 2`, of the numbers that are shown; nothing where they cannot be compared."""
    if then is None or then.score is None or now.score is None or data.audit is None or data.then is None:
        return ""
    if data.then.formula != data.audit.scores.formula:
        return ""
    difference = int(words.number(now.score)) - int(words.number(then.score))
    return f"{'up' if difference > 0 else 'down'} {abs(difference)}" if difference else "no change"


def _findings(found: Sequence[Opened]) -> list[Finding]:
    return [one.what for one in found if isinstance(one.what, Finding)]


def _runs(data: ReportData) -> str:
    failed = f", {data.failed:,} failed" if data.failed else ""
    gaps = f", {words.plural(len(data.gaps), 'gap')}" if data.gaps else ""
    return f"{words.plural(data.published, 'run')} published{failed}{gaps}"


def _revisions(revisions: Sequence[str]) -> str:
    first, last = (visible(revision, 80)[:12] for revision in (revisions[0], revisions[-1]))
    return last if len(revisions) == 1 else f"{first} to {last}, {words.plural(len(revisions), 'revision')}"


def _day(data: ReportData, at: datetime) -> str:
    local = at.astimezone(data.zone)
    return f"{local.day} {local:%b}"
