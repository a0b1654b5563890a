"""Notices to people and programs outside, what was told, and the ledger by its subject."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "told",
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_told")),
    )
    op.create_table(
        "notice",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("target", sa.String(255), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("made_at", UTCDateTime(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", UTCDateTime(), nullable=False),
        sa.Column("lease_until", UTCDateTime(), nullable=True),
        sa.Column("sent_at", UTCDateTime(), nullable=True),
        sa.Column("error_code", sa.String(40), nullable=True),
        sa.Column("error_fields", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("key", "channel", "target", name=op.f("uq_notice_key_channel_target")),
    )
    op.create_index("ix_notice_state_next_try_at", "notice", ["state", "next_try_at"])
    op.create_index("ix_ledger_subject", "ledger", ["subject"])


def downgrade() -> None:
    op.drop_index("ix_ledger_subject", "ledger")
    op.drop_table("notice")
    op.drop_table("told")
