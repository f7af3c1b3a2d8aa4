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
    name, so that one of them may vanish with the next change.
    https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/ and kubernetes/kubernetes#58477
    """
    asked = False
    for container in containers(resource):
        seen: dict[str, int] = {}
        values = [text(mapping(item).get("value")) for item in sequence(container.body.get("env"))]
        for index, item in enumerate(sequence(container.body.get("env"))):
            name = text(mapping(item).get("name"))
            asked = asked or bool(name)
            if name and name in seen:
                builds_on = f"$({name})" in text(mapping(item).get("value"))
                severity = Severity.WARNING if builds_on else Severity.ERROR
                path = (*container.path, "env", index, "name")
                # the entry above has no effect, unless another variable is made of it
                used = any(f"$({name})" in value for value in values)
                surplus = () if used else ((*container.path, "env", seen[name]),)
                yield Fault(path, f"{container} sets {name} twice", severity, subject=name, surplus=surplus)
            if name:
                seen[name] = index
    return None if asked else NotApplicable("its containers set no environment variables")
