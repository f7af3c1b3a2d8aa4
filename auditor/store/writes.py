"""Runs, from beginning to publication.

In: an `Audit`. Out: the difference between it and what stands open, written by one transaction: readers see the run before or this
one, never a part. What the run could not know closes nothing (`auditor.store.unknown`).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update

import auditor
from auditor.model import Audit, Policy, Ref
from auditor.store import keys, unknown, windows
from auditor.store.connection import unavailable, writing
from auditor.store.facts import FACTS, NOT_RECORDED, Fact
from auditor.store.rows import Row, Rows, rows_of
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
    finished: datetime | None = None,
) -> Written:
    """Make what a run learned the state of its cluster.

    `phases`: seconds by phase. `judged`: the policies that were on; without them, a policy that said nothing about an unreadable
    object is taken to be on. Publishing a run again changes nothing, so it may be repeated after a lost connection. Raises
    `Unavailable`: of reason "superseded" when a later run was published, or this one was given up.
    """
    with writing(engine) as connection:
        cluster_id = _claim(engine, connection, run, audit)
        if cluster_id is None:
            return Written({}, {}, 0)
        ids = keys.object_ids(connection, cluster_id, audit)
        keys.name_policies(connection, audit)
        written = _facts(connection, cluster_id, run, audit, ids, {clean(p.id, NAME_LIMIT) for p in judged})
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
    connection: Connection, cluster_id: int, run: int, audit: Audit, ids: Mapping[Ref, int], judged: set[str]
) -> Written:
    standing = _Standing(connection, cluster_id)
    wanted = rows_of(audit, ids)
    keeps = unknown.settle(connection, cluster_id, audit, wanted, standing, judged)
    windows.date_back(connection, cluster_id, audit, wanted, standing)
    known = dict(connection.execute(select(marks.c.fact, marks.c.digest).where(marks.c.cluster_id == cluster_id)).all())
    opened: dict[str, int] = {}
    resolved: dict[str, int] = {}
    rows = 0
    for name, fact in FACTS.items():
        mark = _mark(fact, wanted[name])
        if known.get(name) == mark:
            continue  # what the last run said of it, to the letter, and nothing else stands: no need to read what stands
        step = _difference(fact, standing[name], wanted[name], keeps.get(name))
        _apply(connection, fact, step, cluster_id, run)
        _remark(connection, cluster_id, name, known.get(name), "" if step.kept else mark)
        opened[name] = sum(since is None for since, _ in step.begin)
        resolved[name] = len(step.end)
        rows += len(step.begin) + len(step.end) + len(step.replace) + len(step.touch)
    return Written(opened, resolved, rows)


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


class _Standing(dict[str, Mapping[Row, unknown.Open]]):
    """What is open of each fact, by key; read when it is first asked for."""

    def __init__(self, connection: Connection, cluster_id: int) -> None:
        super().__init__()
        self.connection, self.cluster_id = connection, cluster_id

    def __missing__(self, name: str) -> Mapping[Row, unknown.Open]:
        fact = FACTS[name]
        c = fact.table.c
        columns = [c[column] for column in fact.columns]
        query = select(c.id, c.since_run, *columns).where(c.cluster_id == self.cluster_id, c.closed_run.is_(None))
        end = 2 + len(fact.key)
        self[name] = found = {
            tuple(row[2:end]): unknown.Open(row[0], row[1], tuple(row[2:]))
            for row in self.connection.execute(query).all()
        }
        return found


@dataclass(frozen=True, slots=True)
class _Step:
    """`begin`: rows with the run their episode began with, None for this one. `end`, `replace`: ids of intervals to close.
    `touch`: ids of intervals, with the columns that only accompany them. `kept`: whether something stays that was not wanted."""

    begin: list[tuple[int | None, Row]]
    end: list[int]
    replace: list[int]
    touch: list[tuple[int, Row]]
    kept: bool


def _difference(
    fact: Fact, standing: Mapping[Row, unknown.Open], wanted: Rows, keep: Callable[[Row], bool] | None
) -> _Step:
    begin: list[tuple[int | None, Row]] = []
    end: list[int] = []
    replace: list[int] = []
    touch: list[tuple[int, Row]] = []
    kept = False
    width = len(fact.key) + len(fact.values)
    loose = slice(width, width + len(fact.loose))
    sticky = len(fact.columns) - len(fact.sticky)
    breaks = [len(fact.key) + fact.values.index(name) for name in fact.breaks]
    for key, found in standing.items():
        row = wanted.get(key)
        if row is None:
            if keep is not None and keep(found.row):
                kept = True
            else:
                end.append(found.id)
        elif row[:width] != found.row[:width]:
            same = all(row[n] == found.row[n] for n in breaks)
            replace.append(found.id)
            begin.append((found.since, row[:sticky] + found.row[sticky:]) if same else (None, row))
        elif row[loose] != found.row[loose]:
            touch.append((found.id, row[loose]))
    begin.extend((None, row) for key, row in wanted.items() if key not in standing)
    return _Step(begin, end, replace, touch, kept)


def _apply(connection: Connection, fact: Fact, step: _Step, cluster_id: int, run: int) -> None:
    table = fact.table
    for ids, replaced in ((step.end, False), (step.replace, True)):
        if ids:
            close = update(table).where(table.c.id == bindparam("key"))
            values = {"closed_run": run, "replaced": replaced, "closed_cause": NOT_RECORDED}
            connection.execute(close.values(values), [{"key": key} for key in ids])
    if step.touch:
        follow = (
            update(table).where(table.c.id == bindparam("key")).values({n: bindparam("to_" + n) for n in fact.loose})
        )
        names = ["to_" + name for name in fact.loose]
        connection.execute(follow, [{"key": key, **dict(zip(names, row, strict=True))} for key, row in step.touch])
    if step.begin:
        columns = ("cluster_id", "opened_run", "since_run", *fact.columns)
        begun = [(cluster_id, run, run if since is None else since, *row) for since, row in step.begin]
        # Sorted by key, neighbours in the index are neighbours in the file; and the same audit always writes the same rows.
        begun.sort(key=lambda row: row[3 : 3 + len(fact.key)])
        keys.insert_rows(connection, table, columns, begun)


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
        }
        for s in audit.sources
    ]
    return json.dumps(sorted(found, key=lambda source: json.dumps(source, sort_keys=True)), sort_keys=True)
