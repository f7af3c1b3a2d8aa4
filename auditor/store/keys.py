"""What intervals refer to: the ids of clusters and objects, the names of policies; and rows by the thousand.

In: a writing connection and an audit. Out: ids, made where there were none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, select, update

from auditor.model import Audit, Ref
from auditor.store.connection import insert_new, is_sqlite
from auditor.store.rows import Identity, Row, identity, refs_of
from auditor.store.tables import clusters, objects, policies
from auditor.store.texts import NAME_LIMIT, clean

_MANY: Final = 200
"""Rows from which COPY is worth its round trips (PostgreSQL: 250,000 rows a second against 50,000)."""


def cluster_id(connection: Connection, name: str) -> int:
    name = clean(name)
    find = select(clusters.c.id).where(clusters.c.name == name)
    found = connection.execute(find).scalar()
    if found is None:
        connection.execute(insert_new(connection, clusters), [{"name": name}])
        found = connection.execute(find).scalar_one()
    return int(found)


def object_ids(connection: Connection, cluster_id: int, audit: Audit) -> dict[Ref, int]:
    """The ids of all objects the audit speaks of; new ones are written."""
    # Most refs are the same few objects over and over: those are told apart by where they lie before they are compared.
    refs = {id(ref): ref for ref in refs_of(audit)}.values()
    wanted = {ref: identity(ref) for ref in refs}
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
    found = connection.execute(select(o.grp, o.kind, o.namespace, o.name, o.id).where(o.cluster_id == cluster_id)).all()
    return {(group, kind, namespace, name): key for group, kind, namespace, name, key in found}


def name_policies(connection: Connection, audit: Audit) -> None:
    names = {clean(v.policy, NAME_LIMIT): clean(v.name) for v in audit.verdicts}
    known = dict(connection.execute(select(policies.c.code, policies.c.name)).all())
    new = [{"code": code, "name": name} for code, name in names.items() if code not in known]
    if new:
        connection.execute(insert_new(connection, policies), new)
    for code, name in names.items():
        if known.get(code, name) != name:
            connection.execute(update(policies).where(policies.c.code == code).values(name=name))


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
