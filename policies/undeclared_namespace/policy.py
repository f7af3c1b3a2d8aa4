from __future__ import annotations

from auditor.kube.destinations import creates_namespace
from auditor.kube.kinds import SYSTEM_NAMESPACES
from auditor.kube.nearest import nearest
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import ANYTHING
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

# Objects that are a Namespace by another name, or make one of their own name.
MAKE_ONE = ("Project.project.openshift.io", "ProjectRequest.project.openshift.io", "SubnamespaceAnchor.hnc.x-k8s.io")


@policy(
    id="NS003",
    practice=9,
    severity=Severity.WARNING,
    kinds=(ANYTHING,),
    remedy="declare the Namespace beside what lives in it, or let the tool that applies it create it",
    reads=("Namespace", "Application.argoproj.io", "HelmRelease.helm.toolkit.fluxcd.io"),
)
def undeclared_namespace(resource: Resource, around: Surroundings) -> Answer:
    """The namespace of an object exists.

    The API server refuses an object whose namespace is not there. One that somebody made by hand has no owner, no labels for
    network policies and quotas to hold on to, and is missing in the next cluster.
    https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
    """
    namespace = resource.ref.namespace
    if not namespace:
        return NotApplicable("it names no namespace")
    if namespace == "default" or namespace in SYSTEM_NAMESPACES:
        return NotApplicable("every cluster has that namespace")
    if around.find("Namespace", None, namespace) or any(around.elsewhere(kind, namespace) for kind in MAKE_ONE):
        return None
    if creates_namespace(namespace, around):
        return None
    severity, where = around.absence(Severity.WARNING)
    known = [one.ref.name for one in around.every("Namespace")]
    meant = around.once(f"namespace like {namespace}", lambda: nearest(namespace, known))
    hint = f"; did you mean {meant}?" if meant else ""
    yield Fault(("metadata", "namespace"), f"Namespace {namespace} {where}{hint}", severity)
    return None
