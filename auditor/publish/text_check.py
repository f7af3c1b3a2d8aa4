"""Manifests judged, for a terminal: findings and problems by file and line. In: an Audit or a Snapshot. Out: blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

from auditor.kube.workloads import ANYTHING
from auditor.model import Outcome, Place, Severity, Snapshot
from auditor.publish import excerpt, tally, words
from auditor.publish.blocks import BLANK, Block, Span, Table, hidden, line, title
from auditor.publish.foreign import visible
from auditor.publish.listed import Item, Listed, by_practice, severities
from auditor.publish.text_audit import problem_blocks, severity_counts
from auditor.publish.text_drift import SEVERITY_STYLES

SourceLine = Callable[[Place], str | None]
_ITEMS = 100
_Said: TypeAlias = tuple[str, Severity, str]


def blocks(listed: Listed, source_line: SourceLine | None, *, whole: bool, see_all: str) -> list[Block]:
    """`auditor check`: what is open by file, in the order of lines; by practice; then one line of summary."""
    items, same = (listed.open, Counter()) if whole else _folded(listed)
    shown = items if whole else items[:_ITEMS]
    found: list[Block] = []
    file: object = ()
    told: set[tuple[str, str]] = set()
    for item in shown:
        here = (item.place.source, item.place.file) if item.place else None
        if here != file:
            found.append(title(visible(item.place.file) if item.place else "Without a place in a file"))
            file = here
        found += _item(item, source_line, same[_said(item)], with_remedy=(item.code, item.remedy) not in told)
        told.add((item.code, item.remedy))
    found += hidden(len(items) - len(shown), "finding", see_all)
    found += _practices(listed)
    if found:
        found.append(BLANK)
    found.append(line(Span(summary(listed), "strong")))
    known = {policy.id for policy in listed.policies}
    if first := next((item.code for item in items if item.code in known), None):
        found.append(line(Span(f"What a policy wants, and why: auditor explain {first}", "muted")))
    return found


def _folded(listed: Listed) -> tuple[tuple[Item, ...], Counter[_Said]]:
    """The items, of those that a policy on objects of every kind says in one sentence the first alone; how often each is said.

    One thing is amiss then, not many: a Namespace that nobody declared, with twenty objects in it.
    """
    of_all = {policy.id for policy in listed.policies if policy.kinds == (ANYTHING,)}
    same = Counter(_said(item) for item in listed.open if item.code in of_all)
    first = {_said(item): item for item in reversed(listed.open)}
    return tuple(item for item in listed.open if item.code not in of_all or first[_said(item)] is item), same


def _said(item: Item) -> _Said:
    return item.code, item.severity, item.message


def _practices(listed: Listed) -> list[Block]:
    found = by_practice(listed)
    if not found:
        return []
    rows = [
        (
            Span(f"{practice}" if practice else "", "muted"),
            Span(words.PRACTICES[practice]),
            *(
                Span(f"{counts[severity]:,}" if counts[severity] else "", SEVERITY_STYLES[severity])
                for severity in Severity
            ),
        )
        for practice, counts in found.items()
    ]
    heads = ("", "practice", "errors", "warnings", "info")
    return [title("By practice"), Table(heads, tuple(rows), frozenset(("", *heads[2:])))]


def summary(listed: Listed) -> str:
    """One line: what was found in how many objects, and the score."""
    audit = listed.audit
    judged = tally.judged(audit)
    if not judged and not audit.problems:
        return "Nothing was judged: there is no Kubernetes object that a policy is about."
    policies = {policy.id for policy in listed.policies}
    findings = [item for item in listed.open if item.code in policies]
    parts = [f"{severity_counts(severities(findings))} in {words.plural(judged, 'object')}"]
    if problems := len(listed.open) - len(findings):
        parts.append(words.plural(problems, "problem") + " in what was read")
    for outcome, said in ((Outcome.UNKNOWN, "unknown"), (Outcome.BROKEN, "not given: the check broke")):
        if count := len(tally.with_outcome(audit.verdicts, outcome)):
            parts.append(f"{words.plural(count, 'verdict')} {said}")
    counts = Counter(item.status for item in listed.items)
    parts += [f"{counts[status]:,} {status}" for status in ("waived", "known") if counts[status]]
    score = audit.scores.cluster
    if score.score is not None:
        parts.append(f"score {words.number(score.score)} of 100")
    return " · ".join(parts)


def manifests_blocks(snapshot: Snapshot) -> list[Block]:
    """`auditor manifests`: every object with its place, what was rendered by what, every problem, one line of summary."""
    rows = []
    for resource in snapshot.resources:
        place = resource.place()
        rows.append(
            (
                Span(visible(resource.ref.kind)),
                Span(visible(resource.ref.namespace or "")),
                Span(visible(resource.ref.name), "strong"),
                Span(visible(resource.api_version), "muted"),
                Span(visible(str(place)) if place else "", "muted"),
            )
        )
    found: list[Block] = []
    if rows:
        found.append(Table(("kind", "namespace", "name", "version", "place"), tuple(rows), indent=0))
    found += _roots(snapshot)
    if snapshot.problems:
        found.append(title(f"Problems: {words.plural(len(snapshot.problems), 'fault')} in what was read"))
        for one in snapshot.problems:
            found += problem_blocks(one.code, one.severity, one.message, one.remedy, str(one.place or ""))
    said = f"{words.plural(len(snapshot.resources), 'object')}, {words.plural(len(snapshot.problems), 'problem')}"
    return [*found, *([BLANK] if found else []), line(Span(said, "strong"))]


def _roots(snapshot: Snapshot) -> list[Block]:
    """The parts that were read or rendered; nothing where everything was read as it stands."""
    roots = [root for source in snapshot.sources for root in source.roots]
    if all(root.renderer == "plain" for root in roots):
        return []
    rows = [
        (
            Span(visible(root.folder), "strong"),
            Span(root.renderer),
            Span(str(root.objects)),
            Span(str(len(root.files))),
            Span(visible(root.tool), "muted"),
        )
        for root in roots
    ]
    return [title("Roots"), Table(("folder", "renderer", "objects", "files", "tool"), tuple(rows), indent=0)]


def _item(item: Item, source_line: SourceLine | None, same: int, *, with_remedy: bool) -> list[Block]:
    at = f"{item.place.line}:{item.place.column}  " if item.place else ""
    name = f" {visible(item.name)}" if item.name else ""
    found: list[Block] = [
        line(
            [
                Span(f"{words.SEVERITY_GLYPHS[item.severity]} {item.severity.value} ", SEVERITY_STYLES[item.severity]),
                Span(at, "muted"),
                Span(f"{item.code}{name}", "strong"),
                f"  {words.object_words(item.ref)}" if item.ref else "",
            ],
            2,
            2,
        ),
        line(
            visible(item.message)
            + (f" (said of {words.plural(same, 'object')}, here of the first)" if same > 1 else ""),
            6,
            2,
        ),
    ]
    if item.place and source_line and (text := source_line(item.place)) is not None:
        shown, caret = excerpt.written(text, item.place.column, item.ref, item.path)
        number = f"{item.place.line:>5} "
        found.append(line([Span(f"{number}| ", "muted"), shown], 6, whole=True))
        if caret >= 0:
            found.append(
                line([Span(f"{'':>{len(number)}}| ", "muted"), Span(" " * caret + "^", "warn")], 6, whole=True)
            )
    if item.remedy and with_remedy:
        found.append(line([Span("→ ", "ok"), visible(item.remedy)], 6, 2))
    return found
