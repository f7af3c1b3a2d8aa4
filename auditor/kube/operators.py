"""Custom resources that may be why something is in no file: a name or labels in, the resource whose operator may make it out.

An operator makes Services, ConfigMaps, Secrets and Pods that begin with the name or the kind of its resource (`orders-rw`,
`prometheus-operated`). Only where no cluster was read: there, what was made can be seen. Nothing here says that it will be made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from auditor.kube.fields import sequence
from auditor.kube.index import Where
from auditor.kube.providers import makes
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import template
from auditor.model import Resource

# Groups, and kinds of other groups, whose objects are rules, routes and schedules: nothing that bears a name is made of them.
_GROUPS_THAT_MAKE_NOTHING: Final = frozenset(
    {
        "autoscaling.k8s.io",
        "cilium.io",
        "cluster.open-cluster-management.io",
        "crd.projectcalico.org",
        "gatekeeper.sh",
        "gateway.networking.k8s.io",
        "image.toolkit.fluxcd.io",
        "keda.sh",
        "kyverno.io",
        "linkerd.io",
        "networking.istio.io",
        "notification.toolkit.fluxcd.io",
        "policy.linkerd.io",
        "policy.networking.k8s.io",
        "projectcalico.org",
        "security.istio.io",
        "snapshot.storage.k8s.io",
        "source.toolkit.fluxcd.io",
        "telemetry.istio.io",
        "traefik.io",
        "traefik.containo.us",
    }
)
_KINDS_THAT_MAKE_NOTHING: Final = frozenset(
    {
        "AlertmanagerConfig",
        "AppProject",
        "ClusterIssuer",
        "Issuer",
        "PodMonitor",
        "PrometheusRule",
        "Probe",
        "ScrapeConfig",
        "SecretStore",
        "ServiceMonitor",
    }
)


def maker(name: str, namespace: Where, around: Surroundings) -> Resource | None:
    """The custom resource of the namespace whose operator may make an object of that name; None with a cluster. Raises nothing."""
    if around.has_live:
        return None
    for custom in _that_make(namespace, around):
        if any(name == word or name.startswith(f"{word}-") for word in (custom.ref.name, custom.ref.kind.lower())):
            return custom
    return None


def of_labels(labels: Mapping[str, Any], namespace: Where, around: Surroundings) -> Resource | None:
    """The custom resource of the namespace whose operator may make Pods with the labels: one that says such a value. As `maker`."""
    if around.has_live:
        return None
    values = {value for value in labels.values() if isinstance(value, str)}
    for custom in _that_make(namespace, around):
        if not values.isdisjoint((custom.ref.name, custom.ref.kind.lower())) or not values.isdisjoint(
            _strings(custom.body.get("spec"))
        ):
            return custom
    return None


def _that_make(namespace: Where, around: Surroundings) -> Iterator[Resource]:
    for custom in around.custom_in(namespace):
        silent = custom.ref.group in _GROUPS_THAT_MAKE_NOTHING or custom.ref.kind in _KINDS_THAT_MAKE_NOTHING
        if not silent and not template(custom) and not any(True for _ in makes(custom)):
            yield custom


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, Mapping) else sequence(value):
        yield from _strings(item)
