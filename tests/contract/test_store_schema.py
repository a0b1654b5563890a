"""Tables and models agree, on both databases, and a stranger's tables are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text

from scheduler import hub as hubs
from scheduler.clock import ManualClock
from scheduler.errors import SchemaDiffers
from scheduler.hub import Hub
from scheduler.lines import is_draft, lines_on_air
from scheduler.store import schema
from scheduler.store.db import Database, open_database
from scheduler.store.models import Base, Release, Slot


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.close()


def differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def to(database: Database, revision: str) -> None:
    with schema.migrating(database) as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_the_migrations_make_exactly_the_models(database: Database) -> None:
    """A column that was forgotten in one of the two is found here, not at night."""
    schema.upgrade(database)

    assert differences(database) == []
    assert schema.current_revision(database) == schema.needed_revision()


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    """As often as one likes."""
    schema.upgrade(database)
    schema.upgrade(database)

    assert differences(database) == []


def test_the_tables_can_be_taken_down_and_made_again(database: Database) -> None:
    """Every step back is written, and leads to where it came from."""
    schema.upgrade(database)

    to(database, "base")

    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
    schema.upgrade(database)
    assert differences(database) == []


@pytest.mark.parametrize(("stamp", "found"), [("0000", "0000"), ("9999", "9999"), (None, "none")])
def test_older_and_newer_tables_are_refused_loudly(
    hub: Hub, clock: ManualClock, stamp: str | None, found: str
) -> None:
    """Fault 29: a program does not work on tables that it does not know."""
    with hub.database.write() as session:
        session.execute(text("DELETE FROM alembic_version"))
        if stamp is not None:
            session.execute(text("INSERT INTO alembic_version VALUES (:v)"), {"v": stamp})

    with pytest.raises(SchemaDiffers) as refused:
        hubs.open_hub(hub.settings, clock=clock)

    assert refused.value.fields == {"found": found, "needed": schema.needed_revision()}


def test_a_step_that_fails_leaves_the_tables_as_they_were(database: Database) -> None:
    """Half an upgrade is no state that anybody could mend: both databases undo it whole."""
    with database.write() as session:
        session.execute(text("CREATE TABLE unit (in_the_way INTEGER)"))

    with pytest.raises(Exception, match="unit"):
        schema.upgrade(database)

    assert set(inspect(database.engine).get_table_names()) <= {"unit", "alembic_version"}
    assert schema.current_revision(database) is None


def test_sounds_that_are_in_the_archive_get_their_hash(database: Database) -> None:
    """The upgrade reads it out of what was measured; refused files keep none."""
    schema.upgrade(database)
    to(database, "0007")
    rows = [
        (1, {"pcm_sha256": "a" * 64, "findings": [{"severity": "warn"}]}),
        (2, {"pcm_sha256": "b" * 64, "findings": [{"severity": "refuse"}]}),
        (3, None),
    ]
    with database.engine.begin() as connection:
        connection.execute(_PERSON)
        for number, facts in rows:
            values = {"id": number, "facts": json.dumps(facts) if facts else None}
            connection.execute(_PROGRAMME, values)

    schema.upgrade(database)

    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT pcm_sha256 FROM programme ORDER BY id")).all()
    assert [one[0] for one in found] == ["a" * 64, None, None]


def test_slots_that_aired_before_there_were_releases_go_on_airing(database: Database) -> None:
    """The upgrade makes them release 1, exactly as they stood; what was taken out stays out."""
    schema.upgrade(database)
    to(database, "0008")
    with database.engine.begin() as connection:
        connection.execute(_PERSON)
        connection.execute(_PROGRAMME, {"id": 1, "facts": None})
        connection.execute(_UNIT)
        for number, removed in ((1, None), (2, None), (3, "2022-10-15 00:00:00")):
            connection.execute(_SLOT, {"id": number, "removed": removed, "stream": None})
        connection.execute(_TARGET)

    schema.upgrade(database)

    with database.read() as session:
        slots = {slot.id: slot for slot in session.scalars(select(Slot))}
        assert [number for number in slots if slots[number].released is None] == [3]
        assert [is_draft(slots[number]) for number in (1, 2, 3)] == [False, False, False]
        assert (slots[1].released or {})["targets"] == [[1, None, False]]
        assert (slots[1].released or {})["starts_at"] == "05:00:00"
        assert [line.id for line in lines_on_air(session)] == [1, 2]
        [release] = session.scalars(select(Release))
        assert (release.version, release.released_by) == (1, 1)
        assert [one.slot_id for one in release.changes] == [1, 2]
        assert all(one.before is None for one in release.changes)


_UNIT = text(
    "INSERT INTO unit (id, code, name, level, valid_from)"
    " VALUES (1, '35', 'Tỉnh Hà Nam', 'province', '2022-01-01')"
)
_SLOT = text(
    "INSERT INTO slot (id, unit_id, title, programme_id, kind, programme_class, starts_at, seconds,"
    " rrule, late_ok_s, stream, valid_from, created_by, created_at, removed_at)"
    " VALUES (:id, 1, 'Tin', 1, 'programme', 'normal', '05:00:00', 900, 'FREQ=DAILY', 600, :stream,"
    " '2022-10-01', 1, '2022-10-01 00:00:00', :removed)"
)
_TARGET = text("INSERT INTO slot_target (id, slot_id, unit_id, excluded) VALUES (1, 1, 1, false)")
_PERSON = text(
    "INSERT INTO person (id, username, full_name, role, password_hash, must_change_password,"
    " active, created_at, failed_sign_ins)"
    " VALUES (1, 'lan', 'Lan', 'editor', '', false, true, '2022-10-16 00:00:00', 0)"
)
_PROGRAMME = text(
    "INSERT INTO programme (id, title, programme_class, language, plan_group, file_name, sha256,"
    " size_bytes, state, uploaded_by, uploaded_at, facts)"
    " VALUES (:id, 'x', 'normal', 'vi', 'communication', 'x.wav', 'c', 1, 'ready', 1,"
    " '2022-10-16 00:00:00', :facts)"
)


def test_needed_revision_is_the_head_of_the_chain() -> None:
    """Read without the library that changes tables, and still what that library would say."""
    chain = ScriptDirectory.from_config(schema._config())
    assert schema.needed_revision() == chain.get_current_head()
