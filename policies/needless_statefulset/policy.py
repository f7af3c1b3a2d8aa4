from __future__ import annotations

import re

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.policy import policy
from auditor.kube.references import references
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import Container, containers, template
from auditor.model import Answer, Fault, Resource, Severity

ORDINALS = frozenset(
    {
        "metadata.name",
        "metadata.labels['apps.kubernetes.io/pod-index']",
        "metadata.labels['statefulset.kubernetes.io/pod-name']",
    }
)


@policy(
    id="CTL004",
    practice=2,
    severity=Severity.INFO,
    kinds=("StatefulSet",),
    remedy="make it a Deployment",
)
def needless_statefulset(resource: Resource, around: Surroundings) -> Answer:
    """A StatefulSet keeps something.

    It starts and replaces its Pods one after the other, and never makes up for one on a lost node by itself: a price worth paying
    for volumes and names that stay, and for nothing else. https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
    """
    spec = mapping(resource.body.get("spec"))
    found = template(resource)
    if found is None or spec.get("serviceName") or sequence(spec.get("volumeClaimTemplates")):
        return None
    if spec.get("podManagementPolicy") not in (None, "", "OrderedReady"):
        return None
    if any(reference.how == "claim" for reference in references(resource)):
        return None
    if any(_knows_its_place(container, resource.ref.name) for container in containers(found)):
        return None
    yield Fault(("kind",), f"nothing in StatefulSet {resource.ref.name} needs an identity that stays")
    return None


def _knows_its_place(container: Container, name: str) -> bool:
    """Whether the container uses the number of its Pod: by the downward API, its host name, or the names of its peers."""
    for entry in sequence(container.body.get("env")):
        if text(at(entry, "valueFrom", "fieldRef", "fieldPath")) in ORDINALS:
            return True
    if any(at(mount, "subPathExpr") for mount in sequence(container.body.get("volumeMounts"))):
        return True
    said = " ".join(
        (
            *(text(word) for field in ("command", "args") for word in sequence(container.body.get(field))),
            *(text(at(entry, "value")) for entry in sequence(container.body.get("env"))),
        )
    )
    return bool(re.search(rf"\bHOSTNAME\b|\bhostname\b|\b{re.escape(name)}-\d", said))
