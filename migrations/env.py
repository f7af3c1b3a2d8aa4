"""Runs migrations on the connection that `auditor.store.migrate` gives, within its transaction."""

from __future__ import annotations

from alembic import context

from auditor.store.facts import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    # SQLite changes tables by copying them; and its DDL is transactional once the driver lets it be.
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
