"""Two indexes that hold all that the airing log is asked for, and one of what aired when."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"


# An index alone answers for pages that a VACUUM has seen since they changed. Done after a fifth
# of the table, as usual, it would not have seen a nation's last month.
_VACUUM = (
    "autovacuum_vacuum_scale_factor", "autovacuum_vacuum_insert_scale_factor",
    "autovacuum_analyze_scale_factor",
)  # fmt: skip


def upgrade() -> None:
    op.create_index(
        "ix_airing_log",
        "airing",
        ["broadcast_date", "planned_at", "station_id", "programme_id", "state", "grade"],
    )
    op.create_index(
        "ix_airing_log_of_station",
        "airing",
        ["station_id", "broadcast_date", "planned_at", "programme_id", "state", "grade"],
    )
    op.create_index(
        "ix_airing_programme_id_broadcast_date", "airing", ["programme_id", "broadcast_date"]
    )
    # What they were for is answered by these.
    op.drop_index("ix_airing_broadcast_date_station_id", "airing")
    op.drop_index("ix_airing_programme_id", "airing")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE airing SET ({', '.join(f'{name} = 0.01' for name in _VACUUM)})")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE airing RESET ({', '.join(_VACUUM)})")
    op.create_index("ix_airing_programme_id", "airing", ["programme_id"])
    op.create_index(
        "ix_airing_broadcast_date_station_id", "airing", ["broadcast_date", "station_id"]
    )
    op.drop_index("ix_airing_programme_id_broadcast_date", "airing")
    op.drop_index("ix_airing_log_of_station", "airing")
    op.drop_index("ix_airing_log", "airing")
