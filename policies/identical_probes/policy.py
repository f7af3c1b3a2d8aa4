from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.kube.fields import at, mapping, sequence, text, whole
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.scaling import is_switched_off
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import CUSTOM, LONG_RUNNING, containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity


@policy(
    id="PROBE003",
    practice=7,
    severity=Severity.WARNING,
    kinds=(*LONG_RUNNING, CUSTOM),
    remedy="let liveness ask the process alone, or fail later than readiness: a larger failureThreshold",
    reads=AUTOSCALERS,
    skips_hooks=True,
)
def identical_probes(resource: Resource, around: Surroundings) -> Answer:
    """Liveness is laxer than readiness.

    Where both ask the same question and liveness loses patience no later, the container is restarted when it should only be left
    without traffic: a dependency that is away for a moment restarts all replicas at once.
    https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
    """
    both = [
        (one, mapping(one.body.get("livenessProbe")), mapping(one.body.get("readinessProbe")))
        for one in containers(resource, "app", "sidecar")
        if one.body.get("livenessProbe") and one.body.get("readinessProbe")
    ]
    if not both:
        return NotApplicable("no container has both a liveness and a readiness probe")
    if is_switched_off(resource, around):
        return NotApplicable("it is scaled to zero")
    for container, liveness, readiness in both:
        if (
            _handler(liveness)
            and _handler(liveness) == _handler(readiness)
            and _patience(liveness) <= _patience(readiness)
        ):
            message = (
                f"{container}: liveness asks what readiness asks and gives up after {_patience(liveness)} s,"
                f" readiness after {_patience(readiness)} s"
            )
            yield Fault((*container.path, "livenessProbe"), message)
    return None


def _patience(probe: Mapping[str, Any]) -> int:
    """Seconds of failure until it counts, with the documented defaults."""
    return (whole(probe.get("failureThreshold")) or 3) * (whole(probe.get("periodSeconds")) or 10)


def _handler(probe: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is asked, with defaults filled in; ports compare as they are written, by name or by number."""
    http, tcp, grpc = (mapping(probe.get(field)) for field in ("httpGet", "tcpSocket", "grpc"))
    if http:
        headers = sorted(
            (text(mapping(one).get("name")), text(mapping(one).get("value")))
            for one in sequence(http.get("httpHeaders"))
        )
        scheme, host = text(http.get("scheme")) or "HTTP", text(http.get("host"))
        return ("http", scheme, host, http.get("port"), text(http.get("path")) or "/", tuple(headers))
    if tcp:
        return ("tcp", text(tcp.get("host")), tcp.get("port"))
    if grpc:
        return ("grpc", grpc.get("port"), text(grpc.get("service")))
    command = tuple(sequence(at(probe, "exec", "command")))
    return ("exec", command) if command else ()
