"""Policies, and what they say of objects."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, TypeAlias

from auditor.model.objects import Place, RawPath, Ref, Resource
from auditor.model.words import Judges, Outcome, Scope, Severity, Side, WaiverState


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule yields: one thing that is wrong, at one place of the object it was given.

    `severity` where it differs from the policy's; `subject` tells faults of one path apart (the missing Secret's name);
    `remedy` where it differs from the policy's; `surplus`: what to remove, where removing it is the one right mend.
    """

    path: RawPath
    message: str
    severity: Severity | None = None
    subject: str = ""
    remedy: str = ""
    surplus: tuple[RawPath, ...] = ()


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """What a rule returns when it has nothing to say of this object, and why, in words ("a Job owns it")."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a rule returns when it cannot tell, and which fact is missing. Faults that it yielded stand all the same."""

    reason: str


Answer: TypeAlias = Generator[Fault, None, NotApplicable | Unknown | None]


Rule: TypeAlias = Callable[[Resource, Any], Answer]
"""(the object, its `kube.surroundings.Surroundings`) -> faults. Raising `Unreadable` is the same as returning `Unknown`."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One rule and all that is said about it. Made by `kube.policy.policy` from a documented generator function."""

    id: str
    name: str
    practice: int
    """1 to 10; 0 for what cuts across them."""
    severity: Severity
    kinds: tuple[str, ...]
    """Kinds it is asked about; `kube.workloads.TEMPLATED` for everything with a Pod template."""
    judges: Judges
    title: str
    rationale: str
    remedy: str
    rule: Rule = field(repr=False)
    reads: tuple[str, ...] = ()
    """Further kinds it needs to see; they are wanted from the cluster."""
    enabled: bool = True
    version: int = 1
    scope: Scope = Scope.OBJECT
    since: str = "0.1.0"
    """The version of the auditor that first had it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, with its identity (`fingerprint`: never an index, never a value, without the cluster) and its place."""

    policy: str
    ref: Ref
    fingerprint: str
    side: Side
    severity: Severity
    path: str
    message: str
    remedy: str
    place: Place | None = None
    pending: bool = False
    """Only in git, of an object that runs (or will): shown, neither scored nor counted."""
    surplus: tuple[RawPath, ...] = ()
    """What to remove from git, where removing it is the one right mend. Not stored."""


class Verdict(NamedTuple):
    """What one policy says of one object. `concerns`: the workloads whose score it counts for; none: its namespace's.

    A named tuple: a run makes a hundred thousand, and it is made three times as fast as a frozen dataclass.
    """

    policy: str
    name: str
    ref: Ref
    outcome: Outcome
    severity: Severity
    reason: str = ""
    concerns: tuple[Ref, ...] = ()
    findings: tuple[Finding, ...] = ()
    scored: bool = True
    """False for an object that is only in git while a cluster was read: pending."""
    waived: tuple[Finding, ...] = ()
    """Findings that a waiver covers, beside the others for which the verdict fails all the same. Not stored."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """One exception that somebody granted, in git. `until` is the last day (UTC) it holds.

    `holder`: the object that carries it as an annotation. Without one it is from a waivers file, and `kind`, `namespace` and
    `name` are globs for the objects it is for. `container` is a glob too. "" is any.
    """

    policy: str
    reason: str
    by: str
    until: date
    place: Place | None
    holder: Ref | None = None
    kind: str = ""
    namespace: str = ""
    name: str = ""
    container: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """A waiver, what became of it, and the objects of which it waives something now."""

    waiver: Waiver
    state: WaiverState
    covers: tuple[Ref, ...] = ()
