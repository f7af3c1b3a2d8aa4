from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.kube.fields import at, mapping, sequence, text, whole
from auditor.kube.nearest import nearest
from auditor.kube.operators import maker
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, NotApplicable, RawPath, Resource, Severity, Unknown


@policy(
    id="NET002",
    practice=0,
    severity=Severity.ERROR,
    kinds=("Ingress",),
    remedy="name a Service of the same namespace, and one of its ports",
    reads=("Service",),
)
def ingress_backend_missing(resource: Resource, around: Surroundings) -> Answer:
    """An Ingress leads to a Service.

    A path whose Service or port is not there answers 503, and only the log of the ingress controller says why.
    https://kubernetes.io/docs/concepts/services-networking/ingress/
    """
    asked, unknown = False, ""
    for path, backend in _backends(resource):
        asked = True
        if backend.get("resource"):
            unknown = "a backend is a resource of another kind, and whether it serves is not known"
            continue
        old = "serviceName" in backend
        name = text(backend.get("serviceName") if old else at(backend, "service", "name"))
        port: Any = backend.get("servicePort") if old else mapping(at(backend, "service", "port"))
        if not old:
            port = port.get("number") if port.get("number") is not None else port.get("name")
        if not name or port == "use-annotation":  # an action of the load balancer, no Service
            continue
        at_name = (*path, "serviceName") if old else (*path, "service", "name")
        service = around.find("Service", resource, name)
        if service is None and (custom := maker(name, resource, around)):
            unknown = f"{custom.ref} may be what makes Service {name}"
        elif service is None:
            severity, where = around.absence(Severity.ERROR)
            meant = nearest(name, [one.ref.name for one in around.read("Service", resource)])
            hint = f"; did you mean {meant}?" if meant else ""
            yield Fault(at_name, f"Service {name}, to which it leads, {where}{hint}", severity, subject=name)
        elif at(service.body, "spec", "type") != "ExternalName" and port is not None and not _has_port(service, port):
            yield Fault(
                (*path, "servicePort") if old else (*path, "service", "port"),
                f"Service {name} has no port {port}",
                subject=f"{name}:{port}",
            )
    if unknown:
        return Unknown(unknown)
    return None if asked else NotApplicable("it leads nowhere")


def _backends(resource: Resource) -> Iterator[tuple[RawPath, Mapping[str, Any]]]:
    for field in ("defaultBackend", "backend"):
        if backend := mapping(at(resource.body, "spec", field)):
            yield ("spec", field), backend
    for index, rule in enumerate(sequence(at(resource.body, "spec", "rules"))):
        for number, entry in enumerate(sequence(at(rule, "http", "paths"))):
            if backend := mapping(at(entry, "backend")):
                yield ("spec", "rules", index, "http", "paths", number, "backend"), backend


def _has_port(service: Resource, port: Any) -> bool:
    ports = [mapping(one) for one in sequence(at(service.body, "spec", "ports"))]
    number = whole(port)
    return any(one.get("port") == number if number is not None else one.get("name") == port for one in ports)
