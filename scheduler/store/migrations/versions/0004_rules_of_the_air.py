"""Rules of the air, the order of priority slots, calendars to subscribe to, forecasts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("slot", sa.Column("kind", sa.String(20), nullable=False,
                                    server_default="programme"))  # fmt: skip
    op.add_column("slot", sa.Column("uid", sa.String(255), nullable=True))
    op.create_index("ix_slot_uid", "slot", ["uid"], unique=True)
    op.create_table(
        "air_rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("windows", sa.JSON(), nullable=True),
        sa.Column("session_minutes", sa.Integer(), nullable=True),
        sa.Column("sessions_a_day", sa.Integer(), nullable=True),
        sa.Column("quiet_from", sa.Time(), nullable=True),
        sa.Column("quiet_until", sa.Time(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="fk_air_rule_unit_id"),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name="fk_air_rule_created_by"),
        sa.PrimaryKeyConstraint("id", name="pk_air_rule"),
    )
    op.create_index("ix_air_rule_unit_id", "air_rule", ["unit_id"])
    op.create_table(
        "air_order",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("slot_ids", sa.JSON(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="fk_air_order_unit_id"),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name="fk_air_order_decided_by"),
        sa.PrimaryKeyConstraint("unit_id", "on", name="pk_air_order"),
    )
    op.create_table(
        "feed",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(120), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.Column("last_read_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="fk_feed_unit_id"),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name="fk_feed_created_by"),
        sa.PrimaryKeyConstraint("id", name="pk_feed"),
        sa.UniqueConstraint("token_hash", name="uq_feed_token_hash"),
    )
    op.create_table(
        "forecast",
        sa.Column("station_id", sa.Integer(), nullable=False),
        sa.Column("for_date", sa.Date(), nullable=False),
        sa.Column("needed_at", UTCDateTime(), nullable=False),
        sa.Column("ready_at", UTCDateTime(), nullable=True),
        sa.Column("bytes_left", sa.BigInteger(), nullable=False),
        sa.Column("kbps", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(20), nullable=False),
        sa.Column("made_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name="fk_forecast_station_id"),
        sa.PrimaryKeyConstraint("station_id", name="pk_forecast"),
    )


def downgrade() -> None:
    for table in ("forecast", "feed", "air_order", "air_rule"):
        op.drop_table(table)
    op.drop_index("ix_slot_uid", "slot")
    op.drop_column("slot", "uid")
    op.drop_column("slot", "kind")
