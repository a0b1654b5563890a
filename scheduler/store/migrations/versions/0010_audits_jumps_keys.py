"""Audits of what lies at a station; jump hosts; a station's current and next key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0010"
down_revision = "0009"

_PLAIN = (
    "audit",
    "audited_at",
    "audit_tried_at",
    "key_changed_at",
    "next_key_number",
    "key_number",
)


def upgrade() -> None:
    op.create_table(
        "jump",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("host_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_jump"),
        sa.UniqueConstraint("name", name="uq_jump_name"),
    )
    # In place, as for links: SQLite's batch would make the table of stations anew.
    jump = sa.ForeignKey("jump.id", name="fk_station_jump_id")
    op.add_column("station", sa.Column("jump_id", sa.Integer(), jump), inline_references=True)
    op.create_index("ix_station_jump_id", "station", ["jump_id"])
    op.add_column(
        "station", sa.Column("key_number", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("station", sa.Column("next_key_number", sa.Integer(), nullable=True))
    op.add_column("station", sa.Column("key_changed_at", UTCDateTime(), nullable=True))
    op.add_column("station", sa.Column("audit_tried_at", UTCDateTime(), nullable=True))
    op.add_column("station", sa.Column("audited_at", UTCDateTime(), nullable=True))
    op.add_column("station", sa.Column("audit", sa.JSON(), nullable=True))


def downgrade() -> None:
    for column in _PLAIN:
        op.drop_column("station", column)
    op.drop_index("ix_station_jump_id", "station")
    op.drop_column("station", "jump_id")
    op.drop_table("jump")
