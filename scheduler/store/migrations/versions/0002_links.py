"""Links that several stations share"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("max_sessions", sa.Integer(), nullable=False),
        sa.Column("kbps", sa.Integer(), nullable=True),
        sa.CheckConstraint("max_sessions >= 1", name=op.f("ck_link_max_sessions")),
        sa.CheckConstraint("kbps IS NULL OR kbps >= 1", name=op.f("ck_link_kbps")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sa.UniqueConstraint("name", name=op.f("uq_link_name")),
    )
    # In place: making the table of stations anew, as SQLite's batch does, would delete its rows
    # while others point at them.
    link = sa.ForeignKey("link.id", name=op.f("fk_station_link_id"))
    op.add_column("station", sa.Column("link_id", sa.Integer(), link), inline_references=True)
    op.create_index(op.f("ix_station_link_id"), "station", ["link_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_station_link_id"), "station")
    op.drop_column("station", "link_id")
    op.drop_table("link")
