"""One Loa, opened: its settings, database, clock, folders, and the way to its stations."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from scheduler import people
from scheduler.clock import Clock, SystemClock, local_date
from scheduler.config import Settings
from scheduler.errors import AlreadyInitialised, DataNotWritable, NotInitialised
from scheduler.linesessions import Lines
from scheduler.sealing import seal_what_lies_open
from scheduler.secrets import SSH_KEY, are_made, make_secrets, read_master, read_secret
from scheduler.store import ledger, schema
from scheduler.store.db import Database, open_database, sqlite_url
from scheduler.store.models import Programme, Rendition, Station
from stations.diary import Diary
from stations.visit import Visit

# How a station is reached: opened with a hook that is called after each named step, and with a
# diary of what was done.
Connect = Callable[["Hub", Station, Callable[[str], None], Diary], AbstractContextManager[Visit]]


@dataclass(frozen=True)
class Hub:
    """What every part of the core is given."""

    settings: Settings
    database: Database
    clock: Clock
    connect: Connect | None = None  # another way to the stations than their rows say
    lines: Lines = field(default_factory=Lines, compare=False)  # what is open over shared links
    # Set when this process is about to end: a visit that moves is parked at its next bytes.
    stopping: threading.Event = field(default_factory=threading.Event, compare=False)

    @property
    def data(self) -> Path:
        return self.settings.paths.data

    @property
    def masters(self) -> Path:
        return self.data / "masters"

    @property
    def renditions(self) -> Path:
        return self.data / "renditions"

    @property
    def asrun(self) -> Path:
        return self.data / "asrun"

    @property
    def tmp(self) -> Path:
        return self.data / "tmp"

    @property
    def uploads(self) -> Path:
        """Files that are still coming; a restart finds them where they were."""
        return self.data / "uploads"

    @property
    def ssh_key_path(self) -> Path:
        return self.data / "secret" / SSH_KEY

    @property
    def previews(self) -> Path:
        """What was listened to; may be removed at any time."""
        return self.data / "previews"

    def master_secret(self) -> bytes:
        return read_master(self.data / "secret")

    def public_key(self) -> str:
        """What a station lists among the keys that it lets in; no secret."""
        return (self.data / "secret" / f"{SSH_KEY}.pub").read_text().strip()

    def master_path(self, programme: Programme) -> Path:
        return self.masters / programme.sha256

    def rendition_path(self, rendition: Rendition) -> Path:
        return self.renditions / f"{rendition.sha256}.{rendition.extension}"

    def today(self) -> date:
        """The local date: the broadcast date of what airs now."""
        return local_date(self.clock.now(), self.settings.zone)


@dataclass(frozen=True)
class InitResult:
    admin_username: str
    one_time_secret: str  # shown once, changed at the first sign-in
    data: Path
    database_url: str
    public_key: str  # what a station lists in its authorized_keys


def database_of(settings: Settings) -> Database:
    """Open the database that the settings name; SQLite in the data folder when they name none."""
    secret = settings.database.password_file
    return open_database(
        settings.database.url or sqlite_url(settings.paths.data / "loa.db"),
        password=read_secret(secret).decode() if secret else None,
        pool_size=settings.push.workers + 10,
    )


def init(settings: Settings, *, clock: Clock, admin: str = "admin") -> InitResult:
    """
    Make a new Loa: folders, secrets, tables and the first administrator.

    Raises:
        AlreadyInitialised: there is one; nothing was changed.
        DataNotWritable: the data folder is read-only or full.
        DatabaseDown: the server does not answer; nothing was made.
    """
    data = settings.paths.data
    if are_made(data / "secret"):
        raise AlreadyInitialised(data=data)
    with _writing(data):
        data.mkdir(parents=True, exist_ok=True)
        _try_to_write(data)
        database = database_of(settings)
        _answers(database)
        if schema.current_revision(database) is not None:
            raise AlreadyInitialised(data=database.shown_url)
        make_folders(data)
        schema.upgrade(database)
        secret = _first_administrator(database, clock, admin)
        database.close()
        make_secrets(data / "secret")
    public = (data / "secret" / f"{SSH_KEY}.pub").read_text().strip()
    return InitResult(admin, secret, data, database.shown_url, public)


def upgrade_tables(settings: Settings) -> None:
    """Bring the tables of an existing Loa to what this program needs."""
    database = _existing(settings)
    schema.upgrade(database)
    with database.write() as session:
        seal_what_lies_open(read_master(settings.paths.data / "secret"), session)
    database.close()


def open_hub(
    settings: Settings, *, clock: Clock | None = None, connect: Connect | None = None
) -> Hub:
    """
    Open an existing Loa.

    Raises:
        NotInitialised: ``loa init`` was not run here.
        DatabaseDown, SchemaDiffers: the database cannot be worked with.
        SecretMissing, SecretExposed: the secrets cannot be trusted.
        DataNotWritable: the data folder is read-only or full.
    """
    database = _existing(settings)
    schema.require_current(database)
    hub = Hub(settings, database, clock or SystemClock(), connect)
    hub.master_secret()
    with _writing(hub.data):
        make_folders(hub.data)
        _try_to_write(hub.tmp)
    return hub


def make_folders(data: Path) -> None:
    for name in ("masters", "renditions", "asrun", "tmp", "uploads", "previews"):
        (data / name).mkdir(exist_ok=True)


def _existing(settings: Settings) -> Database:
    if not are_made(settings.paths.data / "secret"):
        raise NotInitialised(data=settings.paths.data)
    with _writing(settings.paths.data):  # before the database words it in its own way
        _try_to_write(settings.paths.data)
    database = database_of(settings)
    _answers(database)
    return database


def _answers(database: Database) -> None:
    with database.read() as session:
        session.connection()


def _first_administrator(database: Database, clock: Clock, username: str) -> str:
    with database.write() as session:
        secret = people.add_person(
            session,
            username=username,
            full_name=username,
            role="administrator",
            unit=None,
            now=clock.now(),
            by="loa init",
        )
        ledger.record(
            session, at=clock.now(), who="loa init", what="loa_initialised", subject=username
        )
    return secret


def _try_to_write(folder: Path) -> None:
    """A full or read-only disk is found at the start, not in the middle of the night."""
    probe = folder / f".probe-{os.getpid()}"
    probe.write_bytes(b"\0" * 4096)
    probe.unlink()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise DataNotWritable(
            path=error.filename or path,
            detail="the disk is full" if full else (error.strerror or str(error)),
        ) from error
