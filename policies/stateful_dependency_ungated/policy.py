from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.kube.existence import Found, existence
from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.policy import policy
from auditor.kube.references import references
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import Container, containers
from auditor.model import Answer, Fault, NotApplicable, RawPath, Resource, Severity

HOST = re.compile(r"(?<![\w.-])([a-z][a-z0-9-]*)(?:\.([a-z0-9][a-z0-9-]*)(?:\.svc[\w.-]*)?)?(?=$|[:/\s,?])")


@policy(
    id="INIT006",
    practice=3,
    severity=Severity.INFO,
    kinds=("Deployment",),
    remedy="wait for it in an init container, or give the container a startupProbe or readinessProbe",
    reads=("Service", "StatefulSet", "ConfigMap"),
    enabled=False,
)
def stateful_dependency_ungated(resource: Resource, around: Surroundings) -> Answer:
    """An application waits for its database.

    Off by default, because many applications try again by themselves. One that does not is restarted until its database serves, with
    longer and longer breaks. https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#examples
    """
    inits = " ".join(
        text(word)
        for one in containers(resource, "init")
        for field in ("command", "args")
        for word in sequence(one.body.get(field))
    )
    asked = False
    for container in containers(resource, "app"):
        for path, value in _values(container, resource, around):
            for host in HOST.finditer(value.partition("://")[2].rpartition("@")[2] or value):
                service = around.find("Service", host[2] or resource, host[1])
                if service is None or not any(one.ref.kind == "StatefulSet" for one in around.selected_by(service)):
                    continue
                asked = True
                if (
                    container.body.get("startupProbe")
                    or container.body.get("readinessProbe")
                    or re.search(rf"\b{host[1]}\b", inits)
                ):
                    continue
                yield Fault(
                    path,
                    f"{container} needs Service {service.ref.name}, and nothing waits for it",
                    subject=service.ref.name,
                )
    return None if asked else NotApplicable("it names no Service of a StatefulSet")


def _values(container: Container, resource: Resource, around: Surroundings) -> Iterator[tuple[RawPath, str]]:
    """Literal values of its env, and those that come from ConfigMaps that are known."""
    for index, entry in enumerate(sequence(container.body.get("env"))):
        if value := text(mapping(entry).get("value")):
            yield (*container.path, "env", index, "value"), value
    for reference in references(resource):
        if reference.kind != "ConfigMap" or not reference.container or reference.container.path != container.path:
            continue
        what = existence(reference, resource, around)
        if not isinstance(what, Found) or not what.resource:
            continue
        data = mapping(what.resource.body.get("data"))
        for key in [key for key, _ in reference.keys] or list(data):
            if value := text(at(data, key)):
                yield reference.path, value
