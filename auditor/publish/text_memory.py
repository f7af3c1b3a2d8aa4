"""`history` and `blame` for a terminal: what is remembered in, blocks out, oldest first, each with its cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from auditor.memory import Blame, Timeline
from auditor.model import Cause, CauseKind, Change, DriftKind
from auditor.publish import words
from auditor.publish.blocks import BLANK, Block, Span, Words, line, title
from auditor.publish.cause_words import cause_words, change_words, finding_words, move_sentences
from auditor.publish.foreign import shorten, visible
from auditor.store import Episode, Move
from auditor.store import Span as Interval

_SIDES = {"git": "in git alone", "live": "on the cluster alone", "both": ""}


def history_blocks(timeline: Timeline, zone: tzinfo = UTC) -> list[Block]:
    """One object: every commit that changed it, every drift, finding and score, in the order of time."""
    found: list[Block] = [title(f"{words.object_words(timeline.ref)}")]
    told: list[tuple[datetime, int, Words, Cause | None]] = []
    for commit in timeline.commits:
        subject = f"commit {commit.revision[:7]} by {shorten(commit.author, 60)}: {shorten(commit.subject, 100)}"
        told.append((commit.at, 0, Span(subject, "git"), None))
    for span in timeline.spans:
        told += [(at, 1, said, cause) for at, said, cause in _turns(span)]
    if not told:
        found.append(line("Nothing is on record of it.", 2))
    first = [(at, said) for at, _, said, cause in told if cause and cause.kind is CauseKind.FIRST_RUN]
    for at, _, said, cause in sorted(told, key=lambda entry: entry[:2]):
        found.append(line([Span(f"{words.when(at, zone)}  ", "muted"), *_spans(said)], 2, 4))
        if cause is not None and cause.kind is not CauseKind.FIRST_RUN:
            found.append(line(Span(f"→ {cause_words(cause, zone)}", "muted"), 6, 2))
    if first:
        found += [BLANK, line(f"What is of {words.when(first[0][0], zone)} was so when it was first looked at.", 2)]
    return found + _notes(timeline.notes)


def _spans(said: Words) -> Sequence[str | Span]:
    return (said,) if isinstance(said, (str, Span)) else said


def _turns(span: Interval) -> Iterable[tuple[datetime, Words, Cause | None]]:
    """What an interval's beginning and end say; the end is silent where the next interval says it."""
    opened, closed = _said(span)
    if opened:
        yield span.opened, opened, span.opened_cause
    if closed and span.closed is not None and not span.replaced:
        yield span.closed, closed, span.closed_cause


def _said(span: Interval) -> tuple[Words, Words]:
    what = span.what
    if span.of == "findings":
        side = _SIDES.get(what["side"], "")
        said = f"finding {what['policy']} ({what['severity']}): {visible(what['message'])}{f', {side}' if side else ''}"
        return [Span("+ ", "bad"), said], [Span("− ", "ok"), f"resolved {what['policy']}: {visible(what['message'])}"]
    if span.of == "drift":
        if what["kind"] == DriftKind.MODIFIED:
            return "", ""
        kinds = {"missing": "is missing on the cluster", "unmanaged": "runs and is in no source"}
        said = kinds.get(what["kind"], "left git and still runs")
        return [Span("+ ", "bad"), f"drift: {said}"], [Span("− ", "ok"), f"drift over: no longer {what['kind']}"]
    if span.of == "drift_fields":
        git, live = words.value_words(what["desired"]), words.value_words(what["live"])
        ahead = " (git is ahead)" if what["direction"] == "git-ahead" else ""
        said = f"drift{ahead}: {shorten(what['path'], 160)}: git {shorten(git, 80)}, live {shorten(live, 80)}"
        return [Span("+ ", "bad"), said], [Span("− ", "ok"), f"drift over: {shorten(what['path'], 160)}"]
    if span.of == "workload_scores":
        return f"score {words.score_words(what['score'])}", "score: none any more"
    if span.of == "verdicts" and what["outcome"] in ("unknown", "waived", "broken"):
        return f"{what['policy']} is {what['outcome']}: {visible(what['reason'])}", ""
    if span.of == "not_compared":
        return f"not compared: {visible(what['reason'])}", "compared again"
    if span.of == "seen":
        return "seen on the cluster", "no longer on the cluster"
    return "", ""


def moves_blocks(moves: Iterable[Move], zone: tzinfo = UTC) -> list[Block]:
    """What moved scores, a sentence for each part."""
    found: list[Block] = []
    for move in moves:
        head, *rest = move_sentences(move, zone)
        found += [line(Span(head, "strong"), 0, 2), *(line(said, 2, 2) for said in rest), BLANK]
    return found or [line("No score is on record for that period.")]


def blame_blocks(found: Sequence[Blame], drifting: Sequence[Episode] = (), zone: tzinfo = UTC) -> list[Block]:
    """Who brought each finding, and each field that drifts."""
    made: list[Block] = []
    for one in found:
        made += [title(finding_words(one.finding)), line(f"fingerprint {visible(one.finding.fingerprint)}", 2)]
        end = f" until {words.when(one.until, zone)}" if one.until else ", still open"
        made.append(line(f"open since {words.when(one.since, zone)}{end}", 2))
        brought = "drift brought it: " if one.finding.side.value == "live" else "brought by "
        made.append(line([Span(brought, "strong"), cause_words(one.cause, zone)], 2, 2))
        if len(one.spans) > 1 or one.until:
            made.append(line("its history:", 2))
            for span in one.spans:
                side = _SIDES.get(str(span.what["side"]), "") or "in git and on the cluster"
                made.append(
                    line(f"{words.when(span.opened, zone)}  {side}: {cause_words(span.opened_cause, zone)}", 4, 2)
                )
                if span.closed and not span.replaced:
                    made.append(
                        line(f"{words.when(span.closed, zone)}  resolved: {cause_words(span.closed_cause, zone)}", 4, 2)
                    )
        made += _notes(one.notes)
    for episode in drifting:
        if isinstance(episode.what, Change):
            made.append(title(f"drift: {change_words(episode.ref, episode.what)}"))
            made.append(line(f"since {words.when(episode.since, zone)}", 2))
            made.append(line([Span("brought by ", "strong"), cause_words(episode.opened_cause, zone)], 2, 2))
    return made


def _notes(notes: Sequence[Any]) -> list[Block]:
    return [line(Span(visible(str(note)), "muted"), 2, 2) for note in notes]
