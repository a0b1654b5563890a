"""Files on their way in, in pieces: begun, resumed, given up, swept.

How many bytes came is the length of the file: a killed server loses nothing and invents nothing.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import unicodedata
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from scheduler import people
from scheduler.errors import InputInvalid, NoRoomForUpload, NotFound, TooManyUploads
from scheduler.hub import Hub
from scheduler.programmes import UPLOADERS
from scheduler.store.db import lock
from scheduler.store.models import PartialUpload, Person

log = structlog.get_logger()

MOST_AT_ONCE = 10  # unfinished ones of one person
# What the database, the renditions and the logs of a night need is never given to an upload.
RESERVE_BYTES = 512 << 20
_MIB = 1 << 20
_ROOM_LOCK = 0x55504C  # "UPL": room is promised to one upload at a time


def begin(
    hub: Hub, *, by: Person, file_name: str, size_bytes: int, modified: str = ""
) -> PartialUpload:
    """
    Promise room for a file and make it, empty; or find what came of the same file before.

    Args:
        modified: when the file was changed last, as the sender's computer tells it. With the name
            and the size it says that it is the same file, in whatever browser it is picked.

    Raises:
        InputInvalid: no size, or more than the settings allow.
        TooManyUploads, NoRoomForUpload: nothing was made.
    """
    people.require_role(by, *UPLOADERS)
    if not 1 <= size_bytes <= hub.settings.programmes.max_bytes:
        raise InputInvalid(problem="the file is empty or too large")
    now = hub.clock.now()
    with hub.database.write() as session:
        lock(session, _ROOM_LOCK)
        mine, name = of_person(session, by), _name(file_name)
        # The first half of its number says which file it is, the second one that it is this try.
        which = _which(name, size_bytes, modified) if modified else secrets.token_hex(8)
        for one in mine:
            if one.id.startswith(which) and path_of(hub, one.id).exists():
                one.touched_at = now
                return one
        if len(mine) >= MOST_AT_ONCE:
            raise TooManyUploads(count=MOST_AT_ONCE)
        _require_room(hub, session, size_bytes)
        begun = PartialUpload(
            id=which + secrets.token_hex(8), person_id=by.id, file_name=name,
            size_bytes=size_bytes, created_at=now, touched_at=now,
        )  # fmt: skip
        session.add(begun)
        path_of(hub, begun.id).touch(mode=0o600, exist_ok=False)
    return begun


def of_person(session: Session, person: Person) -> list[PartialUpload]:
    """The unfinished uploads of one person, newest first."""
    statement = select(PartialUpload).where(PartialUpload.person_id == person.id)
    return list(session.scalars(statement.order_by(PartialUpload.created_at.desc())))


def find(hub: Hub, upload_id: str, *, by: Person) -> PartialUpload:
    """
    An upload of this person.

    Raises:
        NotFound: there is none, it was swept, or it is somebody else's.
    """
    with hub.database.read() as session:
        found = session.get(PartialUpload, upload_id)
    if found is None or found.person_id != by.id or not path_of(hub, upload_id).exists():
        raise NotFound(what="upload", key=upload_id[:8])
    return found


def path_of(hub: Hub, upload_id: str) -> Path:
    return hub.uploads / f"{upload_id}.part"


def received_bytes(hub: Hub, upload: PartialUpload) -> int:
    """How much of it is here."""
    return path_of(hub, upload.id).stat().st_size


def percent(hub: Hub, upload: PartialUpload) -> int:
    """How much of it is here; 100 only when all is."""
    path = path_of(hub, upload.id)
    return 100 * path.stat().st_size // upload.size_bytes if path.exists() else 0


def touched(hub: Hub, upload: PartialUpload) -> None:
    """Bytes came: it is not forgotten."""
    with hub.database.write() as session:
        session.execute(
            update(PartialUpload)
            .where(PartialUpload.id == upload.id)
            .values(touched_at=hub.clock.now())
        )


def give_up(hub: Hub, upload: PartialUpload) -> None:
    """Forget an upload and free its room; also when the programme was made of it."""
    with hub.database.write() as session:
        session.execute(delete(PartialUpload).where(PartialUpload.id == upload.id))
    path_of(hub, upload.id).unlink(missing_ok=True)


def sweep(hub: Hub) -> int:
    """Remove what nobody went on with, and files without a row; how many."""
    oldest = hub.clock.now() - timedelta(hours=hub.settings.programmes.upload_kept_h)
    with hub.database.write() as session:
        lock(session, _ROOM_LOCK)
        swept = session.execute(delete(PartialUpload).where(PartialUpload.touched_at < oldest))
        kept = set(session.scalars(select(PartialUpload.id)))
        # Inside of the transaction: an upload that begins now waits for it.
        orphans = [path for path in hub.uploads.glob("*.part") if path.stem not in kept]
        for path in orphans:
            path.unlink(missing_ok=True)
    if orphans:
        log.info("uploads_swept", rows=swept.rowcount, files=len(orphans))  # type: ignore[attr-defined]
    return len(orphans)


def _require_room(hub: Hub, session: Session, size_bytes: int) -> None:
    promised = session.scalar(select(func.sum(PartialUpload.size_bytes))) or 0
    here = sum(entry.stat().st_blocks * 512 for entry in os.scandir(hub.uploads))
    free = shutil.disk_usage(hub.uploads).free - max(0, int(promised) - here) - RESERVE_BYTES
    if size_bytes > free:
        raise NoRoomForUpload(free_mib=max(0, free // _MIB), needed_mib=-(-size_bytes // _MIB))


def _which(name: str, size_bytes: int, modified: str) -> str:
    return hashlib.sha256(f"{name}\n{size_bytes}\n{modified}".encode()).hexdigest()[:16]


def _name(typed: str) -> str:
    """The last part of whatever name was sent, on one line; it is shown, never used as a path."""
    name = unicodedata.normalize("NFC", typed).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in name if letter.isprintable()).strip()[:255] or "file"
