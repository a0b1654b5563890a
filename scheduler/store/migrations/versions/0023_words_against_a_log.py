"""What a person says against what a player's log has proved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "airing_objection",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("station_id", sa.Integer(), nullable=False),
        sa.Column("planned_at", UTCDateTime(), nullable=False),
        sa.Column("heard", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("said_by", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id", "planned_at"],
            ["airing.station_id", "airing.planned_at"],
            name=op.f("fk_airing_objection_station_id_planned_at_airing"),
        ),
        sa.ForeignKeyConstraint(
            ["said_by"], ["person.id"], name=op.f("fk_airing_objection_said_by_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_airing_objection")),
    )
    op.create_index(
        "ix_airing_objection_station_id_planned_at",
        "airing_objection",
        ["station_id", "planned_at"],
    )


def downgrade() -> None:
    op.drop_table("airing_objection")
