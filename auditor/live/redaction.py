"""What a dump must not carry besides the values of Secrets: a body in, the same with what looks like a credential sealed.

A dump is attached to issues. Passwords also stand where they should not: in the environment of a container, in a ConfigMap, in
the last applied configuration of either. What is taken out still counts as there, and compares as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from auditor.kube.credentials import facts_of, is_sensitive
from auditor.kube.literals import form_of, is_harmless
from auditor.kube.secrets import LAST_APPLIED
from auditor.model import Body, Sealed

_BY_KEY: Final = frozenset({"data", "binaryData", "annotations", "parameters", "options"})
"""Maps whose keys people choose, so that a key says what its value is."""


def redacted(body: Body) -> Body:
    """The body without credentials: told by the name of a variable or key, or by the form of a text."""
    found: Body = _within(body, by_key=False)
    return found


def removed(value: str) -> Sealed:
    """A value that is gone: facts about it, and a mark that equals no other's."""
    return Sealed("removed", "", frozenset(facts_of(value.encode("utf-8", "replace"))))


def _within(value: Any, *, by_key: bool) -> Any:
    if isinstance(value, str):
        return removed(value) if form_of(value) else value
    if isinstance(value, list):
        return [_within(each, by_key=False) for each in value]
    if not isinstance(value, Mapping):
        return value
    named = value.get("name")
    result: dict[str, Any] = {}
    for key, each in value.items():
        if not isinstance(each, str):
            result[key] = _within(each, by_key=key in _BY_KEY)
        elif key == LAST_APPLIED:
            result[key] = _applied(each)
        else:
            name = named if key == "value" and isinstance(named, str) else key if by_key else ""
            hide = form_of(each) or (is_sensitive(name) and not is_harmless(name, each))
            result[key] = removed(each) if hide else each
    return result


def _applied(text: str) -> Any:
    """The last applied configuration, taken apart; what cannot be is removed whole."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return removed(text)
    clean = _within(value, by_key=False)
    return (
        text
        if clean == value
        else orjson.dumps(clean, default=as_json, option=orjson.OPT_PASSTHROUGH_DATACLASS).decode()
    )


def as_json(value: object) -> object:
    """How a sealed value is written into a dump. For `orjson`; TypeError for anything else that is no JSON."""
    if isinstance(value, Sealed):
        return {"redacted": True, "facts": sorted(value.facts)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
