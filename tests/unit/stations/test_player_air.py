"""Devices, relays, the amplifier: what stands between an item on time and sound on the pole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stations.asrun import airings_of
from stations.errors import ManifestRefused
from stations.manifest import Manifest, sign
from stations.player import (
    AudioFile,
    Clock,
    Device,
    DeviceFailed,
    NullDevice,
    NullPlayback,
    Playback,
    Player,
    RehearsalClock,
    Settings,
)
from tests.unit.stations.box import KEY, MONDAY, STATION, Box, at, day, item, shifted, sound

LIVE = "http://live.hanamtv.vn/radio.mp3"
FALLBACK = sound("in place of the relay", ms=600_000)
MORNING = sound("morning")


class Shaky(Device):
    """A device whose files end as told: (after seconds, with exit code), one after the other."""

    name = "shaky"

    def __init__(self, clock: Clock, *ends: tuple[float, int]) -> None:
        self._clock = clock
        self._ends = list(ends)

    def play(self, path: str, file: AudioFile, offset_ms: int, gain_db: float) -> Playback:
        if not self._ends:
            return NullDevice(self._clock).play(path, file, offset_ms, gain_db)
        return self._next()

    def relay(self, address: str, gain_db: float) -> Playback:
        return self._next()

    def _next(self) -> Playback:
        after_s, code = self._ends.pop(0)
        if code == 127:
            raise DeviceFailed("no_device")
        return Ending(self._clock, self._clock.monotonic() + after_s, code)


class Ending(NullPlayback):
    """Ends with a code of its own."""

    def __init__(self, clock: Clock, ends_at: float, code: int) -> None:
        super().__init__(clock, ends_at)
        self._code = code

    def exit_code(self) -> int | None:
        return self._code if super().exit_code() == 0 else None


def living(box: Box, *ends: tuple[float, int], **settings: Any) -> Player:
    clock = RehearsalClock(at("04:00"))
    known = Settings(root=str(box.root), station=STATION, is_durable=False, **settings)
    return Player(known, clock, Shaky(clock, *ends))


def told(box: Box) -> list[tuple[str, str, int]]:
    return [(r.event, r.reason, r.played_ms // 1000) for r in box.events()]


@pytest.fixture
def ready(box: Box) -> Box:
    box.store(MORNING, FALLBACK)
    box.deliver(day(item("05:00", MORNING[0]), files=[MORNING[0]]))
    return box


def relayed(**fields: Any) -> Manifest:
    """A relay from 05:00 to 05:30, with ten minutes of local sound for the worst case."""
    live = item("05:00", FALLBACK[0], ms=1_800_000, stream=LIVE, **fields)
    return day(live, files=[FALLBACK[0]], seq=2)


def test_a_device_that_fails_once_is_tried_again_where_it_stopped(ready: Box) -> None:
    """A sound program that crashes in the middle costs two seconds, not the programme."""
    living(ready, (600, 1)).run_until(at("06:00"))

    assert told(ready) == [
        ("started", "", 0),
        ("interrupted", "device_failed", 600),
        ("started", "", 0),
        ("ended", "", 1200),
    ]


def test_a_device_that_ends_well_but_early_has_not_played(ready: Box) -> None:
    """Exit code 0 after one second is not half an hour of programme."""
    living(ready, (1, 0), (1, 0), (1, 0)).run_until(at("06:00"))

    airing = airings_of(ready.asrun().records)["0500"]
    assert (airing.outcome, airing.reason, airing.played_ms) == ("interrupted", "partial", 3000)


def test_a_box_without_any_sound_program_says_so(ready: Box) -> None:
    """Silence is reported as silence."""
    living(ready, (0, 127), (0, 127), (0, 127)).run_until(at("06:00"))

    assert told(ready) == [("missed", "no_device", 0)]


def test_a_device_that_hangs_is_ended_and_its_airing_is_no_proof(ready: Box) -> None:
    """What a hanging program played, nobody knows."""
    living(ready, (10**6, 0)).run_until(at("06:00"))

    airing = airings_of(ready.asrun().records)["0500"]
    assert (airing.outcome, airing.reason) == ("interrupted", "overran")
    assert airing.ended_at == at("05:31")


def test_a_relay_is_on_air_for_its_slot_and_not_a_second_longer(ready: Box) -> None:
    """A live stream has no end of its own; the timetable gives it one."""
    ready.deliver(relayed())

    living(ready, (10**6, 0), stream_hosts=("live.hanamtv.vn",)).run_until(at("06:00"))

    assert told(ready) == [("started", "", 0), ("ended", "", 1800)]
    assert ready.events("started")[0].source == "stream"


def test_a_relay_that_breaks_goes_on_with_the_local_file(ready: Box) -> None:
    """The line fails after five minutes: ten minutes of local sound follow, and it is said."""
    ready.deliver(relayed())

    living(ready, (300, 1), stream_hosts=("live.hanamtv.vn",)).run_until(at("06:00"))

    assert told(ready) == [
        ("started", "", 0),
        ("interrupted", "stream_failed", 300),
        ("started", "", 0),
        ("ended", "", 600),
    ]
    assert [r.source for r in ready.events("started")] == ["stream", "file"]


def test_the_local_file_does_not_outlast_the_slot_of_the_relay(ready: Box) -> None:
    """What comes after the relay starts on time."""
    ready.deliver(relayed())

    living(ready, (1500, 1), stream_hosts=("live.hanamtv.vn",)).run_until(at("06:00"))

    assert told(ready)[-1] == ("ended", "", 300)
    assert ready.events("ended")[0].at == at("05:30")


@pytest.mark.parametrize("hosts", [(), ("hanamtv.vn",), ("live.hanamtv.vn.evil.vn",)])
def test_a_host_that_the_owner_did_not_allow_is_never_opened(
    ready: Box, hosts: tuple[str, ...]
) -> None:
    """A manifest cannot open the box to the world; the local file airs instead."""
    ready.deliver(relayed())

    living(ready, stream_hosts=hosts).run_until(at("06:00"))

    assert [(r.event, r.source) for r in ready.events()] == [("started", "file"), ("ended", "")]


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "rtmp://live.hanamtv.vn/x",
        "http://user@live.hanamtv.vn/",
        "http://live.hanamtv.vn\\@evil.vn/",
        "http://live.hanamtv.vn#@evil.vn/",
        "http:///x",
        "http://-x/",
        "http://[::1]/",
        "http://live.hanamtv.vn/a b",
        "http://live.hanamtv.vn/\n",
    ],
)
def test_an_address_that_is_no_plain_http_is_refused_whatever_is_allowed(address: str) -> None:
    """No local files, no logins, nothing that two programs could read as two hosts."""
    live = item("05:00", FALLBACK[0], stream=address)

    with pytest.raises(ManifestRefused, match="malformed"):
        sign(day(live, files=[FALLBACK[0]]), KEY)


class Switch:
    """Two commands that write down that they ran."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = {
            "amplifier_on": ("sh", "-c", f"echo on >> {path}"),
            "amplifier_off": ("sh", "-c", f"echo off >> {path}"),
        }

    def said_to(self, player: Player) -> list[str]:
        """Everything so far; a command runs beside the player, so wait for its end first."""
        player.amplifier.settle()
        return self.path.read_text().split() if self.path.exists() else []


def test_the_amplifier_is_warm_on_the_second_and_off_after_the_last_sound(
    ready: Box, tmp_path: Path
) -> None:
    """Two seconds before 05:00 on, five after 05:30 off; off once at the start to be sure."""
    switch = Switch(tmp_path / "switch")
    player = living(ready, **switch.settings)

    player.run_until(at("04:59:57"))
    assert switch.said_to(player) == ["off"]
    player.run_until(at("04:59:58"))
    assert switch.said_to(player) == ["off", "on"]
    player.run_until(at("05:30:04"))
    assert switch.said_to(player) == ["off", "on"]
    player.run_until(at("05:30:05"))
    assert switch.said_to(player) == ["off", "on", "off"]

    assert ready.events("started")[0].at == at("05:00")


def test_the_amplifier_stays_on_between_two_items(ready: Box, tmp_path: Path) -> None:
    """No click and no lost first syllable where one programme follows another."""
    switch = Switch(tmp_path / "switch")
    items = item("05:00", FALLBACK[0]), item("05:10", FALLBACK[0])
    ready.deliver(day(*items, files=[FALLBACK[0]], seq=2))
    player = living(ready, **switch.settings)

    player.run_until(at("05:15"))

    assert switch.said_to(player) == ["off", "on"]
    assert [r.at for r in ready.events("started")] == [at("05:00"), at("05:10")]


def test_an_item_out_of_the_blue_waits_for_the_amplifier(ready: Box, tmp_path: Path) -> None:
    """An urgent message loses no first word: two seconds to warm up, then sound."""
    switch = Switch(tmp_path / "switch")
    player = living(ready, **switch.settings)
    player.run_until(at("08:00"))

    urgent = item("08:00", FALLBACK[0], bulletin_class="urgent", late_ok_s=0)
    ready.deliver(day(urgent, files=[FALLBACK[0]], seq=2))
    player.run_until(at("08:20"))

    assert ready.events("started")[-1].at == at("08:00:02")


def test_a_broken_amplifier_command_is_said_and_costs_no_programme(ready: Box) -> None:
    """Perhaps the amplifier is on anyway; the technician learns of it from the log."""
    player = living(ready, amplifier_on=("/nonexistent/relay",), amplifier_off=("false",))

    player.run_until(at("06:00"))
    player.close()

    assert told(ready)[-1] == ("ended", "", 1800)
    assert {r.reason for r in ready.events("amplifier")} == {"failed"}


def test_an_end_in_order_switches_the_amplifier_off(ready: Box, tmp_path: Path) -> None:
    """Nobody comes by to switch it off by hand."""
    switch = Switch(tmp_path / "switch")
    player = living(ready, **switch.settings)
    player.run_until(at("05:10"))

    player.close()

    assert switch.said_to(player)[-1] == "off"


def test_a_station_cut_off_plays_the_right_programmes_for_a_week(box: Box) -> None:
    """Seven days went out on Sunday night; the line is dead until next Monday."""
    programmes = [sound(f"programme of day {number}") for number in range(7)]
    box.store(*programmes)
    for number, (file, _) in enumerate(programmes):
        first = day(item("05:00", file, id=f"d{number}"), files=[file])
        later = shifted(first, number, seq=number + 1)
        box.deliver(replace(later, generated_at=first.generated_at, not_before=first.not_before))
    player = box.boot(at("00:00"), receipt_s=86400, position_s=600)

    player.run_until(at("23:00", MONDAY + timedelta(days=6)))

    aired = [r.item_id for n in range(7) for r in box.events("ended", on=MONDAY + timedelta(n))]
    assert aired == [f"d{number}" for number in range(7)]


@pytest.mark.parametrize("policy", ["silent", "repeat"])
def test_without_a_plan_the_owner_decides_between_silence_and_the_last_day(
    ready: Box, policy: str
) -> None:
    """A box that was cut off for longer than its plans reach; said truthfully in either case."""
    live = item("17:00", FALLBACK[0], bulletin_class="urgent")
    ready.deliver(day(item("05:00", MORNING[0]), live, files=[MORNING[0], FALLBACK[0]], seq=2))
    tuesday = MONDAY + timedelta(days=1)
    player = ready.boot(at("04:00"), when_stale=policy)

    player.run_until(at("23:00", tuesday))

    told = [(r.event, r.item_id, r.at) for r in ready.events("started", on=tuesday)]
    repeated = [("started", "repeat:0500", at("05:00", tuesday))]
    assert told == (repeated if policy == "repeat" else [])


@pytest.mark.parametrize("cut_s", [-2, -1, 0, 1, 2])
def test_a_restart_exactly_at_air_time_airs_once(ready: Box, cut_s: int) -> None:
    """Two seconds before to two after: one airing, whole, never two and never none."""
    moment = at("05:00") + timedelta(seconds=cut_s)
    ready.boot(at("04:00")).run_until(moment)

    ready.boot(moment + timedelta(seconds=1)).run_until(at("06:00"))

    assert [r.event for r in ready.events("ended", "missed")] == ["ended"]
    assert airings_of(ready.asrun().records)["0500"].played_ms == 1_800_000
