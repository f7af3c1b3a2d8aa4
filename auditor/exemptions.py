"""Waivers: annotations in git in, one answer out to "does this verdict count?", for every path that asks.

On an object, or on its Namespace object, in git: `gitops-auditor.io/waive.POD001: "reason=…; until=2027-12-31; by=team-x"`,
with `container=web` where only one container is meant. Never from the live side: who can edit an object on the cluster must
not be able to silence what is said of it. A waiver that says no reason, owner or end, or is past its end, does not waive.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from auditor.model import Finding, Outcome, Place, Problem, Ref, Resource, Severity, Snapshot, Verdict

PREFIX: Final = "gitops-auditor.io/waive."
_ID: Final = re.compile(r"[A-Z]{2,10}[0-9]{3}[a-z]?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PARTS: Final = ("reason", "until", "by", "container", "ref")
_REMEDY: Final = 'write it as "reason=…; until=YYYY-MM-DD; by=…"'


@dataclass(frozen=True, slots=True)
class Waiver:
    """One exception that somebody granted. `until` is the last day (UTC) it holds; `container` is "" for all of them."""

    policy: str
    holder: Ref
    reason: str
    until: date
    by: str
    container: str
    place: Place | None


@dataclass(frozen=True, slots=True)
class Exemptions:
    """The waivers that hold at a moment, and what is wrong with the others."""

    by_object: Mapping[tuple[str, Ref], Waiver] = field(default_factory=dict)
    by_namespace: Mapping[tuple[str, str], Waiver] = field(default_factory=dict)
    faulty: tuple[Problem, ...] = ()

    def waived(self, policy: str, ref: Ref, findings: Iterable[Finding]) -> Waiver | None:
        """The waiver by which a failed verdict does not count: the object's own, else its namespace's; None where it counts."""
        candidates = (self.by_object.get((policy, ref)), self.by_namespace.get((policy, ref.namespace or "")))
        for waiver in candidates:
            if waiver and all(_covers(waiver, finding) for finding in findings):
                return waiver
        return None

    def problems(self, verdicts: Iterable[Verdict]) -> tuple[Problem, ...]:
        """What is wrong with waivers: invalid and expired ones, and those that waived nothing though their policy was asked."""
        asked: set[str] = set()
        used: set[Waiver] = set()
        for verdict in verdicts:
            asked.add(verdict.policy)
            if verdict.outcome is Outcome.WAIVED:
                waiver = self.waived(verdict.policy, verdict.ref, verdict.findings)
                used |= {waiver} if waiver else set()
        every = (*self.by_object.values(), *self.by_namespace.values())
        unused = [waiver for waiver in every if waiver.policy in asked and waiver not in used]
        return (
            *self.faulty,
            *(
                Problem(
                    "WVR003",
                    Severity.INFO,
                    f"waiver of {waiver.policy} on {waiver.holder} waives nothing",
                    f"remove the annotation {PREFIX}{waiver.policy}",
                    waiver.place,
                    waiver.holder,
                )
                for waiver in unused
            ),
        )


def exemptions(desired: Snapshot | None, at: datetime) -> Exemptions:
    """The waivers of the desired side that hold at the moment `at`."""
    by_object: dict[tuple[str, Ref], Waiver] = {}
    by_namespace: dict[tuple[str, str], Waiver] = {}
    faulty: list[Problem] = []
    for resource in desired.by_ref.values() if desired else ():
        for key, value in resource.annotations().items():
            if not isinstance(key, str) or not key.startswith(PREFIX):
                continue
            waiver = _read(resource, key, value)
            if isinstance(waiver, Waiver) and waiver.until < at.astimezone(UTC).date():
                waiver = _problem(
                    "WVR002",
                    resource,
                    key,
                    f"waiver of {waiver.policy} on {resource.ref} ended on {waiver.until}",
                    "mend what it waived, or agree on a new end",
                )
            if isinstance(waiver, Problem):
                faulty.append(waiver)
                continue
            by_object[waiver.policy, resource.ref] = waiver
            if resource.ref.kind == "Namespace" and resource.ref.group == "":
                by_namespace[waiver.policy, resource.ref.name] = waiver
    return Exemptions(by_object, by_namespace, tuple(faulty))


def _read(resource: Resource, key: str, value: object) -> Waiver | Problem:
    policy = key.removeprefix(PREFIX)
    what = f"waiver of {policy} on {resource.ref}"
    if not _ID.fullmatch(policy):
        return _problem("WVR001", resource, key, f"{what}: {policy!r} is no policy id", "name the id, such as POD001")
    parts: dict[str, str] = {}
    for piece in str(value).split(";"):
        name, equals, said = piece.strip().partition("=")
        if piece.strip() and (not equals or name.strip() not in _PARTS):
            return _problem("WVR001", resource, key, f"{what}: {piece.strip()[:40]!r} is not understood", _REMEDY)
        parts[name.strip()] = said.strip()
    lacking = [name for name in ("reason", "until", "by") if not parts.get(name)]
    if lacking:
        return _problem("WVR001", resource, key, f"{what} says no {' and no '.join(lacking)}", _REMEDY)
    try:
        until = date.fromisoformat(parts["until"]) if _DAY.fullmatch(parts["until"]) else None
    except ValueError:
        until = None
    if until is None:
        return _problem("WVR001", resource, key, f"{what}: until={parts['until'][:40]!r} is no day", _REMEDY)
    place = resource.place(("metadata", "annotations", key))
    return Waiver(policy, resource.ref, parts["reason"], until, parts["by"], parts.get("container", ""), place)


def _problem(code: str, resource: Resource, key: str, message: str, remedy: str) -> Problem:
    place = resource.place(("metadata", "annotations", key))
    return Problem(code, Severity.WARNING, message, remedy, place, resource.ref)


def _covers(waiver: Waiver, finding: Finding) -> bool:
    return not waiver.container or f"ontainers[name={waiver.container}]" in finding.path
