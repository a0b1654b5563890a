"""Where a station stands and what to know of it; why the map of units changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("station", sa.Column("lat", sa.Double(), nullable=True))
    op.add_column("station", sa.Column("lon", sa.Double(), nullable=True))
    op.add_column("station", sa.Column("notes", sa.String(500), nullable=True))
    op.create_table(
        "unit_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("basis", sa.String(200), nullable=False),
        sa.Column("recorded_by", sa.String(80), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_event")),
    )
    op.create_index("ix_unit_event_on_day", "unit_event", ["on_day"])
    op.create_table(
        "unit_event_side",
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(6), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["unit_event.id"], name=op.f("fk_unit_event_side_event_id_unit_event")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["unit.id"], name=op.f("fk_unit_event_side_unit_id_unit")
        ),
        sa.PrimaryKeyConstraint("event_id", "unit_id", "side", name=op.f("pk_unit_event_side")),
    )
    op.create_index(op.f("ix_unit_event_side_unit_id"), "unit_event_side", ["unit_id"])


def downgrade() -> None:
    op.drop_table("unit_event_side")
    op.drop_table("unit_event")
    for column in ("notes", "lon", "lat"):
        op.drop_column("station", column)
