"""The conditions that controllers write: a Resource and a type in, the condition out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.kube.fields import EMPTY, at, mapping, sequence
from auditor.model import Resource


def condition(resource: Resource, kind: str) -> Mapping[str, Any]:
    """`status.conditions` of that type, or an empty mapping."""
    for item in sequence(at(resource.body, "status", "conditions")):
        if at(item, "type") == kind:
            return mapping(item)
    return EMPTY


def holds(resource: Resource, kind: str, status: str, *reasons: str) -> bool:
    """Whether the condition has that status ("True", "False"), and one of the reasons where some are given."""
    found = condition(resource, kind)
    return found.get("status") == status and (not reasons or found.get("reason") in reasons)
