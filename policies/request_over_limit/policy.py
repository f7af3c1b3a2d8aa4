from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from auditor.kube.fields import at, mapping
from auditor.kube.limits import defaults
from auditor.kube.policy import policy
from auditor.kube.quantities import parse
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, Container, Template, containers, template
from auditor.model import Answer, Fault, Judges, NotApplicable, Resource, Severity, Unreadable


@policy(
    id="RES005",
    practice=8,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="raise the limit, or lower the request",
    judges=Judges.DECLARED,
    reads=("LimitRange",),
)
def request_over_limit(resource: Resource, around: Surroundings) -> Answer:
    """Nothing asks for more than it may use.

    A request above its limit is refused by the API server, also where the limit is only the default of a LimitRange. Extended
    resources and huge pages cannot be overcommitted: there both must be equal.
    https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
    """
    found = template(resource)
    compared = False
    for container in containers(resource):
        requests, limits = (mapping(at(container.body, "resources", field)) for field in ("requests", "limits"))
        for name, request in requests.items():
            amount, limit = _amount(request), _amount(limits.get(name))
            by = ""
            if limits.get(name) is None:
                limit, by = _default(resource, around, name), " that a LimitRange sets"
            if amount is None or limit is None:
                continue
            compared = True
            path = (*container.path, "resources", "requests", name)
            if amount > limit:
                yield Fault(path, f"{container} requests more {name} than the limit{by}")
            elif amount < limit and _is_indivisible(name):
                yield Fault(path, f"{container}: request and limit of {name} must be equal")
    if found:
        for fault in _of_pod(found, tuple(containers(found, "app", "sidecar"))):
            compared = True
            if fault:
                yield fault
    return None if compared else NotApplicable("it has no request with a limit to compare")


def _amount(value: Any) -> Decimal | None:
    try:
        return None if value is None else parse(value)
    except ValueError:
        return None  # RES006 says so


def _default(resource: Resource, around: Surroundings, name: str) -> Decimal | None:
    try:
        return min(
            (one for value in defaults(resource, around, "limits", name) if (one := _amount(value)) is not None),
            default=None,
        )
    except Unreadable:
        return None


def _is_indivisible(name: str) -> bool:
    return name.startswith("hugepages-") or ("/" in name and not name.startswith("kubernetes.io/"))


def _of_pod(found: Template, every: tuple[Container, ...]) -> Iterator[Fault | None]:
    """The same for `resources` of the Pod as a whole, which bound the sum of the requests and each limit."""
    requests, limits = (mapping(at(found.spec, "resources", field)) for field in ("requests", "limits"))
    for name in (*requests, *(name for name in limits if name not in requests)):
        request, limit = _amount(requests.get(name)), _amount(limits.get(name))
        total = sum((_amount(at(one.body, "resources", "requests", name)) or Decimal(0) for one in every), Decimal(0))
        yield None
        if request is not None and limit is not None and request > limit:
            yield Fault((*found.path, "resources", "requests", name), f"the Pod requests more {name} than its limit")
        if request is not None and total > request:
            path = (*found.path, "resources", "requests", name)
            yield Fault(path, f"its containers together request more {name} than the Pod")
        for one in every:
            own = _amount(at(one.body, "resources", "limits", name))
            if own is not None and limit is not None and own > limit:
                yield Fault(
                    (*one.path, "resources", "limits", name), f"{one} has a higher limit of {name} than the Pod"
                )
