from __future__ import annotations

import re
from itertools import pairwise

from auditor.kube.fields import sequence, text
from auditor.kube.images import parse
from auditor.kube.index import AUTOSCALERS
from auditor.kube.policy import policy
from auditor.kube.scaling import most_replicas
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import Container, containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

WORDS = re.compile(r"[a-z]+")
TOOLS = frozenset({"flyway", "goose", "liquibase"})
PAIRS = frozenset({("alembic", "upgrade"), ("database", "update")})


@policy(
    id="INIT007",
    practice=3,
    severity=Severity.INFO,
    kinds=("Deployment",),
    remedy="run it once, in a Job or a hook before the rollout, or use a tool that takes a lock",
    reads=AUTOSCALERS,
    skips_hooks=True,
)
def migration_per_replica(resource: Resource, around: Surroundings) -> Answer:
    """A migration runs once.

    An init container runs in every replica, in several of them at the same moment, and again with every Pod that is replaced or
    scaled up. https://kubernetes.io/docs/concepts/workloads/pods/init-containers/
    """
    migrating = [container for container in containers(resource, "init") if _migrates(container)]
    if not migrating:
        return NotApplicable("no init container migrates anything")
    most = most_replicas(resource, around)
    if most < 2:
        return NotApplicable("it runs one replica at most")
    for container in migrating:
        yield Fault(container.path, f"{container} migrates in each of up to {most} replicas")
    return None


def _migrates(container: Container) -> bool:
    said = " ".join(text(word) for field in ("command", "args") for word in sequence(container.body.get(field))).lower()
    words = WORDS.findall(said)
    if "migrate" in words or "migrations" in words or TOOLS & set(words):
        return True
    if not PAIRS.isdisjoint(pairwise(words)):
        return True
    try:
        return bool(TOOLS & set(WORDS.findall(parse(text(container.body.get("image"))).repository.rpartition("/")[2])))
    except ValueError:
        return False
