"""A station's day for a player that is not ours: files in a folder, named so that it sorts them."""

from __future__ import annotations

import errno
import filecmp
import shutil
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from audio.folder import keep
from audio.naming import file_name
from scheduler.day import Day, day_from_rows
from scheduler.errors import DataNotWritable, InputInvalid, NotFound, RenditionMissing, said
from scheduler.hub import Hub
from scheduler.registry import find_station
from scheduler.renditions import profiles_of
from stations.manifest import ManifestItem

# By hash nobody finds a file on a stick; a profile may say otherwise with its own file_name.
_BY_HASH, _BY_TIME = "{sha256}.{extension}", "{date}-{time}-{title}.{extension}"


@dataclass(frozen=True)
class ExportedFile:
    """One file in the folder, and when somebody or something is to play it."""

    name: str
    starts_at: datetime
    title: str
    ms: int
    source: Path


def export_day(hub: Hub, code: str, on: date, into: Path) -> list[ExportedFile]:
    """
    Copy what one station airs on a day into a folder, under the names of its sound profile.

    A file that is there already is not copied again; no name ever holds half a file.

    Raises:
        NotFound: no such station, or its profile is gone.
        InputInvalid: nothing airs there on that day, or it is not a folder.
        RenditionMissing: a file is missing here.
        DataNotWritable: the stick is full, or may not be written.
    """
    with hub.database.read() as session:
        station = find_station(session, code)
        day = day_from_rows(session, station, on)
    if not day.items:
        raise InputInvalid(problem=said("nothing is ready for {station} on that day", station=code))
    profile = profiles_of(hub.settings).get(station.profile)
    if profile is None:
        raise NotFound(what="profile", key=station.profile)
    template = _BY_TIME if profile.file_name == _BY_HASH else profile.file_name
    files = _named(hub, day, template)
    _copy(files, into)
    return files


def _named(hub: Hub, day: Day, template: str) -> list[ExportedFile]:
    """Two that would share a name, and are not the same file, are told apart by their place."""
    taken: dict[str, Path] = {}
    files = []
    for position, item in enumerate(day.items, start=1):
        one = _file_of(hub, item, template, position)
        if taken.setdefault(one.name.lower(), one.source) != one.source:
            stem, dot, extension = one.name.rpartition(".")
            one = replace(one, name=f"{stem}-{position:02d}{dot}{extension}")
            taken[one.name.lower()] = one.source
        files.append(one)
    return files


def _file_of(hub: Hub, item: ManifestItem, template: str, position: int) -> ExportedFile:
    sha256, _, extension = item.files[0].partition(".")
    local = item.starts_at.astimezone(hub.settings.zone)
    name = file_name(
        template, sha256=sha256, extension=extension, title=item.title, on=local.date(),
        at=local.time(), position=position,
    )  # fmt: skip
    return ExportedFile(name, item.starts_at, item.title, item.ms, hub.renditions / item.files[0])


def _copy(files: list[ExportedFile], into: Path) -> None:
    if into.exists() and not into.is_dir():
        raise InputInvalid(problem=said('"{name}" is not a folder', name=into))
    for one in files:
        if not one.source.exists():
            raise RenditionMissing(name=one.source.name)
    try:
        into.mkdir(parents=True, exist_ok=True)
        _copy_each(files, into)
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        detail = "the disk is full" if is_full else str(error.strerror)
        raise DataNotWritable(path=into, detail=detail) from error


def _copy_each(files: list[ExportedFile], into: Path) -> None:
    for one in files:
        final = into / one.name
        if final.is_file() and filecmp.cmp(one.source, final, shallow=False):
            continue
        part = into / f"{one.name}.part"
        try:
            shutil.copyfile(one.source, part)
            keep(part, final)
        finally:
            part.unlink(missing_ok=True)
