from __future__ import annotations

from auditor.kube.existence import Found, existence, keys_of
from auditor.kube.nearest import nearest
from auditor.kube.policy import policy
from auditor.kube.providers import PROVIDERS
from auditor.kube.references import references
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown


@policy(
    id="CFG002",
    practice=6,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="mend the key, add it to the object, or mark the reference as optional",
    reads=("ConfigMap", "Secret", *PROVIDERS),
)
def missing_key(resource: Resource, around: Surroundings) -> Answer:
    """The keys that a Pod template asks for exist.

    The object is there and the key is not: the container is not created, and the message that says why is only in the events of
    the Pod. Keys of objects that a provider will make are known where the provider declares them.
    https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/#restrictions
    """
    wanted = [one for one in references(resource) if one.keys and one.kind in ("ConfigMap", "Secret")]
    if not wanted:
        return NotApplicable("it asks for no key of a ConfigMap or Secret")
    asked, unknown = False, ""
    for reference in wanted:
        found = existence(reference, resource, around)
        if reference.optional or not isinstance(found, Found):
            asked = asked or reference.optional
            continue
        asked = True
        keys = keys_of(found)
        if keys is None:
            unknown = unknown or f"the keys of {reference.kind} {reference.name} are not known here"
            continue
        for key, path in reference.keys:
            if key not in keys:
                meant = nearest(key, keys)
                hint = f"; did you mean {meant}?" if meant else ""
                message = f"{reference.kind} {reference.name} has no key {key}{hint}"
                yield Fault(path, message, subject=f"{reference.kind}/{reference.name}/{key}")
    if unknown:
        return Unknown(unknown)
    return None if asked else NotApplicable("what it refers to is missing or not known (CFG001 says which)")
