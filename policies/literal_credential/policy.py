from __future__ import annotations

from auditor.kube.credentials import is_sensitive
from auditor.kube.fields import mapping, sequence, text
from auditor.kube.literals import form_of, is_harmless
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Sealed, Severity


@policy(
    id="CFG003",
    practice=6,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="move it to a Secret, use secretKeyRef, and replace the credential: whoever reads the repository has seen it",
)
def literal_credential(resource: Resource, around: Surroundings) -> Answer:
    """Credentials come from a Secret.

    A password written into a Pod template is in git, in every ReplicaSet that is kept as history, and in the output of
    `kubectl describe`. It cannot be given to fewer people than the manifest itself.
    https://kubernetes.io/docs/concepts/configuration/secret/
    """
    asked = False
    for container in containers(resource):
        for index, item in enumerate(sequence(container.body.get("env"))):
            entry = mapping(item)
            name, value = text(entry.get("name")), entry.get("value")
            asked = asked or bool(name)
            path = (*container.path, "env", index, "value")
            if isinstance(value, Sealed):
                # A dump removes what looks like a credential; that one was there is still known.
                known = value.facts & {"pem-private", "token"} or not is_sensitive(name)
                severity = None if known else Severity.WARNING
                yield Fault(path, f"{container}: {name} looks like a credential in plain text", severity)
            if not isinstance(value, str):
                continue
            if form := form_of(value):
                yield Fault(path, f"{container}: {name} is {form}, in plain text")
            elif is_sensitive(name) and not is_harmless(name, value):
                yield Fault(path, f"{container}: {name} looks like a credential in plain text", Severity.WARNING)
        for field in ("command", "args"):
            for index, value in enumerate(sequence(container.body.get(field))):
                if form := "a credential" if isinstance(value, Sealed) else form_of(text(value)):
                    asked = True
                    message = f"{container}: {field} holds {form}, in plain text"
                    yield Fault((*container.path, field, index), message, Severity.INFO)
    return None if asked else NotApplicable("its containers set no environment variables")
