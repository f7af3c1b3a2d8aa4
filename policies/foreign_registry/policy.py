from __future__ import annotations

from auditor.kube.images import allowed, full_name, is_placeholder, parse
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, images_of
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity, Unknown


@policy(
    id="IMG003",
    practice=0,
    severity=Severity.WARNING,
    kinds=(TEMPLATED,),
    remedy="push the image to a registry of the list, or put its registry on the list (setting audit.registries)",
    enabled=False,
)
def foreign_registry(resource: Resource, around: Surroundings) -> Answer:
    """Images come from registries that somebody has chosen.

    Whoever owns the registry decides what runs here. Off by default, because only you know the list: it is the setting
    `audit.registries`. https://kubernetes.io/docs/concepts/containers/images/
    """
    registries = around.given.registries
    if not registries:
        return NotApplicable("no registries are listed (setting audit.registries)")
    asked, unknown = False, ""
    for path, written, who in images_of(resource):
        asked = True
        if is_placeholder(written):
            unknown = f"{who}: the image is filled in later"
            continue
        try:
            name = full_name(parse(written))
        except ValueError:
            continue  # IMG001 says so
        if not allowed(name, registries):
            yield Fault(path, f"{who}: {name} comes from a registry that is not listed")
    if unknown:
        return Unknown(unknown)
    return None if asked else NotApplicable("it names no image")
