from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.kube.fields import at, mapping, sequence, text, whole
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.scaling import bounds
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Judges, NotApplicable, Resource, Severity

PATH = ("spec", "replicas")


@policy(
    id="HPA002",
    practice=10,
    severity=Severity.ERROR,
    kinds=("Deployment", "ReplicaSet", "StatefulSet"),
    remedy="remove spec.replicas from git, and leave the number to the autoscaler",
    judges=Judges.DECLARED,
    reads=(*AUTOSCALERS, "Application.argoproj.io"),
)
def replicas_fought_over(resource: Resource, around: Surroundings) -> Answer:
    """One hand sets the number of replicas.

    While git names a number and an autoscaler another, every sync throws away what the autoscaler has decided, mostly under load,
    and the autoscaler decides it again. https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#migrating-deployments-and-statefulsets-to-horizontal-autoscaling
    """
    replicas = whole(at(resource.body, *PATH))
    if replicas is None:
        return NotApplicable("git does not set replicas")
    autoscalers = around.autoscalers_of(resource)
    if not autoscalers:
        return NotApplicable("no autoscaler scales it")
    if _is_ignored(resource, around):
        return None
    by = autoscalers[0]
    if replicas == 0:
        message = f"replicas 0 switches {by.ref} off, and every sync does so again"
        yield Fault(PATH, message, Severity.WARNING)
    elif any(replicas == bounds(one)[0] for one in autoscalers):
        message = f"replicas {replicas} is the least that {by.ref} sets: every sync goes back to it"
        yield Fault(PATH, message, Severity.WARNING, surplus=(PATH,))
    else:
        yield Fault(PATH, f"every sync sets replicas to {replicas}, against {by.ref}", surplus=(PATH,))
    return None


def _is_ignored(resource: Resource, around: Surroundings) -> bool:
    """Whether Argo CD is told to leave the number alone, for this object."""
    ref = resource.ref
    return any(
        (not ref.namespace or namespace in ("", ref.namespace))
        and all(
            entry.get(field) in (None, "", "*", value)
            for field, value in (
                ("kind", ref.kind),
                ("group", ref.group),
                ("name", ref.name),
                ("namespace", ref.namespace),
            )
        )
        for namespace, entry in around.once("replicas-ignored", lambda: tuple(_ignoring(around)))
    )


def _ignoring(around: Surroundings) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(namespace of the destination, entry) of every `ignoreDifferences` about replicas that a sync respects."""
    for application in around.every("Application.argoproj.io"):
        spec = mapping(application.body.get("spec"))
        if "RespectIgnoreDifferences=true" not in sequence(at(spec, "syncPolicy", "syncOptions")):
            continue
        for entry in map(mapping, sequence(spec.get("ignoreDifferences"))):
            if (
                "/spec/replicas" in sequence(entry.get("jsonPointers"))
                or ".spec.replicas" in sequence(entry.get("jqPathExpressions"))
                or "kube-controller-manager" in sequence(entry.get("managedFieldsManagers"))
            ):
                yield text(at(spec, "destination", "namespace")), entry
