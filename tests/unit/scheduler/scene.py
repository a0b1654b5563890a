"""Stations as folders, each with the very player that ships, and a hub that reaches them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from scheduler import planner, registry
from scheduler.clock import ManualClock
from scheduler.config import CollectSettings
from scheduler.day import coming_manifests, days_from_rows
from scheduler.hub import Hub
from scheduler.planner import PlanResult
from scheduler.store.models import Airing, Attempt, Delivery, Programme, Slot, Station
from scheduler.store.states import CURRENT_DELIVERIES
from stations import player
from stations.diary import Diary
from stations.errors import StationError
from stations.folder import open_folder
from stations.layout import FOLDERS, asrun_path
from stations.manifest import Manifest, station_key
from stations.visit import Visit, VisitLimits
from tests.builders import programme, release_drafts, slot, stations

MONDAY = date(2022, 10, 17)
_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ONE_DAY = {"valid_from": MONDAY, "valid_to": MONDAY}


def local(clock_time: str, on: date = MONDAY) -> datetime:
    """An instant by local time."""
    return datetime.combine(on, time.fromisoformat(clock_time), _ZONE).astimezone(UTC)


@dataclass
class Scene:
    """A hub and its stations."""

    base: Hub
    folder: Path
    clock: ManualClock
    error: StationError | None = None  # what stands in the way of every visit
    on_step: Callable[[str], None] = lambda name: None

    @property
    def hub(self) -> Hub:
        rehearsal = CollectSettings(null_device_counts=True)
        settings = self.base.settings.model_copy(update={"collect": rehearsal})
        return replace(self.base, connect=self._connect, settings=settings)

    def _connect(
        self, hub: Hub, station: Station, step: Callable[[str], None], diary: Diary
    ) -> AbstractContextManager[Visit]:
        with diary.doing("call"):
            if self.error is not None:
                raise self.error

        def both(name: str) -> None:
            step(name)
            self.on_step(name)

        limits = VisitLimits(reserve_bytes=0)
        return open_folder(self.root(station.code), limits, step=both, diary=diary)

    def root(self, code: str) -> Path:
        return self.folder / code

    def stations(self, *units: str, **common: str) -> None:
        """Stations ``s<unit>``, each with its folders and its key."""
        stations(self.base, list(units), **{"host_key": f"ssh-ed25519 {'A' * 68}", **common})
        for unit in units:
            for name in (*FOLDERS, "state"):
                (self.root(f"s{unit}") / name).mkdir(parents=True, exist_ok=True)
            (self.root(f"s{unit}") / "state/loa.key").write_text(self.key(f"s{unit}").hex())

    def key(self, code: str) -> bytes:
        return station_key(self.base.master_secret(), code)

    def night(
        self, *units: str, title: str = "Gương thoát nghèo", ms: int = 300_000, **changes: Any
    ) -> Slot:
        """Stations, one programme, one slot for them, and the plan."""
        self.stations(*units)
        made = programme(self.base, title, ms=ms)
        added = self.slot(made, **changes)
        self.plan()
        return added

    def slot(self, made: Programme, **changes: Any) -> Slot:
        return slot(self.base, made, **{**ONE_DAY, **changes})

    def plan(self, **changes: Any) -> PlanResult:
        """Release what was changed, and plan."""
        release_drafts(self.base)
        return planner.plan(self.base, **changes)

    # ── What is left behind ────────────────────────────────────────────────────────────────────

    def station(self, code: str) -> Station:
        with self.base.database.read() as session:
            return registry.find_station(session, code)

    def airings(self, code: str | None = None) -> list[Airing]:
        statement = select(Airing).order_by(Airing.planned_at, Airing.station_id)
        if code is not None:
            statement = statement.where(Airing.station_id == self.station(code).id)
        with self.base.database.read() as session:
            return list(session.scalars(statement))

    def deliveries(self, code: str | None = None) -> list[Delivery]:
        statement = select(Delivery).order_by(Delivery.station_id, Delivery.for_date, Delivery.seq)
        if code is not None:
            statement = statement.where(Delivery.station_id == self.station(code).id)
        with self.base.database.read() as session:
            return list(session.scalars(statement))

    def coming(self, code: str) -> list[Manifest]:
        """What the station's manifests say, as the rows stand."""
        station = self.station(code)
        deliveries = [one for one in self.deliveries(code) if one.state in CURRENT_DELIVERIES]
        with self.base.database.read() as session:
            days = days_from_rows(session, station, [one.for_date for one in deliveries])
        return coming_manifests(self.base, station, deliveries, days)

    def attempts(self) -> list[Attempt]:
        with self.base.database.read() as session:
            return list(session.scalars(select(Attempt).order_by(Attempt.id)))

    def change(self, row: Any, **values: Any) -> None:
        with self.base.database.write() as session:
            found = session.get_one(type(row), _identity(row))
            for name, value in values.items():
                setattr(found, name, value)

    # ── The station's own side ─────────────────────────────────────────────────────────────────

    def boot(self, code: str, at: datetime) -> player.Player:
        """The shipped player on that folder; forget it without a word and that was a power cut."""
        clock = player.RehearsalClock(at)
        known = player.Settings(root=str(self.root(code)), station=code, is_durable=False)
        return player.Player(known, clock, player.NullDevice(clock))

    def play(self, code: str, first: datetime, last: datetime) -> None:
        """Let the player live from one instant to another and leave its receipt and its log."""
        running = self.boot(code, first)
        running.run_until(last)
        running.close()

    def log(self, code: str, on: date, *lines: dict[str, Any]) -> None:
        """Lines as the station itself would seal them, whatever they say."""
        sealed = [player.seal(line, self.key(code), player.PURPOSE_ASRUN) for line in lines]
        path = self.root(code) / asrun_path(on)
        with path.open("ab") as file:
            file.writelines(line.rstrip(b"\n") + b"\n" for line in sealed)


def said(
    station: str, event: str, planned: datetime, at: datetime, line: int = 1, **more: Any
) -> dict[str, Any]:
    """One line of a log about the airing that was planned at that instant."""
    return {
        "line": line,
        "prev": player.NO_LINE,
        "station": station,
        "event": event,
        "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "clock": "ok",
        "item": f"{planned:%Y%m%dT%H%M%SZ}",
        "date": (planned + timedelta(hours=7)).date().isoformat(),
        "seq": 1,
        "planned": f"{planned:%Y-%m-%dT%H:%M:%SZ}",
        **more,
    }


def _identity(row: Any) -> Any:
    if isinstance(row, Airing):
        return (row.station_id, row.planned_at)
    return row.id
