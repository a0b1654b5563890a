"""Which revision the tables are at, and how they come to the one that this program needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from scheduler.errors import SchemaDiffers
from scheduler.store.db import Database


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def needed_revision() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current_revision(database: Database) -> str | None:
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database) -> None:
    """Bring the tables to the revision of this program; a failed step leaves them as they were."""
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
