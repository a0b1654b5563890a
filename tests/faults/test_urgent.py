"""On air at once, over OpenSSH, by the player that ships, in a process that is playing the news."""

from __future__ import annotations

import dataclasses
import getpass
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler import bulletins, collect, urgent
from scheduler.bulletins import Order
from scheduler.clock import SystemClock
from scheduler.config import CollectSettings
from scheduler.hub import Hub
from scheduler.stationimport import import_stations
from scheduler.store.models import BulletinStation, Station
from scheduler.store.states import AiringState, DeliveryState
from stations import player
from stations.asrun import read_asrun
from stations.layout import FOLDERS, asrun_path, manifest_path
from stations.manifest import Manifest, ManifestItem, sign, station_key
from tests.builders import ha_nam, programme, someone, stations_csv
from tests.contract.conftest import need_sshd
from tests.faults.harness.sshd import Sshd
from tests.unit.stations.box import sound

_NEWS, _NEWS_BYTES = sound("bản tin", ms=120_000)


@pytest.fixture
def database_kind() -> str:
    """What differs between the databases is tested where nothing is sent."""
    return "sqlite"


@dataclasses.dataclass
class Live:
    """A hub on the machine's own clock, and a station whose player is on air."""

    hub: Hub
    root: Path
    station: Station

    def order(self, ms: int, *, is_drill: bool = False) -> int:
        made = programme(self.hub, f"Lũ về {ms} {is_drill}", ms=ms)
        order = Order(made.id, ("13579",), "Lũ lên nhanh", is_drill=is_drill)
        return bulletins.issue(self.hub, order, by=someone(self.hub, "approver")).id

    def wait(self, seconds: float, *events: str) -> list[str]:
        """The station's story, once it holds these events in this order; or as far as it came."""
        until = time.monotonic() + seconds
        while True:
            told = self.story()
            if [one for one in told if one in events] == list(events) or time.monotonic() > until:
                return told
            time.sleep(0.1)

    def drilled(self, bulletin: int) -> BulletinStation:
        """What is known of the station once both its receipt and the player's line are here."""
        until = time.monotonic() + 30
        while True:
            collect.collect(self.hub)
            with self.hub.database.read() as session:
                [row] = bulletins.get_bulletin(session, bulletin).stations
            is_known = row.state is DeliveryState.VERIFIED and row.drilled_at is not None
            if is_known or time.monotonic() > until:
                return row
            time.sleep(0.1)

    def story(self) -> list[str]:
        path = self.root / asrun_path(self.hub.today())
        key = station_key(self.hub.master_secret(), self.station.code)
        data = path.read_bytes() if path.exists() else b""
        day = read_asrun(data, station=self.station.code, key=key, for_date=self.hub.today())
        return [f"{r.event} {r.reason}".strip() for r in day.records if r.item_id]


@pytest.fixture
def live(hub: Hub, tmp_path: Path) -> Iterator[Live]:
    need_sshd()
    root = tmp_path / "box"
    for name in (*FOLDERS, "state"):
        (root / name).mkdir(parents=True, exist_ok=True)
    rules = {"collect": CollectSettings(null_device_counts=True)}
    settings = hub.settings.model_copy(update=rules)
    # A player on the machine's own clock cannot be held against one that stands.
    real = dataclasses.replace(hub, clock=SystemClock(), settings=settings)
    ha_nam(real)
    with Sshd(tmp_path / "server", root, hub.ssh_key_path) as server:
        table = stations_csv(
            ["13579"], port=str(server.port), username=getpass.getuser(),
            host_key=server.host_key, root=str(root),
        )  # fmt: skip
        with real.database.write() as session:
            import_stations(
                session, table, name="x", now=real.clock.now(), by="test", on=real.today()
            )
        with real.database.read() as session:
            station = session.get_one(Station, 1)
        key = station_key(real.master_secret(), station.code)
        (root / "state/loa.key").write_text(key.hex())
        (root / "state/loa.key").chmod(0o600)
        (root / "in/audio" / _NEWS.name).write_bytes(_NEWS_BYTES)
        news = sign(_on_air_now(real, station), key)
        (root / manifest_path(real.today())).write_bytes(news)
        command = [sys.executable, player.__file__, "--root", str(root), "--device", "null"]
        command += ["--station", station.code, "--poll-s", "0.2"]
        running = subprocess.Popen(command)
        try:
            made = Live(real, root, station)
            assert made.wait(30, "started") == ["started"]
            yield made
        finally:
            running.terminate()
            running.wait(timeout=20)


def _on_air_now(hub: Hub, station: Station) -> Manifest:
    """Two minutes of news that begin at this second."""
    now = datetime.now(UTC).replace(microsecond=0)
    item = ManifestItem("news", now, 600, _NEWS.ms, 0.0, "normal", "Tin", (_NEWS.name,))
    return Manifest(
        station.code, hub.settings.time.zone, hub.today(), 1, now, now, now + timedelta(days=1),
        (_NEWS,), (item,),
    )  # fmt: skip


def test_the_news_are_interrupted_and_go_on_and_the_log_proves_it(live: Live) -> None:
    """From the order to the proof: interrupted, played, resumed, collected."""
    before = (live.root / manifest_path(live.hub.today())).read_bytes()
    bulletin = live.order(2_000)

    [visit] = urgent.push(live.hub)
    told = live.wait(30, "started", "interrupted urgent", "started", "ended", "started")

    assert visit.error is None
    assert told == ["started", "interrupted urgent", "started", "ended", "started"]
    assert (live.root / manifest_path(live.hub.today())).read_bytes() == before
    collect.collect(live.hub)
    with live.hub.database.read() as session:
        found = bulletins.get_bulletin(session, bulletin)
        [row], airings = found.stations, bulletins.airings_by_station(session, found)
    assert row.state is DeliveryState.VERIFIED
    assert airings[row.station_id].state is AiringState.AIRED


def test_taken_back_it_falls_silent_and_the_news_go_on(live: Live) -> None:
    """A long alarm that was a mistake is stopped at the station within a look of its player."""
    bulletin = live.order(600_000)
    urgent.push(live.hub)
    live.wait(30, "started", "interrupted urgent", "started")

    by = someone(live.hub, "approver")
    bulletins.withdraw(live.hub, bulletin, by=by, reason="Nhầm")
    urgent.push(live.hub)
    told = live.wait(
        30, "started", "interrupted urgent", "started", "interrupted withdrawn", "started"
    )

    assert told[-2:] == ["interrupted withdrawn", "started"]


def test_a_drill_interrupts_nobody_and_tells_how_long_it_took(live: Live) -> None:
    """Brought, checked and would have played, in this order, within seconds."""
    bulletin = live.order(2_000, is_drill=True)
    urgent.push(live.hub)
    told = live.wait(30, "started", "drilled")
    row = live.drilled(bulletin)

    assert told == ["started", "drilled"]
    assert row.state is DeliveryState.VERIFIED
    assert row.delivered_at is not None
    assert row.drilled_at is not None
    assert timedelta(seconds=-1) < row.drilled_at - row.delivered_at < timedelta(seconds=25)
