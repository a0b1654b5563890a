"""Urgent bulletins: ordered at once, outside of every plan, and how they reach a station."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "bulletin",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("programme_id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("is_drill", sa.Boolean(), nullable=False),
        sa.Column("issued_by", sa.Integer(), nullable=False),
        sa.Column("issued_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("withdrawn_by", sa.Integer(), nullable=True),
        sa.Column("withdrawn_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.id"], name=op.f("fk_bulletin_programme_id_programme")
        ),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_bulletin_slot_id_slot")),
        sa.ForeignKeyConstraint(
            ["issued_by"], ["person.id"], name=op.f("fk_bulletin_issued_by_person")
        ),
        sa.ForeignKeyConstraint(
            ["withdrawn_by"], ["person.id"], name=op.f("fk_bulletin_withdrawn_by_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulletin")),
    )
    op.create_table(
        "bulletin_station",
        sa.Column("bulletin_id", sa.Integer(), nullable=False),
        sa.Column("station_id", sa.Integer(), nullable=False),
        sa.Column("planned_at", UTCDateTime(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", UTCDateTime(), nullable=False),
        sa.Column("lease_until", UTCDateTime(), nullable=True),
        sa.Column("error_code", sa.String(40), nullable=True),
        sa.Column("error_fields", sa.JSON(), nullable=True),
        sa.Column("delivered_at", UTCDateTime(), nullable=True),
        sa.Column("verified_at", UTCDateTime(), nullable=True),
        sa.Column("drilled_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["bulletin_id"],
            ["bulletin.id"],
            name=op.f("fk_bulletin_station_bulletin_id_bulletin"),
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.id"], name=op.f("fk_bulletin_station_station_id_station")
        ),
        sa.PrimaryKeyConstraint("bulletin_id", "station_id", name=op.f("pk_bulletin_station")),
    )
    op.create_index(
        "ix_bulletin_station_state_next_try_at", "bulletin_station", ["state", "next_try_at"]
    )
    # In place, as for the links: see 0002.
    bulletin = sa.ForeignKey("bulletin.id", name=op.f("fk_airing_bulletin_id_bulletin"))
    op.add_column(
        "airing", sa.Column("bulletin_id", sa.Integer(), bulletin), inline_references=True
    )


def downgrade() -> None:
    op.drop_column("airing", "bulletin_id")
    op.drop_index("ix_bulletin_station_state_next_try_at", "bulletin_station")
    op.drop_table("bulletin_station")
    op.drop_table("bulletin")
