from __future__ import annotations

from auditor.kube.fields import text
from auditor.kube.kinds import SYSTEM_NAMESPACES
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

PRIORITIES = frozenset({"system-cluster-critical", "system-node-critical"})
ADD_ON_LABELS = ("addonmanager.kubernetes.io/mode", "kubernetes.io/cluster-service")
ADD_ONS = frozenset(
    {
        "aws-node",
        "azure-cns",
        "calico-node",
        "cilium",
        "coredns",
        "ebs-csi-controller",
        "ebs-csi-node",
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "metrics-server",
    }
)


@policy(
    id="NS002",
    practice=9,
    severity=Severity.WARNING,
    kinds=(TEMPLATED,),
    remedy="give the application a namespace of its own",
)
def system_namespace(resource: Resource, around: Surroundings) -> Answer:
    """Applications keep out of the namespaces of the platform.

    Rights, quotas and priorities in kube-system are those of the control plane. An application there can read its tokens, starve it,
    or be removed by the next upgrade. https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
    """
    namespace, found = resource.ref.namespace, template(resource)
    if found is None:
        return NotApplicable("it has no Pod template")
    if namespace not in SYSTEM_NAMESPACES:
        return None
    labels = {**found.labels, **resource.labels()}
    if labels.get("k8s-app") or found.labels.get("k8s-app") or any(label in labels for label in ADD_ON_LABELS):
        return NotApplicable("its labels say that it is an add-on of the platform")
    if text(found.spec.get("priorityClassName")) in PRIORITIES or resource.ref.name in ADD_ONS:
        return NotApplicable("it is an add-on of the platform")
    yield Fault(
        ("metadata", "namespace"), f"{resource.ref.kind} {resource.ref.name} lives in {namespace}, with the platform"
    )
    return None
