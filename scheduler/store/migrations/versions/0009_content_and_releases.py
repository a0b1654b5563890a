"""Content of slots (series, themes, lists, variants), releases of the timetable."""

from __future__ import annotations

from datetime import UTC, date, time
from typing import Any

import sqlalchemy as sa
from alembic import op

from scheduler.store.db import UTCDateTime

revision = "0009"
down_revision = "0008"

THEMES = (
    "Chủ trương, đường lối, chính sách pháp luật",
    "Kinh nghiệm sản xuất",
    "Gương điển hình",
    "Thông tin thiết yếu",
)
_THEMES_FROM = date(2021, 1, 1)  # the programme of 2021-2025
# What a release remembered of a slot when there were no others.
_CONTENT = (
    "unit_id", "title", "programme_id", "kind", "programme_class", "starts_at", "seconds", "rrule",
    "late_ok_s", "stream", "valid_from", "valid_to",
)  # fmt: skip

_SLOT = (
    ("series_id", "series.id"), ("theme_id", "theme.id"), ("ident_id", "programme.id"),
    ("filler_id", "programme.id"),
)  # fmt: skip


def upgrade() -> None:
    _make_tables()
    for column in ("not_before", "made_on"):
        op.add_column("programme", sa.Column(column, sa.Date(), nullable=True))
    op.add_column("programme", sa.Column("episode", sa.Integer(), nullable=True))
    for column, target in (("series_id", "series.id"), ("variant_of", "programme.id")):
        _add_reference("programme", column, target)
        op.create_index(f"ix_programme_{column}", "programme", [column])
    op.add_column("station", sa.Column("languages", sa.JSON(), nullable=True))
    _add_reference("airing", "ident_id", "programme.id")
    for column, target in _SLOT:
        _add_reference("slot", column, target)
    for name in ("items", "released"):
        op.add_column("slot", sa.Column(name, sa.JSON(), nullable=True))
    op.add_column("slot", sa.Column("no_repeat_days", sa.Integer(), nullable=False,
                                    server_default="7"))  # fmt: skip
    with op.batch_alter_table("slot") as batch:
        batch.alter_column("programme_id", existing_type=sa.Integer(), nullable=True)
    _release_what_airs()


def _add_reference(table: str, column: str, target: str) -> None:
    key = sa.ForeignKey(target, name=f"fk_{table}_{column}")
    # In place, like the links of 0002.
    op.add_column(table, sa.Column(column, sa.Integer(), key, nullable=True),
                  inline_references=True)  # fmt: skip


def _make_tables() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("order_by", sa.String(10), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_series"),
        sa.UniqueConstraint("name", name="uq_series_name"),
    )
    theme = op.create_table(
        "theme",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_theme"),
        sa.UniqueConstraint("name", name="uq_theme_name"),
    )
    op.bulk_insert(theme, [{"name": name, "valid_from": _THEMES_FROM} for name in THEMES])
    op.create_table(
        "release",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("released_by", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("restores", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["released_by"], ["person.id"], name="fk_release_released_by"),
        sa.ForeignKeyConstraint(["restores"], ["release.version"], name="fk_release_restores"),
        sa.PrimaryKeyConstraint("version", name="pk_release"),
    )
    op.create_table(
        "release_change",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["version"], ["release.version"], name="fk_release_change_version"),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name="fk_release_change_slot_id"),
        sa.PrimaryKeyConstraint("version", "slot_id", name="pk_release_change"),
    )
    op.create_index("ix_release_change_slot_id", "release_change", ["slot_id"])
    op.create_table(
        "assignment",
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", UTCDateTime(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("programme_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name="fk_assignment_slot_id"),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.id"], name="fk_assignment_programme_id"
        ),
        sa.PrimaryKeyConstraint("slot_id", "starts_at", "position", name="pk_assignment"),
    )


def _release_what_airs() -> None:
    """What aired before there were releases goes on airing: it is the first one."""
    connection = op.get_bind()
    tables = sa.MetaData()
    tables.reflect(connection, only=["slot", "slot_target", "release", "release_change"])
    slot, target = tables.tables["slot"], tables.tables["slot_target"]
    rows = connection.execute(sa.select(slot).where(slot.c.removed_at.is_(None))).mappings().all()
    if not rows:
        return
    at = max(row["created_at"] for row in rows).replace(tzinfo=UTC)
    release = sa.table("release", sa.column("version"), sa.column("at", UTCDateTime()),
                       sa.column("released_by"), sa.column("note"))  # fmt: skip
    connection.execute(release.insert().values(
        version=1, at=at, released_by=rows[0]["created_by"], note=""
    ))  # fmt: skip
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(
            "SELECT setval(pg_get_serial_sequence('release', 'version'), 1)"
        ))  # fmt: skip
    change = sa.table("release_change", sa.column("version"), sa.column("slot_id"),
                      sa.column("before", sa.JSON(none_as_null=True)),
                      sa.column("after", sa.JSON()))  # fmt: skip
    written = sa.table("slot", sa.column("id"), sa.column("released", sa.JSON()))
    for row in rows:
        targets = connection.execute(sa.select(target).where(target.c.slot_id == row["id"]))
        content: dict[str, Any] = {name: _plain(row[name]) for name in _CONTENT}
        content = {name: value for name, value in content.items() if value is not None}
        found = [[one.unit_id, one.station_id, bool(one.excluded)] for one in targets]
        content["targets"] = sorted(found, key=repr)
        connection.execute(
            written.update().where(written.c.id == row["id"]).values(released=content)
        )
        connection.execute(change.insert().values(version=1, slot_id=row["id"], after=content))


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | time) else value


def downgrade() -> None:
    for column in ("no_repeat_days", "released", "items"):
        op.drop_column("slot", column)
    with op.batch_alter_table("slot") as batch:
        batch.alter_column("programme_id", existing_type=sa.Integer(), nullable=False)
        for column, _ in reversed(_SLOT):
            batch.drop_column(column)
    op.drop_column("airing", "ident_id")
    op.drop_column("station", "languages")
    for column in ("variant_of", "series_id"):
        op.drop_index(f"ix_programme_{column}", "programme")
    for column in ("variant_of", "series_id", "episode", "made_on", "not_before"):
        op.drop_column("programme", column)
    for name in ("assignment", "release_change", "release", "theme", "series"):
        op.drop_table(name)
