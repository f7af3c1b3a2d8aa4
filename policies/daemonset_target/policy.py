from __future__ import annotations

from auditor.kube.index import target_of
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Resource, Severity

FIXED = ("CronJob", "DaemonSet", "Job", "Pod")


@policy(
    id="HPA009",
    practice=10,
    severity=Severity.ERROR,
    kinds=("HorizontalPodAutoscaler", "ScaledObject.keda.sh"),
    remedy="scale a Deployment or a StatefulSet; a DaemonSet runs once on each node by design",
)
def daemonset_target(resource: Resource, around: Surroundings) -> Answer:
    """An autoscaler scales something that has replicas.

    DaemonSets, Jobs, CronJobs and Pods have no scale subresource. The autoscaler is accepted, and fails for ever.
    https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
    """
    kind, name = target_of(resource)
    if kind in FIXED:
        yield Fault(("spec", "scaleTargetRef", "kind"), f"{kind} {name} has no replicas to scale")
    return None
