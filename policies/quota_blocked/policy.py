from __future__ import annotations

from collections.abc import Iterator

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.index import VERTICAL
from auditor.kube.limits import controlled, has_limit, has_request
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, Container, Template, containers, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown

# Entries of a quota that force every container to say a value, and what they force.
FORCED = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
}


@policy(
    id="RES007",
    practice=8,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="set the value in every container, or a default in a LimitRange of the namespace",
    reads=("ResourceQuota", "LimitRange", "PriorityClass", VERTICAL),
)
def quota_blocked(resource: Resource, around: Surroundings) -> Answer:
    """What a quota counts, every container says.

    In a namespace with a quota for a resource the API server refuses each Pod that does not say how much of it it wants: the workload is
    there, and no Pod ever is. https://kubernetes.io/docs/concepts/policy/resource-quotas/
    """
    found = template(resource)
    quotas = around.of_kind("ResourceQuota", namespace=resource)
    if found is None or not quotas:
        return NotApplicable("no quota bounds its namespace")
    if mapping(at(found.spec, "resources", "requests")) or mapping(at(found.spec, "resources", "limits")):
        return None  # the server leaves such Pods alone
    asked, unknown, told = False, "", set()
    for quota in quotas:
        if not _applies(quota, resource, found, around):
            continue
        for field, amount in dict.fromkeys(
            FORCED[name] for name in mapping(at(quota.body, "spec", "hard")) if name in FORCED
        ):
            asked = True
            for container in containers(found, "app", "sidecar", "init"):
                said = _says(resource, container, around, field, amount)
                if said is None:
                    unknown = f"whether an autoscaler has set the {amount} {field} of {container} is not known"
                elif not said and (container.path, field, amount) not in told:
                    told.add((container.path, field, amount))
                    message = f"{container} has no {amount} {field[:-1]}, which ResourceQuota {quota.ref.name} demands"
                    yield Fault(container.path, message, subject=f"{field}.{amount}")
    if unknown:
        return Unknown(unknown)
    return None if asked else NotApplicable("no quota of its namespace demands a value")


def _says(resource: Resource, container: Container, around: Surroundings, field: str, amount: str) -> bool | None:
    if field == "limits":
        return has_limit(resource, container, around, amount)
    if not has_request(resource, container, around, amount):
        return False
    # A vertical autoscaler supplies the value only once it has a recommendation.
    alone = (
        at(container.body, "resources", "requests", amount) is None
        and at(container.body, "resources", "limits", amount) is None
    )
    by = (
        any(amount in controlled(one, container.name) for one in around.vertical_autoscalers_of(resource))
        if alone
        else False
    )
    return None if by else True


def _applies(quota: Resource, resource: Resource, found: Template, around: Surroundings) -> bool:
    scopes = [(text(one), "", ()) for one in sequence(at(quota.body, "spec", "scopes"))]
    for item in sequence(at(quota.body, "spec", "scopeSelector", "matchExpressions")):
        scopes.append((text(at(item, "scopeName")), text(at(item, "operator")), tuple(sequence(at(item, "values")))))  # noqa: PERF401
    return all(_in_scope(name, operator, values, found, around) for name, operator, values in scopes)


def _in_scope(name: str, operator: str, values: tuple[object, ...], found: Template, around: Surroundings) -> bool:
    terminating = found.spec.get("activeDeadlineSeconds") is not None
    affinity = mapping(found.spec.get("affinity"))
    crossing = any(term.get("namespaces") or "namespaceSelector" in term for term in _terms(affinity))
    best_effort = not any(
        at(one.body, "resources", field) for one in containers(found) for field in ("requests", "limits")
    )
    if name == "PriorityClass":
        priority = text(found.spec.get("priorityClassName")) or next(
            (one.ref.name for one in around.every("PriorityClass") if one.body.get("globalDefault") is True), ""
        )
        return {
            "In": priority in values,
            "NotIn": priority not in values,
            "Exists": bool(priority),
            "DoesNotExist": not priority,
        }.get(operator, bool(priority))
    return {
        "Terminating": terminating,
        "NotTerminating": not terminating,
        "BestEffort": best_effort,
        "NotBestEffort": not best_effort,
        "CrossNamespacePodAffinity": crossing,
    }.get(name, True)


def _terms(affinity: object) -> Iterator[dict[str, object]]:
    for field in ("podAffinity", "podAntiAffinity"):
        yield from (
            dict(mapping(one))
            for one in sequence(at(affinity, field, "requiredDuringSchedulingIgnoredDuringExecution"))
        )
        for one in sequence(at(affinity, field, "preferredDuringSchedulingIgnoredDuringExecution")):
            yield dict(mapping(at(one, "podAffinityTerm")))
