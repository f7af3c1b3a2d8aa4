from __future__ import annotations

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.literals import is_reference
from auditor.kube.policy import policy
from auditor.kube.references import references
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, Container, containers, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

MANY = 10


@policy(
    id="CFG009",
    practice=6,
    severity=Severity.WARNING,
    kinds=(TEMPLATED,),
    remedy="move the values to a ConfigMap and take them in with envFrom",
)
def hard_coded_config(resource: Resource, around: Surroundings) -> Answer:
    """Configuration lives in ConfigMaps.

    Ten values written into a template must be changed, reviewed and rolled out with it, differ between environments by copies of
    the whole manifest, and can be shared with no other workload. https://kubernetes.io/docs/concepts/configuration/configmap/
    """
    asked = False
    for container in containers(resource):
        env = [mapping(item) for item in sequence(container.body.get("env"))]
        asked = asked or bool(env)
        literal = [one for one in env if (value := text(one.get("value"))) and not is_reference(value)]
        if len(literal) >= MANY and not _uses_a_config_map(container, resource):
            yield Fault((*container.path, "env"), f"{container} has {len(literal)} values of its own and no ConfigMap")
    return None if asked else NotApplicable("its containers set no environment variables")


def _uses_a_config_map(container: Container, resource: Resource) -> bool:
    found = template(resource)
    mounted = {at(mount, "name") for mount in sequence(container.body.get("volumeMounts"))}
    for reference in references(resource):
        if reference.kind != "ConfigMap":
            continue
        if reference.container and reference.container.path == container.path:
            return True
        if reference.how == "volume" and found:
            at_volume = reference.path[: len(found.path) + 2]
            if at(resource.body, *at_volume, "name") in mounted:
                return True
    return False
