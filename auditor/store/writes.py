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
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, bindparam, insert, select, update

import auditor
from auditor.model import Audit, Policy, Ref
from auditor.store import unknown
from auditor.store.connection import is_sqlite, unavailable, writing
from auditor.store.rows import Identity, Row, Rows, identity, refs_of, rows_of
from auditor.store.tables import FACTS, NOT_RECORDED, Fact, clusters, objects, policies, runs
from auditor.store.texts import NAME_LIMIT, clean, digest

_MANY: Final = 200
"""Rows from which COPY is worth its round trips (PostgreSQL: 250,000 rows a second against 50,000)."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a publication changed: episodes begun and ended, by table ("findings", "drift", …), and rows written in all."""

    opened: Mapping[str, int]
    resolved: Mapping[str, int]
    rows: int


def begin(engine: Engine, cluster: str, trigger: str, at: datetime) -> int:
    """Write down that a run of this cluster has started; its id. Ids grow: a run with a larger one is the later one."""
    with writing(engine) as connection:
        values = {
            "uuid": str(uuid.uuid4()),
            "cluster_id": _cluster_id(connection, cluster),
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


def close_interrupted(engine: Engine, cluster: str) -> tuple[int, ...]:
    """Mark the runs that never ended as interrupted; their ids. For the one who leads this cluster, at the start: whoever still
    works on one of them can no longer publish it."""
    values = {"status": "interrupted", "reason": "the process ended before the run did", "finished": datetime.now(UTC)}
    with writing(engine) as connection:
        of_cluster = select(clusters.c.id).where(clusters.c.name == clean(cluster)).scalar_subquery()
        stale = select(runs.c.id).where(runs.c.cluster_id == of_cluster, runs.c.status == "running").order_by(runs.c.id)
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
        ids = _object_ids(connection, cluster_id, audit)
        _name_policies(connection, audit)
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


def _cluster_id(connection: Connection, name: str) -> int:
    name = clean(name)
    find = select(clusters.c.id).where(clusters.c.name == name)
    found = connection.execute(find).scalar()
    if found is None:
        connection.execute(_insert_new(connection, clusters), [{"name": name}])
        found = connection.execute(find).scalar_one()
    return int(found)


def _insert_new(connection: Connection, table: Table) -> Any:
    """An insert that leaves rows alone that another writer has just made."""
    if is_sqlite(connection):
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects.postgresql import insert as postgres_insert

    return postgres_insert(table).on_conflict_do_nothing()


def _object_ids(connection: Connection, cluster_id: int, audit: Audit) -> dict[Ref, int]:
    """The ids of all objects the audit speaks of; new ones are written."""
    wanted = {ref: identity(ref) for ref in set(refs_of(audit))}
    known = _known_objects(connection, cluster_id)
    missing = sorted(set(wanted.values()) - known.keys())
    if missing:
        insert_rows(
            connection, objects, ("cluster_id", "grp", "kind", "namespace", "name"), [(cluster_id, *m) for m in missing]
        )
        known = _known_objects(connection, cluster_id)
    return {ref: known[found] for ref, found in wanted.items()}


def _known_objects(connection: Connection, cluster_id: int) -> dict[Identity, int]:
    o = objects.c
    found = connection.execute(select(o.grp, o.kind, o.namespace, o.name, o.id).where(o.cluster_id == cluster_id))
    return {(group, kind, namespace, name): key for group, kind, namespace, name, key in found}


def _name_policies(connection: Connection, audit: Audit) -> None:
    names = {clean(v.policy, NAME_LIMIT): clean(v.name) for v in audit.verdicts}
    known = dict(connection.execute(select(policies.c.code, policies.c.name)).all())
    new = [{"code": code, "name": name} for code, name in names.items() if code not in known]
    if new:
        connection.execute(_insert_new(connection, policies), new)
    for code, name in names.items():
        if known.get(code, name) != name:
            connection.execute(update(policies).where(policies.c.code == code).values(name=name))


def _facts(
    connection: Connection, cluster_id: int, run: int, audit: Audit, ids: Mapping[Ref, int], judged: set[str]
) -> Written:
    standing = {name: _standing(connection, cluster_id, fact) for name, fact in FACTS.items()}
    wanted = rows_of(audit, ids)
    keeps = unknown.settle(connection, cluster_id, audit, wanted, standing, judged)
    opened: dict[str, int] = {}
    resolved: dict[str, int] = {}
    rows = 0
    for name, fact in FACTS.items():
        step = _difference(fact, standing[name], wanted[name], keeps.get(name))
        _apply(connection, fact, step, cluster_id, run)
        opened[name] = sum(since is None for since, _ in step.begin)
        resolved[name] = len(step.end)
        rows += len(step.begin) + len(step.end) + len(step.replace) + len(step.touch)
    return Written(opened, resolved, rows)


def _standing(connection: Connection, cluster_id: int, fact: Fact) -> dict[Row, unknown.Open]:
    """What is open, by key."""
    c = fact.table.c
    columns = [c[name] for name in fact.columns]
    query = select(c.id, c.since_run, *columns).where(c.cluster_id == cluster_id, c.closed_run.is_(None))
    end = 2 + len(fact.key)
    return {tuple(row[2:end]): unknown.Open(row[0], row[1], tuple(row[2:])) for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class _Step:
    """`begin`: rows with the run their episode began with, None for this one. `end`, `replace`: ids of intervals to close.
    `touch`: ids of intervals, with the columns that only accompany them."""

    begin: list[tuple[int | None, Row]]
    end: list[int]
    replace: list[int]
    touch: list[tuple[int, Row]]


def _difference(
    fact: Fact, standing: Mapping[Row, unknown.Open], wanted: Rows, keep: Callable[[Row], bool] | None
) -> _Step:
    step = _Step([], [], [], [])
    width = len(fact.key) + len(fact.values)
    loose = slice(width, width + len(fact.loose))
    sticky = len(fact.columns) - len(fact.sticky)
    breaks = [len(fact.key) + fact.values.index(name) for name in fact.breaks]
    for key, found in standing.items():
        row = wanted.get(key)
        if row is None:
            if keep is None or not keep(found.row):
                step.end.append(found.id)
        elif row[:width] != found.row[:width]:
            same = all(row[n] == found.row[n] for n in breaks)
            step.replace.append(found.id)
            step.begin.append((found.since, row[:sticky] + found.row[sticky:]) if same else (None, row))
        elif row[loose] != found.row[loose]:
            step.touch.append((found.id, row[loose]))
    step.begin.extend((None, row) for key, row in wanted.items() if key not in standing)
    return step


def _apply(connection: Connection, fact: Fact, step: _Step, cluster_id: int, run: int) -> None:
    table = fact.table
    for keys, replaced in ((step.end, False), (step.replace, True)):
        if keys:
            close = update(table).where(table.c.id == bindparam("key"))
            values = {"closed_run": run, "replaced": replaced, "closed_cause": NOT_RECORDED}
            connection.execute(close.values(values), [{"key": key} for key in keys])
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
        insert_rows(connection, table, columns, begun)


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write many rows at once: by COPY where there is one, else by one prepared statement."""
    if is_sqlite(connection) or len(rows) < _MANY:
        connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])
        return
    driver: Any = connection.connection.driver_connection
    names = ", ".join(f'"{name}"' for name in columns)
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def _sources(audit: Audit) -> str:
    found = [
        {
            "name": s.name,
            "revision": s.revision,
            "fetched_at": s.fetched_at.astimezone(UTC).isoformat() if s.fetched_at else None,
            "commit_at": s.commit_at.astimezone(UTC).isoformat() if s.commit_at else None,
            "branch": s.branch,
            "appliers": list(s.appliers),
        }
        for s in audit.sources
    ]
    return json.dumps(sorted(found, key=lambda source: json.dumps(source, sort_keys=True)), sort_keys=True)
