"""Rows that tests begin from, made through the same doors as a province's own."""

from __future__ import annotations

import hashlib
from datetime import date, time
from pathlib import Path

from scheduler import people, releases, slots
from scheduler.hub import Hub
from scheduler.slots import SlotDetails
from scheduler.stationimport import import_stations
from scheduler.store.models import Person, Programme, Rendition, Slot
from scheduler.store.states import ProgrammeState, RenditionState
from scheduler.unitimport import import_units

HA_NAM = Path(__file__).parent.parent / "scheduler" / "reference" / "ha_nam_units.csv"
# The eve of what most tests plan: the map of 116 communes became one of 109 before it.
ON = date(2022, 10, 16)


def ha_nam(hub: Hub) -> None:
    """The whole province in its three maps."""
    with hub.database.write() as session:
        text = HA_NAM.read_text(encoding="utf-8")
        import_units(session, text, name="ha_nam", now=hub.clock.now(), by="test")


def person(hub: Hub, username: str, role: str) -> Person:
    with hub.database.write() as session:
        people.add_person(
            session, username=username, full_name=username.title(), role=role, unit=None,
            now=hub.clock.now(), by="test",
        )  # fmt: skip
        return people.find_person(session, username)


def someone(hub: Hub, role: str) -> Person:
    """The one person with that role whom every test knows."""
    with hub.database.read() as session:
        known = {one.username: one for one in people.list_people(session)}
    return known.get(role) or person(hub, role, role)


def stations_csv(units: list[str], **common: str) -> str:
    """One station for each unit code: ``s13579`` serves 13579."""
    columns = {"technology": "ip", "kind": "player", "host": "127.0.0.1", **common}
    lines = [",".join(["code", "name", "unit_code", *columns])]
    lines += [",".join([f"s{u}", f"Đài {u}", u, *columns.values()]) for u in units]
    return "\n".join(lines) + "\n"


def stations(hub: Hub, units: list[str], **common: str) -> None:
    with hub.database.write() as session:
        import_stations(
            session, stations_csv(units, **common), name="stations.csv", now=hub.clock.now(),
            by="test", on=ON,
        )  # fmt: skip


def programme(
    hub: Hub, title: str, *, ms: int = 300_000, content: bytes = b"", by: Person | None = None
) -> Programme:
    """An approved programme whose rendition is any bytes: for what does not listen."""
    by = by or someone(hub, "editor")
    content = content or title.encode() * 1000
    sha256 = hashlib.sha256(content).hexdigest()
    (hub.renditions / f"{sha256}.mp3").write_bytes(content)
    with hub.database.write() as session:
        made = Programme(
            title=title, file_name="x.wav", sha256=sha256, size_bytes=len(content), ms=ms,
            state=ProgrammeState.APPROVED, uploaded_by=by.id, uploaded_at=hub.clock.now(),
            renditions=[
                Rendition(
                    profile="loa-48", state=RenditionState.READY, sha256=sha256, extension="mp3",
                    size_bytes=len(content), ms=ms,
                )
            ],
        )  # fmt: skip
        session.add(made)
    return made


def slot(
    hub: Hub,
    made: Programme,
    *,
    at: time = time(5),
    audience: tuple[str, ...] = ("unit:35",),
    by: Person | None = None,
    is_released: bool = True,
    **changes: object,
) -> Slot:
    details = SlotDetails(
        title=made.title, unit_code="35", audience=audience, programme_id=made.id, starts_at=at,
        **changes,  # type: ignore[arg-type]
    )  # fmt: skip
    by = by or someone(hub, "editor")
    added = slots.add_slot(hub, details, by=by)
    if is_released:
        release_drafts(hub)
    return added


def release_drafts(hub: Hub) -> None:
    """Let everything air that is in the timetable."""
    with hub.database.read() as session:
        is_waiting = bool(releases.pending(session))
    if is_waiting:
        releases.release(hub, by=someone(hub, "editor"))
