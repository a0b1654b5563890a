"""An airing that aired stands in fewer indexes."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    # Nothing asks for the airings of a line by the line alone, and lines are never deleted.
    op.drop_index("ix_airing_slot_id", "airing")
    if op.get_bind().dialect.name == "postgresql":
        _state_index(where="state <> 'aired'")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _state_index(where=None)
    op.create_index("ix_airing_slot_id", "airing", ["slot_id"])


def _state_index(*, where: str | None) -> None:
    op.drop_index("ix_airing_state_planned_at", "airing")
    op.create_index(
        "ix_airing_state_planned_at", "airing", ["state", "planned_at"],
        postgresql_where=text(where) if where else None,
    )  # fmt: skip
