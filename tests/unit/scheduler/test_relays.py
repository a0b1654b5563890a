"""Live relays from the timetable to the log, with a programme to fall back on."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import time, timedelta

import pytest

from scheduler import collect, dispatch
from scheduler.config import RelaySettings
from scheduler.errors import InputInvalid, RelayHostUnknown
from scheduler.exceptions import Decision, decide
from scheduler.store.models import Slot
from scheduler.store.states import AiringState, Grade
from stations import player
from stations.manifest import ManifestItem
from tests.builders import programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene, local

LIVE = "http://live.hanamtv.vn:8000/fm"
HALF_HOUR_MS = 1_800_000
FALLBACK_MS = 300_000


@pytest.fixture
def relayed(scene: Scene) -> Scene:
    """A station and a half-hour relay at 05:00, with five minutes of programme behind it."""
    allow(scene, "live.hanamtv.vn")
    scene.stations("13579")
    scene.slot(programme(scene.base, "Thay tiếp sóng", ms=FALLBACK_MS), stream=LIVE, seconds=1800)
    scene.plan()
    return scene


def allow(scene: Scene, *hosts: str) -> None:
    update = {"relay": RelaySettings(hosts=hosts)}
    scene.base = replace(scene.base, settings=scene.base.settings.model_copy(update=update))


def item(scene: Scene) -> ManifestItem:
    [manifest] = scene.coming("s13579")
    [only] = manifest.items
    return only


class Line(player.NullDevice):
    """A relay that lasts so long."""

    def __init__(self, clock: player.Clock, relay_s: float) -> None:
        super().__init__(clock)
        self.relay_s, self.opened = relay_s, []  # type: ignore[var-annotated]

    def relay(self, address: str, gain_db: float) -> player.Playback:
        self.opened.append(address)
        return player.NullPlayback(self._clock, self._clock.monotonic() + self.relay_s)


def aired(scene: Scene, relay_s: float, hosts: tuple[str, ...]) -> list[str]:
    """Deliver, let the shipped player live through the morning, collect; what it opened."""
    dispatch.push(scene.hub)
    clock = player.RehearsalClock(scene.clock.now())
    known = player.Settings(
        root=str(scene.root("s13579")), station="s13579", is_durable=False, stream_hosts=hosts
    )
    line = Line(clock, relay_s)
    box = player.Player(known, clock, line)
    box.run_until(local("06:00"))
    box.close()
    scene.clock.move_to(local("06:00"))
    collect.collect(scene.hub)
    return line.opened


def test_a_relay_stands_in_the_manifest_with_its_slot_and_its_fallback(relayed: Scene) -> None:
    """Airing and item last as long as the slot, not as the programme that may replace it."""
    [airing] = relayed.airings()

    assert (item(relayed).stream, item(relayed).ms) == (LIVE, HALF_HOUR_MS)
    assert len(item(relayed).files) == 1
    assert (airing.stream, airing.ms) == (LIVE, HALF_HOUR_MS)


def test_a_relay_that_holds_is_aired_for_its_whole_slot(relayed: Scene) -> None:
    """From the timetable over the shipped player to the proof."""
    opened = aired(relayed, math.inf, ("live.hanamtv.vn",))

    [airing] = relayed.airings()
    assert opened == [LIVE]
    assert (airing.state, airing.grade, airing.played_ms) == (
        AiringState.AIRED, Grade.A, HALF_HOUR_MS,
    )  # fmt: skip


def test_a_relay_that_is_dead_is_replaced_and_told_as_partial(relayed: Scene) -> None:
    """Five minutes of a half-hour were heard; nobody reads that as aired."""
    aired(relayed, 0, ("live.hanamtv.vn",))

    [airing] = relayed.airings()
    assert airing.state is AiringState.PARTIAL
    assert airing.played_ms == pytest.approx(FALLBACK_MS, abs=2000)


def test_a_box_whose_owner_allows_no_host_opens_nothing(relayed: Scene) -> None:
    """Two people must agree on a host: who runs the hub and who owns the box."""
    assert aired(relayed, math.inf, ()) == []
    assert relayed.airings()[0].state is AiringState.PARTIAL


def test_a_host_that_the_settings_do_not_name_is_refused(scene: Scene) -> None:
    """An address that somebody types is not enough to put a stranger on air."""
    allow(scene, "live.hanamtv.vn")
    scene.stations("13579")
    made = programme(scene.base, "x")

    with pytest.raises(RelayHostUnknown, match=r"evil\.example"):
        scene.slot(made, stream="http://evil.example/fm", seconds=60)
    for address in ("file:///etc/passwd", "http://a@live.hanamtv.vn/", "http://live.hanamtv.vn/a b",
                    "-i", "rtmp://live.hanamtv.vn/", "http://live.hanamtv.vn/\n"):  # fmt: skip
        with pytest.raises(InputInvalid):
            scene.slot(made, stream=address, seconds=60)
    with pytest.raises(InputInvalid, match="how long"):
        scene.slot(made, stream=LIVE)


def test_a_host_taken_out_of_the_settings_is_opened_no_more(relayed: Scene) -> None:
    """The next planning sends the day again, with the programme alone."""
    allow(relayed)

    result = relayed.plan()

    assert (result.airings_changed, result.deliveries_superseded) == (1, 1)
    assert (item(relayed).stream, item(relayed).ms) == ("", FALLBACK_MS)


def test_a_day_with_another_programme_is_no_relay(relayed: Scene) -> None:
    """What replaces one day replaces the live part too."""
    with relayed.base.database.read() as session:
        slot = session.query(Slot).one()
    other = programme(relayed.base, "Ngày lễ", ms=600_000)
    decision = Decision(on=MONDAY, reason="Quốc tang", programme_id=other.id)
    decide(relayed.base, slot.id, decision, by=someone(relayed.base, "editor"))

    relayed.plan()

    assert (item(relayed).stream, item(relayed).ms) == ("", 600_000)


def test_without_a_relay_a_day_is_what_it_was(scene: Scene) -> None:
    """An upgrade sends nothing again: a day without relays keeps its hash."""
    scene.night("13579", at=time(6), late_ok_s=int(timedelta(minutes=1).total_seconds()))
    [delivery] = scene.deliveries()

    allow(scene, "live.hanamtv.vn")
    scene.plan()

    assert scene.deliveries()[0].content_sha256 == delivery.content_sha256
    assert len(scene.deliveries()) == 1
