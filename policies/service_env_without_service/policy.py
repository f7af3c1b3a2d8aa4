from __future__ import annotations

from auditor.kube.existence import Found, existence
from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.policy import policy
from auditor.kube.references import references
from auditor.kube.service_env import Use, uses
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, Container, containers, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown


@policy(
    id="ORD001",
    practice=4,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="apply the Service first, or use its DNS name, which needs no order",
    reads=("Service", "ConfigMap"),
)
def service_env_without_service(resource: Resource, around: Surroundings) -> Answer:
    """A Service is there before what uses its variables.

    The kubelet sets FOO_SERVICE_HOST when a container starts, from the Services that are there then. Without the Service the
    variable is empty for as long as the container runs. https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
    """
    found = template(resource)
    linked = found is None or found.spec.get("enableServiceLinks") is not False
    asked, unknown = False, ""
    for container in containers(resource):
        told: set[str] = set()
        for use in uses(container):
            asked = True
            if use.variable in told:
                continue
            told.add(use.variable)
            defined = _is_defined(use.variable, container, resource, around)
            if defined is None:
                unknown = f"whether {use.variable} comes from a ConfigMap or Secret is not known"
            elif not defined and (fault := _fault(resource, around, use, linked=linked)):
                yield Fault(use.path, f"{container}: {fault[1]}", fault[0], subject=use.variable)
    if unknown:
        return Unknown(unknown)
    return None if asked else NotApplicable("it uses no variable of a Service")


def _is_defined(variable: str, container: Container, resource: Resource, around: Surroundings) -> bool | None:
    """Whether the container sets the variable itself; None where that depends on an object that is not known."""
    if any(at(entry, "name") == variable for entry in sequence(container.body.get("env"))):
        return True
    doubt = False
    for reference in references(resource):
        if reference.how == "envFrom" and reference.container and reference.container.path == container.path:
            what = existence(reference, resource, around)
            if not isinstance(what, Found) or not what.resource or what.resource.ref.kind != reference.kind:
                doubt = True
            elif variable in mapping(what.resource.body.get("data")):
                return True
    return None if doubt else False


def _fault(resource: Resource, around: Surroundings, use: Use, *, linked: bool) -> tuple[Severity, str] | None:
    if not linked:
        return Severity.ERROR, f"{use.variable} is never set, because enableServiceLinks is false"
    empty = f"{use.variable} stays empty: Service {use.service}"
    service = around.find("Service", resource, use.service)
    if service is None:
        severity, where = around.absence(Severity.ERROR)
        return severity, f"{empty} {where}"
    spec = mapping(service.body.get("spec"))
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None":
        return Severity.ERROR, f"{empty} has no cluster IP"
    ports = {text(at(one, "name")).upper().replace("-", "_") for one in sequence(spec.get("ports"))}
    if use.port and use.port not in ports:
        return Severity.ERROR, f"{empty} has no port of that name"
    return None
