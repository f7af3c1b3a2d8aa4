"""Requests and limits as a container will have them: a container and its surroundings in, what it declares or is given out.

Sources: https://kubernetes.io/docs/concepts/policy/limit-range/ and `SetDefaults_LimitRange` (k8s.io/kubernetes/pkg/apis/core/v1):
of a LimitRange for containers, `default` is filled from `max`, `defaultRequest` from `default` and then from `min`; a limit
without a request is the request; the same holds for `resources` of the Pod as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.surroundings import Surroundings, Unplaced
from auditor.kube.workloads import Container, template
from auditor.model import Resource


def written(container: Container, field: str, amount: str) -> Any:
    """What `resources.requests` or `resources.limits` of the container says, or None."""
    return at(container.body, "resources", field, amount)


def has_request(resource: Resource, container: Container, around: Surroundings, amount: str) -> bool:
    """Whether the container will run with a request for "cpu" or "memory", wherever it comes from. Raises `Unreadable`."""
    if written(container, "requests", amount) is not None or written(container, "limits", amount) is not None:
        return True
    if _of_pod(resource, "requests", amount) or _of_pod(resource, "limits", amount):
        return True
    return _vertical(resource, container, around, amount) or bool(defaults(resource, around, "requests", amount))


def has_limit(resource: Resource, container: Container, around: Surroundings, amount: str) -> bool:
    """Whether the container will run with a limit for "cpu" or "memory", wherever it comes from. Raises `Unreadable`."""
    if written(container, "limits", amount) is not None or _of_pod(resource, "limits", amount):
        return True
    return bool(defaults(resource, around, "limits", amount))


def defaults(resource: Resource, around: Surroundings, field: str, amount: str) -> tuple[Any, ...]:
    """The values that LimitRanges of the namespace fill in for containers that say none. Raises `Unreadable`."""
    found = tuple(
        value
        for limit_range in around.of_kind("LimitRange", namespace=resource)
        if (value := _default(limit_range, field, amount)) is not None
    )
    if not found:
        for other in around.perhaps("LimitRange", resource):
            if _default(other, field, amount) is not None:
                raise Unplaced("LimitRange", other.ref.name)
    return found


def _default(limit_range: Resource, field: str, amount: str) -> Any:
    for limit in sequence(at(limit_range.body, "spec", "limits")):
        if at(limit, "type") == "Container":
            for source in ("defaultRequest", "default", "max", "min") if field == "requests" else ("default", "max"):
                value = at(limit, source, amount)
                if value is not None:
                    return value
    return None


def _of_pod(resource: Resource, field: str, amount: str) -> bool:
    found = template(resource)
    return found is not None and at(found.spec, "resources", field, amount) is not None


def _vertical(resource: Resource, container: Container, around: Surroundings, amount: str) -> bool:
    return any(amount in controlled(one, container.name) for one in around.vertical_autoscalers_of(resource))


def controlled(autoscaler: Resource, container: str) -> tuple[str, ...]:
    """What a VerticalPodAutoscaler writes for a container ("cpu", "memory"); its own policy counts before that of `*`.

    Every update mode but Off writes requests; what no policy says is controlled.
    """
    spec = mapping(autoscaler.body.get("spec"))
    if at(spec, "updatePolicy", "updateMode") == "Off":
        return ()
    policies: Mapping[Any, Mapping[str, Any]] = {
        text(at(policy, "containerName")): mapping(policy)
        for policy in sequence(at(spec, "resourcePolicy", "containerPolicies"))
    }
    policy = policies.get(container) or policies.get("*") or {}
    if policy.get("mode") == "Off":
        return ()
    named = policy.get("controlledResources")
    return ("cpu", "memory") if named is None else tuple(str(one) for one in sequence(named))
