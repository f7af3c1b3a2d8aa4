"""The sections of a report, from what needs a person to what could not be seen: ReportData and its Audit in, sections out."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Final

from auditor.exemptions import IN_PART
from auditor.model import Audit, Cell, Drift, Finding, Outcome, OwnerClass, Severity, Verdict
from auditor.publish import tally, words
from auditor.publish.cause_words import cause_words, move_sentences
from auditor.publish.foreign import shorten, visible
from auditor.publish.report_data import Opened, ReportData
from auditor.publish.report_parts import Grid, Item, Section
from auditor.publish.text_audit import severity_counts

_UNTIL: Final = re.compile(r"until (\d{4}-\d\d-\d\d)")
"""The end of a waiver, in the reason of a verdict that it waives."""


def needs_a_person(data: ReportData, audit: Audit, most: int) -> list[Section]:
    """Dangerous drift, errors, and what cannot be seen: what does not wait."""
    items = [_drift_item(data, one) for one in tally.standing_drift(audit.drift) if one.severity is Severity.ERROR]
    errors = [one.finding for one in tally.open_findings(audit.verdicts) if one.finding.severity is Severity.ERROR]
    errors.sort(key=lambda one: data.finding_since.get(one.fingerprint, data.until))
    items += [_finding_item(data, one, data.finding_since.get(one.fingerprint)) for one in errors]
    for cells in tally.alike(tally.unread(audit.coverage.cells)):
        what, how = words.unread_words(cells)
        items.append(Item("unknown", what, f"could not be read: {how}"))
    if not items:
        said = "Nothing of severity error is open." if audit.verdicts else "Nothing was judged."
        return [Section("What needs a person", (said,))]
    return [Section("What needs a person", items=tuple(items[:most]), more=max(0, len(items) - most))]


def changed(data: ReportData, most: int) -> list[Section]:
    if not data.opened and not data.resolved:
        return [Section("What changed", ("Nothing opened, and nothing was resolved.",))]
    made = []
    for title, found in (("Opened", data.opened), ("Resolved", data.resolved)):
        ordered = sorted(found, key=lambda one: (-one.what.severity.rank, one.since, one.what.ref.key))
        items = tuple(_opened_item(data, one) for one in ordered[:most])
        said = () if items else (f"Nothing was {title.lower()}.",)
        made.append(Section(title, said, items, more=max(0, len(ordered) - most)))
    return made


def scores(data: ReportData, audit: Audit, most: int) -> list[Section]:
    then, comparable = data.then, data.then is not None and data.then.formula == audit.scores.formula
    made = []
    for title, head, now, before in (
        (
            "Namespaces, worst first",
            "Namespace",
            dict(tally.worst_namespaces(audit.scores)),
            then.namespaces if then else {},
        ),
        ("Teams", "Team", dict(audit.scores.teams), then.teams if then else {}),
    ):
        if not now:
            continue
        rows = []
        for name, score in list(now.items())[:most]:
            earlier = before.get(name)
            shown = words.score_words(earlier.score) if earlier and comparable else "–"
            team = f" ({shorten(tally.team(audit.scores, name), 30)})" if head == "Namespace" else ""
            lowest = words.number(score.minimum) if score.minimum is not None else "?"
            rows.append(
                (shorten(name, 60) + team, shown, words.score_words(score.score), lowest, f"{score.workloads:,}")
            )
        gone = [name for name in before if name not in now]
        new = [name for name in now if name not in before] if then is not None else []
        said = (
            [f"No longer there, or not in view: {', '.join(shorten(name, 60) for name in gone[:20])}."] if gone else []
        )
        said += [f"New in this period: {', '.join(shorten(name, 60) for name in new[:20])}."] if new else []
        heads = (head, "Then", "Now", "Lowest", "Workloads")
        made.append(
            Section(
                title, tuple(said), grid=Grid(heads, tuple(rows), frozenset({1, 2, 3, 4})), more=max(0, len(now) - most)
            )
        )
    return made


def drift(data: ReportData, audit: Audit, most: int) -> list[Section]:
    made = []
    standing, waiting = tally.standing_drift(audit.drift), tally.waiting_drift(audit.drift)
    if standing:
        hands = sum(map(tally.by_hand, standing))
        said = f"{words.plural(len(standing), 'object')}, {hands:,} of them changed by hand."
        items = tuple(_drift_item(data, one) for one in standing[:most])
        made.append(Section("Drift still open", (said,), items, more=max(0, len(standing) - most)))
    if waiting:
        items = tuple(_drift_item(data, one) for one in waiting[:most])
        said = "Git is ahead and nothing else: not counted as drift."
        made.append(Section("Waiting to be applied", (said,), items, more=max(0, len(waiting) - most)))
    return made


def persisting(data: ReportData, audit: Audit, most: int) -> list[Section]:
    """What was open before the period and still is, oldest first."""
    old = [
        (since, one.finding)
        for one in tally.open_findings(audit.verdicts)
        if (since := data.finding_since.get(one.finding.fingerprint)) is not None and since <= data.since
    ]
    old.sort(key=lambda entry: (entry[0], -entry[1].severity.rank, entry[1].ref.key))
    if not old:
        return []
    items = tuple(_finding_item(data, finding, since) for since, finding in old[:most])
    return [
        Section(
            "Open since before",
            (f"{words.plural(len(old), 'finding')}, oldest first.",),
            items,
            more=max(0, len(old) - most),
        )
    ]


def policies(audit: Audit) -> list[Section]:
    groups: dict[str, list[tally.Open]] = {}
    for one in tally.open_findings(audit.verdicts):
        groups.setdefault(one.finding.policy, []).append(one)
    worst = sorted(groups.items(), key=lambda item: (-item[1][0].finding.severity.rank, -len(item[1]), item[0]))
    if not worst:
        return []
    rows = tuple(
        (
            f"{policy} {visible(found[0].verdict.name)}",
            found[0].finding.severity.value,
            f"{len(found):,}",
            visible(found[0].finding.remedy, 200),
        )
        for policy, found in worst[:5]
    )
    heads = ("Policy", "Severity", "Findings", "What to do")
    counted = severity_counts(tally.severities([one for found in groups.values() for one in found]))
    return [
        Section(
            "Policies that fail most",
            (f"Open in all: {counted}.",),
            grid=Grid(heads, rows, frozenset({2})),
            more=len(worst) - len(rows),
        )
    ]


def waived(data: ReportData, audit: Audit, most: int) -> list[Section]:
    """What counts for nothing because git says so: by policy and waiver, the first to end first."""
    groups: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in audit.verdicts:
        if verdict.outcome is Outcome.WAIVED or (
            verdict.outcome is Outcome.FAIL and verdict.reason.startswith(IN_PART)
        ):
            ends = min(_UNTIL.findall(verdict.reason), default="")
            groups.setdefault((ends, verdict.policy, verdict.reason), []).append(verdict)
    if not groups:
        return []
    soon = f"{data.until + (data.until - data.since):%Y-%m-%d}"
    ending = sum(len(found) for (ends, _, _), found in groups.items() if ends <= soon)
    count = sum(map(len, groups.values()))
    lead = f"{words.plural(count, 'verdict')} waived; of {ending or 'none'} the waiver ends by {soon}."
    ordered = sorted(groups.items())
    rows = tuple(
        (f"{policy} {visible(found[0].name)}", f"{len(found):,}", ends, visible(reason, 200))
        for (ends, policy, reason), found in ordered[:most]
    )
    grid = Grid(("Policy", "Objects", "Ends", "Why, and by whom"), rows, frozenset({1}))
    return [Section("Waived", (lead,), grid=grid, more=len(ordered) - len(rows))]


def blind_spots(data: ReportData, audit: Audit | None, most: int) -> list[Section]:
    items = [
        Item(
            "unknown",
            "no run",
            f"between {long(data, after)} and {long(data, before)}; what happened then is dated by the run after",
        )
        for after, before in data.gaps
    ]
    items += [Item("unknown", "a run failed", visible(reason)) for reason in data.failures]
    times: dict[tuple[datetime, datetime | None], list[Cell]] = {}
    for one in data.unread:
        times.setdefault((one.since, one.until), []).append(one.cell)
    for (since, until), unread in times.items():
        end = f" until {long(data, until)}" if until else ", still"
        for cells in tally.alike(unread):
            what, how = words.unread_words(cells)
            items.append(Item("unknown", what, f"{how}, since {long(data, since)}{end}"))
    for missing in audit.not_compared if audit and data.published else ():
        items.append(Item("unknown", words.object_words(missing.ref), f"not compared: {visible(missing.reason)}"))
    for problem in audit.problems if audit and data.published else ():
        place = (visible(str(problem.place)),) if problem.place else ()
        remedy = (visible(problem.remedy),) if problem.remedy else ()
        items.append(Item(problem.severity.value, problem.code, visible(problem.message), (*place, *remedy)))
    if not items:
        whole = data.published and audit is not None and audit.coverage.ratio is not None
        said = "Everything that was wanted could be read." if whole else "No cluster was read."
        return [Section("What could not be seen", (said,))]
    return [Section("What could not be seen", items=tuple(items[:most]), more=max(0, len(items) - most))]


def method(audit: Audit) -> Section:
    said = (
        f"Score, formula {audit.scores.formula}: for each workload 100 × weight of what passes ÷ weight of what passes or fails, "
        "errors 5, warnings 2; for namespaces, teams and the cluster the mean over workloads. What is unknown, waived or not "
        "applicable is in neither. Drift is a matter of its own, and not in the score."
    )
    return Section("Method", (said,))


def _opened_item(data: ReportData, one: Opened) -> Item:
    item = _drift_item(data, one.what) if isinstance(one.what, Drift) else _finding_item(data, one.what, None)
    when = f"seen {long(data, one.since)}"
    if one.until is not None:
        when = f"{long(data, one.since)} to {long(data, one.until)}"
    why = [f"cause: {cause_words(one.cause, data.zone, now=data.until)}"] if one.cause else []
    why += [f"ended by: {cause_words(one.ended, data.zone, now=data.until)}"] if one.until and one.ended else []
    return replace(item, notes=(*item.notes, when, *why))


def moves(data: ReportData) -> list[Section]:
    """Why scores moved, each part in the order of time, and what would bring them back."""
    return [
        Section(
            f"Why the score of {'the cluster' if move.scope == 'cluster' else shorten(move.name, 60)} moved",
            move_sentences(move, data.zone),
        )
        for move in data.moves
    ]


def conditions(data: ReportData, most: int) -> list[Section]:
    """What audits were made under, as it changed: a finding that came with it was not brought by a commit."""
    if not data.conditions:
        return []
    said = []
    for one in data.conditions[:most]:
        turn = f"{visible(one.before or '', 100)} → {visible(one.after or '', 100)}"
        if one.kind == "policy" and None in (one.before, one.after):
            turn = "switched on" if one.before is None else "switched off"
        elif None in (one.before, one.after):
            turn = f"now {visible(one.after or '', 100)}" if one.before is None else "no longer set"
        said.append(f"{long(data, one.at)}: {one.kind} {shorten(one.name, 60)}: {turn}.")
    return [
        Section("What the audit itself was made under changed", tuple(said), more=max(0, len(data.conditions) - most))
    ]


def pace(data: ReportData) -> list[Section]:
    """Who made drift, by tool, and how long it took to resolve findings."""
    made = []
    if data.drifters:
        rows = tuple(
            (
                shorten(one.manager, 60) or "not recorded",
                words.OWNER_WORDS[OwnerClass(one.owner_class)] if one.owner_class else "not recorded",
                f"{one.fields:,}",
                f"{one.objects:,}",
            )
            for one in data.drifters[:10]
        )
        grid = Grid(("Tool", "Is", "Fields", "Objects"), rows, frozenset({2, 3}))
        made.append(Section("Who made drift", grid=grid, more=max(0, len(data.drifters) - 10)))
    if data.resolved_after:
        rows = tuple(
            (shorten(one.namespace, 60) or "(cluster)", one.severity, f"{one.count:,}", words.age(one.mean))
            for one in data.resolved_after[:10]
        )
        grid = Grid(("Namespace", "Severity", "Resolved", "After, on average"), rows, frozenset({2, 3}))
        made.append(Section("How long findings stood", grid=grid, more=max(0, len(data.resolved_after) - 10)))
    return made


def _finding_item(data: ReportData, finding: Finding, since: datetime | None) -> Item:
    notes = [visible(str(finding.place))] if finding.place else []
    notes += ["only on the cluster: drift brought it"] if finding.side.value == "live" else []
    notes += [f"open since {long(data, since)}"] if since else []
    subject = f"{finding.policy} {words.object_words(finding.ref)}"
    return Item(finding.severity.value, subject, visible(finding.message), tuple(notes))


def _drift_item(data: ReportData, drift: Drift) -> Item:
    kind = "waiting" if drift.pending else "dangerous" if drift.severity is Severity.ERROR else drift.severity.value
    notes = []
    for change in drift.changes[:3]:
        git, live = words.sides(change)
        who = (
            f"; {words.who(change, data.zone, now=data.until)}"
            if not drift.pending and (change.owner or change.window)
            else ""
        )
        notes.append(f"{shorten(change.path, 160)}: git {shorten(git, 100)}, live {shorten(live, 100)}{who}")
    if len(drift.changes) > 3:
        notes.append(f"{len(drift.changes) - 3:,} more")
    if drift.reason and not drift.changes:
        notes.append(visible(drift.reason))
    if drift.window and not drift.changes:
        notes.append(words.since(drift.window, data.zone, now=data.until))
    return Item(kind, words.object_words(drift.ref), words.drift_words(drift), tuple(notes))


def long(data: ReportData, at: datetime) -> str:
    return words.when(at, data.zone, now=data.until)
