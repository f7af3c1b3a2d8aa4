"""Runs, objects, and what runs learned about them as intervals.

Revision: 0001, the first.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A migration says what was true when it was written, so it imports nothing of the package.
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


def _id(name: str, target: str | None = None, *, null: bool = False) -> sa.Column[Any]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, *([sa.ForeignKey(target)] if target else []), nullable=null)


def _about() -> sa.Column[Any]:
    return _id("object_id", "objects.id")


def _text(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=null)


def _time(name: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _place() -> list[sa.Column[Any]]:
    return [
        _text("place_source", null=True),
        _text("place_file", null=True),
        sa.Column("place_line", sa.Integer()),
        sa.Column("place_column", sa.Integer()),
    ]


def _window() -> list[sa.Column[Any]]:
    return [_time("window_after"), _time("window_before")]


def _score() -> list[sa.Column[Any]]:
    return [
        sa.Column("score", sa.Double()),
        sa.Column("minimum", sa.Double()),
        sa.Column("workloads", sa.Integer(), nullable=False),
        sa.Column("unknown_ratio", sa.Double()),
    ]


def _intervals(name: str, *columns: sa.Column[Any], key: tuple[str, ...]) -> None:
    op.create_table(
        name,
        _id("id"),
        _id("cluster_id", "clusters.id"),
        *columns,
        _id("opened_run", "runs.id"),
        _id("since_run"),
        _id("closed_run", "runs.id", null=True),
        sa.Column("replaced", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("opened_cause", sa.Text(), nullable=False, server_default="not-recorded"),
        _text("closed_cause", null=True),
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
        "clusters", _id("id"), _text("name"), sa.PrimaryKeyConstraint("id"), sa.UniqueConstraint("name")
    )  # fmt: skip
    op.create_table(
        "runs",
        _id("id"),
        sa.Column("uuid", sa.String(36), nullable=False),
        _id("cluster_id", "clusters.id"),
        sa.Column("status", sa.String(16), nullable=False),
        _text("trigger"),
        _time("started", null=False),
        _time("finished"),
        _time("at"),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        _text("sources", null=True),
        sa.Column("coverage", sa.Double()),
        _text("phases", null=True),
        _text("tool_version"),
        sa.Column("formula", sa.Integer()),
        _text("policy_set", null=True),
        sa.Column("pruned", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
        sa.CheckConstraint("status IN ('running', 'published', 'failed', 'interrupted')", name="status"),
    )
    op.create_index("ix_runs_cluster_id_status_id", "runs", ["cluster_id", "status", "id"])
    op.create_index("ix_runs_cluster_id_at", "runs", ["cluster_id", "at"])
    op.create_table(
        "objects",
        _id("id"),
        _id("cluster_id", "clusters.id"),
        _text("grp"),
        _text("kind"),
        _text("namespace"),
        _text("name"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("cluster_id", "namespace", "name", "kind", "grp"),
    )
    op.create_table("policies", _text("code"), _text("name"), sa.PrimaryKeyConstraint("code"))
    op.create_table(
        "marks",
        _id("cluster_id", "clusters.id"),
        _text("fact"),
        _text("digest"),
        sa.PrimaryKeyConstraint("cluster_id", "fact"),
    )
    op.create_table(
        "reports",
        _id("id"),
        _text("kind"),
        _text("period"),
        sa.Column("state", sa.String(16), nullable=False),
        _time("changed", null=False),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "period"),
        sa.CheckConstraint("state IN ('claimed', 'made', 'released')", name="state"),
    )
    _intervals(
        "verdicts",
        _about(),
        _text("policy"),
        _text("outcome"),
        _text("severity"),
        _text("reason"),
        _text("concerns"),
        sa.Column("scored", sa.Boolean(), nullable=False),
        key=("object_id", "policy"),
    )
    _intervals(
        "findings",
        _text("fingerprint"),
        _about(),
        _text("policy"),
        _text("path"),
        _text("side"),
        _text("severity"),
        sa.Column("pending", sa.Boolean(), nullable=False),
        _text("message"),
        _text("remedy"),
        *_place(),
        key=("fingerprint",),
    )
    _intervals(
        "drift",
        _about(),
        _text("kind"),
        _text("direction"),
        _text("severity"),
        _text("reason"),
        *_place(),
        *_window(),
        key=("object_id", "kind"),
    )
    _intervals(
        "drift_fields",
        _about(),
        _text("kind"),
        _text("path"),
        sa.Column("n", sa.Integer(), nullable=False),
        _text("change"),
        _text("desired", null=True),
        _text("live", null=True),
        _text("severity"),
        _text("direction"),
        _text("words"),
        _text("owner_manager", null=True),
        _text("owner_operation", null=True),
        _text("owner_subresource", null=True),
        _text("owner_class", null=True),
        _text("owner_certainty", null=True),
        _time("owner_time"),
        *_place(),
        *_window(),
        key=("object_id", "kind", "path", "n"),
    )
    _intervals(
        "not_compared",
        _about(),
        _text("path"),
        sa.Column("n", sa.Integer(), nullable=False),
        _text("reason"),
        key=("object_id", "path", "n"),
    )
    _intervals(
        "cells",
        _text("grp"),
        _text("kind"),
        _text("namespace"),
        _text("state"),
        _text("reason"),
        sa.Column("objects", sa.Integer(), nullable=False),
        key=("grp", "kind", "namespace"),
    )
    _intervals(
        "problems",
        _text("fingerprint"),
        _id("object_id", "objects.id", null=True),
        _text("code"),
        _text("severity"),
        _text("message"),
        _text("remedy"),
        *_place(),
        key=("fingerprint",),
    )
    _intervals("scores", _text("scope"), _text("name"), *_score(), key=("scope", "name"))
    _intervals("workload_scores", _about(), *_score(), key=("object_id",))
    _intervals("teams", _text("namespace"), _text("team"), key=("namespace",))
    _intervals("seen", _about(), key=("object_id",))


def downgrade() -> None:
    for name in (*reversed(_INTERVALS), "marks", "reports", "policies", "objects", "runs", "clusters"):
        op.drop_table(name)
