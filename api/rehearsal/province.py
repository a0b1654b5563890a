"""The province of a rehearsal: Hà Nam's map, a box in every unit, programmes and a timetable."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import wave
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from scheduler import hub as hubs
from scheduler import people, registry, releases, slots, stationimport, unitimport, units
from scheduler.clock import ManualClock
from scheduler.config import Settings
from scheduler.hub import Hub
from scheduler.slots import SlotDetails
from scheduler.store.models import Person, Programme, Rendition, Unit
from scheduler.store.states import ProgrammeState, RenditionState
from scheduler.timetable import to_utc
from stations.rehearsed import host_key

FIRST_DAY = date(2022, 10, 17)  # a Monday, and the day of action for the poor
_UNITS = Path(units.__file__).parent / "reference" / "ha_nam_units.csv"
_PROFILE = "loa-48"


@dataclass(frozen=True)
class Line:
    """A line of the timetable that is rehearsed, in words that need no planner to expand."""

    title: str
    at: time
    minutes: int
    weekdays: frozenset[int] = frozenset(range(7))  # 0: Monday

    @property
    def rrule(self) -> str:
        if len(self.weekdays) == 7:
            return "FREQ=DAILY"
        names = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
        return "FREQ=WEEKLY;BYDAY=" + ",".join(names[day] for day in sorted(self.weekdays))


LINES = (
    Line("Bản tin sáng", time(5), 15),
    Line("Chuyện thoát nghèo", time(11), 20),
    Line("Bản tin chiều", time(17), 15),
    Line("Hỏi đáp chính sách", time(17, 30), 10, frozenset({0, 2, 4})),
)
RETIRED = "Hỏi đáp chính sách"  # taken out of the timetable on the way


class Province:
    """A new Loa below one folder, on a clock that stands, with a box at the end of every line."""

    def __init__(self, folder: Path, settings: Settings, *, stations: int) -> None:
        self.folder, self.settings = folder, settings
        self.clock = ManualClock(self.at(FIRST_DAY - timedelta(days=1), time(12)))
        hubs.init(settings, clock=self.clock)
        self.hub: Hub = hubs.open_hub(settings, clock=self.clock)
        self.editor = self._person("bien-tap", "Nguyễn Thị Biên Tập", "editor")
        self.approver = self._person("duyet", "Trần Văn Duyệt", "approver")
        self.codes = self._stations(stations)
        self.files: dict[str, str] = {}  # title of a line → the file that carries it
        self.slots = {line.title: self._slot(line) for line in LINES}
        releases.release(self.hub, by=self.editor)

    def at(self, on: date, local: time) -> datetime:
        return to_utc(datetime.combine(on, local), self.settings.zone)

    def _person(self, username: str, name: str, role: str) -> Person:
        with self.hub.database.write() as session:
            people.add_person(
                session, username=username, full_name=name, role=role, unit=None,
                now=self.clock.now(), by="rehearsal",
            )  # fmt: skip
            return people.find_person(session, username)

    # ── Stations ───────────────────────────────────────────────────────────────────────────────

    def _stations(self, count: int) -> dict[str, Unit]:
        with self.hub.database.write() as session:
            text = _UNITS.read_text(encoding="utf-8")
            unitimport.import_units(
                session, text, name=_UNITS.name, now=self.clock.now(), by="rehearsal"
            )
            places = [unit for unit in units.units_on(session, FIRST_DAY) if unit.parent_id]
            # Spread over the province; more stations than units: several in each.
            chosen = [places[n * len(places) // count % len(places)] for n in range(count)]
            codes = {f"d{n:04}-{unit.code}": unit for n, unit in enumerate(chosen, start=1)}
            stationimport.import_stations(
                session, _csv(codes), name="stations.csv", now=self.clock.now(), by="rehearsal",
                on=FIRST_DAY,
            )  # fmt: skip
            for station in registry.list_stations(session):
                station.host_key = host_key(station.code)
        return codes

    def station_ids(self) -> dict[str, int]:
        with self.hub.database.read() as session:
            return {one.code: one.id for one in registry.list_stations(session)}

    # ── Timetable ──────────────────────────────────────────────────────────────────────────────

    def _slot(self, line: Line) -> int:
        programme = self._programme(line)
        details = SlotDetails(
            title=line.title, unit_code="35", audience=("unit:35",), programme_id=programme.id,
            starts_at=line.at, rrule=line.rrule, valid_from=FIRST_DAY,
        )  # fmt: skip
        return slots.add_slot(self.hub, details, by=self.editor).id

    def _programme(self, line: Line) -> Programme:
        """
        An approved programme whose rendition is one second of a tone, and said to last minutes.

        Real sound, measured and encoded, is what ``loa demo`` shows; here nothing listens.
        """
        content = _tone(220 + 20 * len(self.files))
        sha256, size_bytes = hashlib.sha256(content).hexdigest(), len(content)
        (self.hub.renditions / f"{sha256}.wav").write_bytes(content)
        self.files[line.title] = f"{sha256}.wav"
        ms = line.minutes * 60_000
        with self.hub.database.write() as session:
            made = Programme(
                title=line.title, file_name="sound.wav", sha256=sha256, size_bytes=size_bytes,
                ms=ms, state=ProgrammeState.APPROVED, uploaded_by=self.editor.id,
                uploaded_at=self.clock.now(), approved_by=self.approver.id,
                approved_at=self.clock.now(),
                renditions=[
                    Rendition(
                        profile=_PROFILE, state=RenditionState.READY, sha256=sha256,
                        extension="wav", size_bytes=size_bytes, ms=ms,
                    )
                ],
            )  # fmt: skip
            session.add(made)
        return made


def _tone(hertz: int) -> bytes:
    """One second as a WAV file."""
    samples = array("h", (round(8000 * math.sin(math.tau * hertz * n / 8000)) for n in range(8000)))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(samples.tobytes())
    return file.getvalue()


def _csv(codes: Mapping[str, Unit]) -> str:
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["code", "name", "unit_code", "technology", "kind", "host", "profile"])
    for code, unit in codes.items():
        rows.writerow([code, f"Đài {unit.name}", unit.code, "ip", "player", code, _PROFILE])
    return table.getvalue()
