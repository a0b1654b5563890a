"""What a program may change about stations: the same checks, versions and records as the pages."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import Path, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import hub_of
from api.fields import MAX_ID, LocalTime
from api.json.routes import program_routes
from api.json.stations import PathCode, StationOut, station_out
from api.json.tables import TableIn
from api.pages.render import translator_of
from api.pages.wall import seen_station
from api.stationforms import Changer, own_unit_ids, profile_names
from scheduler.errors import InputInvalid
from scheduler.keys import begin_rotation, give_up_rotation
from scheduler.pinning import pin_host_key, seen_host_key
from scheduler.stationedit import add_station, edit_station, set_active, sheet_of
from scheduler.stationimport import RowPlan, import_stations, plan_import
from scheduler.stationrows import cell_of
from scheduler.store.models import Station

router = program_routes("/stations", tag="stations")

_VALUES: dict[str, Any] = {
    "name": "Đài truyền thanh xã Đạo Lý", "unit_code": "13579", "technology": "ip",
    "kind": "player", "host": "10.20.0.15", "phone": "0912 345 678", "push_from": "19:00",
    "push_until": "04:30", "lat": 20.5443, "lon": 106.0872,
}  # fmt: skip
Text = Annotated[str, Field(max_length=500)]
KeyNumber = Annotated[int, Path(ge=1, le=MAX_ID)]


class StationValues(BaseModel):
    """What can be said of a station; a value that is not given stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = None
    unit_code: Text | None = None
    technology: Literal["ip", "fm", "wired"] | None = None
    kind: Literal["player", "folder", "person"] | None = None
    host: Text | None = Field(None, description="empty: none")
    port: int | None = Field(None, ge=1, le=65535)
    username: Text | None = None
    root: Text | None = None
    profile: Text | None = None
    phone: Text | None = None
    push_from: LocalTime | Literal[""] | None = Field(
        None, description="empty: as the settings say"
    )
    push_until: LocalTime | Literal[""] | None = None
    languages: list[Annotated[str, Field(max_length=3)]] | None = Field(None, max_length=8)
    jump: Text | None = Field(None, description="name of a jump host; empty: dialled directly")
    link: Text | None = Field(None, description="name of a shared link; empty: none")
    lat: float | Literal[""] | None = None
    lon: float | Literal[""] | None = None
    notes: Text | None = None

    def cells(self) -> dict[str, str]:
        given = self.model_dump(exclude_none=True, exclude={"code", "version"})
        return {name: cell_of(name, value) if value != "" else "" for name, value in given.items()}


class StationIn(StationValues):
    """A new station."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "dao-ly", **_VALUES}})

    code: str = Field(min_length=1, max_length=40)


class StationPatch(StationValues):
    """What changes, and the version that was looked at."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"version": "4f0c2a9be11d07c3", "phone": "0912 345 679"}}
    )

    version: str = Field(max_length=64, description="of the sheet: refused if it is another by now")


class SheetOut(BaseModel):
    """A station as the cells of its form, and the version to send back with a change."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"version": "4f0c2a9be11d07c3", "cells": {"port": "22"}}}
    )

    version: str
    cells: dict[str, str]


class ImportIn(TableIn):
    """A table of stations, as it stands in a CSV file."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "table": "code,name,unit_code,technology,kind\ntien,Đài xã Tiến,13579,fm,person\n",
                "name": "dai.csv",
            }
        },
    )


class ChangeOut(BaseModel):
    """One cell that is not, or would not be, as it was."""

    column: str
    before: str
    after: str


class RowOut(BaseModel):
    """What one row does, or why it is refused."""

    line: int
    code: str
    name: str
    outcome: Literal["refused", "added", "changed", "unchanged"]
    changes: list[ChangeOut]
    reasons: list[str]
    keeps_host_key: bool


class ImportOut(BaseModel):
    """What a table does, row by row."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "dry_run": True, "digest": "9f86d081884c7d65…", "refused": 0, "added": 1,
                "changed": 0, "unchanged": 0,
                "rows": [{"line": 2, "code": "tien", "name": "Đài xã Tiến", "outcome": "added",
                          "changes": [{"column": "name", "before": "", "after": "Đài xã Tiến"}],
                          "reasons": [], "keeps_host_key": False}],
            }
        }
    )  # fmt: skip

    dry_run: bool
    digest: str
    refused: int
    added: int
    changed: int
    unchanged: int
    rows: list[RowOut]


class ActiveIn(BaseModel):
    """Whether anything is planned for and sent to a station."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"active": False}})

    active: bool


class FingerprintIn(BaseModel):
    """What a person read from the box."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"fingerprint": "SHA256:ZkAslGjFiUHdGf…"}}
    )

    fingerprint: str = Field(min_length=1, max_length=100)


class KeyOut(BaseModel):
    """One key of a station; the key itself is given out by page and command only."""

    number: int = Field(description="as on the page of the station: 1 is its first")
    standing: Literal["in_force", "next", "before"] = Field(
        description="next: given out, not seen at the box yet; before: only proves older logs"
    )
    since: AwareDatetime | None = Field(description="in force: when the box was first seen with it")


class KeysOut(BaseModel):
    """Which keys of a station hold."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "keys": [
                    {"number": 1, "standing": "in_force", "since": None},
                    {"number": 2, "standing": "next", "since": None},
                ]
            }
        }
    )

    keys: list[KeyOut]

    @classmethod
    def of(cls, station: Station) -> Self:
        number = station.key_number + 1
        keys = [KeyOut(number=number, standing="in_force", since=station.key_changed_at)]
        if station.next_key_number is not None:
            following = station.next_key_number + 1
            keys.append(KeyOut(number=following, standing="next", since=None))
        if station.key_number:
            keys.append(KeyOut(number=station.key_number, standing="before", since=None))
        return cls(keys=keys if station.kind == "player" else [])


@router.post("", status_code=201)
def add(request: Request, viewer: Changer, body: StationIn) -> StationOut:
    hub = hub_of(request)
    with hub.database.write() as session:
        station = add_station(
            session, {"code": body.code, **body.cells()}, on=hub.today(),
            profiles=profile_names(request), unit_ids=own_unit_ids(request, session, viewer),
            by=viewer.person.username, now=hub.clock.now(),
        )  # fmt: skip
    return station_out(request, viewer, station.code)


@router.post("/import")
def import_table(
    request: Request,
    viewer: Changer,
    body: ImportIn,
    dry_run: Annotated[bool, Query(description="only tell what would be done")] = False,
) -> ImportOut:
    """
    Add or change stations by a table: all of it, or nothing.

    With ``dry_run`` nothing is changed, and refused rows are told among the others.
    """
    hub = hub_of(request)
    text = body.text()
    with hub.database.write() as session:
        mine, profiles = own_unit_ids(request, session, viewer), profile_names(request)
        plan = plan_import(
            session, text, name=body.name, on=hub.today(), profiles=profiles, unit_ids=mine
        )
        if not dry_run:
            import_stations(
                session, text, name=body.name, now=hub.clock.now(), by=viewer.person.username,
                on=hub.today(), profiles=profiles, unit_ids=mine, seen=body.seen,
            )  # fmt: skip
    rows = [_row(request, row) for row in plan.rows]
    return ImportOut(dry_run=dry_run, digest=plan.digest, rows=rows, **plan.counts)


@router.get("/{code}/sheet")
def get_sheet(request: Request, viewer: Changer, code: PathCode) -> SheetOut:
    hub = hub_of(request)
    with hub.database.read() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
        sheet = sheet_of(session, station, hub.today())
    return SheetOut(version=sheet.version, cells=dict(sheet.cells))


@router.patch("/{code}")
def change(request: Request, viewer: Changer, code: PathCode, body: StationPatch) -> StationOut:
    """Change what is given; 409 ``station_moved_on`` when somebody else was first."""
    hub = hub_of(request)
    with hub.database.write() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
        edit_station(
            session, station, body.cells(), seen=body.version, on=hub.today(),
            profiles=profile_names(request), unit_ids=own_unit_ids(request, session, viewer),
            by=viewer.person.username, now=hub.clock.now(),
        )  # fmt: skip
    return station_out(request, viewer, code)


@router.post("/{code}/active")
def open_or_close(request: Request, viewer: Changer, code: PathCode, body: ActiveIn) -> StationOut:
    hub = hub_of(request)
    with hub.database.write() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
        set_active(session, station, body.active, by=viewer.person.username, now=hub.clock.now())
    return station_out(request, viewer, code)


@router.post("/{code}/host-key")
def accept_host_key(
    request: Request, viewer: Changer, code: PathCode, body: FingerprintIn
) -> StationOut:
    """Pin the key that answers now, if it is the one that a person read from the box."""
    hub = hub_of(request)
    with hub.database.read() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
    seen = seen_host_key(hub, station)
    pin_host_key(hub, station, seen, expected=body.fingerprint, by=viewer.person.username)
    return station_out(request, viewer, code)


@router.get("/{code}/keys")
def list_keys(request: Request, viewer: Changer, code: PathCode) -> KeysOut:
    """The key in force, the next one while they change, and the one before; none of a folder."""
    hub = hub_of(request)
    with hub.database.read() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
    return KeysOut.of(station)


@router.post("/{code}/keys", status_code=201)
def replace_key(request: Request, viewer: Changer, code: PathCode) -> KeysOut:
    """Begin to replace the key, or go on with it: both hold until the box shows the new one."""
    hub = hub_of(request)
    with hub.database.write() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
        if station.kind != "player":
            raise InputInvalid(problem="only a box with our player has a key")
        begin_rotation(hub, session, station, by=viewer.person.username)
    return KeysOut.of(station)


@router.delete("/{code}/keys/{number}")
def revoke_key(request: Request, viewer: Changer, code: PathCode, number: KeyNumber) -> KeysOut:
    """Forget the next key; the box keeps the one that it has, which is never revoked alone."""
    hub = hub_of(request)
    with hub.database.write() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
        if station.next_key_number is None:
            raise InputInvalid(problem="no change of keys is under way at this station")
        if number != station.next_key_number + 1:
            raise InputInvalid(problem="only the next key can be revoked: replace the one in force")
        give_up_rotation(hub, session, station, by=viewer.person.username)
    return KeysOut.of(station)


def _row(request: Request, row: RowPlan) -> RowOut:
    tr = translator_of(request)
    values: dict[str, Any] = {
        name: getattr(row, name) for name in ("line", "code", "name", "outcome", "keeps_host_key")
    }
    return RowOut(
        **values,
        changes=[ChangeOut(column=c.column, before=c.before, after=c.after) for c in row.changes],
        reasons=[tr.text(one.msgid, **one.fields) for one in row.reasons],
    )
