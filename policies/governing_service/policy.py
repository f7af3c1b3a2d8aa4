from __future__ import annotations

from auditor.kube.fields import at, mapping, text
from auditor.kube.nearest import nearest
from auditor.kube.policy import policy
from auditor.kube.selectors import matches_map
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import template
from auditor.model import Answer, Fault, Resource, Severity

PATH = ("spec", "serviceName")


@policy(
    id="CTL005",
    practice=2,
    severity=Severity.ERROR,
    kinds=("StatefulSet",),
    remedy="create the headless Service that serviceName names, before the StatefulSet",
    reads=("Service",),
)
def governing_service(resource: Resource, around: Surroundings) -> Answer:
    """A StatefulSet has the headless Service that it names.

    That Service gives each Pod its name in DNS. Without it, or with one that has a cluster IP, `db-0.db` does not resolve, and the
    members of a cluster do not find each other. https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-network-id
    """
    name = text(at(resource.body, *PATH))
    found = template(resource)
    if not name:  # optional since Kubernetes 1.33
        return None
    service = around.find("Service", resource, name)
    if service is None:
        severity, where = around.absence(Severity.ERROR)
        meant = nearest(name, [one.ref.name for one in around.read("Service", resource)])
        hint = f"; did you mean {meant}?" if meant else ""
        yield Fault(PATH, f"Service {name} {where}{hint}", severity)
        return None
    spec = mapping(service.body.get("spec"))
    if spec.get("clusterIP") != "None":
        yield Fault(
            PATH,
            f"Service {name} is not headless: its Pods get no names of their own",
            Severity.WARNING,
            subject="headless",
        )
    if spec.get("selector") and found and not matches_map(mapping(spec.get("selector")), found.labels):
        yield Fault(
            PATH,
            f"Service {name} does not select the Pods of {resource.ref.name}",
            Severity.WARNING,
            subject="selector",
        )
    return None
