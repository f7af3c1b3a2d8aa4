from __future__ import annotations

from auditor.kube.fields import at, mapping, text
from auditor.kube.index import target_of
from auditor.kube.kinds import GROUPS, called, of_name, split_api_version
from auditor.kube.nearest import nearest
from auditor.kube.operators import maker
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import LONG_RUNNING
from auditor.model import Answer, Fault, Resource, Severity, Unknown

PATH = ("spec", "scaleTargetRef")
WORDS = (*LONG_RUNNING, "Rollout")


@policy(
    id="HPA001",
    practice=10,
    severity=Severity.ERROR,
    kinds=("HorizontalPodAutoscaler", "ScaledObject.keda.sh"),
    remedy="name the apiVersion, kind and name of a workload in the same namespace",
    reads=("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"),
)
def target_missing(resource: Resource, around: Surroundings) -> Answer:
    """An autoscaler has something to scale.

    An autoscaler whose target is not there does nothing, and says so only in its own conditions; the workload that was meant keeps
    the replicas it has. https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
    """
    ref = mapping(at(resource.body, *PATH))
    kind, name = target_of(resource)
    bare = kind.partition(".")[0]
    written = text(ref.get("apiVersion")) or ("apps/v1" if resource.ref.group == "keda.sh" else "")
    group = split_api_version(written)[0]
    if not name or not kind:
        yield Fault(PATH, "scaleTargetRef names no target")
        return None
    if "apiVersion" not in ref and resource.ref.group != "keda.sh" and of_name(kind):
        yield Fault(PATH, f"scaleTargetRef names no apiVersion, so {kind} {name} is not found")
        return None
    right = next((word for word in WORDS if word.lower() == bare.lower()), bare)
    if right != bare:
        yield Fault((*PATH, "kind"), f"there is no kind {bare}; did you mean {right}?")
        return None
    if group in GROUPS or group == "extensions":
        known = of_name(called(group, bare))
        if not known or known[0].group != group:
            serves = of_name(bare)
            hint = f"; it is in {serves[0].group}/{serves[0].version}" if serves else ""
            yield Fault((*PATH, "apiVersion"), f"{group or 'the core group'} does not serve {bare}{hint}")
            return None
        if around.find(kind, resource, name):
            return None
        if custom := maker(name, resource, around):
            return Unknown(f"{custom.ref} may be what makes {bare} {name}")
        severity, where = around.absence(Severity.ERROR)
        meant = nearest(name, [one.ref.name for one in around.read(kind, resource)])
        hint = f"; did you mean {meant}?" if meant else ""
        yield Fault((*PATH, "name"), f"{bare} {name}, which it scales, {where}{hint}", severity)
        return None
    if around.find(kind, resource, name):
        return None
    return Unknown(f"whether {bare} {name} exists is not known: its kind is not built in")
