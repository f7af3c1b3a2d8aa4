from __future__ import annotations

from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import is_finished
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

KINDS = ("ReplicaSet", "ReplicationController", "DaemonSet", "StatefulSet", "Deployment")


@policy(
    id="POD002",
    practice=1,
    severity=Severity.ERROR,
    kinds=("Pod",),
    remedy="give the Pod other labels",
    reads=KINDS,
    skips_hooks=True,
)
def pod_acquired(resource: Resource, around: Surroundings) -> Answer:
    """A bare Pod does not carry the labels of somebody else's Pods.

    A controller counts every Pod that its selector matches and nobody controls as its own: it adopts it, and deletes one Pod too
    many. https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#non-template-pod-acquisitions
    """
    if is_finished(resource):
        return NotApplicable("it has run to its end")
    for kind in KINDS:
        for controller in around.selecting(kind, resource):
            name = controller.ref.name
            if kind == "Deployment":  # it adopts ReplicaSets, never Pods
                message = f"its labels match {controller.ref}: Services and autoscalers of {name} count it"
                yield Fault(("metadata", "labels"), message, Severity.WARNING, subject=f"{kind}/{name}")
            elif kind != "StatefulSet" or _is_member(resource.ref.name, name):
                message = f"its labels match {controller.ref}, which will take it over and count it as a replica"
                yield Fault(("metadata", "labels"), message, subject=f"{kind}/{name}")
    return None


def _is_member(pod: str, name: str) -> bool:
    return pod.startswith(f"{name}-") and pod.removeprefix(f"{name}-").isdigit()
