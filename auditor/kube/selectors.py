"""Label selectors as the API server evaluates them: a selector and labels in, a yes or no out.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ and apimachinery's `LabelSelectorAsSelector`:
no selector (None) matches nothing, an empty one everything; NotIn also matches where the key is absent; all parts must hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.kube.fields import mapping, sequence
from auditor.model import RawPath


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, Any]) -> bool:
    """Full LabelSelector. A selector that the API would refuse (unknown operator, In without values) matches nothing."""
    return selector is not None and unmet(selector, labels) is None


def matches_map(selector: Mapping[str, Any] | None, labels: Mapping[str, Any]) -> bool:
    """The plain map of a Service or ReplicationController: an empty one selects nothing."""
    return bool(selector) and all(key in labels and labels[key] == value for key, value in mapping(selector).items())


def unmet(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> RawPath | None:
    """The path, within the selector, of the first requirement that the labels do not meet; None when they meet them all."""
    for key, value in mapping(selector.get("matchLabels")).items():
        if key not in labels or labels[key] != value:
            return ("matchLabels", key)
    for index, expression in enumerate(sequence(selector.get("matchExpressions"))):
        if not _holds(mapping(expression), labels):
            return ("matchExpressions", index)
    return None


def _holds(expression: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, values = expression.get("key"), sequence(expression.get("values"))
    if not isinstance(key, str):
        return False
    match expression.get("operator"):
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return bool(values) and (key not in labels or labels[key] not in values)
        case "Exists":
            return not values and key in labels
        case "DoesNotExist":
            return not values and key not in labels
    return False


def pairs(selector: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, value) that whatever a LabelSelector matches must carry: for looking things up, not for deciding."""
    for key, value in mapping(selector.get("matchLabels")).items():
        if isinstance(value, str):
            yield key, value
    for expression in sequence(selector.get("matchExpressions")):
        values = sequence(mapping(expression).get("values"))
        if mapping(expression).get("operator") == "In" and len(values) == 1 and isinstance(values[0], str):
            yield str(expression.get("key")), values[0]


def is_empty(selector: Mapping[str, Any]) -> bool:
    """Whether a LabelSelector has no requirement at all, and so matches everything."""
    return not mapping(selector.get("matchLabels")) and not sequence(selector.get("matchExpressions"))
