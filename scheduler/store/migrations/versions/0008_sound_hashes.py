"""The hash of a programme's decoded sound: two files may hold one."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("programme", sa.Column("pcm_sha256", sa.String(64), nullable=True))
    op.create_index("ix_programme_pcm_sha256", "programme", ["pcm_sha256"])
    programme = sa.table(
        "programme", sa.column("id"), sa.column("facts", sa.JSON), sa.column("pcm_sha256")
    )
    connection = op.get_bind()
    for number, facts in connection.execute(sa.select(programme.c.id, programme.c.facts)).all():
        facts = json.loads(facts) if isinstance(facts, str) else facts
        if facts and not any(one["severity"] == "refuse" for one in facts["findings"]):
            connection.execute(
                programme.update()
                .where(programme.c.id == number)
                .values(pcm_sha256=facts["pcm_sha256"])
            )


def downgrade() -> None:
    op.drop_index("ix_programme_pcm_sha256", "programme")
    op.drop_column("programme", "pcm_sha256")
