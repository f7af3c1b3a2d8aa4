"""The volumes a workload claims, and whether more than one node can have them: a workload in, its claims out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.kube.fields import at, sequence, text
from auditor.kube.references import Reference, references
from auditor.kube.surroundings import Surroundings
from auditor.model import Resource, Unknown, Unreadable

SINGLE = frozenset({"ReadWriteOnce", "ReadWriteOncePod"})
"""Access modes that bind a volume to one node, or one Pod."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of a Pod template. `single`: only one node can have it; None where the claim is not known."""

    reference: Reference
    single: bool | None
    reason: str = ""


def claims(resource: Resource, around: Surroundings) -> Iterator[Claim]:
    """Every PersistentVolumeClaim that the template names. Raises nothing."""
    for reference in references(resource):
        if reference.how != "claim":
            continue
        try:
            claim = around.find("PersistentVolumeClaim", resource, reference.name)
        except Unreadable as unreadable:
            yield Claim(reference, None, str(unreadable))
            continue
        if claim is None:
            yield Claim(reference, None, f"PersistentVolumeClaim {reference.name} is not known here")
            continue
        modes = sequence(at(claim.body, "spec", "accessModes"))
        yield Claim(reference, bool(modes) and all(text(mode) in SINGLE for mode in modes))


def single_node(resource: Resource, around: Surroundings) -> Claim | Unknown | None:
    """The first claim that one node alone can have; Unknown where none is known to be one but some claim is not known."""
    every = tuple(claims(resource, around))
    known = next((claim for claim in every if claim.single), None)
    unknown = next((claim for claim in every if claim.single is None), None)
    return known or (Unknown(unknown.reason) if unknown else None)
