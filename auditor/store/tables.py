"""The tables that things are entered in once: clusters, runs, objects, policies, reports. Those of intervals: `store.facts`.

Identity is text that people and hostile repositories write, so no column of an index holds more than `NAME_LIMIT` or `PATH_LIMIT`
bytes (`auditor.store.texts`): an index row of PostgreSQL ends at 2,704.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.engine import Dialect

HEAD: Final = "0003"
"""The revision this code reads and writes; `migrations/versions` ends with it (a test holds them together)."""


class Moment(TypeDecorator[datetime]):
    """A moment in UTC. SQLite knows no time zones: there, UTC is written and read without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite numbers rows by itself only in columns that are exactly INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

clusters = Table(
    "clusters",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    UniqueConstraint("name"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uuid", String(36), nullable=False),
    Column("cluster_id", Id, ForeignKey("clusters.id"), nullable=False),
    Column("status", String(16), nullable=False),
    Column("trigger", Text, nullable=False),
    Column("started", Moment, nullable=False),
    Column("finished", Moment),
    Column("at", Moment),  # the moment the audit judges as of; only published runs have one
    Column("reason", Text, nullable=False, server_default=""),
    Column("sources", Text),  # JSON: name, revision, fetched_at, commit_at, branch, appliers, tools, authored_at
    Column("coverage", Double),
    Column("phases", Text),  # JSON: seconds by phase
    Column("tool_version", Text, nullable=False),
    Column("formula", Integer),
    Column("policy_set", Text),
    # What was over by then has been removed: the run still dates what began with it, but its state can no longer be shown.
    Column("pruned", Boolean, nullable=False, server_default=false()),
    # Of the leader that began it. A trigger refuses runs whose token is not the newest of `leaders`.
    Column("token", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("uuid"),
    CheckConstraint("status IN ('running', 'published', 'failed', 'interrupted')", name="status"),
    Index(None, "cluster_id", "status", "id"),
    Index(None, "cluster_id", "at"),
)

leaders = Table(
    "leaders",
    metadata,
    Column("cluster_id", Id, ForeignKey("clusters.id"), primary_key=True),
    Column("token", BigInteger, nullable=False),  # grows with every leader
    Column("replica", Text, nullable=False),
    Column("since", Moment, nullable=False),
)

causes = Table(
    "causes",
    metadata,
    # Of one run: what refers to it was begun or ended by that run, so a cause goes with its run.
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("certainty", String(16), nullable=False),
    Column("detail", Text),
    Column("revision", Text),
    Column("author", Text),
    Column("subject", Text),
    Column("at", Moment),
    Column("manager", Text),
    Column("operation", Text),
    Column("subresource", Text),
    Column("window_after", Moment),
    Column("window_before", Moment),
    Column("place_source", Text),
    Column("place_file", Text),
    Column("place_line", Integer),
    Column("place_column", Integer),
)

objects = Table(
    "objects",
    metadata,
    Column("id", Id, primary_key=True),
    Column("cluster_id", Id, ForeignKey("clusters.id"), nullable=False),
    Column("grp", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("namespace", Text, nullable=False),  # "" where there is none: NULLs would never be equal
    Column("name", Text, nullable=False),
    UniqueConstraint("cluster_id", "namespace", "name", "kind", "grp"),
)

policies = Table(
    "policies",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("cluster_id", Id, ForeignKey("clusters.id"), primary_key=True),
    Column("fact", Text, primary_key=True),
    # Of all rows of that fact, as the last published run said them; "" where more than that stands open.
    Column("digest", Text, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("changed", Moment, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    UniqueConstraint("kind", "period"),
    CheckConstraint("state IN ('claimed', 'made', 'released')", name="state"),
)
