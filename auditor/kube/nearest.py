"""The word that was probably meant: a misspelt word and candidates in, the closest one out, or none."""

from __future__ import annotations

import difflib
import re
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


def misspelt(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that a slip of the hand makes of the word: one letter off, or two in a long one; else None.

    Where `nearest` suggests, this decides: names that differ in a number alone (`node-1`, `node-2`) are meant to.
    """
    found = nearest(word, candidates)
    if found is None or _slips(word, found) > (1 if min(len(word), len(found)) < 8 else 2):
        return None
    plain = [re.sub(r"\d+", "#", one) for one in (word, found)]
    return None if plain[0] == plain[1] else found


def _slips(one: str, other: str) -> int:
    """Letters to insert, remove, replace or swap with the next, to make one word of the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                least = min(least, last[j - 2] + 1)
            row.append(least)
    return row[-1]


@lru_cache(maxsize=8192)
def _pairs(word: str) -> frozenset[str]:
    folded = f"^{word}$".lower()
    return frozenset(first + second for first, second in pairwise(folded))
