from __future__ import annotations

from auditor.kube.fields import mapping
from auditor.kube.index import selector_of
from auditor.kube.kinds import SYSTEM_NAMESPACES
from auditor.kube.operators import of_labels
from auditor.kube.policy import policy
from auditor.kube.selectors import is_empty, pairs
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import is_finished
from auditor.model import Answer, Fault, Resource, Severity, Unknown


@policy(
    id="NET001",
    practice=0,
    severity=Severity.INFO,
    kinds=("NetworkPolicy",),
    remedy="let podSelector name the labels of the Pods it shall bound, or remove it",
    reads=("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"),
)
def dangling_network_policy(resource: Resource, around: Surroundings) -> Answer:
    """A NetworkPolicy selects Pods.

    One whose selector matches nothing bounds nothing, and looks in every list as if it did. Most often a label was renamed in the
    template alone. https://kubernetes.io/docs/concepts/services-networking/network-policies/
    """
    selector = selector_of(resource) or {}
    if is_empty(selector):
        return None
    found = around.selected(selector, resource)
    if any(not (one.ref.kind == "Pod" and is_finished(one)) for one in found):
        return None
    if custom := of_labels(dict(pairs(selector)), resource, around):
        return Unknown(f"Pods of {custom.ref} may carry the labels")
    if resource.ref.namespace in SYSTEM_NAMESPACES and not around.has_live:
        return Unknown(f"what the platform runs in {resource.ref.namespace} is in no file")
    shown = ",".join(f"{key}={value}" for key, value in pairs(mapping(selector))) or "its expressions"
    yield Fault(("spec", "podSelector"), f"podSelector {shown} matches no Pods")
    return None
