"""Runs, from beginning to publication.

In: an `Audit`. Out: the difference between it and what stands open, written by one transaction: readers see the run before or this
one, never a part. What the run could not know closes nothing (`auditor.store.unknown`).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import orjson
from sqlalchemy import Connection, Engine, func, insert, select, update

import auditor
from auditor.causes import Event, Evidence, explain
from auditor.model import Audit, Cause, CauseKind, Policy, Ref, Window
from auditor.store import cause_rows, keys, states, unknown, windows
from auditor.store.cause_rows import CauseKey
from auditor.store.connection import unavailable, writing
from auditor.store.differences import Difference, Standing, Turn, apply, difference
from auditor.store.facts import FACTS, Fact
from auditor.store.rows import SELF, Row, Rows, rows_of
from auditor.store.tables import HEAD, clusters, leaders, marks, runs
from auditor.store.texts import NAME_LIMIT, clean, digest


@dataclass(frozen=True, slots=True)
class Written:
    """What a publication changed: episodes begun and ended, by table ("findings", "drift", …), and rows written in all."""

    opened: Mapping[str, int]
    resolved: Mapping[str, int]
    rows: int


def begin(engine: Engine, cluster: str, trigger: str, at: datetime, *, token: int | None = None) -> int:
    """Write down that a run of this cluster has started; its id. Ids grow: a run with a larger one is the later one.

    `token`: of the leader (`auditor.store.leadership`), who has one run at a time, so that earlier ones have ended; None takes
    the newest. Raises `Unavailable`: of reason "superseded" when another leads by now.
    """
    with writing(engine) as connection:
        cluster_id = keys.cluster_id(connection, cluster)
        if token is not None:
            interrupt(connection, cluster_id)
        newest = select(leaders.c.token).where(leaders.c.cluster_id == cluster_id).scalar_subquery()
        values = {
            "uuid": str(uuid.uuid4()),
            "cluster_id": cluster_id,
            "token": func.coalesce(newest, 0) if token is None else token,
            "status": "running",
            "trigger": clean(trigger),
            "started": at,
            "tool_version": auditor.__version__,
        }
        key = connection.execute(insert(runs).values(values)).inserted_primary_key
        assert key is not None
        return int(key[0])


def fail(engine: Engine, run: int, reason: str, at: datetime | None = None) -> None:
    """A run ended without a result. `reason` is a sentence; nothing else of the store changes."""
    values = {"status": "failed", "reason": clean(reason), "finished": at or datetime.now(UTC)}
    with writing(engine) as connection:
        connection.execute(update(runs).where(runs.c.id == run, runs.c.status == "running").values(values))


def close_interrupted(engine: Engine, cluster: str, token: int | None = None) -> tuple[int, ...]:
    """Mark the runs that never ended as interrupted; their ids. Whoever still works on one of them can no longer publish it.
    With a `token`: only that leader's own."""
    with writing(engine) as connection:
        number = connection.execute(select(clusters.c.id).where(clusters.c.name == clean(cluster))).scalar()
        return () if number is None else interrupt(connection, number, token)


def interrupt(connection: Connection, cluster_id: int, token: int | None = None) -> tuple[int, ...]:
    values = {"status": "interrupted", "reason": "the process ended before the run did", "finished": datetime.now(UTC)}
    stale = select(runs.c.id).where(runs.c.cluster_id == cluster_id, runs.c.status == "running").order_by(runs.c.id)
    if token is not None:
        stale = stale.where(runs.c.token == token)
    ids = tuple(connection.execute(stale).scalars())
    if ids:
        connection.execute(update(runs).where(runs.c.id.in_(ids), runs.c.status == "running").values(values))
    return ids


def publish(
    engine: Engine,
    run: int,
    audit: Audit,
    *,
    phases: Mapping[str, float] | None = None,
    judged: Sequence[Policy] = (),
    evidence: Evidence | None = None,
    finished: datetime | None = None,
) -> Written:
    """Make what a run learned the state of its cluster.

    `phases`: seconds by phase. `judged`: the policies that were on; without them, a policy that said nothing about an unreadable
    object is taken to be on. `evidence`: what can show why things changed; without it, causes are unknown. Publishing a run again changes nothing, so it may be repeated after a lost connection. Raises
    `Unavailable`: of reason "superseded" when a later run was published, or this one was given up.
    """
    with writing(engine) as connection:
        cluster_id = _claim(engine, connection, run, audit)
        if cluster_id is None:
            return Written({}, {}, 0)
        ids = keys.object_ids(connection, cluster_id, audit)
        keys.name_policies(connection, audit)
        evidence = replace(
            evidence or Evidence(drift=audit.drift),
            conditions={**(evidence.conditions if evidence else {}), **conditions(judged, audit.scores.formula)},
        )
        written = _facts(connection, cluster_id, run, audit, ids, {clean(p.id, NAME_LIMIT) for p in judged}, evidence)
        done = {
            "status": "published",
            "at": audit.at,
            "finished": finished or datetime.now(UTC),
            "sources": _sources(audit),
            "coverage": audit.coverage.ratio,
            "phases": json.dumps(dict(phases or {}), sort_keys=True),
            "formula": audit.scores.formula,
            "policy_set": policy_set(judged),
        }
        connection.execute(update(runs).where(runs.c.id == run).values(done))
        return written


def conditions(judged: Iterable[Policy], formula: int) -> dict[tuple[str, str], str]:
    """What an audit was made under, beside its settings: every policy with its version, this program and its score."""
    found = {("policy", p.id): f"version {p.version}, {p.severity}" for p in judged}
    return {**found, ("auditor", "version"): auditor.__version__, ("auditor", "score"): f"formula {formula}"}


def policy_set(judged: Iterable[Policy]) -> str:
    """A short word that changes when a policy is switched on or off, or judges otherwise."""
    found = sorted(f"{p.id} {p.version} {p.severity}" for p in judged)
    return digest(*found)[:12] if found else ""


def _claim(engine: Engine, connection: Connection, run: int, audit: Audit) -> int | None:
    """The id of the run's cluster, held against other publications until the transaction ends; None if already published."""
    row = connection.execute(select(runs.c.cluster_id, runs.c.status).where(runs.c.id == run)).one_or_none()
    if row is None:
        raise unavailable(engine, "other", f"knows no run {run}")
    name = connection.execute(select(clusters.c.name).where(clusters.c.id == row.cluster_id).with_for_update()).scalar()
    if name != clean(audit.cluster):
        raise ValueError(f"run {run} is of the cluster {name!r}, not of {audit.cluster!r}")
    if row.status == "published":
        return None
    later = select(runs.c.id).where(runs.c.cluster_id == row.cluster_id, runs.c.status == "published", runs.c.id > run)
    if row.status != "running" or connection.execute(later.limit(1)).first():
        why = "was given up" if row.status != "running" else "is older than one that was published"
        raise unavailable(engine, "superseded", f"did not take run {run}: it {why}", "run one auditor for each cluster")
    return int(row.cluster_id)


def _facts(
    connection: Connection,
    cluster_id: int,
    run: int,
    audit: Audit,
    ids: Mapping[Ref, int],
    judged: set[str],
    evidence: Evidence,
) -> Written:
    standing = Standing(connection, cluster_id)
    wanted = rows_of(audit, ids, evidence.conditions)
    keeps = unknown.settle(connection, cluster_id, audit, wanted, standing, judged)
    windows.date_back(connection, cluster_id, audit, wanted, standing)
    known = dict(connection.execute(select(marks.c.fact, marks.c.digest).where(marks.c.cluster_id == cluster_id)).all())
    steps: dict[str, Difference] = {}
    for name, fact in FACTS.items():
        mark = _mark(fact, wanted[name])
        if known.get(name) == mark:
            continue  # what the last run said of it, to the letter, and nothing else stands: no need to read what stands
        steps[name] = step = difference(fact, standing[name], wanted[name], keeps.get(name))
        _remark(connection, cluster_id, name, known.get(name), "" if step.kept else mark)
    causes = iter(_caused(connection, cluster_id, run, audit, ids, steps, evidence))
    for name, step in steps.items():
        apply(connection, FACTS[name], step, causes, cluster_id, run)
    return Written(
        {name: step.opened for name, step in steps.items()},
        {name: step.resolved for name, step in steps.items()},
        sum(step.rows for step in steps.values()),
    )


def _caused(
    connection: Connection,
    cluster_id: int,
    run: int,
    audit: Audit,
    ids: Mapping[Ref, int],
    steps: Mapping[str, Difference],
    evidence: Evidence,
) -> list[int]:
    """The number of the cause of every turn, in their order; the causes are stored."""
    before = windows.run_before(connection, cluster_id, None)
    window = Window(before[1] if before else None, audit.at)
    turns = [(FACTS[name], turn) for name, step in steps.items() for turn in step.turns]
    if before is None:
        # All of it was there when it was first looked at: a hundred thousand times the same.
        found = [Cause(CauseKind.FIRST_RUN, window=window)] * len(turns)
    else:
        refs = states.refs_by_id(connection, cluster_id, audit.cluster) if turns else {}
        refs |= {key: ref for ref, key in ids.items()}
        wanted = {(t.before.opened, t.before.cause) for _, t in turns if t.before and t.before.cause is not None}
        brought = cause_rows.read(connection, wanted)
        found = explain([_event(fact, turn, refs, brought) for fact, turn in turns], evidence, window)
    return cause_rows.write(connection, run, found) if found else []


def _event(fact: Fact, turn: Turn, refs: Mapping[int, Ref], brought: Mapping[CauseKey, Cause]) -> Event:
    before = dict(zip(fact.columns, turn.before.row, strict=True)) if turn.before else None
    after = dict(zip(fact.columns, turn.after, strict=True)) if turn.after is not None else None
    said = after or before or {}
    ref = refs.get(said.get("object_id") or -1)
    concerned = said.get("concerns")
    concerns = (ref,) if concerned == SELF and ref else tuple(refs[int(key)] for key in (concerned or "").split())
    why = (turn.before.opened, turn.before.cause) if turn.before and turn.before.cause is not None else None
    return Event(fact.table.name, before, after, ref, concerns, brought.get(why) if why else None)


def _mark(fact: Fact, rows: Rows) -> str:
    """Stands for the rows of a fact, but for what is only written when an interval or episode begins."""
    said: Iterable[Row] = map(rows.__getitem__, sorted(rows))
    if fact.once or fact.sticky:
        width = len(fact.key) + len(fact.values) + len(fact.loose)
        said = (row[:width] for row in said)
    return digest(HEAD, orjson.dumps(list(said)).decode())


def _remark(connection: Connection, cluster_id: int, fact: str, before: str | None, mark: str) -> None:
    if before is None:
        connection.execute(insert(marks).values(cluster_id=cluster_id, fact=fact, digest=mark))
    elif before != mark:
        own = update(marks).where(marks.c.cluster_id == cluster_id, marks.c.fact == fact)
        connection.execute(own.values(digest=mark))


def _sources(audit: Audit) -> str:
    found = [
        {
            "name": s.name,
            "revision": s.revision,
            "fetched_at": s.fetched_at.astimezone(UTC).isoformat() if s.fetched_at else None,
            "commit_at": s.commit_at.astimezone(UTC).isoformat() if s.commit_at else None,
            "branch": s.branch,
            "appliers": list(s.appliers),
            "tools": list(s.tools),
            "authored_at": s.authored_at.astimezone(UTC).isoformat() if s.authored_at else None,
        }
        for s in audit.sources
    ]
    return json.dumps(sorted(found, key=lambda source: json.dumps(source, sort_keys=True)), sort_keys=True)
