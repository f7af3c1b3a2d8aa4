"""A score explained, for a terminal: what would gain most, and the members of the mean, lowest first. In: `Explained`. Out: blocks."""

from __future__ import annotations

from auditor.compliance import Explained
from auditor.publish import words
from auditor.publish.blocks import Block, Span, Table, hidden, line, title
from auditor.publish.foreign import shorten, visible

_ROWS = 10


def blocks(explained: Explained, *, whole: bool, see_all: str) -> list[Block]:
    """`--explain-score`."""
    if explained.score is None:
        return [title("No score"), line("Nothing that weighs was judged: there is nothing to take a mean of.", 2)]
    count = words.plural(len(explained.shares), "member")
    found: list[Block] = [
        title(f"Score {words.number(explained.score)} of 100, explained"),
        line(
            "A workload's score is the weight of what passes, of the weight of all that passes or fails; an error weighs 5, a "
            f"warning 2, info nothing. The whole is the mean over {count}: workloads, and the rest of each namespace.",
            2,
        ),
    ]
    gains = explained.gains if whole else explained.gains[:_ROWS]
    if gains:
        rows = [
            (Span(f"+{one.points:.1f}"), Span(f"{one.policy} {visible(one.name)}", "strong"), Span(f"{one.objects:,}"))
            for one in gains
        ]
        found += [title("What mending would gain"), Table(("points", "policy", "objects"), tuple(rows), _RIGHT)]
        found += hidden(len(explained.gains) - len(gains), "gain", see_all)
    shares = [one for one in explained.shares if one.failed]
    shown = shares if whole else shares[:_ROWS]
    if shown:
        lowest = [
            (
                Span(words.number(one.score)),
                Span(shorten(str(one.ref)) if one.ref else _rest(one.namespace)),
                Span(f"{one.passed} of {one.passed + one.failed}"),
                Span(", ".join(f"{policy} {weight}" for policy, weight in one.failing), "muted"),
            )
            for one in shown
        ]
        heads = ("score", "of", "weight", "fails")
        found += [title("Lowest first"), Table(heads, tuple(lowest), _RIGHT)]
        found += hidden(len(shares) - len(shown), "member", see_all)
    return found


_RIGHT = frozenset({"points", "objects", "score", "weight"})


def _rest(namespace: str | None) -> str:
    if namespace is None:
        return "the rest of the cluster"
    return f"the rest of {shorten(namespace, 60)}" if namespace else "the rest without a namespace"
