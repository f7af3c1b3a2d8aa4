from __future__ import annotations

from auditor.kube.nearest import nearest
from auditor.kube.policy import policy
from auditor.kube.ports import answers, port_names, targets
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import WORKLOADS, containers, controller_of, is_finished, is_terminating, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown


@policy(
    id="SVC002",
    practice=4,
    severity=Severity.ERROR,
    kinds=("Service",),
    remedy="name a port that a selected container declares, or give its number",
    reads=("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Namespace"),
)
def target_port_unresolved(resource: Resource, around: Surroundings) -> Answer:
    """A Service leads to a port that its Pods have.

    A named targetPort is looked up among the ports of the selected containers. Where none is called so the Service has endpoints
    without that port, and connections to it are refused. https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports
    """
    named = [one for one in targets(resource) if isinstance(one.port, str) and not one.port.isdigit()]
    if not named:
        return NotApplicable("it names no port of a container")
    selected = [
        one
        for one in around.selected_by(resource)
        if not is_terminating(one) and not (one.ref.kind == "Pod" and is_finished(one))
    ]
    if not selected:
        return NotApplicable("it selects nothing (SVC001 says so)")
    of_record = [one for one in selected if not controller_of(one)] or selected
    of_record.sort(key=lambda one: one.ref.kind == "Pod")  # of a stray Pod and a workload, the workload is meant
    unknown = ""
    for target in named:
        without = [
            one for one in of_record if not any(answers(found, target) for found in containers(one, "app", "sidecar"))
        ]
        path = (*target.path, "targetPort")
        if len(without) == len(of_record):
            if injected := _mesh(of_record, around):
                unknown = injected
                continue
            around.require(*WORKLOADS, where=resource)
            names = {name for one in of_record for found in containers(one) for name in port_names(found)}
            meant = nearest(str(target.port), names)
            hint = f"; did you mean {meant}?" if meant else ""
            yield Fault(
                path, f"no container of {of_record[0].ref} declares a port {target.port}/{target.protocol}{hint}"
            )
        elif without:
            yield Fault(path, f"{without[0].ref} has no port {target.port}, and serves nothing there", Severity.INFO)
    return Unknown(unknown) if unknown else None


def _mesh(selected: list[Resource], around: Surroundings) -> str:
    """Why a port may come from a proxy that is put in when the Pod is made; "" where none is."""
    for one in selected:
        found = template(one)
        marks = {**found.labels, **found.annotations} if found else {}
        namespace = next(iter(around.elsewhere("Namespace", one.ref.namespace or "")), None)
        held = {**namespace.labels(), **namespace.annotations()} if namespace else {}
        asks = marks.get("sidecar.istio.io/inject") == "true" or marks.get("linkerd.io/inject") == "enabled"
        if asks or held.get("istio-injection") == "enabled" or held.get("linkerd.io/inject") == "enabled":
            return f"a mesh puts containers into the Pods of {one.ref}, and their ports are not known here"
    return ""
