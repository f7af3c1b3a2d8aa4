from __future__ import annotations

from auditor.kube.destinations import destination
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import ANYTHING
from auditor.model import Answer, Fault, NotApplicable, Resource, Scope, Severity, Unknown

# Kubernetes itself puts these there.
BUILT_IN = frozenset(
    {
        ("ConfigMap", "kube-root-ca.crt"),
        ("EndpointSlice", "kubernetes"),
        ("Endpoints", "kubernetes"),
        ("Service", "kubernetes"),
        ("ServiceAccount", "default"),
    }
)
FLEETING = frozenset({"Event", "Lease"})
# What bounds a namespace, or gives somebody rights in it, is no application that lives there.
BOUNDS = frozenset({"LimitRange", "NetworkPolicy", "ResourceQuota", "Role", "RoleBinding"})


@policy(
    id="NS001",
    practice=9,
    severity=Severity.ERROR,
    kinds=(ANYTHING,),
    remedy="give the application a namespace of its own",
    reads=("Application.argoproj.io", "Kustomization.kustomize.toolkit.fluxcd.io"),
    scope=Scope.OBJECTS,
)
def default_namespace(resource: Resource, around: Surroundings) -> Answer:
    """Nothing lives in the namespace default.

    What is put there shares names, Services, quotas and rights with whatever else was applied without a thought, and a command
    typed without `-n` reaches it. https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
    """
    ref = resource.ref
    namespaced = around.is_namespaced(ref)
    if namespaced is False:
        return NotApplicable("it is cluster-scoped")
    if (ref.kind, ref.name) in BUILT_IN or ref.kind in FLEETING:
        return NotApplicable("Kubernetes itself puts it there")
    if ref.kind in BOUNDS:
        return NotApplicable("it bounds a namespace, and does not live in it")
    place = destination(resource, around)
    namespace = place.namespace if place and (place.replaces or not ref.namespace) else ref.namespace
    if namespaced is None and not namespace:
        return Unknown(f"whether a {ref.kind} lives in a namespace is not known: its definition is not here")
    if not namespace:
        return Unknown("it names no namespace, and its source sets none")
    if namespace == "default":
        said = f", as {place.said_by.ref} says" if place and not ref.namespace else ""
        yield Fault(("metadata", "namespace"), f"{ref.kind} {ref.name} lives in the namespace default{said}")
    return None
