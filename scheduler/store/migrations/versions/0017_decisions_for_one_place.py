"""A day of a slot may differ at one unit or one station alone; every try keeps its own words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_WHOLE = sa.text("unit_id IS NULL AND station_id IS NULL")


def upgrade() -> None:
    op.add_column("attempt", sa.Column("error_fields", sa.JSON(), nullable=True))
    with op.batch_alter_table("slot_exception") as batch:
        batch.drop_constraint("uq_slot_exception_slot_id_on", type_="unique")
        for column, target in (("unit_id", "unit"), ("station_id", "station")):
            batch.add_column(sa.Column(column, sa.Integer(), nullable=True))
            batch.create_foreign_key(
                f"fk_slot_exception_{column}_{target}", target, [column], ["id"]
            )
            batch.create_unique_constraint(
                f"uq_slot_exception_slot_id_on_{column}", ["slot_id", "on", column]
            )
    op.create_index(
        "ix_slot_exception_whole", "slot_exception", ["slot_id", "on"], unique=True,
        sqlite_where=_WHOLE, postgresql_where=_WHOLE,
    )  # fmt: skip


def downgrade() -> None:
    op.execute("DELETE FROM slot_exception WHERE unit_id IS NOT NULL OR station_id IS NOT NULL")
    op.drop_index("ix_slot_exception_whole", "slot_exception")
    with op.batch_alter_table("slot_exception") as batch:
        for column, target in (("unit_id", "unit"), ("station_id", "station")):
            batch.drop_constraint(f"uq_slot_exception_slot_id_on_{column}", type_="unique")
            batch.drop_constraint(f"fk_slot_exception_{column}_{target}", type_="foreignkey")
            batch.drop_column(column)
        batch.create_unique_constraint("uq_slot_exception_slot_id_on", ["slot_id", "on"])
    op.drop_column("attempt", "error_fields")
