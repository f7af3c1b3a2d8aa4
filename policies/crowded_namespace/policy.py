from __future__ import annotations

from auditor.kube.kinds import SYSTEM_NAMESPACES
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import controller_of, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

MANY = 5
LABELS = ("app.kubernetes.io/part-of", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app")


@policy(
    id="NS005",
    practice=9,
    severity=Severity.INFO,
    kinds=("Namespace",),
    remedy="give applications that have nothing to do with each other a namespace each",
    reads=("Service", "Deployment", "StatefulSet", "DaemonSet"),
)
def crowded_namespace(resource: Resource, around: Surroundings) -> Answer:
    """A namespace holds what belongs together.

    Every Service of a namespace becomes a set of variables in every Pod of it, and whoever may act in it may act on all of it. What is
    unrelated is better kept apart. https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#when-to-use-multiple-namespaces
    """
    namespace = resource.ref.name
    if namespace in SYSTEM_NAMESPACES:
        return NotApplicable("a namespace of the platform")
    applications: set[str] = set()
    for workload in around.workloads_in(namespace):
        if around.services_selecting(workload):
            applications.add(_application(workload))
    if not applications:
        return NotApplicable("it holds no application with a Service")
    if len(applications) >= MANY:
        yield Fault(
            ("metadata", "name"),
            f"{len(applications)} applications share {namespace}: {', '.join(sorted(applications)[:8])}",
        )
    return None


def _application(workload: Resource) -> str:
    found = template(workload)
    for labels in (workload.labels(), found.labels if found and not controller_of(workload) else {}):
        for label in LABELS:
            if labels.get(label):
                return str(labels[label])
    return workload.ref.name
