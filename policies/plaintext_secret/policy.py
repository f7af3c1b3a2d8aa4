from __future__ import annotations

from auditor.kube.fields import mapping
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Judges, NotApplicable, Resource, Sealed, Severity

HARMLESS = frozenset({"empty", "placeholder", "encrypted"})
PUBLIC = frozenset({"ca.crt", "tls.crt"})


@policy(
    id="CFG005",
    practice=6,
    severity=Severity.ERROR,
    kinds=("Secret",),
    remedy="encrypt it with SOPS or Sealed Secrets, or let External Secrets fetch it; and replace the credential",
    judges=Judges.DECLARED,
)
def plaintext_secret(resource: Resource, around: Surroundings) -> Answer:
    """Secrets in git are encrypted.

    base64 is no encryption: whoever can read the repository, or any clone of it, has the value, and git keeps it after it is
    deleted. https://kubernetes.io/docs/concepts/security/secrets-good-practices/
    """
    if around.desired is None:
        return NotApplicable("it was not read from git")
    held = [
        (part, key, value) for part in ("data", "stringData") for key, value in mapping(resource.body.get(part)).items()
    ]
    if not held:
        return NotApplicable("it holds nothing")
    for part, key, value in held:
        facts = value.facts if isinstance(value, Sealed) else frozenset()
        if facts & HARMLESS or value is None or (key in PUBLIC and "pem-public" in facts):
            continue
        yield Fault((part, key), f"key {key} holds a value that anybody who reads the repository can read")
    return None
