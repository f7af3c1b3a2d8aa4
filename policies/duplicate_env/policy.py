from __future__ import annotations

from auditor.kube.fields import mapping, sequence, text
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity


@policy(
    id="CFG007",
    practice=6,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="keep one of the two",
)
def duplicate_env(resource: Resource, around: Surroundings) -> Answer:
    """A container sets an environment variable once.

    Of two entries with one name the last wins, wherever the eye stops. Server-side apply and `kubectl apply` merge the list by
    name, so that one of them may vanish with the next change. https://github.com/kubernetes/kubernetes/issues/58477
    """
    asked = False
    for container in containers(resource):
        seen: set[str] = set()
        for index, item in enumerate(sequence(container.body.get("env"))):
            name = text(mapping(item).get("name"))
            asked = asked or bool(name)
            if name and name in seen:
                builds_on = f"$({name})" in text(mapping(item).get("value"))
                severity = Severity.WARNING if builds_on else Severity.ERROR
                yield Fault(
                    (*container.path, "env", index, "name"), f"{container} sets {name} twice", severity, subject=name
                )
            seen.add(name)
    return None if asked else NotApplicable("its containers set no environment variables")
