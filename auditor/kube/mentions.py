"""Where the name of a ConfigMap or Secret is written, beside the references of Pod templates: surroundings in, names out.

Ingresses, ServiceAccounts, webhooks, Roles and custom resources name them in fields that are theirs; programs are told by args
and env; controllers by annotations. A name counts where it stands as a whole string, or as a whole word of args, env or an annotation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.index import space
from auditor.kube.kinds import called
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import template
from auditor.model import Resource

_HELD: Final = ("ConfigMap", "Secret")
# Kinds whose strings are names and labels of Pods, Services and rights; those with a Pod template are read by `references`.
_SILENT: Final = frozenset(
    {
        "ConfigMap",
        "ControllerRevision",
        "EndpointSlice",
        "Endpoints",
        "Event",
        "HorizontalPodAutoscaler",
        "Lease",
        "Namespace",
        "NetworkPolicy",
        "Node",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "RoleBinding",
        "ClusterRoleBinding",
        "Secret",
        "Service",
    }
)
_OF_PODS: Final = frozenset({"labels", "matchLabels", "selector"})
_WORD: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Mentions:
    """Names by the space in which they are meant; `anywhere` are those of cluster-scoped objects that name no namespace."""

    by_space: Mapping[str, frozenset[str]]
    anywhere: frozenset[str]

    def has(self, resource: Resource) -> bool:
        """Whether anything that was read writes the object's name where it may mean this object."""
        return resource.ref.name in self.anywhere or resource.ref.name in self.by_space.get(space(resource), ())


def mentions(around: Surroundings) -> Mentions:
    """Every mention on both sides, found once for a run. Raises nothing."""
    return around.once("mentions", lambda: _found(around))


def _found(around: Surroundings) -> Mentions:
    names = {one.ref.name for kind in _HELD for one in around.every(kind)}
    by_space: dict[str, set[str]] = {}
    anywhere: set[str] = set()
    for snapshot in (around.desired, around.live):
        for resource in snapshot.by_ref.values() if snapshot else ():
            own = by_space.setdefault(space(resource), set())
            here = anywhere if around.is_namespaced(resource.ref) is False else own
            here |= names & set(_words(resource))
            if called(resource.ref.group, resource.ref.kind) in _SILENT or template(resource):
                continue
            body = {key: value for key, value in resource.body.items() if key not in ("metadata", "status")}
            for value, namespace in _strings(body, ""):
                if value in names:
                    (by_space.setdefault(namespace, set()) if namespace else here).add(value)
    return Mentions({where: frozenset(held) for where, held in by_space.items()}, frozenset(anywhere))


def _words(resource: Resource) -> Iterator[str]:
    """The words of annotations (without what tools keep there), and of what the containers of a template are told."""
    for key, value in resource.annotations().items():
        if isinstance(value, str) and key != "kubectl.kubernetes.io/last-applied-configuration" and len(value) < 4096:
            yield from _WORD.findall(value)
    found = template(resource)
    if found is None:
        return
    for value in found.annotations.values():
        yield from _WORD.findall(text(value)[:4096])
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for container in sequence(found.spec.get(field)):
            told = (text(word) for part in ("command", "args") for word in sequence(at(container, part)))
            env = (text(at(entry, "value")) for entry in sequence(at(container, "env")))
            for said in (*told, *env):
                yield from _WORD.findall(said)
                yield from (part for word in _WORD.findall(said) for part in word.split("."))


def _strings(value: Any, namespace: str) -> Iterator[tuple[str, str]]:
    """(string, namespace written beside it or "") of every string scalar."""
    if isinstance(value, Mapping):
        beside = text(mapping(value).get("namespace"))
        for key, item in value.items():
            if isinstance(item, str):
                yield item, beside
            elif key not in _OF_PODS:
                yield from _strings(item, beside)
    else:
        for item in sequence(value):
            if isinstance(item, str):
                yield item, ""
            else:
                yield from _strings(item, "")
