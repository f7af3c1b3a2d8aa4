from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from auditor.kube.fields import at, mapping, sequence
from auditor.kube.labels import key_fault, value_fault
from auditor.kube.names import name_fault
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import ANYTHING, template
from auditor.model import Answer, Fault, Judges, NotApplicable, RawPath, Resource, Severity, Unknown


@policy(
    id="LBL002",
    practice=0,
    severity=Severity.ERROR,
    kinds=(ANYTHING,),
    remedy="use letters, digits, - _ and . only, at most 63 of them; text that is free belongs in an annotation",
    judges=Judges.DECLARED,
)
def label_syntax(resource: Resource, around: Surroundings) -> Answer:
    """Names and labels are written so that the API takes them.

    One character too many, and the API server refuses the whole object; in a selector, a value that no label can have never matches.
    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
    """
    ref, unknown = resource.ref, False
    asked = name = name_fault(ref.group, ref.kind, ref.name)
    if name:
        unknown = _is_filled_in(ref.name)
        if not unknown:
            yield Fault(("metadata", "name"), f"the name {ref.name[:80]!r} is refused: {name}", subject="name")
    for path, key, value in _labels(resource):
        asked = "label"
        if _is_filled_in(key) or (isinstance(value, str) and _is_filled_in(value)):
            unknown = True
            continue
        if reason := key_fault(key.lower() if path[-1] == "annotations" else key):  # the API reads those in lower case
            yield Fault((*path, key), f"{path[-1]}: the key {key[:80]!r} is refused: {reason}", subject="key")
        if isinstance(value, str) and (reason := value_fault(value)):
            yield Fault((*path, key), f"{path[-1]}: the value of {key[:80]} is refused: {reason}", subject="value")
    for place in (("spec", "selector"), ("spec", "podSelector")):
        for index, item in enumerate(sequence(at(resource.body, *place, "matchExpressions"))):
            for number, value in enumerate(sequence(at(item, "values"))):
                asked = "label"
                if isinstance(value, str) and not _is_filled_in(value) and (reason := value_fault(value)):
                    path = (*place, "matchExpressions", index, "values", number)
                    yield Fault(path, f"{place[-1]}: the value {value[:80]!r} is refused: {reason}")
    if unknown:
        return Unknown("a name or label is filled in later")
    return None if asked else NotApplicable("it has no labels")


def _is_filled_in(text: str) -> bool:
    """Whether something else writes the text before it is applied: `${NAME}`, `{{ name }}`."""
    return any(mark in text for mark in ("${", "$(", "{{"))


def _labels(resource: Resource) -> Iterator[tuple[RawPath, str, Any]]:
    """(path of the map, key, value) of every label; of annotations the keys alone, with None for the value."""
    found = template(resource)
    metadata: list[RawPath] = [("metadata",)]
    maps: list[RawPath] = [("spec", "selector", "matchLabels"), ("spec", "podSelector", "matchLabels")]
    if resource.ref.kind in ("Service", "ReplicationController") and not resource.ref.group:
        maps.append(("spec", "selector"))
    if found:
        maps.append((*found.path, "nodeSelector"))
        if found.metadata_path != ("metadata",):
            metadata.append(found.metadata_path)
    for path in (*((*one, "labels") for one in metadata), *maps):
        for key, value in mapping(at(resource.body, *path)).items():
            if not isinstance(value, dict | list):
                yield path, key, value
    for one in metadata:
        for key in mapping(at(resource.body, *one, "annotations")):
            yield (*one, "annotations"), key, None
