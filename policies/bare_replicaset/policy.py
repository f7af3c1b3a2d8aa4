from __future__ import annotations

from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Resource, Severity, Unreadable


@policy(
    id="CTL001",
    practice=2,
    severity=Severity.WARNING,
    kinds=("ReplicaSet",),
    remedy="make it a Deployment: the same template, with a history and rolling updates",
    reads=("Service",),
    skips_hooks=True,
)
def bare_replicaset(resource: Resource, around: Surroundings) -> Answer:
    """ReplicaSets belong to a Deployment.

    A ReplicaSet by itself can neither roll out nor roll back: a changed template reaches only Pods that are made later, so old
    and new ones serve side by side until somebody deletes the old. https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/
    """
    try:
        service = next(iter(around.services_selecting(resource)), None)
    except Unreadable:
        service = None
    if service:
        yield Fault(
            ("kind",), f"no Deployment rolls it out, and Service {service.ref.name} depends on it", Severity.ERROR
        )
    else:
        yield Fault(("kind",), "no Deployment rolls it out or back")
    return None
