"""Fault 21: a country moves its clocks, and a new tzdata says so while a week is planned."""

from __future__ import annotations

import io
import struct
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from api.i18n import translator
from api.reports.log_table import csv_parts
from scheduler.airing_log import LogFilter, airing_log
from scheduler.airings import day_schedule
from scheduler.config import Settings
from scheduler.store.states import AiringState
from tests.unit.scheduler.scene import MONDAY, Scene, local

A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
THURSDAY = MONDAY + 3 * A_DAY
HERE = "s13579"
HA_NOI = ZoneInfo("Asia/Ho_Chi_Minh")


def moved(at: datetime, before_s: int, after_s: int) -> ZoneInfo:
    """A zone file as tzdata ships them, with one change of the clocks."""
    kinds = b"".join(struct.pack(">lbb", offset, 0, 0) for offset in (before_s, after_s))

    def block(version: bytes, moment: bytes) -> bytes:
        counts = struct.pack(">6l", 0, 0, 0, 1, 2, 4)
        return b"TZif" + version + b"\0" * 15 + counts + moment + b"\1" + kinds + b"new\0"

    seconds = int(at.timestamp())
    hours, rest = divmod(after_s, 3600)
    footer = f"\n<new>-{hours}:{rest // 60:02}\n".encode()
    file = (
        block(b"2", struct.pack(">l", seconds)) + block(b"2", struct.pack(">q", seconds)) + footer
    )
    return ZoneInfo.from_file(io.BytesIO(file), key="Asia/Ho_Chi_Minh")


def live_in(monkeypatch: pytest.MonkeyPatch, zone: ZoneInfo) -> None:
    monkeypatch.setattr(Settings, "zone", property(lambda settings: zone))


def planned(scene: Scene) -> dict[date, list[datetime]]:
    found: dict[date, list[datetime]] = {}
    for one in scene.airings(HERE):
        if one.state is not AiringState.CANCELLED:
            found.setdefault(one.broadcast_date, []).append(one.planned_at)
    return found


EIGHT = moved(datetime(2022, 10, 19, 17, tzinfo=UTC), 7 * 3600, 8 * 3600)  # Thursday, 00:00
HALF = moved(datetime(2022, 10, 19, 17, tzinfo=UTC), 7 * 3600, 7 * 3600 + 1800)


def test_the_made_zones_are_what_they_say() -> None:
    """Otherwise what follows would prove nothing."""
    for zone, minutes in ((EIGHT, 60), (HALF, 30)):
        before, after = (datetime(2022, 10, day, 5, tzinfo=zone).utcoffset() for day in (19, 20))
        assert (before, after) == (timedelta(hours=7), timedelta(hours=7, minutes=minutes))


@pytest.mark.parametrize(("zone", "earlier"), [(EIGHT, AN_HOUR), (HALF, AN_HOUR / 2)])
def test_new_zone_data_moves_only_the_days_that_it_changes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, zone: ZoneInfo, earlier: timedelta
) -> None:
    """05:00 stays 05:00 on the wall, once on every date; days before it are not sent again."""
    scene.night("13579", valid_to=None)
    before = planned(scene)

    live_in(monkeypatch, zone)
    result = scene.plan()

    after = planned(scene)
    assert list(after) == list(before)
    for on, [at] in after.items():
        assert at.astimezone(zone).time() == time(5)
        [old] = before[on]
        assert old - at == (earlier if on >= THURSDAY else timedelta(0))
    days = len([on for on in before if on >= THURSDAY])
    assert (result.airings_added, result.airings_cancelled) == (days, days)
    assert result.deliveries_new == result.deliveries_superseded == days
    again = scene.plan()
    assert (again.airings_added, again.airings_cancelled, again.deliveries_new) == (0, 0, 0)


def test_what_has_aired_keeps_its_moment_and_its_date(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that comes days late rewrites no log: the row, the schedule and the table stay."""
    scene.night("13579", valid_to=None)
    scene.clock.move_to(local("12:00", THURSDAY))
    history = {on: at for on, at in planned(scene).items() if on <= THURSDAY}

    live_in(monkeypatch, EIGHT)
    scene.plan()

    now = planned(scene)
    assert {on: now[on] for on in history} == history
    with scene.base.database.read() as session:
        for on, [at] in now.items():
            assert [one.planned_at for one in day_schedule(session, on)] == [at]


def test_a_province_that_was_set_up_in_the_wrong_zone_is_set_right(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting is corrected: every day to come moves to the right instant, each date once."""
    live_in(monkeypatch, ZoneInfo("Asia/Tokyo"))
    scene.night("13579", valid_to=None)
    wrong = planned(scene)

    live_in(monkeypatch, HA_NOI)
    scene.plan()

    right = planned(scene)
    for on in right.keys() & wrong.keys():
        assert [at - old for at, old in zip(right[on], wrong[on], strict=True)] == [2 * AN_HOUR]
    assert all(len(found) == 1 for found in right.values())


def test_every_report_has_the_local_date(scene: Scene) -> None:
    """05:00 is 22:00 UTC of the day before; the log by dates and its table say Monday."""
    scene.night("13579")

    with scene.base.database.read() as session:
        monday = airing_log(session, LogFilter(MONDAY, MONDAY))
        sunday = airing_log(session, LogFilter(MONDAY - A_DAY, MONDAY - A_DAY))
        text = b"".join(csv_parts(monday, translator("vi", scene.base.settings.zone))).decode()
    assert ([one.broadcast_date for one in monday], sunday) == ([MONDAY], [])
    row = text.splitlines()[1]
    assert row.startswith(("17/10/2022", '"17/10/2022', "2022-10-17"))
    assert "05:00" in row
    assert "16/10/2022" not in text
