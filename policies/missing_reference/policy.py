from __future__ import annotations

from auditor.kube.existence import Found, Missing, existence
from auditor.kube.fields import at, sequence
from auditor.kube.policy import policy
from auditor.kube.providers import PROVIDERS
from auditor.kube.references import Reference, references
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown

# What the kubelet does without it.
CONSEQUENCE = {
    "env": "the Pod stays in CreateContainerConfigError",
    "envFrom": "the Pod stays in CreateContainerConfigError",
    "volume": "the Pod stays in ContainerCreating",
    "pull": "images are pulled without it",
}


@policy(
    id="CFG001",
    practice=6,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="create it in the namespace, mend the name, or mark the reference as optional",
    reads=("ConfigMap", "Secret", "ServiceAccount", *PROVIDERS),
)
def missing_reference(resource: Resource, around: Surroundings) -> Answer:
    """What a Pod template refers to is there.

    A Pod waits for every ConfigMap and Secret that it names and does not call optional. It never starts, and a rollout hangs with
    it. Objects that External Secrets, Sealed Secrets, cert-manager or the Secrets Store driver will make count as there.
    https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/#restrictions
    """
    wanted = [one for one in references(resource) if one.kind in ("ConfigMap", "Secret")]
    if not wanted:
        return NotApplicable("it refers to no ConfigMap and no Secret")
    unknown = ""
    told: set[tuple[str, str]] = set()
    for reference in wanted:
        if reference.optional or (reference.kind, reference.name) in told:
            continue
        told.add((reference.kind, reference.name))
        what = existence(reference, resource, around)
        if isinstance(what, Unknown):
            unknown = unknown or what.reason
        elif isinstance(what, Missing):
            yield _fault(reference, what, around)
        elif _is_unmounted(what, resource):
            message = (
                f"Secret {reference.name} exists only while a Pod mounts SecretProviderClass {what.resource.ref.name}"  # type: ignore[union-attr]
            )
            yield Fault(reference.path, message, Severity.WARNING, subject=f"Secret/{reference.name}")
    return Unknown(unknown) if unknown else None


def _fault(reference: Reference, missing: Missing, around: Surroundings) -> Fault:
    severity, where = around.absence(Severity.WARNING if reference.how == "pull" else Severity.ERROR)
    hint = f" ({missing.hint})" if missing.hint else ""
    message = f"{reference.kind} {reference.name} {where}{hint}: {CONSEQUENCE[reference.how]}"
    return Fault(reference.path, message, severity, subject=f"{reference.kind}/{reference.name}")


def _is_unmounted(found: Found, resource: Resource) -> bool:
    """The Secrets Store driver makes its Secrets only while some Pod mounts the class."""
    if found.resource is None or found.resource.ref.kind != "SecretProviderClass":
        return False
    spec = template(resource)
    return spec is not None and not any(
        at(volume, "csi", "volumeAttributes", "secretProviderClass") == found.resource.ref.name
        for volume in sequence(spec.spec.get("volumes"))
    )
