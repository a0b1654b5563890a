"""Programmes that everybody may hear"""

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("programme", sa.Column("published_at", UTCDateTime(), nullable=True))
    # In place, as for the links: see 0002.
    person = sa.ForeignKey("person.id", name=op.f("fk_programme_published_by"))
    op.add_column(
        "programme", sa.Column("published_by", sa.Integer(), person), inline_references=True
    )
    op.create_index(op.f("ix_programme_published_at"), "programme", ["published_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_programme_published_at"), "programme")
    op.drop_column("programme", "published_by")
    op.drop_column("programme", "published_at")
