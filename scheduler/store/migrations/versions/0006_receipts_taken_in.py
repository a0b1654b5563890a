"""Receipts: which one was taken in last, and what it says that the station found wrong."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("station", sa.Column("receipt_at", UTCDateTime(), nullable=True))
    op.add_column("station", sa.Column("distrusted", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("station", "distrusted")
    op.drop_column("station", "receipt_at")
