from __future__ import annotations

from auditor.kube.fields import at
from auditor.kube.policy import policy
from auditor.kube.references import references
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import is_finished, owners
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Side

MIRROR = "kubernetes.io/config.mirror"


@policy(
    id="POD001",
    practice=1,
    severity=Severity.ERROR,
    kinds=("Pod",),
    remedy="wrap it in a Deployment, or in a StatefulSet if it keeps data; for work that ends use a Job",
    skips_hooks=True,
)
def bare_pod(resource: Resource, around: Surroundings) -> Answer:
    """Pods are made by a controller.

    A Pod that nothing controls is gone for good when its node fails, is drained or runs short of memory: nobody makes it anew.
    It can be neither scaled nor rolled out nor rolled back. https://kubernetes.io/docs/concepts/workloads/pods/#working-with-pods
    """
    if MIRROR in resource.annotations() or any(owner.get("kind") == "Node" for owner in owners(resource)):
        return NotApplicable("a static Pod: the kubelet of its node keeps it")
    if _is_control_plane(resource):
        return NotApplicable("a static Pod of the control plane")
    if _is_for_debugging(resource, running=around.side_of(resource.ref) is Side.LIVE):
        return NotApplicable("a Pod for debugging")
    restarts = at(resource.body, "spec", "restartPolicy")
    severity = Severity.WARNING if restarts in ("Never", "OnFailure") else Severity.ERROR
    if is_finished(resource):
        severity = Severity.INFO
    yield Fault(
        ("kind",),
        f"Pod {resource.ref.name} has nothing to recreate it if its node fails",
        severity,
        remedy=_remedy(resource),
    )
    return None


def _is_control_plane(pod: Resource) -> bool:
    return (
        pod.ref.namespace == "kube-system"
        and at(pod.body, "spec", "hostNetwork") is True
        and at(pod.body, "spec", "priorityClassName") == "system-node-critical"
    )


def _is_for_debugging(pod: Resource, *, running: bool) -> bool:
    labels, name = pod.labels(), pod.ref.name
    if labels.get("app.kubernetes.io/managed-by") == "kubectl-debug" or name.startswith("node-debugger-"):
        return True
    # `kubectl run` sets the one label; `kubectl debug --copy-to` leaves the name to the person, who appends -debug.
    return running and (dict(labels) == {"run": name} or name.endswith("-debug"))


def _remedy(pod: Resource) -> str:
    if at(pod.body, "spec", "restartPolicy") in ("Never", "OnFailure"):
        return "make it a Job"
    if any(reference.how == "claim" for reference in references(pod)):
        return "make it a StatefulSet with a volumeClaimTemplate"
    return "make it a Deployment"
