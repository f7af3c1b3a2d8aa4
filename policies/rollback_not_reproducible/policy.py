from __future__ import annotations

from auditor.kube.fields import at, text
from auditor.kube.images import MOVING, is_placeholder, parse
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import containers
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity


@policy(
    id="HIST005",
    practice=5,
    severity=Severity.WARNING,
    kinds=("DaemonSet", "Deployment", "StatefulSet"),
    remedy="name a version that does not move, or a digest",
    skips_hooks=True,
)
def rollback_not_reproducible(resource: Resource, around: Surroundings) -> Answer:
    """Rolling back brings back what ran.

    An earlier revision holds the name of an image, not the image. Where that name moves, `kubectl rollout undo` pulls today's image
    under yesterday's template. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-back-a-deployment
    """
    if at(resource.body, "spec", "revisionHistoryLimit") == 0:
        return NotApplicable("it keeps no history to roll back to (HIST001 says so)")
    for container in containers(resource, "app", "sidecar", "init"):
        written = text(container.body.get("image"))
        if is_placeholder(written):
            continue
        try:
            image = parse(written)
        except ValueError:
            continue  # IMG001 says so
        if not image.digest and (image.tag is None or image.tag.lower() in MOVING):
            tag = f"the tag {image.tag}" if image.tag else "an image without a tag"
            yield Fault(
                (*container.path, "image"), f"{container}: {tag} moves: an earlier revision pulls today's image"
            )
    return None
