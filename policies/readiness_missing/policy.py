from __future__ import annotations

import re

from auditor.kube.fields import at, sequence
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.ports import MESH, answers, targets
from auditor.kube.scaling import is_switched_off
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import CUSTOM, LONG_RUNNING, containers, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

METRICS = re.compile(r"metrics|prometheus|telemetry")


@policy(
    id="PROBE001",
    practice=7,
    severity=Severity.ERROR,
    kinds=(*LONG_RUNNING, CUSTOM),
    remedy="add a readinessProbe that succeeds once the container can serve",
    reads=("Service", *AUTOSCALERS),
    skips_hooks=True,
)
def readiness_missing(resource: Resource, around: Surroundings) -> Answer:
    """What serves a Service says when it is ready.

    Without a readiness probe a Pod receives traffic from the moment its process starts, and a rollout goes on to the next one: every
    rollout answers some requests with errors. https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
    """
    found = template(resource)
    serving = [one for one in containers(found, "app", "sidecar") if one.name not in MESH] if found else []
    if found is None or not serving:
        return NotApplicable("it has no containers of its own")
    if resource.ref.group == "serving.knative.dev":
        return NotApplicable("Knative sets a readiness probe of its own")
    if is_switched_off(resource, around):
        return NotApplicable("it is scaled to zero")
    services = [one for one in around.services_selecting(resource) if not _publishes_all(one)]
    if not services:
        return NotApplicable("no Service that waits for readiness selects it")
    told = set()
    for service in sorted(services, key=_is_for_metrics):  # the graver first
        severity = Severity.WARNING if _is_for_metrics(service) else None
        ports = tuple(targets(service))
        # Without a port to tell them apart, one container with a probe is enough: it decides for the Pod.
        attributed = [one for one in serving if len(serving) == 1 or any(answers(one, port) for port in ports)]
        for container in attributed:
            if not container.body.get("readinessProbe") and container.path not in told:
                told.add(container.path)
                yield Fault(
                    container.path,
                    f"{container} has no readinessProbe, and Service {service.ref.name} sends it traffic",
                    severity,
                )
        if not attributed and not told and not any(one.body.get("readinessProbe") for one in serving):
            told.add(found.path)
            path = (*found.path, "containers")
            message = f"no container has a readinessProbe, and Service {service.ref.name} sends the Pod traffic"
            yield Fault(path, message, severity)
    return None


def _is_for_metrics(service: Resource) -> bool:
    """Whether every port says that it is for metrics: a scrape that fails is made again, and nobody's request is lost."""
    ports = sequence(at(service.body, "spec", "ports"))
    return bool(ports) and all(METRICS.search(f"{at(port, 'name')} {at(port, 'targetPort')}") for port in ports)


def _publishes_all(service: Resource) -> bool:
    spec = service.body.get("spec")
    return at(spec, "clusterIP") == "None" and at(spec, "publishNotReadyAddresses") is True
