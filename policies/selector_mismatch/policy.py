from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.kube.fields import at, mapping
from auditor.kube.policy import policy
from auditor.kube.selectors import is_empty, unmet
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import LONG_RUNNING, template
from auditor.model import Answer, Fault, Judges, NotApplicable, RawPath, Resource, Severity

PATH = ("spec", "selector")


@policy(
    id="LBL001",
    practice=0,
    severity=Severity.ERROR,
    kinds=(*LONG_RUNNING, "Job"),
    remedy="let the template carry every label that the selector asks for",
    judges=Judges.DECLARED,
)
def selector_mismatch(resource: Resource, around: Surroundings) -> Answer:
    """A controller selects the Pods it makes.

    The API server refuses a selector that does not match the labels of the template. It cannot be changed later either: the object
    must be deleted and made anew. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector
    """
    found = template(resource)
    selector = at(resource.body, *PATH)
    if found is None:
        return NotApplicable("it has no Pod template")
    if resource.ref.kind == "Job" and at(resource.body, "spec", "manualSelector") is not True:
        return NotApplicable("a Job gets its selector from the API server")
    if selector is None:
        return None if resource.ref.kind == "ReplicationController" else NotApplicable("it has no selector")
    if resource.ref.kind == "ReplicationController":
        for key, value in mapping(selector).items():
            if found.labels.get(key) != value:
                yield Fault((*PATH, key), f"the template does not carry {key}={value}, which the selector asks for")
                return None
        return None
    if is_empty(mapping(selector)):
        yield Fault(PATH, "an empty selector is refused: it would match every Pod")
        return None
    path = unmet(mapping(selector), found.labels)
    if path:
        yield Fault((*PATH, *path), f"the template does not meet {_shown(mapping(selector), path, found.labels)}")
    return None


def _shown(selector: Mapping[str, Any], path: RawPath, labels: Mapping[str, Any]) -> str:
    key = str(path[1])
    if path[0] != "matchLabels":
        return f"requirement {key} of the selector"
    return f"{key}={at(selector, *path)}" + (f" (it has {key}={labels[key]})" if key in labels else "")
