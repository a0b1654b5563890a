"""A box runs for years in a cupboard: nothing may grow, and the clock may do what it likes."""

from __future__ import annotations

import gc
import os
import tracemalloc
from datetime import datetime, timedelta
from pathlib import Path

from stations.asrun import AsrunRecord, airings_of
from stations.player import NullDevice, Player, Settings
from tests.unit.stations.box import MONDAY, STATION, Box, SetClock, at, day, item, shifted, sound

PROGRAMMES = [sound(f"programme {number}", ms=900_000) for number in range(6)]
PLAN = day(
    *(item(f"{5 + 2 * number:02}:00", file) for number, (file, _) in enumerate(PROGRAMMES)),
    files=[file for file, _ in PROGRAMMES],
)


def live(box: Box, player: Player, days: range) -> None:
    """One delivery a day; the hub sweeps what is over, as it does in earnest."""
    for number in days:
        plan = shifted(PLAN, number, seq=number + 1)
        box.deliver(plan)
        over = box.root / f"in/manifest/{plan.for_date - timedelta(days=2)}.signed"
        over.unlink(missing_ok=True)
        player.run_until(at("23:30", plan.for_date))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_thirty_days_leave_memory_and_descriptors_as_they_were(box: Box) -> None:
    """Ten days to settle, thirty to grow: no descriptor more, and no memory worth a word."""
    box.store(*PROGRAMMES)
    player = box.boot(at("00:00"), receipt_s=3600, position_s=300)
    tracemalloc.start()
    live(box, player, range(10))
    gc.collect()
    before_bytes, before_files = tracemalloc.get_traced_memory()[0], open_files()

    live(box, player, range(10, 40))

    gc.collect()
    grown_bytes = tracemalloc.get_traced_memory()[0] - before_bytes
    tracemalloc.stop()
    assert open_files() == before_files
    assert grown_bytes < 64 << 10
    aired = [r for n in range(40) for r in box.events("ended", on=MONDAY + timedelta(days=n))]
    assert len(aired) == 40 * 6


def test_thirty_days_leave_a_week_of_plans_and_small_logs_on_the_card(box: Box) -> None:
    """What grows is the evidence, by four kilobytes a day, and only for sixty days."""
    box.store(*PROGRAMMES)
    player = box.boot(at("00:00"), receipt_s=3600, position_s=300)

    live(box, player, range(30))

    assert len(os.listdir(box.root / "state/manifest")) == 9
    assert sorted(os.listdir(box.root / "state")) == [
        "loa.key",
        "manifest",
        "position",
        "seqs.json",
    ]
    sizes = [path.stat().st_size for path in (box.root / "out/asrun").iterdir()]
    assert len(sizes) == 30
    assert max(sizes) < 8000


def set_during(box: Box, moment: datetime, by: timedelta) -> list[AsrunRecord]:
    """The records of Monday, with the clock set once."""
    box.store(*PROGRAMMES)
    box.deliver(PLAN)
    clock = SetClock(at("04:00"))
    settings = Settings(root=str(box.root), station=STATION, is_durable=False)
    player = Player(settings, clock, NullDevice(clock))
    player.run_until(moment)
    clock.set(by)
    player.run_until(at("23:00"))
    return list(box.asrun().records)


def test_a_clock_set_back_an_hour_airs_nothing_twice(box: Box) -> None:
    """05:00 comes twice that day; the programme does not."""
    records = set_during(box, at("05:30"), by=timedelta(hours=-1))

    assert [r.item_id for r in records if r.event == "started"] == [
        "0500",
        "0700",
        "0900",
        "1100",
        "1300",
        "1500",
    ]
    assert [r.reason for r in records if r.event == "clock"][:1] == ["behind_log"]


def test_a_clock_set_back_while_playing_does_not_lengthen_the_programme(box: Box) -> None:
    """Lengths are measured by a clock that nobody can set."""
    records = set_during(box, at("05:05"), by=timedelta(hours=-1))

    assert airings_of(records)["0500"].played_ms == 900_000


def test_a_clock_set_forward_past_an_item_says_that_it_was_missed(box: Box) -> None:
    """From 06:30 to 08:30: nobody heard 07:00, and the log does not pretend."""
    records = set_during(box, at("06:30"), by=timedelta(hours=2))

    airings = airings_of(records)
    assert (airings["0700"].outcome, airings["0700"].reason) == ("missed", "too_late")
    assert airings["0900"].outcome == "ended"
    assert [r.reason for r in records if r.event == "clock"] == ["stepped"]
