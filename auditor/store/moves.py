"""What moved a score: its verdicts replayed from one moment to another, cause by cause, in the order of time.

In: a cluster, a period, and whose score. Out: a `Move`, from rows alone. Each part is what the score does when the verdicts of one
cause turn, after those of all earlier ones; what the parts do not add up to is the rest, and is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, or_, select

from auditor.compliance.score import WEIGHTS
from auditor.model import Cause, CauseKind, Outcome, Ref, Severity
from auditor.store import cause_rows, states
from auditor.store import runs as run_list
from auditor.store.changes import Period
from auditor.store.facts import DRIFT_FIELDS, FINDINGS, SCORES, TEAMS, VERDICTS, Fact
from auditor.store.rows import SELF
from auditor.store.tables import objects
from auditor.store.texts import NAME_LIMIT, clean
from auditor.store.views import Move, Part

_LAST: Final = datetime.max.replace(tzinfo=UTC)
_Who: TypeAlias = tuple[Any, ...]
_Member: TypeAlias = Ref | tuple[str | None]


def move(
    connection: Connection, cluster: str, since: datetime, until: datetime, *, scope: str = "cluster", name: str = ""
) -> Move | None:
    """How a score moved in a period, for `scope` "cluster", "namespace" or "team"; None where it had none at either end."""
    period = Period.of(connection, cluster, since, until)
    if period is None:
        return None
    name = clean(name, NAME_LIMIT)
    c = SCORES.table.c
    held = period.rows(
        SCORES,
        c.scope == scope,
        c.name == name,
        c.opened_run <= period.last,
        c.closed_run.is_(None) | (c.closed_run > period.first),
    )
    before = next((row for row in held if row.opened_run <= period.first), None)
    after = next((row for row in held if row.closed_run is None or row.closed_run > period.last), None)
    if before is None and after is None:
        return None
    spaces = None if scope == "cluster" else {name} if scope == "namespace" else _team(period, name)
    replay = _Replay(period, spaces)
    parts = tuple(replay.parts()) if period.last > period.first else ()
    then, now = (None if row is None else states.score_of(row) for row in (before, after))
    moved = (now.score if now and now.score is not None else 0.0) - (
        then.score if then and then.score is not None else 0.0
    )
    rest = moved - math.fsum(part.points for part in parts)
    moments = run_list.moments(connection, {key for key in (period.first, period.last) if key})
    return Move(
        scope,
        name,
        moments.get(period.first, since),
        moments.get(period.last, until),
        then,
        now,
        parts,
        0.0 if abs(rest) < 1e-9 else rest,
    )


def _team(period: Period, team: str) -> set[str]:
    """The namespaces that are the team's at the end."""
    c = TEAMS.table.c
    rows = period.rows(
        TEAMS, c.team == team, c.opened_run <= period.last, c.closed_run.is_(None) | (c.closed_run > period.last)
    )
    return {row.namespace for row in rows}


@dataclass(slots=True)
class _Group:
    """What turned by one cause in one run."""

    cause: Cause | None
    turned: list[tuple[Any, Any]] = field(default_factory=list)


class _Replay:
    def __init__(self, period: Period, spaces: set[str] | None) -> None:
        self.period, self.spaces = period, spaces
        self.tallies: dict[_Member, list[int]] = {}
        rows = self._held(VERDICTS)
        self.causes = cause_rows.of_rows(
            period.connection, [r for r in rows if r.opened_run > period.first or r.closed_run]
        )
        for row in rows:
            if row.opened_run <= period.first:
                self._count(row, 1)
        self.turns = self._turns(rows)

    def parts(self) -> Iterator[Part]:
        at = run_list.moments(self.period.connection, set(self.turns))
        score = self._score()
        for run in sorted(self.turns):
            groups = self._groups(self.turns[run])
            brought = None
            for who, group in groups:
                for before, after in group.turned:
                    self._count(before, -1)
                    self._count(after, 1)
                now = self._score()
                points, score = (now or 0.0) - (score or 0.0), now
                if not points:
                    continue
                brought = brought or _Brought(self, run)
                yield brought.part(at[run], who, group, points)

    def _turns(self, rows: Iterable[Any]) -> dict[int, dict[_Who, list[Any]]]:
        """For each run, the verdicts that turned in it, by object and policy: the row before, and the row after."""
        found: dict[int, dict[_Who, list[Any]]] = {}
        for row in rows:
            key = (row.object_id, row.policy)
            if row.opened_run > self.period.first:
                found.setdefault(row.opened_run, {}).setdefault(key, [None, None])[1] = row
            if row.closed_run is not None and row.closed_run <= self.period.last:
                found.setdefault(row.closed_run, {}).setdefault(key, [None, None])[0] = row
        return found

    def _groups(self, turns: Mapping[_Who, list[Any]]) -> list[tuple[_Who, _Group]]:
        found: dict[_Who, _Group] = {}
        for before, after in turns.values():
            key = cause_rows.opened(after) if after is not None else cause_rows.closed(before)
            cause = self.causes.get(key) if key else None
            found.setdefault(who(cause), _Group(cause)).turned.append((before, after))
        return sorted(found.items(), key=lambda item: (_time(item[1].cause), str(item[0])))

    def _held(self, fact: Fact) -> list[Any]:
        c, period = fact.table.c, self.period
        conditions = [c.opened_run <= period.last, c.closed_run.is_(None) | (c.closed_run > period.first)]
        return period.rows(fact, *conditions, *self.about(fact))

    def about(self, fact: Fact) -> tuple[Any, ...]:
        """The condition that a row is about an object of these namespaces."""
        if self.spaces is None:
            return ()
        o = objects.c
        own = or_(o.namespace.in_(self.spaces), (o.kind == "Namespace") & (o.grp == "") & o.name.in_(self.spaces))
        return (fact.table.c.object_id.in_(select(o.id).where(o.cluster_id == self.period.cluster_id, own)),)

    def _count(self, row: Any, sign: int) -> None:
        if row is None or not row.scored or row.outcome not in (Outcome.PASS, Outcome.FAIL):
            return
        weight = sign * WEIGHTS[Severity(row.severity)]
        for member in self._members(row):
            tally = self.tallies.setdefault(member, [0, 0])
            tally[row.outcome == Outcome.FAIL] += weight

    def _members(self, row: Any) -> Iterable[_Member]:
        refs = self.period.refs
        ref = refs[row.object_id]
        if row.concerns == SELF:
            return (ref,)
        if row.concerns:
            every = [refs[int(key)] for key in row.concerns.split()]
            return [one for one in every if self.spaces is None or (one.namespace or "") in self.spaces]
        return ((ref.name,) if ref.kind == "Namespace" and not ref.group else (ref.namespace,),)

    def _score(self) -> float | None:
        scores = [100 * passed / (passed + failed) for passed, failed in self.tallies.values() if passed + failed]
        return math.fsum(scores) / len(scores) if scores else None


class _Brought:
    """The findings and fields of drift that one run opened and closed, for the words of its parts."""

    def __init__(self, replay: _Replay, run: int) -> None:
        self._replay = replay
        self._rows = {
            (fact, opened): replay.period.rows(
                fact,
                (fact.table.c.opened_run if opened else fact.table.c.closed_run) == run,
                *replay.about(fact),
            )
            for fact in (FINDINGS, DRIFT_FIELDS)
            for opened in (True, False)
        }
        every = [row for rows in self._rows.values() for row in rows]
        self._causes = cause_rows.of_rows(replay.period.connection, every)

    def part(self, at: datetime, by: _Who, group: _Group, points: float) -> Part:
        refs = self._replay.period.refs
        turned = {((before or after).object_id, (before or after).policy) for before, after in group.turned}

        def about(fact: Fact, opened: bool) -> list[Any]:
            key = cause_rows.opened if opened else cause_rows.closed
            rows = self._rows[fact, opened]
            return [r for r in rows if (found := key(r)) and who(self._causes.get(found)) == by]

        objects_ = {key for key, _ in turned}

        def findings(opened: bool) -> tuple[Any, ...]:
            rows = [
                r for r in about(FINDINGS, opened) if (r.object_id, r.policy) in turned and (opened or not r.replaced)
            ]
            return tuple(states.finding_of(row, refs) for row in rows)

        def changes(opened: bool) -> tuple[tuple[Ref, Any], ...]:
            # A hand may have done more to these objects than what turned the verdicts: a finding's cause has the place of the field.
            key = cause_rows.opened if opened else cause_rows.closed
            causes = [
                self._causes[found] for r in about(FINDINGS, opened) if (found := key(r)) and r.object_id in objects_
            ]
            places = {(c.place.file, c.place.line) for c in causes if c.place}
            rows = [
                r
                for r in about(DRIFT_FIELDS, opened)
                if r.object_id in objects_
                and (opened or not r.replaced)
                and (not places or (r.place_file, r.place_line) in places)
            ]
            return tuple((refs[row.object_id], states.change_of(row)) for row in rows)

        return Part(
            at,
            group.cause,
            points,
            tuple(
                (
                    refs[(before or after).object_id],
                    (before or after).policy,
                    before.outcome if before else "",
                    after.outcome if after else "",
                )
                for before, after in group.turned
            ),
            findings(True),
            findings(False),
            changes(True),
            changes(False),
        )


def who(cause: Cause | None) -> _Who:
    """What makes two causes one: the commit, the tool, or the words; not the place or the time."""
    if cause is None or cause.kind is CauseKind.UNKNOWN:
        return ("unknown",)
    if cause.kind is CauseKind.COMMIT:
        return ("commit", cause.revision)
    if cause.manager:
        return (cause.kind.value, cause.manager, cause.operation, cause.subresource, cause.certainty.value)
    return (cause.kind.value, cause.detail)


def _time(cause: Cause | None) -> datetime:
    """When a cause happened, as far as is known; those that nobody dated come last."""
    if cause is None or cause.kind is CauseKind.UNKNOWN:
        return _LAST
    return cause.at or (cause.window.before if cause.window else _LAST)
