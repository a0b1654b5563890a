"""Uploads that resume, checks in the background, what an approver says, what is cut off."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0007"
down_revision = "0006"

PLAIN: dict[str, Any] = {
    "upload_id": sa.String(32),
    "check_until": UTCDateTime(),
    "check_error": sa.JSON(),
    "peaks": sa.JSON(),
    "trim_start_ms": sa.Integer(),
    "trim_end_ms": sa.Integer(),
    "returned_reason": sa.String(500),
}
COUNTS = ("check_attempts", "check_percent")


def upgrade() -> None:
    op.create_table(
        "upload",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("touched_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_upload_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_upload"),
    )
    op.create_index("ix_upload_person_id", "upload", ["person_id"])
    # In place, as in 0002: others point at these rows.
    for name, kind in PLAIN.items():
        op.add_column("programme", sa.Column(name, kind, nullable=True))
    for name in COUNTS:
        op.add_column(
            "programme", sa.Column(name, sa.Integer(), nullable=False, server_default="0")
        )
    person = sa.ForeignKey("person.id", name="fk_programme_returned_by")
    op.add_column(
        "programme", sa.Column("returned_by", sa.Integer(), person), inline_references=True
    )
    op.create_index("ix_programme_upload_id", "programme", ["upload_id"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_programme_upload_id", "programme")
    for name in ("returned_by", *COUNTS, *reversed(PLAIN)):
        op.drop_column("programme", name)
    op.drop_index("ix_upload_person_id", "upload")
    op.drop_table("upload")
