"""Which revision the tables are at, and how they come to the one that this program needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

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
    with database.engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_current(database: Database) -> None:
    """
    Refuse to work on tables that this program does not know.

    Raises:
        SchemaDiffers: the tables are older or newer than this program.
    """
    found = current_revision(database)
    if found != needed_revision():
        raise SchemaDiffers(found=found or "none", needed=needed_revision())
