"""Why intervals began and ended; what audits were made under; waivers.

Revision: 0003, after 0002.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INTERVALS = (
    "verdicts",
    "findings",
    "drift",
    "drift_fields",
    "not_compared",
    "cells",
    "problems",
    "scores",
    "workload_scores",
    "teams",
    "seen",
)


def _id(name: str, *target: sa.ForeignKey, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), *target, nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=null)


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True))


def _place() -> list[sa.Column[Any]]:
    text = [_text("place_source", null=True), _text("place_file", null=True)]
    return [*text, sa.Column("place_line", sa.Integer()), sa.Column("place_column", sa.Integer())]


def _intervals(name: str, *columns: sa.Column[Any], key: tuple[str, ...]) -> None:
    op.create_table(
        name,
        _id("id"),
        _id("cluster_id", sa.ForeignKey("clusters.id")),
        *columns,
        _id("opened_run", sa.ForeignKey("runs.id")),
        _id("since_run"),
        _id("closed_run", sa.ForeignKey("runs.id"), null=True),
        sa.Column("replaced", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("opened_cause", sa.Integer()),
        sa.Column("closed_cause", sa.Integer()),
        sa.PrimaryKeyConstraint("id"),
    )
    is_open = sa.text("closed_run IS NULL")
    op.create_index(
        f"uq_{name}_open", name, ["cluster_id", *key], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index(f"ix_{name}_opened_run", name, ["opened_run"])
    op.create_index(f"ix_{name}_closed_run", name, ["closed_run"])
    if any(column.name == "object_id" for column in columns):
        op.create_index(f"ix_{name}_object_id", name, ["object_id"])


def upgrade() -> None:
    op.create_table(
        "causes",
        _id("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE")),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("certainty", sa.String(16), nullable=False),
        *(_text(name, null=True) for name in ("detail", "revision", "author", "subject")),
        _time("at"),
        *(_text(name, null=True) for name in ("manager", "operation", "subresource")),
        _time("window_after"),
        _time("window_before"),
        *_place(),
        sa.PrimaryKeyConstraint("run_id", "n"),
    )
    for name in _INTERVALS:
        for column in ("opened_cause", "closed_cause"):
            # Said in SQL: to drop a column in place is quicker than the copy that Alembic would make of a table of SQLite.
            op.execute(f"ALTER TABLE {name} DROP COLUMN {column}")
            op.add_column(name, sa.Column(column, sa.Integer()))
    _intervals("conditions", _text("kind"), _text("name"), _text("value"), key=("kind", "name"))
    _intervals(
        "waivers",
        _text("fingerprint"),
        _id("object_id", sa.ForeignKey("objects.id"), null=True),
        *(
            _text(name)
            for name in ("policy", "kind", "namespace", "name", "container", "reason", "until", "by", "state")
        ),
        *_place(),
        key=("fingerprint",),
    )


def downgrade() -> None:
    for name in ("waivers", "conditions", "causes"):
        op.drop_table(name)
    for name in _INTERVALS:
        for column in ("opened_cause", "closed_cause"):
            op.execute(f"ALTER TABLE {name} DROP COLUMN {column}")
        op.add_column(name, sa.Column("opened_cause", sa.Text(), nullable=False, server_default="not-recorded"))
        op.add_column(name, sa.Column("closed_cause", sa.Text()))
