"""What drifted, for a terminal: an Audit in, blocks out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo

from auditor.model import Audit, Change, ChangeKind, Direction, Drift, DriftKind, NotCompared, Severity
from auditor.publish import tally, words
from auditor.publish.blocks import BLANK, Block, Line, Span, Style, hidden, line, title
from auditor.publish.foreign import visible
from auditor.publish.hunks import hunks

SEVERITY_STYLES: dict[Severity, Style] = {Severity.ERROR: "bad", Severity.WARNING: "warn", Severity.INFO: ""}
_OBJECTS, _FIELDS, _LINES = 12, 8, 20


def blocks(audit: Audit, *, whole: bool, see_all: str, zone: tzinfo = UTC, context: int = 3) -> list[Block]:
    """`auditor diff`: what was compared, what differs, what waits, what could not be compared, one line of summary."""
    found: list[Block] = [*head(audit, zone)]
    found += sections(audit, whole=whole, see_all=see_all, zone=zone, context=context)
    found += not_known(audit, whole=whole, see_all=see_all)
    return [*found, BLANK, line(Span(summary(audit), "strong"))]


def head(audit: Audit, zone: tzinfo = UTC, cluster: str = "") -> list[Block]:
    """What was audited: sources with revision and age, the cluster, coverage. `cluster`: what was seen there, in words."""
    name = visible(audit.cluster) or "manifests"
    found: list[Block] = [line([Span(name, "title"), f" as of {words.when(audit.at, zone)}"])]
    if not audit.sources:
        found.append(_row("git", "no source: nothing says what should run", "unknown"))
    for source in audit.sources:
        parts = [visible(source.name), words.revision_words(source)]
        if source.fetched_at:
            parts.append(f"fetched {words.when(source.fetched_at, zone, now=audit.at)}")
        found.append(_row("git", ", ".join(part for part in parts if part)))
    if cluster:
        found.append(_row("cluster", cluster))
    if audit.coverage.ratio is not None:
        unread = len(tally.unread(audit.coverage.cells))
        said = f"{words.percent(audit.coverage.ratio)} of what was wanted could be read"
        if unread:
            said += f"; {words.plural(unread, 'list')} could not"
        found.append(_row("coverage", said, "warn" if unread or audit.coverage.ratio < 1 else ""))
    return found


def sections(audit: Audit, *, whole: bool, see_all: str, zone: tzinfo = UTC, context: int = 3) -> list[Block]:
    """Drift, and apart from it what waits to be applied."""
    found: list[Block] = []
    standing, waiting = tally.standing_drift(audit.drift), tally.waiting_drift(audit.drift)
    if standing:
        differ = "object differs" if len(standing) == 1 else "objects differ"
        found += [title(f"Drift: {len(standing):,} {differ} from what git says")]
        found += _listed(standing, audit, whole=whole, see_all=see_all, zone=zone, context=context)
    elif compared(audit):
        found += [title("Drift: none"), line("What was compared runs as git says.", 2)]
    if waiting:
        found += [
            title(
                f"Waiting: git is ahead in {words.plural(len(waiting), 'object')}, not applied yet; not counted as drift"
            )
        ]
        found += _listed(waiting, audit, whole=whole, see_all=see_all, zone=zone, context=context)
    if audit.ignored:
        found += [title(f"Ignored: {words.plural(len(audit.ignored), 'difference')} that do not count")]
        shown = audit.ignored if whole else audit.ignored[:_OBJECTS]
        found += [
            line(
                f"· {': '.join(filter(None, (words.object_words(one.ref), visible(one.path), visible(one.reason))))}",
                2,
                2,
            )
            for one in shown
        ]
        found += hidden(len(audit.ignored) - len(shown), "difference", see_all)
    return found


def not_known(audit: Audit, *, whole: bool, see_all: str) -> list[Block]:
    """What could not be read or compared. Nothing here was taken for good or for missing."""
    groups = tally.alike(tally.unread(audit.coverage.cells))
    if not groups and not audit.not_compared:
        return []
    found: list[Block] = [title("Not known")]
    shown = groups if whole else groups[:_OBJECTS]
    for cells in shown:
        what, how = words.unread_words(cells)
        found.append(line([Span("? ", "unknown"), f"{what}: {how}"], 2, 2))
    found += hidden(len(groups) - len(shown), "list", see_all)
    return found + _not_compared(audit.not_compared, whole=whole, see_all=see_all)


def compared(audit: Audit) -> bool:
    """Whether there was a cluster to compare with: without one, no drift is not a statement."""
    return audit.coverage.ratio is not None or bool(audit.seen)


def summary(audit: Audit) -> str:
    """One line: how many objects drifted, how many wait, how much could be read."""
    standing = tally.standing_drift(audit.drift)
    none = "no drift" if compared(audit) else "nothing was compared"
    parts = [f"{words.plural(len(standing), 'object')} drifted" if standing else none]
    if errors := sum(one.severity is Severity.ERROR for one in standing):
        parts.append(f"{errors:,} dangerous")
    if waiting := len(tally.waiting_drift(audit.drift)):
        parts.append(f"{waiting:,} waiting")
    if audit.silenced:
        parts.append(f"{words.plural(audit.silenced, 'difference')} ignored by rules")
    if audit.not_compared:
        parts.append(f"{len(audit.not_compared):,} not compared")
    if audit.coverage.ratio is not None:
        parts.append(f"coverage {words.percent(audit.coverage.ratio)}")
    return ", ".join(parts)


def _not_compared(found: Sequence[NotCompared], *, whole: bool, see_all: str) -> list[Block]:
    shown = found if whole else found[:_OBJECTS]
    made: list[Block] = [
        line([Span("? ", "unknown"), f"not compared: {words.object_words(one.ref)}: {visible(one.reason)}"], 2, 2)
        for one in shown
    ]
    return made + hidden(len(found) - len(shown), "object", see_all)


def _listed(
    found: Sequence[Drift], audit: Audit, *, whole: bool, see_all: str, zone: tzinfo, context: int
) -> list[Block]:
    shown = found if whole else found[:_OBJECTS]
    made: list[Block] = []
    for n, one in enumerate(shown):
        # one blank line between objects, none after the heading
        made += ([BLANK] if n else []) + _object(one, audit, whole=whole, see_all=see_all, zone=zone, context=context)
    return made + hidden(len(found) - len(shown), "object", see_all)


def _object(one: Drift, audit: Audit, *, whole: bool, see_all: str, zone: tzinfo, context: int) -> list[Block]:
    glyph = (
        "·"
        if one.pending
        else words.DANGEROUS
        if one.severity is Severity.ERROR
        else words.SEVERITY_GLYPHS[one.severity]
    )
    style: Style = "" if one.pending else SEVERITY_STYLES[one.severity]
    head: list[Span | str] = [
        Span(f"{glyph} ", style),
        Span(words.object_words(one.ref), "strong"),
        f" {words.drift_words(one)}",
    ]
    made: list[Block] = [line(head, 2, 2)]
    if one.kind is not DriftKind.MODIFIED:
        said = visible(one.reason)
        if one.window:
            said += ("; began " if said else "began ") + words.since(one.window, zone, now=audit.at)
        if one.place:
            made.append(line(Span(visible(str(one.place)), "muted"), 6, 2))
        if said:
            made.append(line(Span(said, "muted"), 6, 2))
    shown = one.changes if whole else one.changes[:_FIELDS]
    for change in shown:
        made += _change(change, audit, zone, context=context, whole=whole)
    return made + hidden(len(one.changes) - len(shown), "field", see_all)


def _change(change: Change, audit: Audit, zone: tzinfo, *, context: int, whole: bool) -> list[Line]:
    path: list[str | Span] = [Span(visible(change.path), "strong")]
    if change.change in (ChangeKind.ADDED, ChangeKind.REMOVED_IN_GIT):
        path.append(Span(f"  {change.change.value.replace('-', ' ')}", "muted"))
    if change.place:
        path.append(Span(f"  {visible(str(change.place))}", "muted"))
    git, live = words.sides(change)
    made = [line(path, 6, 2)]
    if change.words:
        made += _within(change, context, whole)
    else:
        made += [line([Span("git   ", "git"), git], 8, 6), line([Span("live  ", "live"), live], 8, 6)]
    if (change.owner or change.window) and change.direction is not Direction.GIT_AHEAD:
        made.append(line([Span("who   ", "muted"), words.who(change, zone, now=audit.at)], 8, 6))
    return made


def _within(change: Change, context: int, whole: bool) -> list[Line]:
    """Where two long texts differ."""
    texts = change.words.splitlines()
    if isinstance(change.desired, str) and isinstance(change.live, str) and "\n" in change.desired + change.live:
        texts = hunks(change.desired, change.live, context)
    shown = texts if whole else texts[:_LINES]
    made = [line(Span(visible(text), "muted"), 8, whole=True) for text in shown]
    more = len(texts) - len(shown)
    return [*made, line(Span(f"… {words.plural(more, 'more line', 'more lines')}", "muted"), 8)] if more else made


def _row(name: str, said: str, style: Style = "") -> Line:
    return line([Span(f"{name:<10}", "muted"), Span(said, style)], 2, 10)
