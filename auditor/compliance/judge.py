"""Policies over both sides: policies and two snapshots in, one verdict for each policy and object it is asked about out.

Which side is judged: design, section 5. A rule about what *runs* is asked of the live object, and of git beside it: what only
git has is pending. A rule about what is *declared* is asked of git alone. Where one side is given, that side is judged. No
verdict at all is given on an object that a controller made (its owner is judged), or that is being deleted.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from auditor.compliance.portions import LEAST, portioned
from auditor.exemptions import IN_PART, Exemptions
from auditor.kube import fields
from auditor.kube.fingerprints import fingerprint
from auditor.kube.kinds import called
from auditor.kube.paths import Element, Member, Step, render, steps_of
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import ANYTHING, CUSTOM, TEMPLATED, controller_of, is_terminating, template
from auditor.logs import logger
from auditor.model import (
    NOTHING_GIVEN,
    CellState,
    Fault,
    Finding,
    Given,
    Judges,
    NotApplicable,
    Outcome,
    Policy,
    RawPath,
    Ref,
    Resource,
    Side,
    Snapshot,
    Unknown,
    Unreadable,
    Verdict,
)

_UNREAD: Final = frozenset({CellState.DENIED, CellState.UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Subject:
    """One object to judge, as each side has it, and what is the same for every policy that is asked about it."""

    ref: Ref
    git: Resource | None
    live: Resource | None
    unread: str
    """Why the live side could not be read; "" where it could, or was not asked."""
    missing: bool
    """Only in git, though the cluster was read."""
    concerns: tuple[Ref, ...]


class _Said(NamedTuple):
    """What a rule said of one side of an object."""

    outcome: Outcome
    reason: str
    faults: tuple[Fault, ...] = ()


_PASSED: Final = _Said(Outcome.PASS, "")


def judge(
    policies: Sequence[Policy],
    desired: Snapshot | None,
    live: Snapshot | None,
    *,
    exempt: Exemptions | None = None,
    at: datetime | None = None,
    given: Given = NOTHING_GIVEN,
    processes: int = 1,
) -> tuple[Verdict, ...]:
    """The verdicts of the policies on both sides, by object and policy. A rule that raises gives `broken`; its neighbours stand.

    `at`: the moment that is judged; without it, rules that ask how long something has been so answer "unknown".
    `given`: what rules are told beside the two sides. `processes`: how many may share the work, see `portions`.
    """
    if desired is None and live is None:
        return ()
    exempt = exempt or Exemptions()
    around = Surroundings(desired, live, prefer=Side.LIVE, at=at, given=given)
    beside = Surroundings(desired, live, prefer=Side.GIT, at=at, given=given) if desired and live else around
    asked = _Asked(policies)

    def verdicts(subjects: Iterable[Subject]) -> list[Verdict]:
        return [
            verdict
            for subject in subjects
            for policy in asked.about(subject)
            if (verdict := _verdict(policy, subject, around, beside, exempt, declared_alone=desired is None))
        ]

    subjects = sorted(_subjects(desired, live, around), key=lambda subject: subject.ref.key)
    if (
        processes > 1 and len(subjects) >= 2 * LEAST
    ):  # what rules look things up in is built when first asked for: here, not once in every process
        verdicts({(subject.ref.group, subject.ref.kind): subject for subject in subjects}.values())
    return tuple(portioned(subjects, verdicts, processes=processes))


class _Asked:
    """Which policies are asked about an object, by its kind and whether it has a Pod template; each once, by id."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = sorted(policies, key=lambda policy: policy.id)
        self._known: dict[tuple[str, str, bool], tuple[Policy, ...]] = {}

    def about(self, subject: Subject) -> tuple[Policy, ...]:
        resource = subject.live or subject.git
        key = (subject.ref.group, subject.ref.kind, resource is not None and template(resource) is not None)
        if key not in self._known:
            self._known[key] = tuple(self._choose(called(*key[:2]), key[2]))
        return self._known[key]

    def _choose(self, name: str, templated: bool) -> Iterator[Policy]:
        words = {name, ANYTHING}
        if templated:
            words |= {TEMPLATED, CUSTOM} if "." in name else {TEMPLATED}
        return (policy for policy in self._policies if not words.isdisjoint(policy.kinds))


def _subjects(desired: Snapshot | None, live: Snapshot | None, around: Surroundings) -> Iterator[Subject]:
    """Everything on either side, without what a controller made and what is being deleted."""
    in_git, running = (dict(side.by_ref) if side else {} for side in (desired, live))
    _imply_namespaces(in_git, running)
    for ref in dict.fromkeys((*in_git, *running)):
        git, run = in_git.get(ref), running.get(ref)
        resource = run or git
        assert resource is not None
        if controller_of(resource) or is_terminating(resource):
            continue
        unread, missing = "", False
        if live is not None and run is None:
            cell = live.cell_of(ref)
            unread = str(cell) if cell.state in _UNREAD else ""
            missing = cell.state in (CellState.LISTED, CellState.ABSENT)
        yield Subject(ref, git, run, unread, missing, around.concerns(resource))


def _imply_namespaces(*sides: dict[Ref, Resource]) -> None:
    """Put in the Namespaces that are nowhere written but hold an object: rules about a namespace are asked of them too."""
    written = {ref.name for side in sides for ref in side if ref.kind == "Namespace" and ref.group == ""}
    for side in sides:
        held = {(ref.cluster, ref.namespace) for ref in side if ref.namespace and ref.namespace not in written}
        for cluster, name in sorted(held, key=str):
            ref = Ref(cluster, "", "Namespace", None, str(name))
            side[ref] = Resource(ref, "v1", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _verdict(
    policy: Policy,
    subject: Subject,
    around: Surroundings,
    beside: Surroundings,
    exempt: Exemptions,
    *,
    declared_alone: bool,
) -> Verdict | None:
    """One policy's verdict on one object; None where the policy is about declarations and git does not declare the object."""
    git, live = subject.git, subject.live
    if policy.judges is Judges.DECLARED:
        if git is None and not declared_alone:
            return None
        if git is not None:
            said = _ask(policy, git, beside)
            return _made(policy, subject, said, _found(policy, git, said, Side.GIT), exempt, scored=not subject.missing)
    if live is not None:
        said = _ask(policy, live, around)
        findings = _found(policy, live, said, Side.LIVE)
        if git is not None:
            findings = _merged(git, findings, _found(policy, git, _ask(policy, git, beside), Side.GIT))
        return _made(policy, subject, said, findings, exempt)
    assert git is not None
    said = _ask(policy, git, beside)
    pending = bool(subject.unread) or subject.missing
    findings = _found(policy, git, said, Side.GIT, pending=pending)
    if subject.unread:
        said = _Said(Outcome.UNKNOWN, f"what runs could not be read: {subject.unread}")
    return _made(policy, subject, said, findings, exempt, scored=not subject.missing)


def _ask(policy: Policy, resource: Resource, around: Surroundings) -> _Said:
    """Run the rule. The one place where a rule may fail: it costs this verdict and no other."""
    faults: list[Fault] = []
    answer: NotApplicable | Unknown | None
    try:
        asked = policy.rule(resource, around)
        try:
            while True:
                faults.append(next(asked))
        except StopIteration as stop:
            answer = stop.value
    except Unreadable as unreadable:
        answer = Unknown(str(unreadable))
    except Exception as error:
        # Neither the error's message nor local variables: they may quote a value.
        trace = "".join(traceback.format_tb(error.__traceback__))
        logger().error(
            "policy_broke", policy=policy.id, object=str(resource.ref), error=type(error).__name__, traceback=trace
        )
        return _Said(
            Outcome.BROKEN, f"the check itself failed ({type(error).__name__}); nothing is known of this object"
        )
    if faults:
        return _Said(Outcome.FAIL, answer.reason if isinstance(answer, Unknown) else "", tuple(faults))
    match answer:
        case NotApplicable(reason):
            return _Said(Outcome.NOT_APPLICABLE, reason)
        case Unknown(reason):
            return _Said(Outcome.UNKNOWN, reason)
    return _PASSED


def fingerprints(policy: Policy, resource: Resource, around: Surroundings) -> frozenset[str] | None:
    """Of what a policy finds wrong with one body, whichever side it is from; None where the rule cannot tell.

    For trials: whether another state of an object would have the same finding.
    """
    said = _ask(policy, resource, around)
    if said.outcome in (Outcome.UNKNOWN, Outcome.BROKEN):
        return None
    return frozenset(finding.fingerprint for finding, _ in _found(policy, resource, said, Side.LIVE))


_Draft: TypeAlias = tuple[Finding, tuple[Step, ...]]
"""A finding with the steps to its field, by which the same field is found on the other side."""


def _found(policy: Policy, resource: Resource, said: _Said, side: Side, *, pending: bool = False) -> tuple[_Draft, ...]:
    if not said.faults:
        return ()
    drafts: list[_Draft] = []
    repeats: dict[tuple[str, str], int] = {}
    for fault in said.faults:
        ref = resource.ref
        steps = steps_of(ref.group, ref.kind, resource.body, fault.path)
        path = render(steps)
        number = repeats[path, fault.subject] = repeats.get((path, fault.subject), -1) + 1
        finding = Finding(
            policy=policy.id,
            ref=ref,
            fingerprint=fingerprint(policy.id, ref, path, fault.subject, number),
            side=side,
            severity=fault.severity or policy.severity,
            path=path,
            message=fault.message,
            remedy=fault.remedy or policy.remedy,
            place=resource.place(fault.path),
            pending=pending,
            surplus=fault.surplus,
        )
        drafts.append((finding, steps))
    return tuple(drafts)


def _merged(git: Resource, running: Iterable[_Draft], declared: Iterable[_Draft]) -> tuple[_Draft, ...]:
    """Findings of both sides, each once: live's, with the place git gives their field; then what only git has, pending."""
    in_git = {finding.fingerprint: finding for finding, _ in declared}
    merged: list[_Draft] = []
    for finding, steps in running:
        same = in_git.pop(finding.fingerprint, None)
        place = same.place if same else git.place(_written(git.body, steps))
        merged.append((replace(finding, side=Side.BOTH if same else Side.LIVE, place=place), steps))
    merged += [(replace(finding, pending=True), steps) for finding, steps in declared if finding.fingerprint in in_git]
    return tuple(merged)


def _written(body: Any, steps: Iterable[Step]) -> RawPath:
    """The raw path of the steps in a body, as far as it has them: elements are found by their keys, not their position."""
    path: list[str | int] = []
    for step in steps:
        match step:
            case Element(keys):
                items = body if isinstance(body, list | tuple) else ()
                here: str | int | None = next(
                    (
                        i
                        for i, item in enumerate(items)
                        if all(str(fields.at(item, key)) == value for key, value in keys)
                    ),
                    None,
                )
            case Member(value):
                items = body if isinstance(body, list | tuple) else ()
                here = next((i for i, item in enumerate(items) if str(item) == value), None)
            case str() | int():
                here = step if fields.at(body, step) is not None else None
            case _:
                here = None
        if here is None:
            break
        path.append(here)
        body = fields.at(body, here)
    return tuple(path)


def _made(
    policy: Policy, subject: Subject, said: _Said, drafts: Iterable[_Draft], exempt: Exemptions, *, scored: bool = True
) -> Verdict:
    findings = tuple([finding for finding, _ in drafts]) if drafts else ()
    outcome, reason, severity = said.outcome, said.reason, policy.severity
    waived: tuple[Finding, ...] = ()
    if outcome is Outcome.FAIL:
        waivers, open_ = exempt.applied(policy.id, subject.ref, findings)
        if waivers:
            reason = "; ".join(f"{one.reason} (until {one.until}, by {one.by})" for one in waivers)
            if open_:
                waived = tuple(finding for finding in findings if finding not in open_)
                findings, reason = open_, IN_PART + reason
            else:
                outcome = Outcome.WAIVED
        counted = [finding.severity for finding in findings if not finding.pending or subject.missing]
        severity = max(counted or [policy.severity], key=lambda one: one.rank)
    return Verdict(
        policy.id, policy.name, subject.ref, outcome, severity, reason, subject.concerns, findings, scored, waived
    )
