from __future__ import annotations

from auditor.kube.claims import single_node
from auditor.kube.fields import at
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.scaling import is_switched_off, most_replicas
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown


@policy(
    id="HIST007",
    practice=5,
    severity=Severity.INFO,
    kinds=("DaemonSet", "Deployment", "StatefulSet"),
    remedy="let it roll: strategy RollingUpdate",
    reads=("Service", "PersistentVolumeClaim", *AUTOSCALERS),
    skips_hooks=True,
)
def no_rolling(resource: Resource, around: Surroundings) -> Answer:
    """A new version comes without an outage.

    Recreate stops every Pod before the first new one starts; OnDelete replaces nothing until somebody deletes Pods by hand, so that
    old and new versions run side by side. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy
    """
    deploys = resource.ref.kind == "Deployment"
    path = ("spec", "strategy" if deploys else "updateStrategy", "type")
    chosen = at(resource.body, *path)
    if chosen != ("Recreate" if deploys else "OnDelete"):
        return None
    if resource.ref.kind != "DaemonSet" and is_switched_off(resource, around):
        return NotApplicable("it is scaled to zero")
    if deploys:
        claim = single_node(resource, around)
        if isinstance(claim, Unknown):
            return claim
        if claim:
            return None
    services = around.services_selecting(resource)
    many = resource.ref.kind == "DaemonSet" or most_replicas(resource, around) > 1
    what = "stops all Pods before a new one starts" if deploys else "replaces no Pod until somebody deletes it"
    if services and many:
        yield Fault(
            path, f"strategy {chosen} {what}, and Service {services[0].ref.name} depends on them", Severity.WARNING
        )
    else:
        yield Fault(path, f"strategy {chosen} {what}")
    return None
