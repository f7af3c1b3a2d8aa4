from __future__ import annotations

from collections.abc import Iterator

from auditor.kube.destinations import applier
from auditor.kube.fields import at, sequence, text
from auditor.kube.policy import policy
from auditor.kube.service_env import uses
from auditor.kube.surroundings import Surroundings
from auditor.kube.tracking import applied_by
from auditor.kube.workloads import TEMPLATED, containers, template
from auditor.model import Answer, Fault, Judges, NotApplicable, RawPath, Resource, Severity


@policy(
    id="ORD002",
    practice=4,
    severity=Severity.INFO,
    kinds=(TEMPLATED,),
    remedy="put the Service above it in the file",
    judges=Judges.DECLARED,
    reads=("Service",),
)
def service_after_workload(resource: Resource, around: Surroundings) -> Answer:
    """A Service stands above the workload that it serves.

    `kubectl apply -f` goes through a file from top to bottom: Pods that start before their Service have none of its variables. Helm,
    Kustomize, Argo CD and Flux sort by kind. https://kubernetes.io/docs/concepts/configuration/overview/#services
    """
    origin, found = resource.origin, template(resource)
    if origin is None or found is None:
        return NotApplicable("it was not read from a file")
    if resource.trace:
        return NotApplicable("it is rendered, and Kustomize and Helm sort by kind")
    running = around.live.by_ref.get(resource.ref) if around.live else None
    tool = applied_by(resource) or (applied_by(running) if running else None) or applier(resource, around)
    if tool:
        name = tool.ref if isinstance(tool, Resource) else tool
        return NotApplicable(f"{name} applies it, and sorts by kind")
    beside = around.once("services by file", lambda: _by_file(around)).get((origin.source, origin.file))
    if not beside:
        return NotApplicable("no Service is in its file")
    told: set[str] = set()
    for service, path, severity in _needed(resource, around):
        if service.ref not in beside or service.ref.name in told:
            continue
        told.add(service.ref.name)
        if _follows(service, resource):
            yield Fault(
                path, f"Service {service.ref.name} comes after it in the file", severity, subject=service.ref.name
            )
    return None if told else NotApplicable("no Service in its file has to do with it")


def _by_file(around: Surroundings) -> dict[tuple[str, str], set[object]]:
    found: dict[tuple[str, str], set[object]] = {}
    for service in around.desired.of_kind("", "Service") if around.desired else ():
        if service.origin:
            found.setdefault((service.origin.source, service.origin.file), set()).add(service.ref)
    return found


def _needed(resource: Resource, around: Surroundings) -> Iterator[tuple[Resource, RawPath, Severity]]:
    """The Services whose variables it uses, that it names as its own, or that select its Pods; the gravest first."""
    here = {service.ref.name: service for service in around.read("Service", resource)}
    for container in containers(resource):
        own = {at(entry, "name") for entry in sequence(container.body.get("env"))}
        for use in uses(container):
            if use.variable not in own and _makes_variables(here.get(use.service)):
                yield here[use.service], use.path, Severity.WARNING
    if named := here.get(text(at(resource.body, "spec", "serviceName"))):
        yield named, ("spec", "serviceName"), Severity.INFO
    for service in around.services_selecting(resource):
        yield service, ("kind",), Severity.INFO


def _makes_variables(service: Resource | None) -> bool:
    """Whether the kubelet makes variables of the Service: it has a cluster IP (ORD001 tells of those that have none)."""
    spec = service.body.get("spec") if service else None
    return service is not None and at(spec, "clusterIP") != "None" and at(spec, "type") != "ExternalName"


def _follows(service: Resource, resource: Resource) -> bool:
    """Whether the one stands below the other in their file, or after it on one line."""
    assert service.origin
    assert resource.origin
    if service.origin.line != resource.origin.line:
        return service.origin.line > resource.origin.line
    places = [one.place(("kind",)) for one in (service, resource)]
    later, earlier = ((place.line, place.column) if place else (0, 0) for place in places)
    return later > earlier
