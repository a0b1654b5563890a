"""The stations: how they come in, how they are reached, how they stand tonight."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from audio.profiles import PROFILES
from scheduler.config import Settings
from scheduler.csvrows import Column, rows_of
from scheduler.errors import FileRefused, InputInvalid, NotFound, RowProblem, Said, said
from scheduler.retries import retry
from scheduler.store import ledger
from scheduler.store.models import Jump, Link, Station, StationUnit, Unit
from scheduler.units import units_on, valid_on

KINDS = ("player", "folder", "person")
TECHNOLOGIES = ("ip", "fm", "wired")

STATION_COLUMNS = (
    Column("code", True, "short name in a-z, 0-9 and -, never changed", "dao-ly"),
    Column("name", True, "name that people know", "Đài truyền thanh xã Đạo Lý"),
    Column("unit_code", True, "code of the commune that it serves", "13579"),
    Column("technology", True, "ip, fm or wired", "ip"),
    Column(
        "kind", True, "player (our player), folder (files only), person (no computer)", "player"
    ),
    Column("host", False, "address; needed unless kind is person", "10.20.0.15"),
    Column("port", False, "SFTP port, 22 when empty", "22"),
    Column("username", False, "SFTP user, loa when empty", "loa"),
    Column("root", False, "folder at the station, . when empty", "."),
    Column("host_key", False, "pinned host key; accept it later with station probe", ""),
    Column("profile", False, "sound profile, loa-48 when empty", "loa-48"),
    Column("phone", False, "of the person to call", "0912 345 678"),
    Column("push_from", False, "start of its delivery window, local HH:MM", "19:00"),
    Column("push_until", False, "end of its delivery window, local HH:MM", "04:30"),
    Column(
        "languages", False, "that its people speak, the first one first; vi when empty", "tyz vi"
    ),
    Column("jump", False, "jump host (loa jump add) through which it is reached", ""),
    Column("link", False, "shared link (loa link add) that it is reached over", ""),
)

_CODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,253}[A-Za-z0-9])?")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_HOST_KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]+=*")
USERNAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


# What to say of a name that no row has.
_UNKNOWN = {
    "link": said('there is no link "{name}"').msgid,
    "jump": said('there is no jump host "{name}"').msgid,
}


@dataclass(frozen=True)
class StationsImported:
    added: int
    changed: int
    unchanged: int


def template_csv() -> str:
    """A table to fill in, with one example row."""
    header = ",".join(column.name for column in STATION_COLUMNS)
    return f"{header}\n{','.join(column.example for column in STATION_COLUMNS)}\n"


def find_station(session: Session, code: str) -> Station:
    station = session.scalar(select(Station).where(Station.code == code))
    if station is None:
        raise NotFound(what="station", key=code)
    return station


def list_stations(session: Session) -> list[Station]:
    statement = select(Station).options(selectinload(Station.units)).order_by(Station.code)
    return list(session.scalars(statement))


def unit_of(session: Session, station: Station, on: date) -> Unit | None:
    """The unit that a station serves on that day."""
    statement = (
        select(Unit)
        .join(StationUnit, StationUnit.unit_id == Unit.id)
        .where(StationUnit.station_id == station.id, *valid_on(StationUnit, on))
    )
    return session.scalar(statement)


def import_stations(
    session: Session, text: str, *, name: str, now: datetime, by: str, on: date
) -> StationsImported:
    """
    Add the stations of a table and bring known ones (same code) to what it says.

    Stations that the table does not name stay as they are. A pinned host key is only ever set
    here for a new station: replacing one is a decision of its own (``accept_host_key``).

    Raises:
        FileRefused: with every bad row; nothing was imported.
    """
    units = {unit.code: unit for unit in units_on(session, on)}
    named = {
        "link": {link.name: link.id for link in session.scalars(select(Link))},
        "jump": {jump.name: jump.id for jump in session.scalars(select(Jump))},
    }
    rows = _checked(text, name, units, named)
    known = {station.code: station for station in list_stations(session)}
    counts = {"added": 0, "changed": 0, "unchanged": 0}
    for row in rows:
        station = known.get(row["code"])
        outcome = _add(session, row, on) if station is None else _change(session, station, row, on)
        counts[outcome] += 1
    result = StationsImported(**counts)
    ledger.record(session, at=now, who=by, what="stations_imported", subject=name, **counts)
    return result


def change_station(
    session: Session,
    station: Station,
    *,
    settings: Settings,
    profiles: Collection[str],
    profile: str | None = None,
    push_from: time | None = None,
    push_until: time | None = None,
    no_window: bool = False,
    by: str,
    now: datetime,
) -> None:
    """
    Change the sound or the window of one station; what is not given stays.

    Raises:
        InputInvalid: no such profile, nothing to change, or both a window and none.
    """
    has_time = push_from is not None or push_until is not None
    if has_time == no_window and (has_time or profile is None):
        raise InputInvalid(problem="say a profile, a window, or that it has none of its own")
    if profile is not None and profile not in profiles:
        choices = ", ".join(sorted(profiles))
        raise InputInvalid(problem=said("the profile is one of {choices}", choices=choices))
    before = (station.profile, station.push_from, station.push_until)
    station.profile = profile or station.profile
    if has_time:
        push = settings.push
        station.push_from = push_from or station.push_from or push.window_from
        station.push_until = push_until or station.push_until or push.window_until
    if no_window:
        station.push_from = station.push_until = None
    after = (station.profile, station.push_from, station.push_until)
    ledger.record(
        session, at=now, who=by, what="station_changed", subject=station.code,
        before=[str(one) for one in before], after=[str(one) for one in after],
    )  # fmt: skip


def accept_host_key(
    session: Session, station: Station, host_key: str, *, by: str, now: datetime
) -> None:
    """Pin the key that a person compared; what waited for this decision is due again."""
    before, station.host_key = station.host_key, host_key
    ledger.record(
        session, at=now, who=by, what="host_key_accepted", subject=station.code,
        before=before, after=host_key,
    )  # fmt: skip
    retry(session, station, by=by, now=now)


# ── Checking rows ──────────────────────────────────────────────────────────────────────────────


def _checked(
    text: str, name: str, units: Mapping[str, Unit], named: Mapping[str, Mapping[str, int]]
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    problems: list[RowProblem] = []
    lines: dict[str, int] = {}
    for line, cells in rows_of(text, STATION_COLUMNS, name):
        values, reasons = _row(cells, units, named)
        code = cells["code"]
        if code in lines:
            reasons.append(
                said('code "{code}" stands on line {other} already', code=code, other=lines[code])
            )
        lines.setdefault(code, line)
        problems += [RowProblem(line=line, reason=reason) for reason in reasons]
        rows.append(values)
    if not rows and not problems:
        problems.append(RowProblem(line=1, reason=said("the file has no rows")))
    if problems:
        raise FileRefused(name=name, problems=problems)
    return rows


def _row(
    cells: Mapping[str, str], units: Mapping[str, Unit], named: Mapping[str, Mapping[str, int]]
) -> tuple[dict[str, Any], list[Said]]:
    """One row as values, and what is wrong with it."""
    reasons: list[Said] = []
    values: dict[str, Any] = {}
    for column, read in _READERS.items():
        try:
            values[column] = read(cells.get(column, ""))
        except BadCell as error:
            reasons.append(error.reason)
    unit = units.get(cells["unit_code"])
    if unit is None:
        reasons.append(
            said('there is no unit with code "{code}" on this day', code=cells["unit_code"])
        )
    values["unit"] = unit
    for column, known in named.items():
        if column not in cells:
            continue  # a table without this column leaves every station as it is
        values[f"{column}_id"] = known.get(cells[column])
        if cells[column] and values[f"{column}_id"] is None:
            reasons.append(said(_UNKNOWN[column], name=cells[column][:60]))
    if "languages" in cells:  # without it, as it is; the codes are ISO 639
        spoken = cells["languages"].replace(",", " ").split()
        values["languages"] = spoken or None
        if not all(_LANGUAGE.fullmatch(code) for code in spoken) or len(spoken) > 8:
            reasons.append(
                said('"{column}" is "{cell}", wanted: {wanted}', column="languages",
                     cell=cells["languages"][:60], wanted="vi tyz")
            )  # fmt: skip
    if cells["kind"] != "person" and not cells.get("host"):
        reasons.append(said('"{column}" is empty', column="host"))
    if bool(cells.get("push_from")) != bool(cells.get("push_until")):
        reasons.append(said('"push_from" and "push_until" go together'))
    return values, reasons


class BadCell(Exception):
    """A cell that cannot be what its column wants."""

    def __init__(self, reason: Said) -> None:
        super().__init__(reason)
        self.reason = reason


def _unwanted(column: str, cell: str, wanted: str) -> BadCell:
    return BadCell(
        said(
            '"{column}" is "{cell}", wanted: {wanted}', column=column, cell=cell[:60], wanted=wanted
        )
    )


def _text(column: str, limit: int, *, required: bool = False) -> Callable[[str], str | None]:
    def read(cell: str) -> str | None:
        if not cell and required:
            raise BadCell(said('"{column}" is empty', column=column))
        if len(cell) > limit:
            raise BadCell(
                said('"{column}" is longer than {limit} letters', column=column, limit=limit)
            )
        if not cell.isprintable():
            raise BadCell(said('"{column}" has a control character', column=column))
        return cell or None

    return read


def _matching(
    column: str, pattern: re.Pattern[str], wanted: str, default: str | None = None
) -> Callable[[str], str | None]:
    def read(cell: str) -> str | None:
        if not cell:
            return default
        if not pattern.fullmatch(cell):
            raise _unwanted(column, cell, wanted)
        return cell

    return read


def _one_of(
    column: str, choices: Iterable[str], default: str | None = None
) -> Callable[[str], str | None]:
    allowed = tuple(choices)

    def read(cell: str) -> str | None:
        value = cell or default
        if value not in allowed:
            raise _unwanted(column, cell, ", ".join(allowed))
        return value

    return read


def _port(cell: str) -> int:
    if not cell:
        return 22
    if not re.fullmatch(r"[0-9]{1,5}", cell) or not 1 <= int(cell) <= 65535:
        raise _unwanted("port", cell, "1-65535")
    return int(cell)


def _time(column: str) -> Callable[[str], time | None]:
    def read(cell: str) -> time | None:
        if not cell:
            return None
        try:
            return datetime.strptime(cell, "%H:%M").time()  # noqa: DTZ007 - a local time of day
        except ValueError:
            raise _unwanted(column, cell, "HH:MM") from None

    return read


def _code(cell: str) -> str:
    if not _CODE.fullmatch(cell):
        raise _unwanted("code", cell, "a-z 0-9 -")
    return cell


_READERS: Mapping[str, Callable[[str], Any]] = {
    "code": _code,
    "name": _text("name", 120, required=True),
    "technology": _one_of("technology", TECHNOLOGIES),
    "kind": _one_of("kind", KINDS),
    "host": _matching("host", HOST, "10.20.0.15"),
    "port": _port,
    "username": _matching("username", USERNAME, "a-z A-Z 0-9 . _ -", "loa"),
    "root": lambda cell: _text("root", 255)(cell) or ".",
    "host_key": _matching("host_key", _HOST_KEY, "ssh-ed25519 AAAA…"),
    "profile": _one_of("profile", PROFILES, "loa-48"),
    "phone": _text("phone", 40),
    "push_from": _time("push_from"),
    "push_until": _time("push_until"),
}


def _add(session: Session, row: dict[str, Any], on: date) -> str:
    unit = row.pop("unit")
    station = Station(**row)
    session.add(station)
    session.flush()
    session.add(StationUnit(station_id=station.id, unit_id=unit.id, valid_from=on))
    return "added"


def _change(session: Session, station: Station, row: dict[str, Any], on: date) -> str:
    unit = row.pop("unit")
    row.pop("host_key")
    changed = False
    for column, value in row.items():
        if getattr(station, column) != value:
            setattr(station, column, value)
            changed = True
    now_serving = unit_of(session, station, on)
    if now_serving is None or now_serving.id != unit.id:
        _serve(session, station, unit, on)
        changed = True
    return "changed" if changed else "unchanged"


def _serve(session: Session, station: Station, unit: Unit, on: date) -> None:
    """From this day the station serves another unit."""
    for served in station.units:
        if served.valid_to is not None and served.valid_to <= on:
            continue
        if served.valid_from == on:
            session.delete(served)
        else:
            served.valid_to = on
    session.flush()
    session.add(StationUnit(station_id=station.id, unit_id=unit.id, valid_from=on))
