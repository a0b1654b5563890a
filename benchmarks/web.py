"""
What "tonight" costs a reader: bytes of the first load, until it is usable, fifty at once.

    .venv/bin/python benchmarks/web.py [--quick] [--json]

A province: 109 stations, four slots a day, a year of airings (``--quick``: 30 days), this evening's
deliveries with some that failed. ``loa serve`` runs in a process of its own. Bytes and readiness
come from Chromium with an empty cache at 400 kbit/s, 400 ms, a processor six times slower; ready
is when the page is drawn and its script has run. Fifty people of the province, each signed in,
ask again and again without a pause; then once more while another process commits ten times a
second. Every answer is looked at: it must be the page of the person who asked.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import sleep

from playwright.sync_api import sync_playwright
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.readers import Load, Reader, ask
from benchmarks.serve import _new_loa, _serving
from scheduler import hub as hubs
from scheduler import people
from scheduler.config import load_settings
from scheduler.hub import Hub
from scheduler.store.models import (
    Airing,
    Delivery,
    Person,
    Programme,
    Slot,
    SlotTarget,
    Station,
    StationUnit,
    Unit,
)
from scheduler.store.states import AiringState, DeliveryState, Grade, ProgrammeState
from scheduler.timetable import to_utc

REACH = {
    "tonight_kib": 20.0, "tonight_ready_s": 2.0, "p95_ms": 150.0, "p95_written_ms": 150.0,
}  # fmt: skip
STATIONS, SLOTS = 109, (5, 11, 17, 19)
READERS, COMMITS_A_S = 50, 10
SLOW = {
    "offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON object")
    parser.add_argument("--quick", action="store_true", help="a month of airings, fewer rounds")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)  # its own second process
    options = parser.parse_args()
    if options.write:
        _write(options.write)
    days, rounds, asks = (30, 3, 6) if options.quick else (365, 5, 20)
    with tempfile.TemporaryDirectory(prefix="loa-web-") as folder:
        config = _new_loa(Path(folder))
        hub = hubs.open_hub(load_settings(config))
        readers = _fill(hub, days)
        with _serving(config, "--no-workers") as (server, address):
            loads = [_first_load(address, readers[0].token) for _ in range(rounds)]
            calm = ask(address, server.pid, readers, asks)
            with _writing(config):
                written = ask(address, server.pid, readers, asks)
        hub.database.close()
    found = {
        "tonight_kib": statistics.median(one[0] for one in loads),
        "tonight_ready_s": statistics.median(one[1] for one in loads),
        "p95_ms": _p95(calm),
        "p95_written_ms": _p95(written),
    }
    if not options.json:
        for key, value in found.items():
            print(f"{key:16} {value:8.2f}  reach ≤ {REACH[key]:g}")
        print("ready in each round:", *(f"{one[1]:.2f}" for one in loads))
        for name, load in (("calm", calm), ("written to", written)):
            print(_told(name, load))
    print(json.dumps({key: round(value, 2) for key, value in found.items()}))
    return 0


def _p95(load: Load) -> float:
    return statistics.quantiles(load.times_ms, n=20)[-1]


def _told(name: str, load: Load) -> str:
    median = statistics.median(load.times_ms)
    return (
        f"{name}: {len(load.times_ms)} answers in {load.wall_s:.1f} s, median {median:.0f} ms, "
        f"longest {max(load.times_ms):.0f}; an answer took {load.server_cpu_ms:.2f} ms of "
        f"processor of the server and {load.load_cpu_ms:.2f} of the readers"
    )


@contextmanager
def _writing(config: Path) -> Iterator[None]:
    """Another process that changes a row and commits, again and again."""
    words = [sys.executable, __file__, "--write", str(config)]
    writer = subprocess.Popen(words, stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()  # it writes now
        yield
        if writer.poll() is not None:
            raise SystemExit("the process that writes ended too early")
    finally:
        writer.kill()
        writer.wait()


def _write(config: Path) -> None:
    """Until it is ended from outside; after ten minutes by itself."""
    database = hubs.open_hub(load_settings(config)).database
    for count in range(600 * COMMITS_A_S):
        with database.write() as session:
            station = session.scalars(select(Station).order_by(Station.id)).first()
            assert station is not None
            station.clock_skew_s = 0.1 + count % 7 / 100
        if not count:
            print("writing", flush=True)
        sleep(1 / COMMITS_A_S)


def _fill(hub: Hub, days: int) -> list[Reader]:
    """A province and its past; the sign-ins of fifty people of it."""
    today, now = hub.today(), hub.clock.now()
    with hub.database.write() as session:
        province = Unit(code="35", name="Tỉnh Hà Nam", level="tỉnh", valid_from=date(2020, 1, 1))
        session.add(province)
        session.flush()
        staff = [_person(session, number, province, now) for number in range(READERS)]
        communes = list(_communes(province.id))
        session.add_all(communes)
        session.flush()
        stations = [_station(number, unit, now) for number, unit in enumerate(communes)]
        session.add_all(stations)
        slots = [_slot(hour, province.id, staff[0], now, today) for hour in SLOTS]
        session.add_all(slots)
        session.flush()
        _airings(hub, session, stations, slots, today, days)
        tokens = [
            people.open_session(session, one, now=now, address=None, hours=12).text for one in staff
        ]
    return [Reader(token, one.full_name) for token, one in zip(tokens, staff, strict=True)]


def _person(session: Session, number: int, unit: Unit, now: datetime) -> Person:
    name = f"nguoi-{number:02}"
    people.add_person(session, username=name, full_name=f"Đỗ Thị Lan {number:02}.", role="district",
                      unit=unit, now=now, by="benchmark")  # fmt: skip
    person = people.find_person(session, name)
    person.must_change_password = False
    return person


def _communes(parent: int) -> Iterator[Unit]:
    for number in range(STATIONS):
        yield Unit(code=str(13000 + number), name=f"Xã Thử Nghiệm {number}", level="xã",
                   parent_id=parent, valid_from=date(2020, 1, 1))  # fmt: skip


def _station(number: int, unit: Unit, now: datetime) -> Station:
    return Station(
        code=f"dai-{unit.code}", name=f"Đài truyền thanh {unit.name.lower()}", technology="ip",
        kind="player", phone=f"0912 345 {number:03}", host="127.0.0.1", username="loa",
        host_key="ssh-ed25519 AAAA", last_seen_at=now, clock_skew_s=0.1,
        units=[StationUnit(unit_id=unit.id, valid_from=date(2020, 1, 1))],
    )  # fmt: skip


def _slot(hour: int, unit_id: int, person: Person, now: datetime, today: date) -> Slot:
    programme = Programme(
        title=f"Gương thoát nghèo của buổi {hour} giờ", file_name="a.wav", sha256=f"{hour:064x}",
        size_bytes=1, ms=900_000, state=ProgrammeState.APPROVED, uploaded_by=person.id,
        uploaded_at=now,
    )  # fmt: skip
    return Slot(
        unit_id=unit_id, title=f"Buổi {hour} giờ", programme=programme, starts_at=time(hour, 0),
        seconds=900, rrule="FREQ=DAILY", valid_from=today - timedelta(days=400),
        created_by=person.id, created_at=now, targets=[SlotTarget(unit_id=unit_id)],
    )  # fmt: skip


def _airings(hub: Hub, session, stations, slots, today: date, days: int) -> None:  # type: ignore[no-untyped-def]
    for ago in range(-1, days):
        on = today - timedelta(days=ago)
        rows = [
            _row(hub, station, slot, on, number)
            for slot in slots
            for number, station in enumerate(stations)
        ]
        session.execute(insert(Airing), rows)
    for number, station in enumerate(stations):
        failed = number % 22 == 7
        session.add(
            Delivery(
                station_id=station.id, for_date=today + timedelta(days=1), seq=1,
                state=DeliveryState.FAILED if failed else DeliveryState.VERIFIED,
                attempts=3, next_try_at=hub.clock.now(), last_air_at=rows_end(hub, today),
                first_air_at=rows_end(hub, today), content_sha256="0" * 64,
                generated_at=hub.clock.now(),
                error_code="auth" if failed else None,
                error_fields={"username": "loa", "host": "10.0.0.9"} if failed else None,
            )
        )  # fmt: skip


def rows_end(hub: Hub, today: date) -> datetime:
    return to_utc(datetime.combine(today + timedelta(days=1), time(19)), hub.settings.zone)


def _row(hub: Hub, station: Station, slot: Slot, on: date, number: int) -> dict[str, object]:
    at = to_utc(datetime.combine(on, slot.starts_at), hub.settings.zone)
    is_past = at < hub.clock.now()
    wrong = is_past and (number + on.day) % 37 == 0
    state = AiringState.MISSED if wrong else AiringState.AIRED
    return {
        "station_id": station.id, "planned_at": at, "broadcast_date": on, "slot_id": slot.id,
        "programme_id": slot.programme_id, "programme_class": "normal", "ms": 900_000,
        "late_ok_s": 600, "state": state if is_past else AiringState.ON_STATION,
        "grade": Grade.A if is_past else Grade.D,
    }  # fmt: skip


def _first_load(address: str, token: str) -> tuple[float, float]:
    """KiB over the wire and seconds until usable, with nothing in the cache."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"]
        )
        context = browser.new_context(viewport={"width": 360, "height": 800})
        context.add_cookies([{"name": "loa", "value": token, "url": address}])
        page = context.new_page()
        line = context.new_cdp_session(page)
        received = 0.0

        def count(event: dict[str, float]) -> None:
            nonlocal received
            received += event["encodedDataLength"]

        line.on("Network.loadingFinished", count)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", SLOW)
        line.send("Emulation.setCPUThrottlingRate", {"rate": 6})
        page.goto(address + "/", wait_until="load")
        if page.locator("#tonight li").count() == 0:
            raise SystemExit("tonight does not show what failed")
        page.wait_for_timeout(1000)
        drawn = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        ran = page.evaluate(
            "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        )
        browser.close()
    return received / 1024, max(drawn, ran) / 1000


if __name__ == "__main__":
    sys.exit(main())
