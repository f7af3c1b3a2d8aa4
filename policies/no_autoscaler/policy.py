from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import Container, containers, replicas, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

STATEFUL = ("persistentVolumeClaim", "hostPath")
ELECTS = re.compile(r"-{1,2}(?:enable-)?leader-elect(?:ion)?(?:=true|-.+)?")
WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


@policy(
    id="HPA007",
    practice=10,
    severity=Severity.WARNING,
    kinds=("Deployment",),
    remedy="add a HorizontalPodAutoscaler, or a waiver that says why the load is constant",
    reads=("Service", "APIService", *WEBHOOKS, *AUTOSCALERS),
)
def no_autoscaler(resource: Resource, around: Surroundings) -> Answer:
    """Stateless workloads scale with their load.

    A number of replicas that somebody chose is too small at noon and too large at night. What keeps no state, serves a Service and
    already runs more than once can be scaled by what it uses. https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
    """
    found = template(resource)
    if found is None:
        return NotApplicable("it has no Pod template")
    if any(mapping(volume).get(field) for volume in sequence(found.spec.get("volumes")) for field in STATEFUL):
        return NotApplicable("it keeps state in a volume")
    if around.autoscalers_of(resource):
        return None
    if replicas(resource) < 2:
        return NotApplicable("it runs one replica at most")
    if any(_elects(one) for one in containers(found, "app")):
        return NotApplicable("its replicas elect one that works; more of them would not share the load")
    services = around.services_selecting(resource)
    if not services:
        return NotApplicable("no Service selects it")
    called = around.once("called by the API server", lambda: frozenset(_called(around)))
    if all((one.ref.namespace, one.ref.name) in called for one in services):
        return NotApplicable("only the API server calls it, as a webhook or an extension")
    message = f"{replicas(resource)} replicas serve Service {services[0].ref.name}, and nothing scales them"
    yield Fault(("spec", "replicas"), message)
    return None


def _elects(container: Container) -> bool:
    """Whether it is told to elect a leader, as controllers are."""
    words = (word for field in ("command", "args") for word in sequence(container.body.get(field)))
    return any(ELECTS.fullmatch(text(word)) for word in words)


def _called(around: Surroundings) -> Iterator[tuple[str, str]]:
    """(namespace, name) of the Services that the API server itself calls."""
    clients = [at(one.body, "spec", "service") for one in around.every("APIService")]
    for kind in WEBHOOKS:
        for configuration in around.every(kind):
            hooks = sequence(configuration.body.get("webhooks"))
            clients += [at(hook, "clientConfig", "service") for hook in hooks]
    for client in clients:
        yield text(at(client, "namespace")), text(at(client, "name"))
