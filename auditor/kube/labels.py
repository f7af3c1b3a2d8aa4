"""The syntax of labels and annotations: a key or value in, the reason why the API refuses it out.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_PART: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_ALLOWED: Final = re.compile(r"[A-Za-z0-9_.-]")


@lru_cache(maxsize=4096)  # the same few keys stand on nearly every object
def key_fault(key: str) -> str | None:
    """Why the API refuses the key of a label or annotation; None where it takes it."""
    prefix, slash, name = key.rpartition("/")
    if slash:
        if "/" in prefix:
            return "it has more than one slash"
        if not prefix:
            return "nothing stands before the slash"
        if len(prefix) > 253:
            return "its prefix is longer than 253 characters"
        if not all(_PART.fullmatch(part) for part in prefix.split(".")):
            return f"its prefix {prefix} is no DNS name of lower-case letters, digits, . and -"
    if not name:
        return "it is empty" if not slash else "nothing stands after the slash"
    return _fault(name)


def value_fault(value: str) -> str | None:
    """Why the API refuses the value of a label; None where it takes it. An empty one is taken."""
    return _fault(value) if value else None


def _fault(text: str) -> str | None:
    if len(text) > 63:
        return f"it has {len(text)} characters, and 63 are allowed"
    if _NAME.fullmatch(text):
        return None
    for position, letter in enumerate(text, 1):
        if not _ALLOWED.fullmatch(letter):
            return f"character {position}, {letter!r}, is not allowed"
    return "it must begin and end with a letter or digit"
