from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.kube.existence import Found, existence
from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.policy import policy
from auditor.kube.references import references
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, Container, containers, template
from auditor.model import Answer, Fault, NotApplicable, RawPath, Resource, Severity, Unknown

# The variables that the kubelet makes of a Service: FOO_SERVICE_HOST, FOO_SERVICE_PORT_HTTP, FOO_PORT_80_TCP_ADDR …
VARIABLE = re.compile(
    r"([A-Z][A-Z0-9_]*?)(?:_SERVICE_HOST|_SERVICE_PORT(?:_([A-Z0-9_]+))?|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)"
)
EXPANDED = re.compile(r"\$\$|\$\(([^()\s]+)\)")
IN_SHELL = re.compile(r"\$\$|\$\(([A-Z0-9_]+)\)|\$\{([A-Z0-9_]+)\}|\$([A-Z][A-Z0-9_]*)")
SHELLS = frozenset({"ash", "bash", "dash", "sh", "zsh"})


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
    asked, unknown, told = False, "", set()
    for container in containers(resource):
        for path, variable, service, port in _used(container):
            asked = True
            defined = _is_defined(variable, container, resource, around)
            if defined is None:
                unknown = f"whether {variable} comes from a ConfigMap or Secret is not known"
            if defined is not False or (container.path, variable) in told:
                continue
            told.add((container.path, variable))
            fault = _fault(
                resource,
                around,
                variable,
                service,
                port,
                linked=not found or found.spec.get("enableServiceLinks") is not False,
            )
            if fault:
                yield Fault(path, f"{container}: {fault[1]}", fault[0], subject=variable)
    if unknown:
        return Unknown(unknown)
    return None if asked else NotApplicable("it uses no variable of a Service")


def _used(container: Container) -> Iterator[tuple[RawPath, str, str, str]]:
    """(path, variable, name of the Service, name of its port or "") of every use, as the API expands it or a shell does."""
    words = [*sequence(container.body.get("command")), *sequence(container.body.get("args"))]
    shell = any(text(word).rpartition("/")[2] in SHELLS for word in words[:1])
    for field, pattern in (
        ("env", EXPANDED),
        ("command", IN_SHELL if shell else EXPANDED),
        ("args", IN_SHELL if shell else EXPANDED),
    ):
        for index, item in enumerate(sequence(container.body.get(field))):
            value = text(mapping(item).get("value")) if field == "env" else text(item)
            path = (*container.path, field, index, *(("value",) if field == "env" else ()))
            for use in pattern.finditer(value):
                variable = next((group for group in use.groups() if group), "")
                made = VARIABLE.fullmatch(variable)
                if made and made[1] != "KUBERNETES":
                    yield path, variable, made[1].lower().replace("_", "-"), made[2] or ""


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


def _fault(
    resource: Resource, around: Surroundings, variable: str, name: str, port: str, *, linked: bool
) -> tuple[Severity, str] | None:
    if not linked:
        return Severity.ERROR, f"{variable} is never set, because enableServiceLinks is false"
    service = around.find("Service", resource, name)
    if service is None:
        severity, where = around.absence(Severity.ERROR)
        return severity, f"{variable} stays empty: Service {name} {where}"
    spec = mapping(service.body.get("spec"))
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None":
        return Severity.ERROR, f"{variable} stays empty: Service {name} has no cluster IP"
    ports = {text(at(one, "name")).upper().replace("-", "_") for one in sequence(spec.get("ports"))}
    if port and port not in ports:
        return Severity.ERROR, f"{variable} stays empty: Service {name} has no port of that name"
    return None
