from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.kube.fields import at, mapping, sequence
from auditor.kube.kinds import SYSTEM_NAMESPACES
from auditor.kube.nearest import nearest
from auditor.kube.operators import of_labels
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import is_finished, is_terminating, owners
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown

# Labels that Pods get only once they run: no template has them.
LATE = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/job-name",
        "controller-revision-hash",
        "controller-uid",
        "job-name",
        "pod-template-generation",
        "pod-template-hash",
        "rollouts-pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)


@policy(
    id="SVC001",
    practice=4,
    severity=Severity.ERROR,
    kinds=("Service",),
    remedy="let the selector name the labels of the Pods it shall reach",
    reads=("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"),
)
def dangling_service(resource: Resource, around: Surroundings) -> Answer:
    """A Service selects Pods.

    A Service whose selector matches nothing has no endpoints: every connection to it is refused, and no error says why. Most
    often a label was renamed in the template and not in the selector. https://kubernetes.io/docs/concepts/services-networking/service/
    """
    written = mapping(at(resource.body, "spec", "selector"))
    if at(resource.body, "spec", "type") == "ExternalName":
        return NotApplicable("an ExternalName selects no Pods")
    if not written:
        return NotApplicable("it has no selector; somebody keeps its endpoints by hand")
    if owners(resource):
        return NotApplicable("another object owns it and keeps its selector")
    selector = {key: value for key, value in written.items() if key not in LATE}
    if not selector:
        return NotApplicable("its selector names only labels that Pods get when they run")
    found = around.selected({"matchLabels": selector}, resource)
    if any(not is_terminating(one) and not (one.ref.kind == "Pod" and is_finished(one)) for one in found):
        return None
    if _has_endpoints(resource, around):
        return None
    if custom := of_labels(selector, resource, around):
        return Unknown(f"Pods of {custom.ref} may carry the labels")
    if resource.ref.namespace in SYSTEM_NAMESPACES and not around.has_live:
        return Unknown(f"what the platform runs in {resource.ref.namespace} is in no file")
    severity, where = around.absence(Severity.ERROR)
    shown = ",".join(f"{key}={value}" for key, value in selector.items())
    near = _near(selector, resource, around)
    message = f"selector {shown} matches no Pods: a workload with these labels {where}" + (
        f"; closest is {near}" if near else ""
    )
    yield Fault(("spec", "selector"), message, severity)
    return None


def _has_endpoints(service: Resource, around: Surroundings) -> bool:
    return any(
        at(piece.body, "metadata", "labels", "kubernetes.io/service-name") == service.ref.name
        and any(at(endpoint, "conditions", "ready") for endpoint in sequence(piece.body.get("endpoints")))
        for piece in around.read("EndpointSlice", service)
    )


def _near(selector: Mapping[str, Any], service: Resource, around: Surroundings) -> str | None:
    """The label of a template in the namespace that is most like one of the selector."""
    key = f"labels of {service.ref.namespace}"
    labels = around.once(key, lambda: {pair for _, found in around.templated(service) for pair in _pairs(found.labels)})
    wanted = (f"{key}={value}" for key, value in selector.items())
    return next(
        (near for one in wanted if (near := nearest(one, {other for other in labels if _key(other) == _key(one)}))),
        None,
    )


def _pairs(labels: Mapping[str, Any]) -> Iterator[str]:
    return (f"{key}={value}" for key, value in labels.items())


def _key(pair: str) -> str:
    return pair.partition("=")[0]
