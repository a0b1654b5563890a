"""Room for sealed second factors; how far the ledger was read; and its indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0021"
down_revision = "0020"

_SEALED = ("totp_secret", "totp_pending")
_INDEXES = (
    ("ix_ledger_who_seq", ["who", "seq"]),
    ("ix_ledger_what_seq", ["what", "seq"]),
    ("ix_ledger_at", ["at"]),
)


def upgrade() -> None:
    with op.batch_alter_table("person") as batch:
        for name in _SEALED:
            batch.alter_column(name, existing_type=sa.String(64), type_=sa.String(400))
    op.create_table(
        "chain_check",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("broken_seq", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_chain_check"),
    )
    for name, columns in _INDEXES:
        op.create_index(name, "ledger", columns)


def downgrade() -> None:
    for name, _ in _INDEXES:
        op.drop_index(name, "ledger")
    op.drop_table("chain_check")
    # What is sealed does not fit, and the older program could not read it: it is set up anew.
    op.execute("UPDATE person SET totp_secret = NULL, totp_pending = NULL")
    with op.batch_alter_table("person") as batch:
        for name in _SEALED:
            batch.alter_column(name, existing_type=sa.String(400), type_=sa.String(64))
