from __future__ import annotations

from auditor.kube.images import is_partial, is_placeholder, moves, parse
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, images_of
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown


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
    for path, written, who in images_of(resource):
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
            yield Fault(path, f"{who}: the tag {image.tag} names no patch version, and may move", Severity.INFO)
    if unknown:
        return Unknown(unknown)
    return None if asked else NotApplicable("it names no image")
