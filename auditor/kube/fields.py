"""Reading fields of raw bodies that may be malformed: a body and steps in, a value of the expected shape or an empty one out.

Rules look at whatever people wrote; what has the wrong shape is told by the manifests' problems, and here it simply is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

EMPTY: Final[Mapping[str, Any]] = {}


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    if type(value) is dict:  # nearly always; the general test is slow
        return value
    return value if value is not None and isinstance(value, Mapping) else EMPTY


def sequence(value: Any) -> Sequence[Any]:
    """The value if it is a list (or a frozen one), else an empty one."""
    return value if type(value) is list or type(value) is tuple else ()


def text(value: Any) -> str:
    """The value if it is a string, else the empty string."""
    return value if isinstance(value, str) else ""


def whole(value: Any) -> int | None:
    """The value if it is an integer (a bool is none), else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def at(body: Any, *path: str | int) -> Any:
    """The value at the path, or None where any step of it is absent."""
    for step in path:
        if type(body) is dict:  # nearly always
            body = body.get(step)
        elif isinstance(step, int):
            items = sequence(body)
            body = items[step] if -len(items) <= step < len(items) else None
        else:
            body = mapping(body).get(step)
        if body is None:
            return None
    return body
