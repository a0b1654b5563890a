"""Runs the demonstration: a province is set up, its nights pass, what is proved is told."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Self

from sqlalchemy import func, select

from api.demo.faults import Fault, StationEnd, faults_of
from api.demo.scripts import PROGRAMMES
from audio import speech
from audio.facts import Facts
from scheduler import (
    collect,
    dispatch,
    people,
    planner,
    programmes,
    registry,
    releases,
    renditions,
    slots,
    stationimport,
    stationrows,
    unitimport,
    units,
)
from scheduler import hub as hubs
from scheduler.clock import ManualClock
from scheduler.config import CollectSettings, PathSettings, PlanSettings, Settings, WebSettings
from scheduler.day import day_from_rows, rendition_files
from scheduler.errors import ProgrammeRefused
from scheduler.hub import Hub
from scheduler.programmes import ProgrammeDetails
from scheduler.slots import SlotDetails
from scheduler.store.models import Airing, Attempt, Delivery, Person, Programme, Station, Unit
from scheduler.store.states import CURRENT_DELIVERIES, AiringState, DeliveryState, ProgrammeState
from scheduler.text import without_tones
from scheduler.timetable import to_utc
from stations.disk import FLUSH_EVERY_BYTES
from stations.manifest import station_key
from stations.simulated_player import SimulatedPlayer
from stations.simulator import Fleet, FleetProcess

# The day of action for the poor; in the month of the plan's first year.
FIRST_NIGHT = date(2022, 10, 17)
PLAY_RATE = 600.0  # ten minutes of sound pass in a second
MORNING, AFTERNOON = time(5), time(17)
# Longer than the late rule allows: what was cut off must not be finished later and called aired.
POWER_OFF = timedelta(minutes=20)
SLOWLY = 110  # words a minute: an announcer who is heard over a rice field
_HANDSHAKE_BYTES = 64 << 10  # more than an SSH connection spends before the first byte of a file
_UNITS = Path(units.__file__).parent / "reference" / "ha_nam_units.csv"
_ROUNDS = 3  # of sending: the cut link comes back in the second

Tell = Callable[[str, float, float], None]  # phase, done, total


@dataclass(frozen=True)
class Outcome:
    """What the demonstration found at its end."""

    stations: tuple[StationEnd, ...]
    programmes: tuple[Programme, ...]
    renditions: int
    dates: tuple[date, ...]

    @property
    def is_as_expected(self) -> bool:
        return all(station.is_as_expected for station in self.stations)


class Demo:
    """A province of ``count`` communes below one folder; a context manager."""

    def __init__(self, folder: Path, *, count: int, nights: int, tell: Tell) -> None:
        self.folder, self.count, self.tell = folder, count, tell
        self.dates = tuple(FIRST_NIGHT + timedelta(days=n) for n in range(nights))
        self.settings = Settings(
            paths=PathSettings(data=folder / "hub"),
            plan=PlanSettings(days_ahead=7),
            collect=CollectSettings(null_device_counts=True),
            web=WebSettings(second_factor_roles=()),  # who only looks needs no telephone
        )
        self.clock = ManualClock(self.at(FIRST_NIGHT - timedelta(days=1), time(9)))
        self.administrator = hubs.init(self.settings, clock=self.clock)
        self.hub: Hub = hubs.open_hub(self.settings, clock=self.clock)
        self._stack = ExitStack()
        self.secrets: dict[str, str] = {}  # one-time secrets of the people, shown when serving

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def at(self, on: date, local: time) -> datetime:
        return to_utc(datetime.combine(on, local), self.settings.zone)

    def run(self, files: Sequence[Path]) -> Outcome:
        """The main job from end to end."""
        self._people()
        communes = self._units()
        self._stations(communes)
        made = self._programmes(files)
        self._slots(made)
        for night, on in enumerate(self.dates):
            self._send(on, is_first=night == 0)
            self._air(on, is_first=night == 0)
        self.clock.move_to(self.at(self.dates[-1] + timedelta(days=2), time(8)))
        collect.settle(self.hub)
        return self._outcome()

    # ── A province is set up ───────────────────────────────────────────────────────────────────

    def _people(self) -> None:
        for username, name, role in (
            ("bien-tap", "Nguyễn Thị Biên Tập", "editor"),
            ("duyet", "Trần Văn Duyệt", "approver"),
        ):
            with self.hub.database.write() as session:
                self.secrets[username] = people.add_person(
                    session, username=username, full_name=name, role=role, unit=None,
                    now=self.clock.now(), by="demo",
                )  # fmt: skip
        self.editor, self.approver = self._person("bien-tap"), self._person("duyet")

    def _person(self, username: str) -> Person:
        with self.hub.database.read() as session:
            return people.find_person(session, username)

    def _units(self) -> list[Unit]:
        with self.hub.database.write() as session:
            text = _UNITS.read_text(encoding="utf-8")
            unitimport.import_units(
                session, text, name=_UNITS.name, now=self.clock.now(), by="demo"
            )
            everything = units.units_on(session, FIRST_NIGHT)
        parents = {unit.parent_id for unit in everything}
        communes = [unit for unit in everything if unit.id not in parents]
        # Spread over the province, not the first ones of its first town.
        return [communes[n * len(communes) // self.count] for n in range(self.count)]

    def _stations(self, communes: Sequence[Unit]) -> None:
        names = {self._code(unit): unit for unit in communes}
        self.faults = faults_of(list(names))
        public_key = (self.settings.paths.data / "secret" / "ssh_ed25519.pub").read_text().strip()
        self.fleet: FleetProcess = self._stack.enter_context(
            Fleet.start_process(self.folder / "stations", list(names), public_key)
        )
        with self.hub.database.write() as session:
            stationimport.import_stations(
                session, self._csv(names), name="stations.csv", now=self.clock.now(), by="demo",
                on=FIRST_NIGHT,
            )  # fmt: skip

    def _code(self, unit: Unit) -> str:
        slug = without_tones(unit.name).replace(" ", "-")
        return f"{slug[:30].strip('-')}-{unit.code}"

    def _csv(self, names: dict[str, Unit]) -> str:
        table = io.StringIO()
        rows = csv.writer(table)
        rows.writerow([column.name for column in stationrows.STATION_COLUMNS])
        for number, (code, unit) in enumerate(names.items()):
            address = self.fleet.addresses[code]
            profile = "loa-64" if number % 3 == 2 else "loa-48"
            rows.writerow(
                [code, f"Đài truyền thanh {unit.name[0].lower()}{unit.name[1:]}", unit.code, "ip",
                 "player", address.host, address.port, address.username, address.root,
                 address.host_key, profile, f"0226 3000 {number:03}", "18:00", "04:30"]
            )  # fmt: skip
        return table.getvalue()

    def _player(self, code: str) -> SimulatedPlayer:
        keys = self.folder / "keys"
        keys.mkdir(mode=0o700, exist_ok=True)
        key = keys / f"{code}.key"
        key.touch(mode=0o600)
        key.write_text(station_key(self.hub.master_secret(), code).hex())
        player = SimulatedPlayer(
            self.fleet.root(code), code, key, start=self.clock.now(), rate=PLAY_RATE
        )
        return self._stack.enter_context(player)

    # ── Programmes and timetable ───────────────────────────────────────────────────────────────

    def _programmes(self, files: Sequence[Path]) -> list[Programme]:
        brought = [(file.stem, file) for file in files] or self._spoken()
        made = []
        for number, (title, file) in enumerate(brought):
            made.append(self._programme(title, file, self._part(number, len(brought))))
        return made

    def _programme(self, title: str, file: Path, told: Callable[[float], None]) -> Programme:
        """Brought and measured, let on air by a second person, encoded."""
        added = programmes.add_programme(
            self.hub, file, ProgrammeDetails(title=title[:200], theme="Thoát nghèo"),
            by=self.editor, progress=lambda done: told(done / 2),
        )  # fmt: skip
        if added.state is ProgrammeState.REJECTED:
            raise ProgrammeRefused(title=added.title, findings=_findings(added))
        programmes.approve(self.hub, added.id, by=self.approver)
        for built in renditions.render_due(
            self.hub, added.id, progress=lambda done: told(0.5 + done / 2)
        ):
            if built.error is not None:
                raise ProgrammeRefused(title=added.title, findings=built.error)
        told(1.0)
        return added

    def _part(self, number: int, total: int) -> Callable[[float], None]:
        return lambda done: self.tell("Measuring and encoding", number + done, total)

    def _spoken(self) -> list[tuple[str, Path]]:
        sounds = self.folder / "sounds"
        sounds.mkdir(exist_ok=True)
        spoken = []
        for number, (title, text) in enumerate(PROGRAMMES):
            self.tell("Making two programmes", number, len(PROGRAMMES))
            into = sounds / f"{number}.wav"
            if speech.has_speech():
                speech.speak(text, into, words_per_minute=SLOWLY)
            else:
                speech.hum(into, seconds=180, seed=number)
            spoken.append((title, into))
        self.tell("Making two programmes", 1, 1)
        return spoken

    def _slots(self, made: Sequence[Programme]) -> None:
        at = datetime.combine(FIRST_NIGHT, MORNING)
        for programme in made:
            self._slot(programme, at.time())
            assert programme.ms is not None
            # Far enough apart that a box that lost its power is back for the next one.
            gap = timedelta(milliseconds=programme.ms) + POWER_OFF + timedelta(minutes=5)
            at += max(timedelta(minutes=30), timedelta(minutes=5) * -(-gap // timedelta(minutes=5)))
        if at.time() <= AFTERNOON and at.date() == FIRST_NIGHT:
            self._slot(made[0], AFTERNOON)
        releases.release(self.hub, by=self.editor)

    def _slot(self, programme: Programme, at: time) -> None:
        details = SlotDetails(
            title=programme.title, unit_code="35", audience=("unit:35",),
            programme_id=programme.id, starts_at=at, valid_from=FIRST_NIGHT,
        )  # fmt: skip
        slots.add_slot(self.hub, details, by=self.editor)

    # ── One night ──────────────────────────────────────────────────────────────────────────────

    def _send(self, on: date, *, is_first: bool) -> None:
        self.clock.move_to(self.at(on - timedelta(days=1), time(20)))
        planner.plan(self.hub)
        if is_first:
            self.players = {code: self._player(code) for code in self.faults}
            self._break_links()
        waiting = self._bytes_to_send()
        done: Counter[str] = Counter()

        def progress(code: str, acknowledged: int) -> None:
            done[code] = acknowledged
            self.tell("Sending to the stations", sum(done.values()), waiting)

        for _ in range(_ROUNDS):
            dispatch.push(self.hub, ignore_windows=False, progress=progress)
            self.clock.advance(timedelta(minutes=2))
        self.tell("Sending to the stations", 1, 1)
        self._advance_players(self.clock.now())
        collect.collect(self.hub)

    def _break_links(self) -> None:
        for code, fault in self.faults.items():
            if fault is Fault.UNREACHABLE:
                self.fleet.stop(code)
            elif fault is Fault.HOST_KEY_CHANGED:
                self.fleet.change_host_key(code)
            elif fault is Fault.LINK_CUT:
                self._cut_link(code)

    def _cut_link(self, code: str) -> None:
        """Cut inside the first file, behind what the station has flushed: so it can be resumed."""
        with self.hub.database.read() as session:
            station = registry.find_station(session, code)
            day = day_from_rows(session, station, self.dates[0])
        first = rendition_files(self.hub, day)[0]
        cut_at = FLUSH_EVERY_BYTES + _HANDSHAKE_BYTES
        if first.size_bytes > cut_at + _HANDSHAKE_BYTES:
            self.fleet.cut_after(code, cut_at)
        else:  # under a minute and a half of sound there is nothing to resume
            self.faults[code] = Fault.NONE

    def _bytes_to_send(self) -> int:
        with self.hub.database.read() as session:
            made = programmes.list_programmes(session)
            profiles = session.scalars(select(Station.profile)).all()
        sizes = {
            name: sum(
                r.size_bytes or 0 for one in made for r in one.renditions if r.profile == name
            )
            for name in set(profiles)
        }
        return max(1, sum(sizes[name] for name in profiles))

    def _air(self, on: date, *, is_first: bool) -> None:
        if is_first:
            self._cut_power(on)
        evening = self.at(on, time(18))
        self._advance_players(evening)
        self.clock.move_to(evening)
        collect.collect(self.hub)

    def _cut_power(self, on: date) -> None:
        """The power fails in the middle of the first programme, and stays away for a while."""
        for code, fault in self.faults.items():
            if fault is Fault.POWER_CUT:
                with self.hub.database.read() as session:
                    first = session.scalars(
                        select(Airing)
                        .join(Station)
                        .where(Station.code == code, Airing.broadcast_date == on)
                        .order_by(Airing.planned_at)
                    ).first()
                assert first is not None
                fails_at = first.planned_at + timedelta(milliseconds=first.ms / 2)
                self.players[code].advance_to(fails_at)
                self.players[code].kill()
                self.players[code].restart(fails_at + POWER_OFF)

    def _advance_players(self, to: datetime) -> None:
        with ThreadPoolExecutor(len(self.players)) as pool:
            moves = [pool.submit(player.advance_to, to) for player in self.players.values()]
            for number, moved in enumerate(moves, start=1):
                moved.result()
                self.tell("The stations play", number, len(moves))

    # ── What is proved ─────────────────────────────────────────────────────────────────────────

    def _outcome(self) -> Outcome:
        with self.hub.database.read() as session:
            made = programmes.list_programmes(session)
            ends = [self._end(station) for station in registry.list_stations(session)]
        order = list(self.faults)
        ends.sort(key=lambda end: order.index(end.code))
        return Outcome(
            stations=tuple(ends),
            programmes=tuple(reversed(made)),
            renditions=sum(len(one.renditions) for one in made),
            dates=self.dates,
        )

    def _end(self, station: Station) -> StationEnd:
        with self.hub.database.read() as session:
            airings = session.scalars(
                select(Airing.state).where(
                    Airing.station_id == station.id, Airing.broadcast_date.in_(self.dates)
                )
            ).all()
            deliveries = session.scalars(
                select(Delivery).where(
                    Delivery.station_id == station.id,
                    Delivery.for_date.in_(self.dates),
                    Delivery.state.in_(CURRENT_DELIVERIES),
                )
            ).all()
            sent, resumed = session.execute(
                select(
                    func.coalesce(func.sum(Attempt.bytes_sent), 0),
                    func.coalesce(func.sum(Attempt.bytes_resumed), 0),
                )
                .join(Delivery)
                .where(Delivery.station_id == station.id)
            ).one()
        return StationEnd(
            code=station.code,
            name=station.name,
            fault=self.faults[station.code],
            airings=Counter(AiringState(state) for state in airings),
            deliveries=Counter(DeliveryState(one.state) for one in deliveries),
            errors=frozenset(one.error_code for one in deliveries if one.error_code),
            bytes_sent=int(sent),
            bytes_resumed=int(resumed),
        )


def _findings(programme: Programme) -> str:
    assert programme.facts is not None
    facts = Facts.from_json(programme.facts)
    return ", ".join(finding.code for finding in facts.findings)
