"""Why a score is what it is: verdicts in, the weights of each workload out, and what would gain most.

The numbers are those of `compliance.score`: a gain is the score as it would be if the failures of one policy passed, minus the
score as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auditor.compliance.score import WEIGHTS, Member, members
from auditor.model import Outcome, Policy, Ref, Snapshot, Verdict

_LEAST: Final = 1e-9
"""Points below which a gain is none."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What mending all failures of one policy would add to the whole score, in points, and in how many objects it fails."""

    policy: str
    name: str
    objects: int
    points: float


@dataclass(frozen=True, slots=True)
class Share:
    """One member of the mean. `ref` is the workload; None for the rest of a namespace, or (`namespace` None) of the cluster.

    `passed` of `passed + failed` weight makes its score; `failing`: policy and weight of each failure that counts.
    """

    ref: Ref | None
    namespace: str | None
    score: float
    passed: int
    failed: int
    failing: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """The whole score (None where nothing applied), its members, lowest first, and gains, largest first."""

    score: float | None
    shares: tuple[Share, ...] = ()
    gains: tuple[Gain, ...] = ()


def explained(
    verdicts: Iterable[Verdict],
    policies: Sequence[Policy],
    desired: Snapshot | None = None,
    live: Snapshot | None = None,
) -> Explained:
    """Of the same verdicts and sides that were scored. A failure that is mended passes, and then weighs as its policy does."""
    weights = {policy.id: WEIGHTS[policy.severity] for policy in policies}
    passed: dict[Member, int] = {}
    failing: dict[Member, list[Verdict]] = {}
    for verdict in verdicts:
        for member in members(verdict, desired, live):
            if verdict.outcome is Outcome.PASS:
                passed[member] = passed.get(member, 0) + WEIGHTS[verdict.severity]
            elif verdict.outcome is Outcome.FAIL:
                failing.setdefault(member, []).append(verdict)
    every = (_share(member, passed.get(member, 0), failing.get(member, ())) for member in {**passed, **failing})
    shares = {member: share for member, share in every if share}
    if not shares:
        return Explained(None)
    whole = math.fsum(share.score for share in shares.values()) / len(shares)
    gains = _gains(passed, failing, shares, weights, whole)
    return Explained(whole, tuple(sorted(shares.values(), key=_lowest)), gains)


def _share(member: Member, passed: int, failures: Sequence[Verdict]) -> tuple[Member, Share | None]:
    failing = tuple(sorted((one.policy, WEIGHTS[one.severity]) for one in failures if WEIGHTS[one.severity]))
    failed = sum(weight for _, weight in failing)
    if not passed + failed:
        return member, None
    ref, namespace = (member, member.namespace) if isinstance(member, Ref) else (None, member[0])
    return member, Share(ref, namespace, 100 * passed / (passed + failed), passed, failed, failing)


def _gains(
    passed: Mapping[Member, int],
    failing: Mapping[Member, Sequence[Verdict]],
    shares: Mapping[Member, Share],
    weights: Mapping[str, int],
    whole: float,
) -> tuple[Gain, ...]:
    by_policy: dict[str, dict[Member, list[Verdict]]] = {}
    for member, verdicts in failing.items():
        for verdict in verdicts:
            by_policy.setdefault(verdict.policy, {}).setdefault(member, []).append(verdict)
    found = []
    for policy, affected in by_policy.items():
        total, count = whole * len(shares), len(shares)
        objects: set[Ref] = set()
        for member, verdicts in affected.items():
            objects.update(verdict.ref for verdict in verdicts)
            more = sum(weights.get(policy, WEIGHTS[one.severity]) for one in verdicts)
            less = sum(WEIGHTS[one.severity] for one in verdicts)
            share = shares.get(member)
            good, bad = passed.get(member, 0) + more, (share.failed if share else 0) - less
            total, count = (total - share.score, count - 1) if share else (total, count)
            if good + bad:
                total, count = total + 100 * good / (good + bad), count + 1
        points = total / count - whole if count else 0.0
        if points > _LEAST:
            name = next(iter(affected.values()))[0].name
            found.append(Gain(policy, name, len(objects), points))
    return tuple(sorted(found, key=lambda one: (-one.points, one.policy)))


def _lowest(share: Share) -> tuple[object, ...]:
    return (share.score, share.namespace or "", share.ref.key if share.ref else ())
