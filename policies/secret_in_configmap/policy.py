from __future__ import annotations

import base64
import binascii

from auditor.kube.credentials import is_sensitive
from auditor.kube.fields import mapping, text
from auditor.kube.literals import form_of, is_harmless
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Judges, NotApplicable, Resource, Severity

FILES = (".key", ".pem", ".crt", ".pub")


@policy(
    id="CFG004",
    practice=6,
    severity=Severity.ERROR,
    kinds=("ConfigMap",),
    remedy="move it to a Secret, and replace the credential: whoever reads the repository has seen it",
    judges=Judges.DECLARED,
)
def secret_in_configmap(resource: Resource, around: Surroundings) -> Answer:
    """ConfigMaps hold no credentials.

    Whoever may read Pods may usually read ConfigMaps too; they are neither encrypted at rest nor left out of reports and dumps.
    Only a Secret is treated as one. https://kubernetes.io/docs/concepts/configuration/configmap/
    """
    if resource.ref.name == "kube-root-ca.crt":
        return NotApplicable("every namespace has this one; it holds public certificates")
    data = mapping(resource.body.get("data"))
    binary = mapping(resource.body.get("binaryData"))
    if not data and not binary:
        return NotApplicable("it holds nothing")
    for key, value in data.items():
        said = text(value)
        if form := form_of(said):
            yield Fault(("data", key), f"key {key} holds {form}")
        elif is_sensitive(key) and not key.endswith(FILES) and not is_harmless(key, said):
            yield Fault(("data", key), f"key {key} looks like a credential", Severity.WARNING)
    for key, value in binary.items():
        try:
            decoded = base64.b64decode(text(value)).decode("latin-1")
        except (binascii.Error, ValueError):
            continue
        if form_of(decoded) == "a private key":
            yield Fault(("binaryData", key), f"key {key} holds a private key")
    return None
