"""Who leads a cluster's audits, and a database that refuses the runs of whoever led before.

Revision: 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# A run that begins or is published carries the token of its leader; only the newest token of its cluster is taken.
_POSTGRES = """
CREATE FUNCTION auditor_fence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.token <> coalesce((SELECT token FROM leaders WHERE cluster_id = NEW.cluster_id), 0) THEN
    RAISE EXCEPTION 'another process leads the audits of this cluster' USING ERRCODE = 'AU001';
  END IF;
  RETURN NEW;
END $$
"""
_FENCES = {
    "runs_begin": ("INSERT", "NEW.status = 'running'"),
    "runs_publish": ("UPDATE", "NEW.status = 'published' AND OLD.status <> 'published'"),
}


def upgrade() -> None:
    op.create_table(
        "leaders",
        sa.Column("cluster_id", _ID, sa.ForeignKey("clusters.id"), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("replica", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cluster_id"),
    )
    op.add_column("runs", sa.Column("token", sa.BigInteger(), nullable=False, server_default="0"))
    sqlite = op.get_bind().dialect.name == "sqlite"
    if not sqlite:
        op.execute(_POSTGRES)
    for name, (event, when) in _FENCES.items():
        op.execute(_sqlite_fence(name, event, when) if sqlite else _postgres_fence(name, event, when))


def _postgres_fence(name: str, event: str, when: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {event} ON runs FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION auditor_fence()"


def _sqlite_fence(name: str, event: str, when: str) -> str:
    newest = "coalesce((SELECT token FROM leaders WHERE cluster_id = NEW.cluster_id), 0)"
    refuse = "SELECT RAISE(ABORT, 'another process leads the audits of this cluster')"
    return f"CREATE TRIGGER {name} BEFORE {event} ON runs WHEN {when} AND NEW.token <> {newest} BEGIN {refuse}; END"


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name in _FENCES:
        op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else " ON runs"))
    if not sqlite:
        op.execute("DROP FUNCTION auditor_fence()")
    op.drop_column("runs", "token")
    op.drop_table("leaders")
