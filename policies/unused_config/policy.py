from __future__ import annotations

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.kinds import SYSTEM_NAMESPACES
from auditor.kube.mentions import mentions
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import WORKLOADS, owners
from auditor.model import Answer, Fault, NotApplicable, Resource, Scope, Severity, Unknown

# Objects that every namespace may have, or that somebody finds by name.
KNOWN = frozenset(
    {"extension-apiserver-authentication", "istio-ca-root-cert", "kube-root-ca.crt", "openshift-service-ca.crt"}
)
# Labels and annotations (or what they begin with) by which operators find what they read.
FOUND_BY = (
    "app.kubernetes.io/part-of=argocd",
    "argocd.argoproj.io/secret-type",
    "control-plane.alpha.kubernetes.io/leader",
    "grafana_",
    "istio",
    "olm.",
    "operators.coreos.com",
    "prometheus",
    "reflector.v1.k8s.emberstack.com",
    "replicator.v1.mittwald.de",
    "role=alert-rules",
    "sealedsecrets.bitnami.com",
    "strimzi.io",
)
TYPES = ("bootstrap.kubernetes.io/token", "helm.sh/release", "kubernetes.io/service-account-token")
READS = frozenset({"*", "get", "list", "watch"})


@policy(
    id="CFG008",
    practice=6,
    severity=Severity.INFO,
    kinds=("ConfigMap", "Secret"),
    remedy="remove it, or mend the name by which it should be referred to",
    reads=(*WORKLOADS, "Ingress", "ServiceAccount", "Role"),
    skips_hooks=True,
    scope=Scope.RUNS,
)
def unused_config(resource: Resource, around: Surroundings) -> Answer:
    """Configuration is used by somebody.

    A ConfigMap or Secret that nothing names is a leftover, or the other half of a misspelt reference; a Secret that nobody uses is
    still one that can leak. https://kubernetes.io/docs/concepts/configuration/configmap/
    """
    kind, name = resource.ref.kind, resource.ref.name
    if resource.ref.namespace in SYSTEM_NAMESPACES:
        return NotApplicable("a namespace of the platform")
    if name in KNOWN or name.startswith("sh.helm.release.") or text(resource.body.get("type")).startswith(TYPES):
        return NotApplicable("Kubernetes or a tool keeps it for itself")
    if owners(resource):
        return NotApplicable("another object owns it")
    marks = {**resource.annotations(), **resource.labels()}
    if any(f"{key}={value}".startswith(FOUND_BY) for key, value in marks.items()):
        return NotApplicable("its labels or annotations are those by which an operator finds it")
    if around.references_to(kind, resource, name) or mentions(around).has(resource):
        return None
    if around.live is None:
        return Unknown("what uses it may be only in the cluster")
    around.require(*WORKLOADS, "Ingress", "ServiceAccount", "Role", where=resource)
    for custom in around.custom_in(resource):
        if f"-{custom.ref.name}-" in f"-{name}-":
            return Unknown(f"{custom.ref} may be what uses it")
    plural = f"{kind.lower()}s"
    for role in around.read("Role", resource):
        if any(_reads_all(mapping(rule), plural) for rule in sequence(role.body.get("rules"))):
            return Unknown(f"{role.ref} lets somebody read every {kind} of the namespace")
    yield Fault(("metadata", "name"), f"nothing that was read refers to {kind} {name}")
    return None


def _reads_all(rule: object, plural: str) -> bool:
    resources, verbs = sequence(at(rule, "resources")), sequence(at(rule, "verbs"))
    return not at(rule, "resourceNames") and not READS.isdisjoint(verbs) and bool({plural, "*"} & set(resources))
