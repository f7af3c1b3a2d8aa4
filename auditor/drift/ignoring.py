"""The ignore rules at work: differences that count in, the rule that says they do not out, and how often each was needed.

Nothing is ignored in silence: what a rule covered is counted, and listed on request; a rule that ended, or that names nothing
any more, is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from auditor.drift import rules
from auditor.drift.objects import tracking
from auditor.drift.owners import writers
from auditor.drift.rules import Rule
from auditor.drift.tree import Spot
from auditor.kube.patterns import covers, is_in
from auditor.model import Owner, Problem, Resource, Severity, Snapshot


@dataclass
class Ignoring:
    """The rules of one comparison, at a moment."""

    given: Sequence[Rule]
    desired: Snapshot
    live: Snapshot
    at: datetime
    used: dict[int, int] = field(default_factory=dict)
    """How many differences each rule covered, by the rule's number."""
    faulty: list[Problem] = field(default_factory=list)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Those that hold now."""
        holding: list[Rule] = []
        for one in (*self.given, *rules.found(self.desired, self.live)):
            if isinstance(one, Problem):
                self.faulty.append(one)
            elif one.until is not None and one.until < self.at.date():
                self.faulty.append(_ended(one, one.until))
            else:
                holding.append(one)
        return tuple(holding)

    def of(self, resource: Resource, other: Resource | None) -> tuple[tuple[int, Rule], ...]:
        """The rules that an object is meant by, numbered. `other`: the live one."""
        if not self.rules:
            return ()
        mark = tracking(other) if other is not None else None
        return tuple((number, rule) for number, rule in enumerate(self.rules) if rule.is_for(resource, mark))

    def whole(self, resource: Resource, other: Resource | None = None) -> str:
        """Why an object as a whole does not count; empty where it does."""
        for number, rule in self.of(resource, other):
            if not rule.paths and not rule.managers:
                return self._hit(number, rule)
        return ""

    def change(self, found: Iterable[tuple[int, Rule]], spot: Spot, owner: Owner | None) -> str:
        """Why one change does not count; empty where it does."""
        for number, rule in found:
            here = not rule.paths or any(covers(pattern, spot.steps, spot.raw) for pattern in rule.paths)
            theirs = not rule.managers or (owner is not None and _is_one(owner.manager, rule.managers))
            if here and theirs:
                return self._hit(number, rule)
        return ""

    def _hit(self, number: int, rule: Rule) -> str:
        self.used[number] = self.used.get(number, 0) + 1
        until = f", until {rule.until}" if rule.until else ""
        return f"{rule.said} says so: {rule.reason}{until}"

    def problems(self) -> Iterator[Problem]:
        """Rules that cannot be read, that ended, and that name nothing that is there: neither in git nor live."""
        holding = self.rules
        yield from self.faulty
        for number, rule in enumerate(holding):
            if number not in self.used and not self._names_something(rule):
                message = f"{rule.said} matches nothing any more ({rule.reason})"
                yield rules.problem(103, message, "remove it", rule.place, Severity.INFO)

    def _names_something(self, rule: Rule) -> bool:
        for side in (self.desired, self.live):
            for resource in side.resources:
                other = self.live.by_ref.get(resource.ref)
                if not rule.is_for(resource, tracking(other) if other is not None else None):
                    continue
                here = not rule.paths or any(is_in(pattern, resource.body) for pattern in rule.paths)
                entries = writers(other) if other is not None and rule.managers else ()
                if here and (not rule.managers or any(_is_one(each.manager, rule.managers) for each in entries)):
                    return True
        return False


def _is_one(manager: str, expressions: Iterable[str]) -> bool:
    return any(re.fullmatch(expression, manager) for expression in expressions)


def _ended(rule: Rule, until: date) -> Problem:
    return rules.problem(
        102, f"{rule.said} ended on {until} ({rule.reason})", "mend what it ignored, or agree on a new end", rule.place
    )
