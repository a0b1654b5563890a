"""Exceptions: what somebody decided about one day of a slot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "slot_exception",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("moved_on", sa.Date(), nullable=True),
        sa.Column("moved_at", sa.Time(), nullable=True),
        sa.Column("programme_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name="fk_slot_exception_slot_id"),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.id"], name="fk_slot_exception_programme_id"
        ),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name="fk_slot_exception_created_by"),
        sa.PrimaryKeyConstraint("id", name="pk_slot_exception"),
        sa.UniqueConstraint("slot_id", "on", name="uq_slot_exception_slot_id_on"),
    )


def downgrade() -> None:
    op.drop_table("slot_exception")
