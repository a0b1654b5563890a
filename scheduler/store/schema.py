"""
Which revision the tables are at, and how they come to the one that this program needs.

Alembic is imported by what changes tables: 10 MB and a third of a second that a hub which only
compares two names does not pay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from scheduler.errors import SchemaDiffers
from scheduler.store.db import Database

if TYPE_CHECKING:
    from alembic.config import Config


_MIGRATIONS = Path(__file__).parent / "migrations"
_NAMED = re.compile(r'^(revision|down_revision)(?:: str)? = "(\w+)"', re.MULTILINE)


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def needed_revision() -> str:
    """The last of the chain: the one that no other follows."""
    scripts = [dict(_NAMED.findall(one.read_text())) for one in _MIGRATIONS.glob("versions/*.py")]
    followed = {one.get("down_revision") for one in scripts}
    last: str
    (last,) = {one["revision"] for one in scripts if "revision" in one} - followed
    return last


def current_revision(database: Database) -> str | None:
    """None: there are no tables yet."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def upgrade(database: Database) -> None:
    """Bring the tables to the revision of this program; a failed step leaves them as they were."""
    from alembic import command

    with migrating(database) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def migrating(database: Database) -> Iterator[Connection]:
    """
    One transaction for steps between revisions.

    SQLite makes a table anew to alter a column, and the old one goes while others point at it: so
    it looks at the references once, at the end.
    """
    with database.engine.connect() as connection:
        if database.is_sqlite:
            _pragma(connection, "foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
                if database.is_sqlite:
                    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                    assert dangling is None, f"a migration left a dangling reference: {dangling}"
        finally:
            if database.is_sqlite:
                _pragma(connection, "foreign_keys=ON")


def _pragma(connection: Connection, setting: str) -> None:
    # Past SQLAlchemy, which would begin a transaction first: inside one it has no effect.
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(f"PRAGMA {setting}")


def require_current(database: Database) -> None:
    """
    Refuse to work on tables that this program does not know.

    Raises:
        SchemaDiffers: the tables are older or newer than this program.
    """
    found = current_revision(database)
    if found != needed_revision():
        raise SchemaDiffers(found=found or "none", needed=needed_revision())
