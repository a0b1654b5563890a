"""A slot may last longer or shorter on one day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("slot_exception", sa.Column("seconds", sa.Integer(), nullable=True))


def downgrade() -> None:
    # An older program knows no such day: it follows the rule again.
    op.execute("DELETE FROM slot_exception WHERE kind = 'length'")
    op.drop_column("slot_exception", "seconds")
