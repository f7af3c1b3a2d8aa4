"""What is known of before, for the next audit: `model.Past` without what git knows.

In: a connection and a cluster. Out: objects that were ever seen live, when the last run was published, and since when what
drifts does.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from auditor.model import Past, Ref, Window
from auditor.store import runs as run_list
from auditor.store.facts import DRIFT, DRIFT_FIELDS, SEEN
from auditor.store.tables import objects


def past(connection: Connection, cluster: str) -> Past:
    """The past of a cluster; empty before its first published run."""
    last = run_list.as_of(connection, cluster, None)
    if last is None:
        return Past()
    key = run_list.cluster_id(connection, cluster)
    o = objects.c
    identity = (o.grp, o.kind, o.namespace, o.name)
    s = SEEN.table.c
    seen = connection.execute(
        select(*identity).distinct().join(SEEN.table, s.object_id == o.id).where(s.cluster_id == key)
    )
    windows: dict[tuple[Ref, str], Window] = {}
    for fact in (DRIFT_FIELDS, DRIFT):
        c = fact.table.c
        path = c.path if "path" in c else None
        query = select(*identity, c.window_after, c.window_before, *([path] if path is not None else []))
        for row in connection.execute(
            query.join(fact.table, c.object_id == o.id).where(c.cluster_id == key, c.closed_run.is_(None))
        ):
            ref = ref_of(cluster, row[0], row[1], row[2], row[3])
            windows[ref, row[6] if path is not None else ""] = Window(row[4], row[5])
    refs = frozenset(ref_of(cluster, *row) for row in seen)
    return Past(seen=refs, last_run_at=last.at, windows=windows)


def ref_of(cluster: str, group: str, kind: str, namespace: str, name: str) -> Ref:
    """The ref that was stored so."""
    return Ref(cluster, group, kind, namespace or None, name)
