"""Values that a change must not carry: those of variables and configuration keys named like credentials. Fails closed.

In: a change's values. Out: the same with `Sealed` in their place, under a key of this process, so that it can still be said
that they differ.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from auditor.drift.tree import Spot
from auditor.drift.values import is_list, is_map
from auditor.kube.secrets import Key, is_sensitive, mark, new_key
from auditor.model import Sealed

_TEXTS: Final = frozenset({"data", "binaryData", "stringData", "annotations", "parameters", "options"})


@cache
def _key() -> Key:
    return new_key()


def redacted(spot: Spot, value: Any) -> Any:
    """The value of the change at this spot, without what looks like a credential."""
    if value is None or isinstance(value, Sealed):
        return value
    if _is_credential(spot):
        return _hidden(value)
    return _within(value, named=_is_free(spot))


def _hidden(value: Any) -> Sealed:
    return mark(value if isinstance(value, str) else repr(value), _key())


def _is_credential(spot: Spot) -> bool:
    """By the key of a free map, by the name of an environment variable, or, in a type nobody knows, by the field."""
    last = spot.steps[-1] if spot.steps else ""
    if last == "value" and len(spot.steps) > 1:
        named = dict(getattr(spot.steps[-2], "keys", ()))
        return is_sensitive(named.get("name", ""))
    if not isinstance(last, str):
        return False
    return _is_free(spot) and is_sensitive(last)


def _is_free(spot: Spot) -> bool:
    """Whether the names here are chosen by people: in a map, or in a type that nobody knows."""
    return spot.parent is None or spot.parent.kind != "object"


def _within(value: Any, *, named: bool) -> Any:
    """A struct, element or list that is told as a whole."""
    if is_list(value):
        return [_within(each, named=named) for each in value]
    if not is_map(value):
        return value
    name = value.get("name")
    hidden = isinstance(name, str) and is_sensitive(name)
    return {
        key: _hidden(inner)
        if (inner is not None and (hidden and key == "value"))
        or (named and isinstance(inner, str) and is_sensitive(key))
        else _within(inner, named=named or key in _TEXTS)
        for key, inner in value.items()
    }
