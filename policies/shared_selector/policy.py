from __future__ import annotations

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.index import selector_of, space
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

# Pairs of Services that share their Pods by design while a new version is tried.
STAGES = ("-active", "-canary", "-preview", "-primary", "-stable")


@policy(
    id="SVC003",
    practice=4,
    severity=Severity.INFO,
    kinds=("Service",),
    remedy="keep one of the two, or let their selectors differ",
    reads=("Rollout.argoproj.io",),
)
def shared_selector(resource: Resource, around: Surroundings) -> Answer:
    """Two Services do not stand for the same thing.

    With the same selector and the same ports one of them is a leftover of a renaming, or two teams each made their own: clients are
    spread over both names, and neither can be removed without asking.
    https://kubernetes.io/docs/concepts/services-networking/service/#defining-a-service
    """
    if selector_of(resource) is None:
        return NotApplicable("it selects nothing")
    if resource.ref.name.endswith(STAGES):
        return NotApplicable("its name says that it is one of several stages")
    here = _identity(resource)
    others = around.once("services by selector", lambda: _by_selector(around)).get(here, ())
    for other in others:
        if other.ref == resource.ref or other.ref.name.endswith(STAGES) or _differ_by_design(resource, other, around):
            continue
        shared = sorted(_ports(resource) & _ports(other))
        if shared:
            port, protocol = shared[0]
            message = f"Service {other.ref.name} has the same selector and port {port}/{protocol} too"
            yield Fault(("spec", "selector"), message, subject=other.ref.name)
    return None


def _by_selector(around: Surroundings) -> dict[object, list[Resource]]:
    found: dict[object, list[Resource]] = {}
    for service in around.every("Service"):
        if selector_of(service) is not None:
            found.setdefault(_identity(service), []).append(service)
    return found


def _identity(service: Resource) -> tuple[str, frozenset[tuple[str, str]]]:
    pairs = mapping(at(service.body, "spec", "selector")).items()
    return space(service), frozenset((key, str(value)) for key, value in pairs)


def _ports(service: Resource) -> set[tuple[int, str]]:
    ports = (mapping(one) for one in sequence(at(service.body, "spec", "ports")))
    return {(number, text(one.get("protocol")) or "TCP") for one in ports if isinstance(number := one.get("port"), int)}


def _differ_by_design(one: Resource, other: Resource, around: Surroundings) -> bool:
    """One headless and one not, one inside and one outside, or the two ends of a Rollout."""
    kinds = {
        (at(it.body, "spec", "clusterIP") == "None", at(it.body, "spec", "type") or "ClusterIP") for it in (one, other)
    }
    if len(kinds) == 2:
        return True
    names = {one.ref.name, other.ref.name}
    for rollout in around.read("Rollout.argoproj.io", one):
        strategy = mapping(at(rollout.body, "spec", "strategy"))
        for stage in strategy.values():
            if names & {text(value) for field, value in mapping(stage).items() if field.endswith("Service")}:
                return True
    return False
