"""Waivers: what git says may be as it is. One answer, for every path that asks, to "does this finding count?".

In: the desired side, the moment. Out: `Exemptions`. Waivers stand in annotations of an object or of its Namespace, and in waivers
files, in git (`exemptions.written`); never on the live side: who can edit an object on the cluster must not be able to silence
what is said of it. A waiver that says no reason, owner or end, that is past its end or is granted for too long does not waive.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from auditor.exemptions.written import PREFIX, of_file, of_object
from auditor.model import Finding, Granted, Outcome, Problem, Ref, Severity, Snapshot, Verdict, Waiver, WaiverState

__all__ = ["IN_PART", "PREFIX", "Exemptions", "Terms", "exemptions"]

SOON: Final = timedelta(days=14)
"""A waiver that ends within this is said to be expiring."""
IN_PART: Final = "waived in part: "
"""How the reason of a verdict begins that fails for what its waivers do not cover."""
_UNDECIDED: Final = frozenset({Outcome.UNKNOWN, Outcome.BROKEN})
_CONTAINER: Final = re.compile(r"ontainers\[name=([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a waiver may be: granted by annotations too, or only by waivers files; and for how many days ahead (None: any)."""

    annotations: bool = True
    longest_days: int | None = None


@dataclass(frozen=True, slots=True)
class Exemptions:
    """The waivers that hold at a moment, those that ended, and what is wrong with others."""

    holding: Mapping[str, Sequence[Waiver]] = field(default_factory=dict)
    """By policy."""
    ended: tuple[Waiver, ...] = ()
    faulty: tuple[Problem, ...] = ()
    today: date = date.min

    def applied(
        self, policy: str, ref: Ref, findings: Sequence[Finding]
    ) -> tuple[tuple[Waiver, ...], tuple[Finding, ...]]:
        """The waivers that cover some of the findings of a failed verdict, and the findings that still count."""
        waivers = [waiver for waiver in self.holding.get(policy, ()) if _is_for(waiver, ref)]
        if not waivers:
            return (), tuple(findings)
        used: dict[Waiver, None] = {}
        open_: list[Finding] = []
        for finding in findings:
            first = next((waiver for waiver in waivers if _covers(waiver, finding)), None)
            if first is None:
                open_.append(finding)
            else:
                used[first] = None
        return tuple(used), tuple(open_)

    def granted(self, verdicts: Iterable[Verdict], known: Collection[str] = ()) -> tuple[Granted, ...]:
        """Every waiver that can be read, its state, and the objects of which it waives something now; by place.

        `known`: the ids of all policies there are; a waiver of another waives nothing.
        """
        asked: set[str] = set()
        covered: dict[Waiver, dict[Ref, None]] = {}
        undecided: set[Waiver] = set()
        for verdict in verdicts if self.holding else ():
            asked.add(verdict.policy)
            if verdict.outcome in _UNDECIDED:
                undecided.update(one for one in self.holding.get(verdict.policy, ()) if _is_for(one, verdict.ref))
            findings = verdict.findings if verdict.outcome is Outcome.WAIVED else verdict.waived
            for waiver in self.holding.get(verdict.policy, ()) if findings else ():
                if _is_for(waiver, verdict.ref) and any(_covers(waiver, finding) for finding in findings):
                    covered.setdefault(waiver, {})[verdict.ref] = None

        def state(waiver: Waiver) -> WaiverState:
            if (
                waiver not in covered
                and waiver not in undecided
                and (waiver.policy in asked or (known and waiver.policy not in known))
            ):
                return WaiverState.UNUSED
            return WaiverState.EXPIRING if waiver.until - self.today <= SOON else WaiverState.ACTIVE

        every = [Granted(one, WaiverState.EXPIRED) for one in self.ended]
        every += [
            Granted(one, state(one), tuple(sorted(covered.get(one, ()), key=lambda ref: ref.key)))
            for waivers in self.holding.values()
            for one in waivers
        ]
        return tuple(sorted(every, key=_order))

    def problems(self, granted: Iterable[Granted], known: Collection[str] = ()) -> tuple[Problem, ...]:
        """What is wrong with waivers: those that cannot be read, that ended, that waive nothing or name no policy of `known`."""
        said = list(self.faulty)
        for one in granted:
            waiver = one.waiver
            if one.state is WaiverState.UNUSED and known and waiver.policy not in known:
                said.append(_problem("WVR001", waiver, f"{words(waiver)}: there is no such policy", "name its id"))
            elif one.state is WaiverState.EXPIRED:
                said.append(
                    _problem(
                        "WVR002",
                        waiver,
                        f"{words(waiver)} ended on {waiver.until}",
                        "mend what it waived, or agree on a new end",
                    )
                )
            elif one.state is WaiverState.UNUSED:
                where = f"remove the annotation {PREFIX}{waiver.policy}" if waiver.holder else "remove it from the file"
                said.append(_problem("WVR003", waiver, f"{words(waiver)} waives nothing", where, Severity.INFO))
        return tuple(said)


def exemptions(desired: Snapshot | None, at: datetime, terms: Terms = Terms()) -> Exemptions:
    """The waivers of the desired side at the moment `at`. A day ends with it in UTC."""
    today = at.astimezone(UTC).date()
    if desired is None:
        return Exemptions(today=today)
    holding: dict[str, list[Waiver]] = {}
    ended: list[Waiver] = []
    faulty: list[Problem] = []
    written = [one for resource in desired.by_ref.values() for one in of_object(resource)]
    written += [one for document in desired.waivers for one in of_file(document)]
    for one in written:
        found = one if isinstance(one, Problem) else _refused(one, today, terms)
        if isinstance(found, Problem):
            faulty.append(found)
        elif isinstance(one, Waiver) and one.until < today:
            ended.append(one)
        elif isinstance(one, Waiver):
            holding.setdefault(one.policy, []).append(one)
    for waivers in holding.values():
        waivers.sort(key=_nearest)
    return Exemptions(holding, tuple(ended), tuple(faulty), today)


def words(waiver: Waiver) -> str:
    """`waiver of POD001 on Pod shop/import`, `waiver of POD001 for namespace shop-*, container proxy`."""
    if waiver.holder is not None:
        return f"waiver of {waiver.policy} on {waiver.holder}"
    parts = [f"{name} {said}" for name in ("kind", "namespace", "name", "container") if (said := getattr(waiver, name))]
    return f"waiver of {waiver.policy} for {', '.join(parts)}"


def _refused(waiver: Waiver, today: date, terms: Terms) -> Problem | None:
    if waiver.holder is not None and not terms.annotations:
        return _problem(
            "WVR005",
            waiver,
            f"{words(waiver)} does not count: annotations do not waive here",
            "enter it in the waivers file, or set audit.annotation_waivers",
        )
    if terms.longest_days is not None and waiver.until - today > timedelta(days=terms.longest_days):
        return _problem(
            "WVR004",
            waiver,
            f"{words(waiver)} is for longer than {terms.longest_days} days: until {waiver.until}",
            f"let it end by {today + timedelta(days=terms.longest_days)}",
        )
    return None


def _is_for(waiver: Waiver, ref: Ref) -> bool:
    holder = waiver.holder
    if holder is not None:
        space = holder.kind == "Namespace" and holder.group == "" and ref.namespace == holder.name
        return ref == holder or (space and ref.cluster == holder.cluster)
    namespace = ref.name if ref.kind == "Namespace" and ref.group == "" else ref.namespace or ""
    return all(
        not glob or fnmatchcase(word, glob)
        for word, glob in ((ref.kind, waiver.kind), (namespace, waiver.namespace), (ref.name, waiver.name))
    )


def _covers(waiver: Waiver, finding: Finding) -> bool:
    if not waiver.container:
        return True
    found = _CONTAINER.search(finding.path)
    return found is not None and fnmatchcase(found[1], waiver.container)


def _nearest(waiver: Waiver) -> int:
    """The object's own first, then its namespace's, then the files'."""
    holder = waiver.holder
    return 2 if holder is None else 1 if holder.kind == "Namespace" and holder.group == "" else 0


def _order(granted: Granted) -> tuple[object, ...]:
    place = granted.waiver.place
    where = (place.source, place.file, place.line) if place else ("", "", 0)
    return (*where, granted.waiver.policy, words(granted.waiver))


def _problem(code: str, waiver: Waiver, message: str, remedy: str, severity: Severity = Severity.WARNING) -> Problem:
    return Problem(code, severity, message, remedy, waiver.place, waiver.holder)
