"""An airing that aired and is proved stands in fewer indexes."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import text

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    # Nothing asks for the airings of a line by the line alone, and lines are never deleted.
    op.drop_index("ix_airing_slot_id", "airing")
    if op.get_bind().dialect.name == "postgresql":
        _state_index(
            postgresql_where=text("state <> 'aired' OR grade <> 'A'"),
            postgresql_include=["broadcast_date", "grade"],
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _state_index()
    op.create_index("ix_airing_slot_id", "airing", ["slot_id"])


def _state_index(**options: Any) -> None:
    op.drop_index("ix_airing_state_planned_at", "airing")
    op.create_index("ix_airing_state_planned_at", "airing", ["state", "planned_at"], **options)
