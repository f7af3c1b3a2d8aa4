from __future__ import annotations

import math
from typing import Any

from auditor.kube.fields import at, text, whole
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.scaling import bounds
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import controller_of, replicas
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity


@policy(
    id="HPA006",
    practice=10,
    severity=Severity.WARNING,
    kinds=("PodDisruptionBudget",),
    remedy="let minAvailable be less than the least number of replicas, or set maxUnavailable: 1",
    reads=("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", *AUTOSCALERS),
)
def pdb_blocks_min(resource: Resource, around: Surroundings) -> Answer:
    """A budget leaves room for one Pod less.

    When the autoscaler has gone down to its minimum and the budget wants that many Pods available, none may be evicted: the node
    cannot be drained, and the upgrade of the cluster stands still at night. https://kubernetes.io/docs/tasks/run-application/configure-pdb/
    """
    workloads = [
        one
        for one in around.selected_by(resource)
        if not controller_of(one) and one.ref.kind not in ("Pod", "DaemonSet")
    ]
    scaled = {one.ref: around.autoscalers_of(one) for one in workloads}
    if not any(scaled.values()):
        return NotApplicable("no autoscaler scales what it protects")
    least = sum(min((bounds(by)[0] for by in scaled[one.ref]), default=replicas(one)) for one in workloads)
    wanted, spared = (at(resource.body, "spec", field) for field in ("minAvailable", "maxUnavailable"))
    if (needed := _of(wanted, least)) is not None and needed >= least > 0:
        message = f"minAvailable {wanted} leaves none of the {least} Pods to evict that autoscalers go down to"
        yield Fault(("spec", "minAvailable"), message)
    if _of(spared, 100) == 0:
        yield Fault(("spec", "maxUnavailable"), f"maxUnavailable {spared} lets no Pod be evicted")
    return None


def _of(value: Any, total: int) -> int | None:
    """A number of Pods, or a percentage of them, rounded up as the disruption controller does."""
    number, share = whole(value), text(value)
    if number is not None:
        return number
    return math.ceil(int(share[:-1]) * total / 100) if share.endswith("%") and share[:-1].isdigit() else None
