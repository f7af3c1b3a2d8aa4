from __future__ import annotations

from auditor.kube.fields import mapping, whole
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.scaling import is_switched_off
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import CUSTOM, LONG_RUNNING, containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
LONG = 120


@policy(
    id="PROBE005",
    practice=7,
    severity=Severity.INFO,
    kinds=(*LONG_RUNNING, CUSTOM),
    remedy="give a probe less time than its period, and a slow start a startupProbe instead of a long initial delay",
    reads=AUTOSCALERS,
    skips_hooks=True,
)
def probe_timing(resource: Resource, around: Surroundings) -> Answer:
    """The times of a probe fit each other.

    A timeout longer than the period lets probes pile up; a long initial delay leaves a container that hangs at its start alone for
    all that time, on every restart. The API server refuses a successThreshold other than 1 for liveness and startup.
    https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#configure-probes
    """
    asked = False
    for container in containers(resource, "app", "sidecar"):
        for field in PROBES:
            probe = mapping(container.body.get(field))
            if not probe:
                continue
            if not asked and is_switched_off(resource, around):
                return NotApplicable("it is scaled to zero")
            asked = True
            path = (*container.path, field)
            timeout, period = whole(probe.get("timeoutSeconds")) or 1, whole(probe.get("periodSeconds")) or 10
            if timeout > period:
                message = f"{container}: {field} may take {timeout} s and is asked every {period} s"
                yield Fault((*path, "timeoutSeconds"), message)
            delay = whole(probe.get("initialDelaySeconds")) or 0
            if field == "livenessProbe" and delay > LONG and not container.body.get("startupProbe"):
                yield Fault(
                    (*path, "initialDelaySeconds"), f"{container}: nobody looks after it for its first {delay} s"
                )
            if field != "readinessProbe" and (whole(probe.get("successThreshold")) or 1) != 1:
                message = f"{container}: {field} takes only successThreshold 1"
                yield Fault((*path, "successThreshold"), message, Severity.ERROR)
    return None if asked else NotApplicable("no container has a probe")
