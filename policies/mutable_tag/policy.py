from __future__ import annotations

from collections.abc import Iterator

from auditor.kube.fields import at, sequence, text
from auditor.kube.images import is_partial, is_placeholder, moves, parse
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers, template
from auditor.model import Answer, Fault, NotApplicable, RawPath, Resource, Severity, Unknown


@policy(
    id="IMG001",
    practice=0,
    severity=Severity.WARNING,
    kinds=(TEMPLATED,),
    remedy="name a version that does not move, or better a digest",
)
def mutable_tag(resource: Resource, around: Surroundings) -> Answer:
    """An image is named so that it stays the same.

    Behind `latest`, a branch or no tag at all is whatever was pushed last: two replicas may run two versions, a rollback pulls
    today's image, and what ran yesterday cannot be told. https://kubernetes.io/docs/concepts/containers/images/#image-names
    """
    asked, unknown = False, ""
    for path, written, who in _images(resource):
        asked = True
        if is_placeholder(written):
            unknown = f"{who}: the image is filled in later"
            continue
        try:
            image = parse(written)
        except ValueError as reason:
            yield Fault(path, f"{who}: {written[:200]} is no image reference: {reason}", Severity.ERROR)
            continue
        if why := moves(image):
            yield Fault(path, f"{who}: {written[:200]}: {why}")
        elif is_partial(image):
            yield Fault(path, f"{who}: the tag {image.tag} moves with every patch", Severity.INFO)
    if unknown:
        return Unknown(unknown)
    return None if asked else NotApplicable("it names no image")


def _images(resource: Resource) -> Iterator[tuple[RawPath, str, str]]:
    for container in containers(resource):
        yield (*container.path, "image"), text(container.body.get("image")), str(container)
    found = template(resource)
    for index, volume in enumerate(sequence(found.spec.get("volumes")) if found else ()):
        reference = at(volume, "image", "reference")
        if found and isinstance(reference, str):
            yield (*found.path, "volumes", index, "image", "reference"), reference, f"volume {at(volume, 'name')}"
