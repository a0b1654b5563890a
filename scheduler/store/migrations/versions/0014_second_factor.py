"""Invitations, the second factor, and the log of sign-ins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0014"
down_revision = "0013"

# SQLite counts only plain INTEGER keys up by itself.
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("person", sa.Column("totp_secret", sa.String(64), nullable=True))
    op.add_column("person", sa.Column("totp_pending", sa.String(64), nullable=True))
    op.add_column("person", sa.Column("totp_step", sa.BigInteger(), nullable=True))
    op.add_column("person", sa.Column("recovery", sa.JSON(), nullable=True))
    op.add_column("login_session", sa.Column("agent", sa.String(200), nullable=True))
    op.add_column(
        "login_session",
        sa.Column("waits_for_code", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "invitation",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_invitation_person_id"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_invitation"),
    )
    op.create_index("ix_invitation_person_id", "invitation", ["person_id"])
    op.create_table(
        "sign_in",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("address", sa.String(64), nullable=True),
        sa.Column("agent", sa.String(200), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in"),
    )
    op.create_index("ix_sign_in_at", "sign_in", ["at"])
    op.create_index("ix_sign_in_username", "sign_in", ["username"])


def downgrade() -> None:
    op.drop_table("sign_in")
    op.drop_table("invitation")
    for table, names in (
        ("login_session", ("waits_for_code", "agent")),
        ("person", ("recovery", "totp_step", "totp_pending", "totp_secret")),
    ):
        for name in names:
            op.drop_column(table, name)
