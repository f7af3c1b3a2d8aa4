"""What a check says, as one list: findings and problems by file and line, in an Audit's words. Every format of `check` is made of it.

In: an Audit, and what is known of before (`known`: fingerprints of a baseline, with the severity they had). Out: a `Listed`. What counts for the exit code
is decided here and nowhere else: an item that is open and reaches the severity asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final, Literal, TypeAlias

from auditor.model import Audit, Finding, Outcome, Place, Policy, Problem, RawPath, Ref, Severity, Snapshot, Verdict
from auditor.publish import tally

Status: TypeAlias = Literal["open", "known", "waived"]
_LINE: Final = re.compile(r":\d+\b")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing said about one line. `code`: the policy's id or the problem's code; `name`: the policy's, "" for a problem.

    `status`: "open" counts; "known" was there when the baseline was made; "waived" is covered by a waiver (`reason`).
    """

    place: Place | None
    severity: Severity
    code: str
    name: str
    message: str
    remedy: str
    ref: Ref | None
    path: str
    fingerprint: str
    status: Status = "open"
    reason: str = ""
    surplus: tuple[RawPath, ...] = ()
    """What to remove, where removing it is the one right mend."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A check, ready for any format. `file` gives the name of a place's file as the format's reader knows it."""

    audit: Audit
    policies: Sequence[Policy]
    items: tuple[Item, ...]
    fail_on: Severity | None = Severity.ERROR
    file: Callable[[Place], str] = field(default=lambda place: place.file)

    @property
    def open(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.status == "open")

    def fails(self, severity: Severity) -> bool:
        """Whether an open item of this severity makes the exit code 1."""
        return self.fail_on is not None and severity.rank >= self.fail_on.rank

    @property
    def failed(self) -> bool:
        return any(self.fails(item.severity) for item in self.items if item.status == "open")


def listed(
    audit: Audit,
    policies: Sequence[Policy],
    *,
    known: Mapping[str, Severity] | None = None,
    fail_on: Severity | None = Severity.ERROR,
    file: Callable[[Place], str] | None = None,
    beside: Mapping[str, Place] | None = None,
) -> Listed:
    """Everything a check says. What `known` has is known while it is no more severe than it was. `beside`: by namespace, the place of something in it, for what is nowhere written itself."""
    found = [*_findings(audit), *_problems(audit.problems)]
    if known:
        found = [replace(i, status="known") if _is_known(i, known) else i for i in found]
    if beside:
        found = [
            replace(i, place=beside.get(tally.namespace_of(i.ref) or "")) if i.ref and not i.place else i for i in found
        ]
    found.sort(key=_order)
    return Listed(audit, policies, tuple(found), fail_on, file or (lambda place: place.file))


def _is_known(item: Item, known: Mapping[str, Severity]) -> bool:
    before = known.get(item.fingerprint)
    return item.status == "open" and before is not None and item.severity.rank <= before.rank


def first_places(snapshot: Snapshot) -> Mapping[str, Place]:
    """By namespace, where the first object in it is written."""
    found: dict[str, Place] = {}
    for resource in snapshot.resources:
        if resource.ref.namespace and resource.origin and resource.ref.namespace not in found:
            origin = resource.origin
            found[resource.ref.namespace] = Place(origin.source, origin.file, origin.line)
    return found


def severities(items: Iterable[Item]) -> Mapping[Severity, int]:
    """How many items of each severity, worst first; every severity is a key."""
    counts = Counter(item.severity for item in items)
    return {severity: counts[severity] for severity in Severity}


def by_practice(listed: Listed) -> Mapping[int, Mapping[Severity, int]]:
    """Open findings by practice of their policy and severity; only practices that have one, in their order, 0 last."""
    practices = {policy.id: policy.practice for policy in listed.policies}
    found: dict[int, list[Item]] = {}
    for item in listed.open:
        if item.code in practices:
            found.setdefault(practices[item.code], []).append(item)
    return {practice: severities(found[practice]) for practice in sorted(found, key=lambda one: one or 11)}


def _findings(audit: Audit) -> Iterator[Item]:
    for verdict in audit.verdicts:
        if verdict.outcome is Outcome.WAIVED:
            yield from (_item(verdict, finding, "waived") for finding in verdict.findings)
            continue
        if verdict.outcome in (Outcome.FAIL, Outcome.UNKNOWN):
            yield from (_item(verdict, finding, "open") for finding in verdict.findings if not finding.pending)
            yield from (_item(verdict, finding, "waived") for finding in verdict.waived)


def _item(verdict: Verdict, one: Finding, status: Status) -> Item:
    return Item(
        one.place,
        one.severity,
        one.policy,
        verdict.name,
        one.message,
        one.remedy,
        one.ref,
        one.path,
        one.fingerprint,
        status,
        verdict.reason if status == "waived" else "",
        one.surplus,
    )


def _problems(problems: Iterable[Problem]) -> Iterator[Item]:
    """Without lines in the fingerprint: a problem that moves within its file is the same one. Repeats are numbered."""
    counts: Counter[str] = Counter()
    for one in problems:
        file = one.place.file if one.place else ""
        parts = "\0".join((one.code, str(one.ref or ""), file, _LINE.sub("", one.message)))
        mark = blake2b(f"{parts}\0{counts[parts]}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        counts[parts] += 1
        yield Item(one.place, one.severity, one.code, "", one.message, one.remedy, one.ref, "", mark)


def _order(item: Item) -> tuple[object, ...]:
    place = item.place
    where = (False, place.source, place.file, place.line, place.column) if place else (True, "", "", 0, 0)
    return (*where, -item.severity.rank, item.code, item.path)
