from __future__ import annotations

from collections.abc import Mapping

from auditor.kube.fields import at, sequence, text
from auditor.kube.index import selector_of
from auditor.kube.kinds import SYSTEM_NAMESPACES
from auditor.kube.policy import policy
from auditor.kube.selectors import matches
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

# Policies of a namespace by other means than the built-in one.
NAMESPACED = (
    "CiliumNetworkPolicy.cilium.io",
    "NetworkPolicy.crd.projectcalico.org",
    "NetworkPolicy.projectcalico.org",
)
CLUSTER_WIDE = (
    "CiliumClusterwideNetworkPolicy.cilium.io",
    "GlobalNetworkPolicy.crd.projectcalico.org",
    "GlobalNetworkPolicy.projectcalico.org",
)
BY_SUBJECT = (
    "AdminNetworkPolicy.policy.networking.k8s.io",
    "BaselineAdminNetworkPolicy.policy.networking.k8s.io",
    "ClusterNetworkPolicy.policy.networking.k8s.io",
)


@policy(
    id="NS004",
    practice=9,
    severity=Severity.WARNING,
    kinds=("Namespace",),
    remedy="add a NetworkPolicy that denies by default, and one for each way in",
    reads=("NetworkPolicy", "Service", "Pod", *NAMESPACED, *CLUSTER_WIDE, *BY_SUBJECT[:2]),
)
def no_network_policy(resource: Resource, around: Surroundings) -> Answer:
    """A namespace bounds traffic too.

    Namespaces separate names; NetworkPolicies separate traffic. Without one every Pod of the cluster reaches every Pod of the
    namespace. https://kubernetes.io/docs/concepts/services-networking/network-policies/
    """
    namespace = resource.ref.name
    if namespace in SYSTEM_NAMESPACES:
        return NotApplicable("a namespace of the platform")
    if not around.of_kind("Service", namespace=namespace):
        return NotApplicable("it has no Services")
    pods = around.workloads_in(namespace)
    if not pods:
        return NotApplicable("nothing runs in it")
    for written in around.of_kind("NetworkPolicy", namespace=namespace):
        if around.selected(selector_of(written) or {}, namespace):
            return None
    if any(around.of_kind(kind, namespace=namespace) for kind in NAMESPACED):
        return None
    if any(around.of_kind(kind) for kind in CLUSTER_WIDE) or any(
        _includes(one, resource) for kind in BY_SUBJECT for one in around.of_kind(kind)
    ):
        return None
    if cni := _without_policy(around):
        yield Fault(
            (),
            f"no NetworkPolicy bounds {namespace}, and the network plug-in ({cni}) would not heed one",
            Severity.INFO,
        )
    else:
        yield Fault((), f"no NetworkPolicy selects anything in {namespace}, where Services are")
    return None


def _includes(written: Resource, namespace: Resource) -> bool:
    subject = at(written.body, "spec", "subject")
    selector = at(subject, "namespaces") or at(subject, "pods", "namespaceSelector")
    labels = {"kubernetes.io/metadata.name": namespace.ref.name, **namespace.labels()}
    return isinstance(selector, Mapping) and matches(selector, labels)


def _without_policy(around: Surroundings) -> str:
    """The network plug-in, where it is one that ignores NetworkPolicies."""
    for plugin in around.every("DaemonSet"):
        if plugin.ref.name.startswith("kube-flannel"):
            return "flannel"
        names = {text(at(one, "name")) for one in sequence(at(plugin.body, "spec", "template", "spec", "containers"))}
        if plugin.ref.name == "aws-node" and plugin.ref.namespace == "kube-system" and "aws-eks-nodeagent" not in names:
            return "aws-node without its policy agent"
    return ""
