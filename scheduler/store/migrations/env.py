"""Alembic's entry: migrates the connection that ``scheduler.store.schema`` hands over."""

from __future__ import annotations

from alembic import context

from scheduler.store.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter most columns in place
)
with context.begin_transaction():
    context.run_migrations()
