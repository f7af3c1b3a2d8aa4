from __future__ import annotations

import re

from auditor.kube.existence import Found, existence, keys_of
from auditor.kube.fields import at, text
from auditor.kube.policy import policy
from auditor.kube.references import references
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown

RELAXED = (1, 32)
VERSION = re.compile(r"v?(\d+)\.(\d+)")


@policy(
    id="CFG006",
    practice=6,
    severity=Severity.WARNING,
    kinds=(TEMPLATED,),
    remedy="let the keys begin with a letter, - or _, or give envFrom a prefix",
    reads=("ConfigMap", "Secret", "Node"),
)
def env_from_invalid_keys(resource: Resource, around: Surroundings) -> Answer:
    """Every key that envFrom takes in becomes a variable.

    A kubelet before 1.32 leaves out keys that begin with a digit; the container starts without them, and only an event says so.
    https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/#configure-all-key-value-pairs-in-a-configmap-as-container-environment-variables
    """
    taken = [one for one in references(resource) if one.how == "envFrom"]
    if not taken:
        return NotApplicable("it takes no whole ConfigMap or Secret as variables")
    oldest = around.once("oldest kubelet", lambda: _oldest(around))
    if oldest is None:
        return NotApplicable("which kubelets run is not known here; those since 1.32 take every key")
    if oldest >= RELAXED:
        return NotApplicable("every kubelet here takes every key (1.32 and later do)")
    unknown = ""
    for reference in taken:
        found = existence(reference, resource, around)
        keys = keys_of(found) if isinstance(found, Found) else None
        if keys is None:
            unknown = unknown or f"the keys of {reference.kind} {reference.name} are not known here"
            continue
        prefix = text(at(resource.body, *reference.path[:-2], "prefix"))
        left = sorted(key for key in keys if (prefix + key)[:1].isdigit() or (prefix + key).startswith(".."))
        if left:
            shown = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
            message = (
                f"{reference.container}: kubelets of {oldest[0]}.{oldest[1]} leave out {shown}"
                f" of {reference.kind} {reference.name}"
            )
            yield Fault(reference.path, message, subject=f"{reference.kind}/{reference.name}")
    return Unknown(unknown) if unknown else None


def _oldest(around: Surroundings) -> tuple[int, int] | None:
    """The lowest version of a kubelet, as the nodes tell."""
    said = (VERSION.match(text(at(node.body, "status", "nodeInfo", "kubeletVersion"))) for node in around.every("Node"))
    return min(((int(version[1]), int(version[2])) for version in said if version), default=None)
