"""Whether a ConfigMap or Secret that a Pod template names will be there: a reference in, found, missing or unknown out.

What counts as there: the object in git or on the cluster, whatever will make it (`providers`), and a Pod that runs with it. A
Secret that is in no file is no fault by itself: Secrets rightly are not in git.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.nearest import misspelt, nearest
from auditor.kube.operators import maker
from auditor.kube.providers import PROVIDERS, Made, makes
from auditor.kube.references import Reference
from auditor.kube.selectors import matches
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import is_terminating
from auditor.model import Resource, Unknown, Unreadable


@dataclass(frozen=True, slots=True)
class Found:
    """It is there. `resource` is the object, or the provider that will make it (then `made` says what); None: by other evidence."""

    resource: Resource | None = None
    made: Made | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """It is not there. `hint` says what was probably meant, or is empty."""

    hint: str = ""


IN_EVERY_NAMESPACE: Final = {"istio-ca-root-cert": "istiod", "openshift-service-ca.crt": "OpenShift"}
"""ConfigMaps that a platform makes in every namespace, and which."""


def keys_of(found: Found) -> frozenset[str] | None:
    """The keys that the object has, or that its provider will surely give it; None where they are not known."""
    if found.made:
        return found.made.keys
    if found.resource is None or found.resource.ref.kind not in ("ConfigMap", "Secret"):
        return None
    body = found.resource.body
    return frozenset(key for part in ("data", "binaryData", "stringData") for key in mapping(body.get(part)))


def existence(reference: Reference, resource: Resource, around: Surroundings) -> Found | Missing | Unknown:
    """What is known of the object that a workload refers to. Raises nothing."""
    kind, name = reference.kind, reference.name
    if kind == "ConfigMap" and name == "kube-root-ca.crt":
        return Found(made=Made(kind, name, frozenset({"ca.crt"})))  # the root CA publisher makes it in every namespace
    unread = ""
    try:
        found = around.find(kind, resource, name)
        if found and not is_terminating(found):
            return Found(found)
    except Unreadable as unreadable:
        unread = str(unreadable)
    for provider, made in around.providers_of(kind, resource, name):
        return Found(provider, made)
    known = _by_bundle(kind, name, resource, around)
    if kind == "Secret":
        known = known or _by_service_account(name, resource, around) or _by_cluster(name, resource, around)
    if known:
        return known
    if any(_runs(pod) for pod in around.references_to(kind, resource, name) if pod.ref.kind == "Pod"):
        return Found()
    if unread:
        return Unknown(unread)
    return _meant(kind, name, resource, around)


def _by_service_account(name: str, resource: Resource, around: Surroundings) -> Found | None:
    """A token Secret that a ServiceAccount of the namespace lists."""
    for account in around.read("ServiceAccount", resource):
        if any(at(secret, "name") == name for secret in sequence(account.body.get("secrets"))):
            return Found()
    return None


def _by_cluster(name: str, resource: Resource, around: Surroundings) -> Found | Unknown | None:
    """A Secret of that name which a ClusterExternalSecret puts into the namespaces it selects."""
    for provider in around.every("ClusterExternalSecret.external-secrets.io"):
        spec = mapping(provider.body.get("spec"))
        external = text(spec.get("externalSecretName")) or provider.ref.name
        if (text(at(spec, "externalSecretSpec", "target", "name")) or external) != name:
            continue
        here = resource.ref.namespace
        if here in sequence(spec.get("namespaces")):
            return Found(provider)
        selectors = [mapping(spec.get("namespaceSelector")), *map(mapping, sequence(spec.get("namespaceSelectors")))]
        namespace = next(iter(around.elsewhere("Namespace", here)), None) if here else None
        if namespace is None and any(selectors):
            return Unknown(
                f"ClusterExternalSecret {provider.ref.name} selects namespaces by label, and this one's are not known"
            )
        if namespace and any(selector and matches(selector, namespace.labels()) for selector in selectors):
            return Found(provider)
    return None


def _by_bundle(kind: str, name: str, resource: Resource, around: Surroundings) -> Found | Unknown | None:
    """What trust-manager's Bundle of that name puts into the namespaces it selects. https://cert-manager.io/docs/trust/trust-manager/"""
    field = "configMap" if kind == "ConfigMap" else "secret"
    for bundle in around.every("Bundle.trust.cert-manager.io"):
        target = mapping(at(bundle.body, "spec", "target"))
        key = text(at(target, field, "key"))
        if bundle.ref.name != name or not key:
            continue
        selector = mapping(target.get("namespaceSelector"))
        namespace = next(iter(around.elsewhere("Namespace", resource.ref.namespace or "")), None)
        if selector and namespace is None:
            return Unknown(f"Bundle {name} selects namespaces by label, and this one's are not known")
        if not selector or (namespace and matches(selector, namespace.labels())):
            return Found(bundle, Made(kind, name, frozenset({key})))
    return None


def _runs(pod: Resource) -> bool:
    """Whether every container of the Pod has started: then what it refers to was there."""
    statuses = [mapping(status) for status in sequence(at(pod.body, "status", "containerStatuses"))]
    return bool(statuses) and all(status.get("started") or at(status, "state", "running") for status in statuses)


def _meant(kind: str, name: str, resource: Resource, around: Surroundings) -> Missing | Unknown:
    """Nothing has that name: what was probably meant, and whether it may be made by something that is not seen here."""
    for provider in (one for known in PROVIDERS for one in around.read(known, resource)):
        made = next((made for made in makes(provider) if provider.ref.name == name and made.kind == kind), None)
        if made:
            return Missing(f"{provider.ref.kind} {name} makes {kind} {made.name}")
    names = [one.ref.name for one in around.read(kind, resource)]
    # A Secret that is in no file is no fault unless a slip of the hand explains it; of a ConfigMap a guess is a hint.
    if meant := misspelt(name, names):
        return Missing(f"did you mean {meant}?")
    if custom := maker(name, resource, around):
        return Unknown(f"{custom.ref} may be what makes {kind} {name}")
    if kind == "ConfigMap" and name in IN_EVERY_NAMESPACE and not around.has_live:
        return Unknown(f"{IN_EVERY_NAMESPACE[name]} makes ConfigMap {name} in every namespace, where it is installed")
    for other in around.elsewhere(kind, name):
        return Missing(f"there is one in namespace {other.ref.namespace}")
    if kind == "ConfigMap" and (similar := nearest(name, names)):
        return Missing(f"did you mean {similar}?")
    if not around.has_live and kind == "Secret":
        return Unknown(f"Secret {name} is not in these files, and Secrets rightly are not")
    return Missing()
