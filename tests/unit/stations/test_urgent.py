"""What is ordered at once: a manifest of its own, beside the days, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from stations.layout import URGENT_MANIFEST, manifest_path
from stations.manifest import Manifest, sign
from stations.player import NullDevice, Player
from tests.unit.stations.box import MONDAY, OTHER_KEY, Box, SetClock, at, day, item, sound

NEWS, NEWS_BYTES = sound("bản tin", ms=1_800_000)
FLOOD, FLOOD_BYTES = sound("lũ về", ms=60_000)
MINUTE = timedelta(minutes=1)


def urgent(
    clock: str, seq: int = 10, minutes: int = 60, is_drill: bool = False, **fields: object
) -> Manifest:
    """An urgent manifest of one item, ordered at this local time."""
    made = at(clock)
    one = item(
        clock, FLOOD, late_ok_s=minutes * 60, bulletin_class="urgent", is_drill=is_drill,
        id="drill:7" if is_drill else f"u{seq}",
    )  # fmt: skip
    whole = day(
        one, files=[FLOOD], seq=seq, generated_at=made, not_before=made,
        expires_at=made + minutes * MINUTE, is_urgent=True,
    )  # fmt: skip
    return replace(whole, **fields)  # type: ignore[arg-type]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    made = Box(tmp_path)
    made.store((NEWS, NEWS_BYTES), (FLOOD, FLOOD_BYTES))
    made.deliver(day(item("05:00", NEWS), files=[NEWS]))
    return made


def order(box: Box, manifest: Manifest, key: bytes | None = None) -> bytes:
    data = sign(manifest, key or box.key)
    box.put(URGENT_MANIFEST, data)
    return data


def live(player: Player, until: str) -> None:
    player.run_until(at(until))


def story(box: Box) -> list[tuple[str, str, str]]:
    return [(r.event, r.item_id or "", r.reason) for r in box.events() if r.item_id]


def test_it_interrupts_what_plays_and_the_programme_goes_on_where_it_was(box: Box) -> None:
    """Ten minutes of news, a minute of alarm, then the other twenty minutes of news."""
    player = box.boot(at("04:00"))
    live(player, "05:10")
    order(box, urgent("05:10"))
    live(player, "06:00")

    assert story(box) == [
        ("started", "0500", ""),
        ("interrupted", "0500", "urgent"),
        ("started", "u10", ""),
        ("ended", "u10", ""),
        ("started", "0500", ""),
        ("ended", "0500", ""),
    ]
    stretches = [r.played_ms for r in box.events("interrupted", "ended")]
    assert stretches == [600_000, 60_000, 1_200_000]
    again = box.events("started")[2]
    assert again.offset_ms == 600_000


def test_what_comes_back_too_late_is_told_as_a_part(box: Box) -> None:
    """An hour of alarm is longer than the late rule of the news allows."""
    long, data = sound("một giờ", ms=3_600_000)
    box.store((long, data))
    alarm = urgent("05:10", minutes=90)
    one = replace(alarm.items[0], files=(long.name,), ms=long.ms)
    player = box.boot(at("04:00"))
    live(player, "05:10")
    order(box, replace(alarm, files=(long,), items=(one,)))
    live(player, "07:00")

    assert story(box)[-2:] == [("ended", "0500", "partial"), ("ended", "u10", "")]


def test_it_plays_in_the_quiet_hours_and_with_no_plan_at_all(tmp_path: Path) -> None:
    """The player knows no quiet hours, and needs no day to obey an alarm."""
    box = Box(tmp_path)
    box.store((FLOOD, FLOOD_BYTES))
    player = box.boot(at("02:00"))
    order(box, urgent("02:00"))
    live(player, "02:10")

    assert story(box) == [("started", "u10", ""), ("ended", "u10", "")]
    assert box.events("started")[0].seq == 10


def test_todays_plan_stays_as_it_is(box: Box) -> None:
    """The urgent manifest is a file of its own: the day's receipt names the day that was sent."""
    player = box.boot(at("04:00"))
    live(player, "04:01")
    before = box.receipt().days
    order(box, urgent("04:01"))
    live(player, "04:05")

    receipt = box.receipt()
    assert receipt.days == before
    assert receipt.urgent is not None
    assert receipt.urgent.ok == {FLOOD.name}
    assert receipt.urgent.is_complete


def test_a_slow_clock_does_not_hold_it_back(box: Box) -> None:
    """Four minutes slow is within what is trusted: at once means now, by whatever clock."""
    player = box.boot(at("04:00"))
    live(player, "04:10")
    order(box, urgent("04:14"))
    live(player, "04:13")

    assert story(box) == [("started", "u10", ""), ("ended", "u10", "")]


def test_what_has_expired_is_not_played(box: Box) -> None:
    """It lay there while the box was off: nobody needs to hear of the flood tomorrow."""
    order(box, urgent("02:00", minutes=30))
    player = box.boot(at("03:00"))
    live(player, "03:30")

    assert "started" not in [event for event, _, _ in story(box)]
    assert [r.reason for r in box.receipt().refusals] == ["expired"]


def test_a_file_that_comes_too_late_is_told_as_missed(box: Box) -> None:
    """Expiry is honoured to the second, and what stood in the way is named."""
    (box.root / f"in/audio/{FLOOD.name}").unlink()
    player = box.boot(at("04:00"))
    order(box, urgent("04:00", minutes=5))
    live(player, "04:10")
    box.store((FLOOD, FLOOD_BYTES))
    live(player, "04:20")

    assert story(box) == [("missed", "u10", "file_missing")]


def test_withdrawn_in_the_middle_it_is_silent_at_once(box: Box) -> None:
    """A newer urgent manifest without it stops it, and the news go on."""
    player = box.boot(at("04:00"))
    live(player, "05:10")
    order(box, urgent("05:10"))
    player.run_until(at("05:10") + timedelta(seconds=20))
    order(box, urgent("05:10", seq=11, items=(), files=()))
    live(player, "06:00")

    told = story(box)
    assert ("interrupted", "u10", "withdrawn") in told
    assert told[-1] == ("ended", "0500", "")
    assert ("ended", "u10", "") not in told


def test_after_a_power_cut_it_is_not_played_again_from_the_beginning(box: Box) -> None:
    """The log is the memory: what was heard stays heard."""
    player = box.boot(at("04:00"))
    order(box, urgent("04:00"))
    live(player, "04:05")

    live(box.boot(at("04:10")), "04:30")

    assert [event for event, _, _ in story(box)].count("started") == 1


# ── A drill ────────────────────────────────────────────────────────────────────────────────────


def test_a_drill_does_all_but_play(box: Box) -> None:
    """The news are not interrupted; the moment at which they would have been is told and sealed."""
    player = box.boot(at("04:00"))
    live(player, "05:10")
    order(box, urgent("05:10", is_drill=True))
    live(player, "06:00")

    assert story(box) == [
        ("started", "0500", ""),
        ("drilled", "drill:7", ""),
        ("ended", "0500", ""),
    ]
    told = box.receipt().drilled["drill:7"]
    assert at("05:10") <= told <= at("05:10") + MINUTE


def test_a_drill_without_its_file_is_not_told_as_done(box: Box) -> None:
    """Would have played means that the file was read and found right."""
    (box.root / f"in/audio/{FLOOD.name}").write_bytes(b"?" * FLOOD.size_bytes)
    player = box.boot(at("04:00"))
    order(box, urgent("04:00", is_drill=True))
    live(player, "04:30")

    assert story(box) == []
    assert box.receipt().drilled == {}


def test_a_drill_is_told_once_whatever_happens_to_the_box(box: Box) -> None:
    """Booted again it remembers, and the receipt still says when."""
    player = box.boot(at("04:00"))
    order(box, urgent("04:00", is_drill=True))
    live(player, "04:10")
    told = box.receipt().drilled

    live(box.boot(at("04:20")), "04:40")

    assert story(box) == [("drilled", "drill:7", "")]
    assert box.receipt().drilled == told != {}


# ── Attacks ────────────────────────────────────────────────────────────────────────────────────


def refused(box: Box, start: str = "04:00") -> list[str]:
    player = box.boot(at(start))
    live(player, "04:30")
    assert "started" not in [event for event, _, _ in story(box)]
    return [refusal.reason for refusal in box.receipt().refusals]


def test_an_old_alarm_does_not_come_back(box: Box) -> None:
    """Replayed with its true seal while it is still in time: its number was seen higher."""
    old = order(box, urgent("03:00", seq=10))
    player = box.boot(at("03:00"))
    live(player, "03:10")
    order(box, urgent("03:11", seq=11, items=(), files=()))
    live(player, "03:20")
    box.put(URGENT_MANIFEST, old)
    live(player, "03:30")

    assert [event for event, _, _ in story(box)].count("started") == 1
    assert [r.reason for r in box.receipt().refusals] == ["replayed"]


def test_an_old_alarm_does_not_come_back_after_the_memory_was_lost(box: Box) -> None:
    """The receipt that the box sealed itself still knows the number."""
    old = order(box, urgent("03:00", seq=10))
    live(box.boot(at("03:00")), "03:05")
    order(box, urgent("03:06", seq=11, items=(), files=()))
    live(box.boot(at("03:06")), "03:10")
    for name in ("seqs.json", "manifest/urgent.signed", f"manifest/{MONDAY}.signed"):
        (box.root / "state" / name).unlink()
    box.put(URGENT_MANIFEST, old)
    live(box.boot(at("03:15")), "03:30")

    assert "replayed" in [r.reason for r in box.receipt().refusals]


@pytest.mark.parametrize("wrong", ["key", "byte", "station", "class", "stream"])
def test_a_forged_alarm_is_refused(box: Box, wrong: str) -> None:
    """A hijacked loudspeaker is a matter of public safety."""
    good = urgent("04:00")
    one = good.items[0]
    if wrong == "key":
        box.put(URGENT_MANIFEST, sign(good, OTHER_KEY))
    elif wrong == "byte":
        box.put(URGENT_MANIFEST, sign(good, box.key).replace(b'"ms": 60000', b'"ms": 60001', 1))
    elif wrong == "station":
        order(box, replace(good, station="HN-00000"))
    else:
        changed = {"class": {"bulletin_class": "normal"}, "stream": {"stream": "http://x.vn/a"}}
        with pytest.raises(Exception, match="malformed"):
            order(box, replace(good, items=(replace(one, **changed[wrong]),)))  # type: ignore[arg-type]
        return

    assert refused(box) in (["wrong_key"], ["other_station"])


def test_an_alarm_passed_off_as_a_day_and_a_day_as_an_alarm_are_refused(box: Box) -> None:
    """Each is good only under its own name."""
    box.put(manifest_path(MONDAY + timedelta(days=1)), sign(urgent("04:00"), box.key))
    box.put(URGENT_MANIFEST, sign(day(item("04:10", NEWS), files=[NEWS], seq=9), box.key))

    assert refused(box) == ["other_date", "other_date"]


def test_a_drill_is_never_taken_for_the_real_thing_by_an_older_player(box: Box) -> None:
    """It demands that the player knows what a drill is; one that does not refuses the whole."""
    data = sign(urgent("04:00", is_drill=True), box.key)

    assert b'"critical": [\n  "drill",\n  "urgent"\n ]' in data


def test_a_clock_before_the_alarm_starts_nothing(box: Box) -> None:
    """In the year 2000 nobody knows whether it has expired: rule 7 holds for alarms too."""
    order(box, urgent("04:00"))
    start = datetime(2000, 1, 1, tzinfo=at("04:00").tzinfo)
    clock = SetClock(start)
    player = Player(replace(box.boot(at("04:00")).settings), clock, NullDevice(clock))
    player.run_until(start + 30 * MINUTE)

    assert "started" not in [event for event, _, _ in story(box)]
