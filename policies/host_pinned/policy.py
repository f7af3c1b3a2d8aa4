from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.references import references
from auditor.kube.scaling import most_replicas
from auditor.kube.selectors import matches
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import CUSTOM, Template, template
from auditor.model import Answer, Fault, NotApplicable, RawPath, Resource, Severity, Unknown

HOST = "kubernetes.io/hostname"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@policy(
    id="POD004",
    practice=1,
    severity=Severity.WARNING,
    kinds=("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", CUSTOM),
    remedy="spread the replicas with topologySpreadConstraints instead",
    reads=("PersistentVolumeClaim", "PersistentVolume", *AUTOSCALERS),
)
def host_pinned(resource: Resource, around: Surroundings) -> Answer:
    """Replicas stand on more than one node.

    Several replicas that may all run on one node only are gone together with it: they cost as much as replicas, and protect from
    nothing. https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
    """
    found = template(resource)
    if found is None:
        return NotApplicable("it has no Pod template")
    if most_replicas(resource, around) < 2:
        return NotApplicable("it runs one replica at most")
    pinned = _pinned(found)
    if pinned is None:
        return None
    for reference in references(resource):
        if reference.how == "claim":
            claim = around.find("PersistentVolumeClaim", resource, reference.name)
            volume = text(at(claim.body, "spec", "volumeName")) if claim else ""
            held = around.find("PersistentVolume", None, volume) if volume else None
            if held is None:
                return Unknown(f"whether claim {reference.name} is bound to a disk of that node is not known")
            if at(held.body, "spec", "local"):
                return NotApplicable("its volume is a disk of that node")
    path, how = pinned
    yield Fault(path, f"{how} puts all replicas on one node")
    return None


def _pinned(found: Template) -> tuple[RawPath, str] | None:
    """(path, what) that leaves exactly one node."""
    if at(found.spec, "nodeSelector", HOST):
        return (*found.path, "nodeSelector", HOST), f"nodeSelector {HOST}"
    affinity = mapping(found.spec.get("affinity"))
    terms = sequence(at(affinity, "nodeAffinity", REQUIRED, "nodeSelectorTerms"))
    nodes = {_one_node(mapping(term)) for term in terms}
    if len(nodes) == 1 and None not in nodes:
        return (*found.path, "affinity", "nodeAffinity", REQUIRED), "the required nodeAffinity"
    for index, item in enumerate(sequence(at(affinity, "podAffinity", REQUIRED))):
        term = mapping(item)
        selector = term.get("labelSelector")
        if term.get("topologyKey") == HOST and isinstance(selector, Mapping) and matches(selector, found.labels):
            return (*found.path, "affinity", "podAffinity", REQUIRED, index), "the required podAffinity to itself"
    return None


def _one_node(term: Mapping[str, Any]) -> str | None:
    for field, key in (("matchExpressions", HOST), ("matchFields", "metadata.name")):
        for item in sequence(term.get(field)):
            values = sequence(at(item, "values"))
            if at(item, "key") == key and at(item, "operator") == "In" and len(values) == 1:
                return str(values[0])
    return None
