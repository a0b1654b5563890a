"""Live relays: the address that a slot and its airings open at the time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for table in ("slot", "airing"):
        op.add_column(table, sa.Column("stream", sa.String(500), nullable=True))


def downgrade() -> None:
    for table in ("slot", "airing"):
        op.drop_column(table, "stream")
