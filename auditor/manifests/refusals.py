"""Scalars and keys that JSON, or Go's reading of YAML, has no place for: events of libyaml in, values or refusals out."""

from __future__ import annotations

import math
from typing import Any

from auditor.manifests import scalars
from auditor.manifests.mistakes import Mistake, Refused


def tagged(event: Any, as_key: bool) -> Any:
    """The value of a scalar with a tag. Raises Refused."""
    try:
        value = scalars.tagged(event.tag, event.value)
    except scalars.Unacceptable as error:
        raise Refused(Mistake.at(event.start_mark, "MAN001", str(error), "mend the value, or remove the tag")) from None
    if isinstance(value, str) and "\0" in value:
        raise nul(event)
    return scalars.whole(value) if isinstance(value, float) and math.isfinite(value) and not as_key else value


def nul(event: Any) -> Refused:
    """A NUL reaches no body: databases refuse it."""
    return Refused(Mistake.at(event.start_mark, "MAN001", "a NUL character is not allowed", "remove it"))


def key_text(value: Any, event: Any) -> str:
    """The JSON key of a key. Raises Refused."""
    try:
        return scalars.key_text(value)
    except scalars.Unacceptable as error:
        raise Refused(
            Mistake.at(event.start_mark, "MAN001", str(error), "write the key as plain text, or in quotes")
        ) from None


def indicator_in_flow(event: Any) -> Refused:
    """libyaml takes these for text since 0.2; go.yaml.in/yaml/v2 does not: within [] and {} a ? begins a key, a leading : a value."""
    return Refused(
        Mistake.at(
            event.start_mark, "MAN001", "within [] or {}, text with ? or a leading : is not plain", "put it in quotes"
        )
    )


def no_number(event: Any) -> Refused:
    """For .inf and .nan."""
    return Refused(
        Mistake.at(
            event.start_mark, "MAN001", "infinity and not-a-number have no place in JSON", "quote it if text is meant"
        )
    )
