"""The table of stations: its columns, and a row of it as values or as what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from audio.profiles import PROFILES
from scheduler.csvrows import Column
from scheduler.errors import Said, said

KINDS = ("player", "folder", "person")
TECHNOLOGIES = ("ip", "fm", "wired")

STATION_COLUMNS = (
    Column("code", True, "short name in a-z, 0-9 and -, never changed", "bac-ly"),
    Column("name", True, "name that people know", "Đài truyền thanh xã Bắc Lý"),
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
    Column("lat", False, "where it stands, degrees north; for the map", "20.5443"),
    Column("lon", False, "degrees east; lat and lon go together", "106.0872"),
    Column("notes", False, "what the next technician should know", "Chìa khóa ở nhà văn hóa"),
)

CODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,253}[A-Za-z0-9])?")
USERNAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_HOST_KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]+=*")

# What to say of a name that no row has.
_UNKNOWN = {
    "link": said('there is no link "{name}"').msgid,
    "jump": said('there is no jump host "{name}"').msgid,
}


@dataclass(frozen=True)
class Known:
    """What a row may name: units of that day, shared links, jump hosts, sound profiles."""

    unit_codes: Collection[str]
    links: Collection[str] = ()
    jumps: Collection[str] = ()
    profiles: Collection[str] = tuple(PROFILES)


@dataclass(frozen=True)
class CellProblem:
    """What is wrong with one cell of a row."""

    column: str
    reason: Said


def template_csv() -> str:
    """A table to fill in, with one example row."""
    header = ",".join(column.name for column in STATION_COLUMNS)
    return f"{header}\n{','.join(column.example for column in STATION_COLUMNS)}\n"


def read_row(
    cells: Mapping[str, str], known: Known, before: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[CellProblem]]:
    """
    One row as values by column, and what is wrong with it.

    A column that the table does not have says nothing: what was ``before`` stays, and a new
    station gets the default.
    """
    values = dict(before or {})
    problems: list[CellProblem] = []
    for column, read in _READERS.items():
        if before is not None and column not in cells:
            continue
        try:
            values[column] = read(cells.get(column, ""))
        except BadCell as error:
            problems.append(CellProblem(column, error.reason))
    bad = {problem.column for problem in problems}
    problems += _unknown_names(values, known, bad)
    problems += _torn_pairs(values, bad)
    return values, problems


def _unknown_names(
    values: Mapping[str, Any], known: Known, bad: Collection[str]
) -> Iterator[CellProblem]:
    code = values.get("unit_code") or ""
    if "unit_code" not in bad and code not in known.unit_codes:
        reason = said('there is no unit with code "{code}" on this day', code=code[:60])
        yield CellProblem("unit_code", reason)
    for column, names in (("link", known.links), ("jump", known.jumps)):
        name = values.get(column)
        if column not in bad and name and name not in names:
            yield CellProblem(column, said(_UNKNOWN[column], name=name[:60]))
    profile = values.get("profile")
    if "profile" not in bad and profile not in known.profiles:
        wanted = ", ".join(sorted(known.profiles))
        yield CellProblem("profile", _unwanted("profile", str(profile), wanted).reason)


def _torn_pairs(values: Mapping[str, Any], bad: Collection[str]) -> Iterator[CellProblem]:
    if values.get("kind") != "person" and not values.get("host") and "host" not in bad:
        yield CellProblem("host", said('"{column}" is empty', column="host"))
    for one, other, reason in (
        ("push_from", "push_until", said('"push_from" and "push_until" go together')),
        ("lat", "lon", said('"lat" and "lon" go together')),
    ):
        if one not in bad and other not in bad and (values[one] is None) != (values[other] is None):
            yield CellProblem(one, reason)


def cell_of(column: str, value: Any) -> str:
    """A value as the cell that says it."""
    if value is None:
        return ""
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, list):
        return " ".join(str(one) for one in value)
    if column in ("lat", "lon"):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value)


# ── The cells of each column ───────────────────────────────────────────────────────────────────


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


def _one_of(column: str, choices: Iterable[str]) -> Callable[[str], str | None]:
    allowed = tuple(choices)

    def read(cell: str) -> str | None:
        if cell not in allowed:
            raise _unwanted(column, cell, ", ".join(allowed))
        return cell

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


def _degrees(column: str, limit: int) -> Callable[[str], float | None]:
    def read(cell: str) -> float | None:
        if not cell:
            return None
        # Excel writes 20,5443 where the comma is the decimal sign.
        if not re.fullmatch(r"-?[0-9]{1,3}([.,][0-9]{1,12})?", cell):
            raise _unwanted(column, cell, "20.5443")
        degrees = float(cell.replace(",", "."))
        if abs(degrees) > limit:
            raise _unwanted(column, cell, f"-{limit} … {limit}")
        return round(degrees, 6)

    return read


def _languages(cell: str) -> Sequence[str] | None:
    spoken = cell.replace(",", " ").split()
    if len(spoken) > 8 or not all(_LANGUAGE.fullmatch(code) for code in spoken):
        raise _unwanted("languages", cell, "vi tyz")  # the codes are ISO 639
    return spoken or None


def _code(cell: str) -> str:
    if not CODE.fullmatch(cell):
        raise _unwanted("code", cell, "a-z 0-9 -")
    return cell


_READERS: Mapping[str, Callable[[str], Any]] = {
    "code": _code,
    "name": _text("name", 120, required=True),
    "unit_code": lambda cell: cell,  # looked up on the map, which says what is wrong
    "technology": _one_of("technology", TECHNOLOGIES),
    "kind": _one_of("kind", KINDS),
    "host": _matching("host", HOST, "10.20.0.15"),
    "port": _port,
    "username": _matching("username", USERNAME, "a-z A-Z 0-9 . _ -", "loa"),
    "root": lambda cell: _text("root", 255)(cell) or ".",
    "host_key": _matching("host_key", _HOST_KEY, "ssh-ed25519 AAAA…"),
    "profile": lambda cell: _text("profile", 40)(cell) or "loa-48",
    "phone": _text("phone", 40),
    "push_from": _time("push_from"),
    "push_until": _time("push_until"),
    "languages": _languages,
    "jump": _text("jump", 80),
    "link": _text("link", 80),
    "lat": _degrees("lat", 90),
    "lon": _degrees("lon", 180),
    "notes": _text("notes", 500),
}
