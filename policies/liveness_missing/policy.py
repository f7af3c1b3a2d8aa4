from __future__ import annotations

from auditor.kube.fields import sequence
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.ports import MESH
from auditor.kube.scaling import is_switched_off
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import CUSTOM, LONG_RUNNING, containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity


@policy(
    id="PROBE002",
    practice=7,
    severity=Severity.WARNING,
    kinds=(*LONG_RUNNING, CUSTOM),
    remedy="add a livenessProbe that fails only when a restart helps: longer and laxer than readiness, and asking nobody else",
    reads=AUTOSCALERS,
    skips_hooks=True,
)
def liveness_missing(resource: Resource, around: Surroundings) -> Answer:
    """What serves says when it is stuck.

    A process that hangs without exiting is never restarted unless a liveness probe tells. The probe must be conservative: one that
    fails under load, or because a database is away, restarts what a restart does not mend, everywhere at once.
    https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
    """
    if resource.ref.group == "serving.knative.dev":
        return NotApplicable("Knative probes it by its own means")
    own = [one for one in containers(resource, "app", "sidecar") if one.name not in MESH]
    if not own:
        return NotApplicable("it has no containers of its own")
    if is_switched_off(resource, around):
        return NotApplicable("it is scaled to zero")
    for container in own:
        if container.body.get("livenessProbe"):
            continue
        if sequence(container.body.get("ports")):
            yield Fault(container.path, f"{container} has ports and no livenessProbe")
        else:
            yield Fault(container.path, f"{container} has no livenessProbe", Severity.INFO)
    return None
