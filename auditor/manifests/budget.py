"""What one file may cost to read: levels, values and aliases, counted as they unfold; whoever spends more is refused.

The formula for aliases is that of go.yaml.in/yaml/v2 (`allowedAliasRatio` in its decode.go), so that kubectl and we refuse
the same documents; the counts above it are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from auditor.manifests import scalars
from auditor.manifests.mistakes import Mistake, Refused

DEEPEST: Final = 100
"""Levels of nesting, aliases unfolded. Kubernetes' own types have about 25."""
MOST_NODES: Final = 2_000_000
"""Values in one file, aliases unfolded."""
MOST_ALIASES: Final = 10_000
"""Aliases in one file."""

MOST_TOLD: Final = 100
"""Mistakes of one kind that are told of one document; whoever makes more knows where to look."""


@dataclass(slots=True)
class Budget:
    """What is left to spend on one file; and scalars that were resolved before, which are most of a manifest."""

    nodes: int = MOST_NODES
    aliases: int = MOST_ALIASES
    values: dict[str, Any] = field(
        default_factory=lambda: {k: v for k, v in scalars.WORDS.items() if not isinstance(v, float)}
    )
    keys: dict[str, str] = field(default_factory=dict)


def check(nodes: int, aliased: int, budget: Budget, mark: Any) -> None:
    """Raise Refused where what was read of a document, `aliased` of its `nodes` by unfolding aliases, is too much."""
    if aliased > 100 and nodes > 1000 and aliased / nodes > _allowed_ratio(nodes):
        raise Refused(
            Mistake.at(
                mark,
                "SRC204",
                "excessive aliasing: the aliases unfold to far more than is written",
                "write the values out",
            )
        )
    if budget.aliases < 0:
        raise Refused(
            Mistake.at(mark, "SRC204", f"more than {MOST_ALIASES} aliases in one file", "write the values out")
        )
    if nodes > budget.nodes:
        raise Refused(Mistake.at(mark, "SRC205", f"more than {MOST_NODES} values in one file", "split the file"))


def _allowed_ratio(nodes: int) -> float:
    low, high = 400_000, 4_000_000
    return 0.99 if nodes <= low else 0.10 if nodes >= high else 0.99 - 0.89 * (nodes - low) / (high - low)


def height(value: Any, heights: dict[int, int]) -> int:
    """Levels of a value, unfolded. What an anchor named before is known; so each node is seen once."""
    below = [(value, 1)]
    tallest = 0
    while below:
        each, level = below.pop()
        if isinstance(each, dict | list):
            known = heights.get(id(each))
            tallest = max(tallest, level if known is None else level + known - 1)
            if known is None:
                below.extend((child, level + 1) for child in (each.values() if isinstance(each, dict) else each))
    heights[id(value)] = tallest
    return tallest


def too_deep(mark: Any) -> Refused:
    return Refused(Mistake.at(mark, "SRC203", f"nested deeper than {DEEPEST} levels", "nest less"))
