"""Stations behind one OpenSSH server, an old day live on each, and a new one that is due."""

from __future__ import annotations

import getpass
import hashlib
import signal
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler import dispatch, planner
from scheduler.hub import Hub
from scheduler.registry import list_stations
from scheduler.store.models import Delivery, Station, Unit
from scheduler.store.states import CURRENT_DELIVERIES, DeliveryState
from scheduler.units import units_on
from stations.errors import ManifestRefused
from stations.layout import AUDIO_DIR, FOLDERS, MANIFEST_DIR, manifest_path
from stations.manifest import file_sha256, open_signed, station_key
from tests.builders import ha_nam, programme, slot, stations
from tests.faults.harness.night_worker import Job, Workers
from tests.faults.harness.sshd import Sshd

DATES = (date(2022, 10, 17), date(2022, 10, 18))
# Of the old programme and of the new one: when its half was acknowledged, the other half is more
# than the 0.5 MB that may be under way, so a death there leaves half a file.
_SIZES = (90_000, 1_300_000)
_LEASE_OVER = timedelta(seconds=121)
_DELIVERED = DeliveryState.DELIVERED


@dataclass
class Province:
    """What the kill tests stand on. ``now`` is what the next worker's clock says."""

    hub: Hub
    workers: Workers
    folder: Path
    is_naive: bool = False
    old: dict[Path, bytes] = field(default_factory=dict)  # the manifests of the old day

    @classmethod
    def found(
        cls, hub: Hub, workers: Workers, folder: Path, sshd: Sshd, count: int, **changes: Any
    ) -> Province:
        """So many stations; the old day is delivered, then the plan changes."""
        made = cls(hub, workers, folder, **changes)
        ha_nam(hub)
        made._register(sshd, count)
        made._plan("Tin cũ", time(5), _SIZES[0])
        dispatch.push(hub)
        made.old = {path: path.read_bytes() for path in folder.rglob(f"{MANIFEST_DIR}/*.signed")}
        assert len(made.old) == count * len(DATES)
        made._plan("Tin mới", time(11), _SIZES[1])
        return made

    def _register(self, sshd: Sshd, count: int) -> None:
        with self.hub.database.read() as session:
            codes = [u.code for u in _communes(session)][:count]
        stations(
            self.hub, codes, port=str(sshd.port), username=getpass.getuser(),
            host_key=sshd.host_key,
        )  # fmt: skip
        with self.hub.database.write() as session:
            for station in list_stations(session):
                station.root = str(self.root(station))
                for name in FOLDERS:
                    (self.root(station) / name).mkdir(parents=True)

    def _plan(self, title: str, at: time, size: int) -> None:
        content = hashlib.shake_128(title.encode()).digest(size)
        made = programme(self.hub, title, content=content)
        slot(self.hub, made, at=at, valid_from=DATES[0], valid_to=DATES[-1])
        planner.plan(self.hub)

    def root(self, station: Station) -> Path:
        return self.folder / station.code

    @property
    def stations(self) -> list[Station]:
        with self.hub.database.read() as session:
            return list_stations(session)

    # ── Lives ──────────────────────────────────────────────────────────────────────────────────

    def job(
        self,
        *visited: Station,
        crash_at: tuple[str, int] | None = None,
        later: timedelta,
        fate: int = signal.SIGKILL,
    ) -> Job:
        return Job(
            data=str(self.hub.data),
            url=self.hub.settings.database.url,
            at=(self.hub.clock.now() + later).isoformat(),
            station_ids=tuple(station.id for station in visited),
            crash_at=crash_at,
            fate=fate,
            is_naive=self.is_naive,
        )

    def kill(self, station: Station, step: str, *, time_passed: int = 1, life: int = 0) -> int:
        """Let a worker die at a step; each life begins when the lease of the one before is over."""
        job = self.job(station, crash_at=(step, time_passed), later=life * _LEASE_OVER)
        return self.workers.run(job)

    def life(self, station: Station, *, life: int) -> Job:
        """The whole of one worker's life at a station, to be ended from outside."""
        return self.job(station, later=life * _LEASE_OVER)

    def recover(self, *visited: Station, life: int = 1) -> int:
        return self.workers.run(self.job(*visited, later=life * _LEASE_OVER))

    # ── What is left behind ────────────────────────────────────────────────────────────────────

    def complaints(self, station: Station) -> list[str]:
        """Say what must never be, at any instant: on the station's disk or in our rows about it."""
        return [*self._wrong_files(station), *self._wrong_manifests(station), *self._lies(station)]

    def unfinished(self, station: Station) -> list[str]:
        """Say what is lost or doubled once a worker was let finish."""
        current, rows = self._current(station), len(self._deliveries(station))
        days = Counter(one.for_date for one in current)
        found = [f"{one} is {one.state}" for one in current if one.state is not _DELIVERED]
        found += [f"{on}: {days[on]} current deliveries" for on in DATES if days[on] != 1]
        if rows != 2 * len(DATES):
            found.append(f"{rows} deliveries for {len(DATES)} days, each planned twice")
        for path, old in self.old.items():
            if path.is_relative_to(self.root(station)) and path.read_bytes() == old:
                found.append(f"{path.name} is still the old one")
        return found + [f"{path.name} was left" for path in self.root(station).rglob("*.part")]

    def _wrong_files(self, station: Station) -> list[str]:
        return [
            f"{path.name}: {path.stat().st_size} wrong bytes"
            for path in (self.root(station) / AUDIO_DIR).iterdir()
            if path.suffix != ".part"
            and hashlib.sha256(path.read_bytes()).hexdigest() != path.name.split(".")[0]
        ]

    def _wrong_manifests(self, station: Station) -> list[str]:
        found = []
        key = station_key(self.hub.master_secret(), station.code)
        lying = {path.name for path in (self.root(station) / AUDIO_DIR).iterdir()}
        for path in (self.root(station) / MANIFEST_DIR).glob("*.signed"):
            if path.read_bytes() == self.old[path]:
                continue
            try:
                manifest = open_signed(path.read_bytes(), key)
            except ManifestRefused as refused:
                found.append(f"{path.name} is {refused.fields['reason']}")
                continue
            seqs = [one.seq for one in self._current(station) if one.for_date == manifest.for_date]
            if seqs != [manifest.seq]:
                found.append(f"{path.name} has seq {manifest.seq}, the rows {seqs}")
            found += [
                f"{path.name} without {f.name}" for f in manifest.files if f.name not in lying
            ]
        return found

    def _lies(self, station: Station) -> list[str]:
        """A row that says delivered while the station has another manifest, or none."""
        found = []
        for delivery in self._current(station):
            if delivery.state is _DELIVERED:
                path = self.root(station) / manifest_path(delivery.for_date)
                there = file_sha256(path.read_bytes()) if path.exists() else None
                if there != delivery.manifest_sha256:
                    found.append(f"{delivery} is called delivered")
        return found

    def _current(self, station: Station) -> list[Delivery]:
        return [one for one in self._deliveries(station) if one.state in CURRENT_DELIVERIES]

    def _deliveries(self, station: Station) -> list[Delivery]:
        statement = select(Delivery).where(Delivery.station_id == station.id)
        with self.hub.database.read() as session:
            return list(session.scalars(statement.order_by(Delivery.seq)))


def _communes(session: Session) -> list[Unit]:
    return [unit for unit in units_on(session, DATES[0]) if unit.level in ("xã", "phường")]
