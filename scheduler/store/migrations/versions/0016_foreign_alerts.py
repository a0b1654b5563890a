"""CAP alerts of others that were taken in, and the drafts that were made of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "foreign_alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(200), nullable=False),
        sa.Column("identifier", sa.String(200), nullable=False),
        sa.Column("sent_at", UTCDateTime(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("headline", sa.String(200), nullable=False),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("urgency", sa.String(20), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=True),
        sa.Column("units", sa.JSON(), nullable=False),
        sa.Column("unknown_areas", sa.JSON(), nullable=False),
        sa.Column("programme_id", sa.Integer(), nullable=True),
        sa.Column("imported_by", sa.Integer(), nullable=False),
        sa.Column("imported_at", UTCDateTime(), nullable=False),
        sa.Column("cancelled_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.id"], name=op.f("fk_foreign_alert_programme_id_programme")
        ),
        sa.ForeignKeyConstraint(
            ["imported_by"], ["person.id"], name=op.f("fk_foreign_alert_imported_by_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_foreign_alert")),
        sa.UniqueConstraint(
            "sender", "identifier", name=op.f("uq_foreign_alert_sender_identifier")
        ),
    )
    op.create_index(op.f("ix_foreign_alert_programme_id"), "foreign_alert", ["programme_id"])


def downgrade() -> None:
    op.drop_table("foreign_alert")
