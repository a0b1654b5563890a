"""What the last visits to each station did, step by step."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_table(
        "station_visit",
        sa.Column("station_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(10), nullable=False),
        sa.Column("is_broken", sa.Boolean(), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("error_code", sa.String(40), nullable=True),
        sa.Column("error_fields", sa.JSON(), nullable=True),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.id"], name=op.f("fk_station_visit_station_id_station")
        ),
        sa.PrimaryKeyConstraint(
            "station_id", "purpose", "is_broken", name=op.f("pk_station_visit")
        ),
    )


def downgrade() -> None:
    op.drop_table("station_visit")
