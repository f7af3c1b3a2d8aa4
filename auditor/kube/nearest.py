"""The word that was probably meant: a misspelt word and candidates in, the closest one out, or none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like the word, itself excluded; None where none is alike. The same whatever the order of candidates."""
    found = difflib.get_close_matches(word, sorted(set(candidates) - {word}), n=1, cutoff=0.7)
    return found[0] if found else None
