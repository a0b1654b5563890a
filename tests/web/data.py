"""A province on an evening: Hà Nam's units, twenty stations, five days of airings."""

from __future__ import annotations

import io
import math
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from audio.facts import Facts
from audio.findings import Finding
from audio.units import Milliseconds, Sha256
from scheduler import people, second_factor
from scheduler.day import day_from_rows
from scheduler.hub import Hub
from scheduler.lines import draft_of
from scheduler.store.models import (
    Airing,
    Delivery,
    ForeignAlert,
    Person,
    Programme,
    Release,
    ReleaseChange,
    Rendition,
    Slot,
    SlotTarget,
    Station,
    StationUnit,
    Unit,
)
from scheduler.store.states import (
    AiringState,
    DeliveryState,
    Grade,
    ProgrammeState,
    RenditionState,
)
from scheduler.timetable import to_utc
from scheduler.unitimport import import_units
from scheduler.units import units_on

HA_NAM = Path(__file__).parents[2] / "scheduler" / "reference" / "ha_nam_units.csv"

# Of the right form, and nobody's.
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

PASSWORD = "hoa sen trắng 1975"

# username, full name, role, code of the unit
PEOPLE = (
    ("huong", "Nguyễn Thị Hương", "editor", None),
    ("dung", "Phạm Tiến Dũng", "editor", None),
    ("tuan", "Trần Anh Tuấn", "approver", None),
    ("ky", "Hoàng Văn Kỳ", "technician", None),
    ("lan", "Đỗ Thị Lan", "district", "353"),
    ("minh", "Vũ Quang Minh", "district", "352"),
    ("dao", "Lê Văn Đạo", "commune", "13579"),
)

# The communes with a station: of every district some, and both places called Trần Hưng Đạo.
COMMUNES = (
    "13579", "13573", "13576", "13594", "13597", "13600",  # Lý Nhân
    "13501", "13504", "13510", "13516",  # Bình Lục
    "13384", "13387", "13390", "13393",  # Kim Bảng
    "13300", "13285", "13303",  # Phủ Lý
    "13456", "13465", "13468",  # Thanh Liêm
)  # fmt: skip

FINDINGS = (
    Finding("quiet", "warn", -37.5),
    Finding("long_silence", "warn", 11, 372_000),
    Finding("dead_channel", "note"),
)

_A, _D = AiringState, DeliveryState


@dataclass(frozen=True)
class Province:
    """What was put into the hub, by the names under which tests ask for it."""

    people: dict[str, Person]
    stations: dict[str, Station]  # by the code of their commune
    programmes: dict[str, Programme]
    slots: list[Slot]


def fill(hub: Hub) -> Province:
    """Fill an empty hub: its clock says that it is evening, and tomorrow is being sent."""
    today = hub.today()
    with hub.database.write() as session:
        import_units(
            session, HA_NAM.read_text(encoding="utf-8"), name="ha_nam", now=hub.clock.now(),
            by="test",
        )  # fmt: skip
        units = {unit.code: unit for unit in units_on(session, today)}
        everybody = dict(_people(hub, session, units, hub.clock.now()))
        stations = dict(_stations(session, units, hub.clock.now()))
        programmes = dict(_programmes(hub, session, everybody))
        slots = list(_slots(session, units["35"], programmes, everybody["huong"], hub, today))
        session.flush()
        released = Release(version=1, at=hub.clock.now(), released_by=everybody["huong"].id)
        session.add(released)
        for slot in slots:
            slot.released = draft_of(slot)
            released.changes.append(ReleaseChange(slot_id=slot.id, after=slot.released))
        session.add(_alert(programmes["ready"], hub.clock.now()))
        session.flush()
        for number, station in enumerate(stations.values()):
            _history(hub, session, number, station, slots, today)
            _tonight(hub, session, number, station, slots, today)
        session.flush()
        for delivery in session.scalars(select(Delivery)):
            day = day_from_rows(session, delivery.station, delivery.for_date)
            delivery.content_sha256 = day.content_sha256
    return Province(everybody, stations, programmes, slots)


def _people(
    hub: Hub, session: Session, units: dict[str, Unit], now: datetime
) -> Iterator[tuple[str, Person]]:
    # One slow hash for all of them: what is tested here is not the hash.
    hashed = people._hashed(PASSWORD)
    for username, full_name, role, code in PEOPLE:
        people.add_person(
            session, username=username, full_name=full_name, role=role,
            unit=units[code] if code else None, now=now, by="test",
        )  # fmt: skip
        person = people.find_person(session, username)
        person.password_hash, person.must_change_password = hashed, False
        yield username, person
    admin = people.find_person(session, "admin")
    admin.full_name, admin.must_change_password = "Quản trị viên", False
    admin.password_hash = hashed
    second_factor.begin(hub, session, admin)  # without it nothing opens to an administrator
    admin.totp_secret, admin.totp_pending = admin.totp_pending, None
    yield "admin", admin


def _stations(
    session: Session, units: dict[str, Unit], now: datetime
) -> Iterator[tuple[str, Station]]:
    for number, code in enumerate(COMMUNES):
        unit = units[code]
        kind = "person" if number == 5 else "folder" if number == 8 else "player"
        station = Station(
            code=f"dai-{code}",
            name=f"Đài truyền thanh {unit.name[0].lower()}{unit.name[1:]}",
            technology=("ip", "fm", "wired")[number % 3],
            kind=kind,
            phone=f"0912 345 {number:03}" if number != 14 else None,
            host="127.0.0.1" if kind != "person" else None,
            username="loa",
            host_key=HOST_KEY if kind == "player" else None,
            last_seen_at=None if kind == "person" else now - timedelta(minutes=number**2 * 9 + 3),
            clock_skew_s=0.4,
            free_bytes=12_000_000_000,
            units=[StationUnit(unit_id=unit.id, valid_from=date(2022, 1, 1))],
        )
        session.add(station)
        yield code, station


def _programmes(
    hub: Hub, session: Session, everybody: dict[str, Person]
) -> Iterator[tuple[str, Programme]]:
    rows: tuple[tuple[str, str, int, ProgrammeState, str, tuple[Finding, ...], str], ...] = (
        ("news", "Bản tin sáng: đường liên xã Đạo Lý đã thông xe", 600_000,
         ProgrammeState.APPROVED, "bản tin", (), "normal"),
        ("lan", "Gương thoát nghèo: chị Lan nuôi bò sinh sản ở Bắc Lý", 840_000,
         ProgrammeState.APPROVED, "phóng sự", (), "normal"),
        ("loan", "Cách vay vốn ưu đãi của Ngân hàng Chính sách xã hội", 900_000,
         ProgrammeState.APPROVED, "hỏi đáp", (), "priority"),
        ("ready", "Kỹ thuật ủ chua thức ăn cho trâu bò mùa đông", 725_000,
         ProgrammeState.READY, "khoa giáo", FINDINGS, "normal"),
        ("rejected", "Phỏng vấn chủ tịch hội nông dân (bản thu thử)", 12_000,
         ProgrammeState.REJECTED, "phỏng vấn", (Finding("truncated", "refuse", 211.0),), "normal"),
        ("withdrawn", "Thông báo lịch tiêm phòng tháng 9", 180_000,
         ProgrammeState.WITHDRAWN, "thông báo", (), "normal"),
    )  # fmt: skip
    for name, title, ms, state, genre, findings, kind in rows:
        sound = tone(len(name) * 100)
        sha256 = f"{len(title):064x}"
        (hub.masters / sha256).write_bytes(sound)
        programme = Programme(
            title=title, genre=genre, theme="Giảm nghèo bền vững", programme_class=kind,
            file_name=f"{name}.wav", sha256=sha256, size_bytes=len(sound), ms=ms, lufs=-19.4,
            facts=_facts(sha256, ms, findings).to_json(), state=state,
            uploaded_by=everybody["huong"].id,
            uploaded_at=hub.clock.now() - timedelta(days=6, hours=len(name)),
            renditions=[_rendition(profile, ms) for profile in ("loa-48", "loa-64")],
        )  # fmt: skip
        if state is ProgrammeState.APPROVED:
            programme.approved_by = everybody["tuan"].id
            programme.approved_at = hub.clock.now() - timedelta(days=5)
        else:
            programme.renditions = []
        session.add(programme)
        session.flush()
        yield name, programme


def _alert(draft: Programme, now: datetime) -> ForeignAlert:
    """A flood, taken in ten minutes ago, for one place on the map and one that is not."""
    return ForeignAlert(
        sender="nchmf@khituong.vn", identifier="NCHMF-2022-1016-07",
        sent_at=now - timedelta(minutes=12),
        status="Actual", kind="Alert", headline="Lũ trên sông Châu Giang vượt báo động 3",
        severity="Extreme", urgency="Immediate", expires_at=now + timedelta(hours=3),
        units=["13579", "13573"], unknown_areas=["Vịnh Bắc Bộ"], programme_id=draft.id,
        imported_by=draft.uploaded_by, imported_at=now - timedelta(minutes=10),
    )  # fmt: skip


def _slots(
    session: Session, province: Unit, programmes: dict[str, Programme], by: Person, hub: Hub,
    today: date,
) -> Iterator[Slot]:  # fmt: skip
    for hour, minute, name, title in (
        (5, 0, "news", "Buổi sáng"), (11, 15, "lan", "Buổi trưa"), (17, 0, "loan", "Buổi chiều")
    ):  # fmt: skip
        slot = Slot(
            unit_id=province.id, title=title, programme_id=programmes[name].id,
            programme_class=programmes[name].programme_class, starts_at=time(hour, minute),
            seconds=900, rrule="FREQ=DAILY", valid_from=today - timedelta(days=30),
            created_by=by.id, created_at=hub.clock.now() - timedelta(days=30),
            targets=[SlotTarget(unit_id=province.id)],
        )  # fmt: skip
        slot.programme = programmes[name]
        session.add(slot)
        yield slot


def _history(
    hub: Hub, session: Session, number: int, station: Station, slots: list[Slot], today: date
) -> None:
    for days_ago in range(5):
        on = today - timedelta(days=days_ago)
        for slot in slots:
            planned_at = to_utc(datetime.combine(on, slot.starts_at), hub.settings.zone)
            how = _outcome(number, days_ago, slot, planned_at)
            session.add(_airing(station, slot, on, planned_at, how))


def _outcome(number: int, days_ago: int, slot: Slot, planned_at: datetime) -> dict[str, Any]:
    """How an airing went: nearly all well, and one of everything that goes wrong."""
    ms, morning = slot.programme.ms or 0, slot.starts_at.hour == 5
    aired = {"state": _A.AIRED, "grade": Grade.A, "started_at": planned_at, "played_ms": ms}
    if number == 5:  # nobody but a person tells
        told = {"state": _A.AIRED, "grade": Grade.B, "reason": "Nghe rõ cả hai cụm loa"}
        return told if days_ago else {"state": _A.PLANNED}
    if number == 8:
        return {"state": _A.AIRED, "grade": Grade.C}
    if number == 3 and days_ago >= 2:
        return {"state": _A.UNKNOWN, "reason": "no_proof"}
    if number == 0 and days_ago == 0 and not morning:  # not collected yet
        return {"state": _A.ON_STATION}
    special: dict[tuple[int, int], dict[str, Any]] = {
        (1, 0): {"state": _A.MISSED, "grade": Grade.A, "reason": "device_failed", "played_ms": 0},
        (2, 0): aired | {"state": _A.PARTIAL, "played_ms": ms // 3, "reason": "power_cut"},
        (4, 0): aired | {"state": _A.LATE, "started_at": planned_at + timedelta(minutes=7)},
        (6, 1): {"state": _A.CANCELLED},
    }
    return special.get((number, days_ago), aired) if morning else aired


def _tonight(
    hub: Hub, session: Session, number: int, station: Station, slots: list[Slot], today: date
) -> None:
    """Tomorrow's airings, and the delivery that brings them."""
    on = today + timedelta(days=1)
    moments = [to_utc(datetime.combine(on, slot.starts_at), hub.settings.zone) for slot in slots]
    delivery = _delivery_state(number)
    is_there = delivery.get("state") is _D.VERIFIED
    for slot, planned_at in zip(slots, moments, strict=True):
        state = _A.ON_STATION if is_there else _A.PLANNED
        session.add(_airing(station, slot, on, planned_at, {"state": state}))
    if station.kind == "person":
        return
    now = hub.clock.now()
    session.add(
        Delivery(
            station=station, for_date=on, seq=number + 40, content_sha256="0" * 64,
            generated_at=now - timedelta(hours=8), first_air_at=moments[0],
            last_air_at=moments[-1] + timedelta(minutes=10), next_try_at=now + timedelta(minutes=4),
            **delivery,
        )
    )  # fmt: skip


def _delivery_state(number: int) -> dict[str, Any]:
    where = {"host": "10.20.0.15", "port": 22}
    return {
        1: {"state": _D.FAILED, "attempts": 9, "error_code": "unreachable",
            "error_fields": {**where, "detail": "No route to host"}},
        2: {"state": _D.DUE, "attempts": 3, "error_code": "link_down",
            "error_fields": {"idle_s": 30, "acknowledged_bytes": 4_718_592}},
        6: {"state": _D.FAILED, "attempts": 1, "error_code": "host_key_changed",
            "error_fields": {
                **where,  # as long as they really are: the narrowest page has to hold them
                "seen": "SHA256:bx9nLvrRvee9cPafri9dwfxnP3GuJNxHtAJBio8q4aU",
                "pinned": "SHA256:aX21t4woOiZhLOqcvvqgszKPLpWOi7v2aEt/uFWEIr4",
            }},
        9: {"state": _D.LEASED, "attempts": 1},
        10: {"state": _D.DELIVERED, "attempts": 1},
        11: {"state": _D.DUE, "attempts": 0},
        14: {"state": _D.FAILED, "attempts": 2, "error_code": "disk_full",
             "error_fields": {"needed_bytes": 14_400_000, "free_bytes": 900_000}},
    }.get(number, {"state": _D.VERIFIED, "attempts": 1})  # fmt: skip


def _airing(
    station: Station, slot: Slot, on: date, planned_at: datetime, how: dict[str, Any]
) -> Airing:
    return Airing(
        station=station, planned_at=planned_at, broadcast_date=on, slot=slot,
        programme_id=slot.programme_id, programme_class=slot.programme_class,
        ms=slot.programme.ms, late_ok_s=600, **{"grade": Grade.D, **how},
    )  # fmt: skip


def _rendition(profile: str, ms: int) -> Rendition:
    return Rendition(
        profile=profile, state=RenditionState.READY, sha256="a" * 64, extension="mp3",
        size_bytes=ms * 6, ms=ms, lufs=-16.0, peak_dbtp=-1.6,
    )  # fmt: skip


def _facts(sha256: str, ms: int, findings: tuple[Finding, ...]) -> Facts:
    return Facts(
        sha256=Sha256(sha256), pcm_sha256=Sha256(sha256), size_bytes=1, container="wav",
        codec="pcm_s16le", sample_rate_hz=48_000, channels=2, ms=Milliseconds(ms), lufs=-19.4,
        range_lu=5.0, peak_dbtp=-3.0, mono_source="mix", mono_gain_db=0.0, silences=(),
        findings=findings,
    )  # fmt: skip


def tone(hz: int, seconds: float = 2.0, rate: int = 16_000) -> bytes:
    """A small WAV file that really sounds."""
    count = int(seconds * rate)
    samples = (int(9000 * math.sin(2 * math.pi * hz * n / rate)) for n in range(count))
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return target.getvalue()
