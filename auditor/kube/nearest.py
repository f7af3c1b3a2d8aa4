"""The word that was probably meant: a misspelt word and candidates in, the closest one out, or none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Final

MOST: Final = 500
"""With more candidates nothing is suggested: it would cost more than it tells."""


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like the word, itself excluded; None where none is alike. The same whatever the order of candidates."""
    others = set(candidates) - {word}
    if len(others) > MOST:
        return None
    pairs = _pairs(word)
    # Comparing letter by letter is slow: only with what shares half of its pairs of letters, or all letters in another order.
    letters = sorted(word)
    alike = [
        other
        for other in others
        if 2 * len(pairs & _pairs(other)) >= min(len(pairs), len(_pairs(other)))
        or (len(other) == len(word) and sorted(other) == letters)
    ]
    found = difflib.get_close_matches(word, sorted(alike), n=1, cutoff=0.7)
    return found[0] if found else None


@lru_cache(maxsize=8192)
def _pairs(word: str) -> frozenset[str]:
    folded = f"^{word}$".lower()
    return frozenset(first + second for first, second in pairwise(folded))
