from __future__ import annotations

from auditor.kube.fields import mapping, sequence
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import replicas, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

STATEFUL = ("persistentVolumeClaim", "hostPath")


@policy(
    id="HPA007",
    practice=10,
    severity=Severity.WARNING,
    kinds=("Deployment",),
    remedy="add a HorizontalPodAutoscaler, or a waiver that says why the load is constant",
    reads=("Service", *AUTOSCALERS),
)
def no_autoscaler(resource: Resource, around: Surroundings) -> Answer:
    """Stateless workloads scale with their load.

    A number of replicas that somebody chose is too small at noon and too large at night. What keeps no state, serves a Service and
    already runs more than once can be scaled by what it uses. https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
    """
    found = template(resource)
    if found is None:
        return NotApplicable("it has no Pod template")
    if any(mapping(volume).get(field) for volume in sequence(found.spec.get("volumes")) for field in STATEFUL):
        return NotApplicable("it keeps state in a volume")
    if around.autoscalers_of(resource):
        return None
    if replicas(resource) < 2:
        return NotApplicable("it runs one replica at most")
    services = around.services_selecting(resource)
    if not services:
        return NotApplicable("no Service selects it")
    message = f"{replicas(resource)} replicas serve Service {services[0].ref.name}, and nothing scales them"
    yield Fault(("spec", "replicas"), message)
    return None
