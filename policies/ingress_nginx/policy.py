from __future__ import annotations

from auditor.kube.fields import text
from auditor.kube.images import parse
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers
from auditor.model import Answer, Fault, Resource, Severity


@policy(
    id="NET003",
    practice=0,
    severity=Severity.INFO,
    kinds=(TEMPLATED,),
    remedy="move to a maintained ingress controller, or to the Gateway API",
)
def ingress_nginx(resource: Resource, around: Surroundings) -> Answer:
    """What faces the internet is still maintained.

    The community's ingress-nginx was retired in March 2026: no releases, no fixes, also of security faults.
    https://kubernetes.io/blog/2025/11/11/ingress-nginx-retirement/
    """
    for container in containers(resource):
        try:
            image = parse(text(container.body.get("image")))
        except ValueError:
            continue
        if f"/{image.repository}".endswith("/ingress-nginx/controller"):
            yield Fault((*container.path, "image"), f"{container} runs ingress-nginx, which gets no more fixes")
    return None
