from __future__ import annotations

import shutil
from datetime import date, timedelta

import pytest

from stations.asrun import airings_of
from stations.layout import asrun_path, manifest_path
from stations.player import NullDevice, Player, Settings
from tests.unit.stations.box import MONDAY, STATION, Box, SetClock, at, day, item, shifted, sound

MORNING, EVENING = sound("morning"), sound("evening", ms=900_000)
FILES = [MORNING[0], EVENING[0]]
PLAN = day(item("05:00", MORNING[0]), item("17:00", EVENING[0]), files=FILES)


@pytest.fixture
def ready(box: Box) -> Box:
    """A box to which the hub has brought Monday."""
    box.store(MORNING, EVENING)
    box.deliver(PLAN)
    return box


def test_every_item_starts_on_its_second_and_plays_to_its_end(ready: Box) -> None:
    """A quiet day: two items planned, two aired, nothing else said."""
    ready.boot(at("04:00")).run_until(at("23:00"))

    told = [(r.event, r.item_id, r.at, r.played_ms) for r in ready.events()]
    assert told == [
        ("started", "0500", at("05:00"), 0),
        ("ended", "0500", at("05:30"), 1_800_000),
        ("started", "1700", at("17:00"), 0),
        ("ended", "1700", at("17:15"), 900_000),
    ]


def test_the_log_is_chained_and_sealed_across_midnight(ready: Box) -> None:
    """The hub can tell that no line was lost, changed or put in between, on either day."""
    ready.deliver(shifted(PLAN, days=1, seq=2))

    ready.boot(at("04:00")).run_until(at("23:00", MONDAY + timedelta(days=1)))

    monday, tuesday = ready.asrun(), ready.asrun(MONDAY + timedelta(days=1))
    assert monday.is_chained and not monday.rejected
    assert tuesday.is_chained and not tuesday.rejected
    assert tuesday.tail == monday.head


def test_a_box_switched_on_in_time_plays_late_and_says_when(ready: Box) -> None:
    """The late rule allows ten minutes; nine late is on air, at its true time."""
    ready.boot(at("05:09")).run_until(at("06:00"))

    airing = airings_of(ready.asrun().records)["0500"]
    assert (airing.outcome, airing.started_at) == ("ended", at("05:09"))


def test_an_item_is_missed_rather_than_played_in_the_middle_of_the_night(ready: Box) -> None:
    """Beyond the late rule nothing is heard, and the log says why."""
    ready.boot(at("23:50")).run_until(at("23:59"))

    assert [(r.event, r.item_id, r.reason) for r in ready.events()] == [
        ("missed", "0500", "too_late"),
        ("missed", "1700", "too_late"),
    ]


def test_after_a_power_cut_the_rest_is_played_from_where_it_stopped(ready: Box) -> None:
    """Cut at 05:10, back at 05:12: the villagers hear the other twenty minutes."""
    ready.boot(at("04:00")).run_until(at("05:10"))

    ready.boot(at("05:12")).run_until(at("06:00"))

    told = [(r.event, r.reason, r.at, r.offset_ms, r.played_ms) for r in ready.events()]
    assert told == [
        ("started", "", at("05:00"), 0, 0),
        ("interrupted", "power_cut", at("05:12"), 0, 600_000),
        ("started", "", at("05:12"), 600_000, 0),
        ("ended", "", at("05:32"), 0, 1_200_000),
    ]
    assert ready.events("interrupted")[0].last_known_at == at("05:10")
    assert airings_of(ready.asrun().records)["0500"].played_ms == 1_800_000


def test_after_a_long_power_cut_the_item_ends_as_partial(ready: Box) -> None:
    """Two hours later nobody wants the rest; what was heard stays on record."""
    ready.boot(at("04:00")).run_until(at("05:10"))

    ready.boot(at("07:10")).run_until(at("08:00"))

    airing = airings_of(ready.asrun().records)["0500"]
    assert (airing.outcome, airing.reason) == ("interrupted", "partial")
    assert airing.played_ms == 600_000


def test_what_was_aired_is_never_aired_again_after_a_restart(ready: Box) -> None:
    """The log is the memory: a reboot inside the late window repeats nothing."""
    short = sound("short", ms=60_000)
    ready.store(short)
    ready.deliver(day(item("05:00", short[0]), files=[short[0]], seq=2))
    ready.boot(at("04:00")).run_until(at("05:02"))

    ready.boot(at("05:03")).run_until(at("06:00"))

    assert [r.event for r in ready.events()] == ["started", "ended"]


def test_a_line_torn_by_a_power_cut_is_closed_off_and_the_chain_goes_on(ready: Box) -> None:
    """Half a line and a block of zeros cost themselves and nothing else."""
    ready.boot(at("04:00")).run_until(at("05:40"))
    with (ready.root / asrun_path(MONDAY)).open("ab") as log:
        log.write(b'{"at":"2022-10-16T22:4\0\0\0\0')

    ready.boot(at("16:00")).run_until(at("18:00"))

    told = ready.asrun()
    assert told.is_chained
    assert [line.reason for line in told.rejected] == ["unsigned"]
    assert [r.event for r in told.records if r.item_id == "1700"] == ["started", "ended"]


def test_a_line_that_lacks_only_its_end_is_kept(ready: Box) -> None:
    """The seal is whole, so the line counts."""
    ready.boot(at("04:00")).run_until(at("05:40"))
    log = ready.root / asrun_path(MONDAY)
    log.write_bytes(log.read_bytes()[:-1])

    ready.boot(at("16:00")).run_until(at("18:00"))

    assert ready.asrun().is_chained
    assert not ready.asrun().rejected


def test_what_happens_to_the_hubs_folder_later_changes_nothing(ready: Box) -> None:
    """An accepted day is the player's own: a vanished manifest does not silence the village."""
    player = ready.boot(at("04:00"))
    player.run_until(at("04:01"))

    (ready.root / manifest_path(MONDAY)).write_bytes(b"rubbish")
    player.run_until(at("04:02"))
    (ready.root / manifest_path(MONDAY)).unlink()
    ready.boot(at("04:30")).run_until(at("06:00"))

    assert [r.event for r in ready.events()] == ["started", "ended"]


def test_a_file_that_arrives_within_the_late_window_is_still_played(ready: Box) -> None:
    """A slow link is not a missed programme."""
    (ready.root / f"in/audio/{MORNING[0].name}").unlink()
    player = ready.boot(at("04:00"))
    player.run_until(at("05:04"))
    assert ready.events() == []

    ready.store(MORNING)
    player.run_until(at("06:00"))

    airing = airings_of(ready.asrun().records)["0500"]
    assert (airing.outcome, airing.started_at) == ("ended", at("05:04"))


def test_a_file_that_never_arrives_is_missed_with_its_reason(ready: Box) -> None:
    """Not 'too late': the office must know that the file was not there."""
    (ready.root / f"in/audio/{MORNING[0].name}").unlink()

    ready.boot(at("04:00")).run_until(at("06:00"))

    assert [(r.event, r.reason, r.at) for r in ready.events()] == [
        ("missed", "file_missing", at("05:10:02"))
    ]


def test_a_clock_before_the_manifest_starts_nothing(ready: Box) -> None:
    """A box that woke up a day early, or in 1970, keeps silent and says what is wrong."""
    generated_at = at("12:05") - timedelta(days=1)
    backlog = day(
        item("05:00", MORNING[0]), files=FILES, seq=2, generated_at=generated_at + timedelta(days=1)
    )
    ready.deliver(backlog)

    ready.boot(at("04:59")).run_until(at("05:40"))

    assert ready.events() == []
    assert ready.receipt().clock == "behind_manifest"
    assert [(r.reason, r.clock_ok) for r in ready.events("clock")] == [("behind_manifest", False)]


def test_a_clock_that_was_wrong_for_a_while_costs_nothing_that_lies_ahead(ready: Box) -> None:
    """What was given up as too late in '2099' is aired when the clock is right again."""
    clock = SetClock(at("04:00"))
    settings = Settings(str(ready.root), STATION, is_durable=False)
    player = Player(settings, clock, NullDevice(clock))
    player.run_until(at("04:10"))

    clock.set(timedelta(days=70 * 365))
    player.run_until(at("05:00") + timedelta(days=70 * 365))
    clock.set(-timedelta(days=70 * 365))
    player.run_until(at("18:00"))

    # Fifty minutes were lived in 2099, and 05:00 came round in the right year all the same.
    airings = airings_of(ready.asrun().records)
    assert [airings[name].outcome for name in ("0500", "1700")] == ["ended", "ended"]
    assert [r.reason for r in ready.events("clock")] == ["stepped"]


def test_an_urgent_item_interrupts_and_the_programme_returns(ready: Box) -> None:
    """The flood warning is on air at once; the rest of the programme follows it."""
    flood = sound("flood", ms=120_000)
    ready.store(flood)
    player = ready.boot(at("04:00"))
    player.run_until(at("05:10"))

    urgent = item("05:11", flood[0], bulletin_class="urgent")
    plan = day(*PLAN.items, urgent, files=[*FILES, flood[0]], seq=2)
    ready.deliver(plan)
    player.run_until(at("06:00"))

    told = [(r.event, r.item_id, r.at, r.reason) for r in ready.events()]
    assert told[1:] == [
        ("interrupted", "0500", at("05:11"), "urgent"),
        ("started", "0511", at("05:11"), ""),
        ("ended", "0511", at("05:13"), ""),
        ("started", "0500", at("05:13"), ""),
        ("ended", "0500", at("05:32"), ""),
    ]
    assert airings_of(ready.asrun().records)["0500"].played_ms == 1_800_000


def test_an_item_that_the_hub_withdraws_stops_at_once(ready: Box) -> None:
    """A programme that must not be heard is not heard to its end."""
    player = ready.boot(at("04:00"))
    player.run_until(at("05:10"))

    ready.deliver(day(PLAN.items[1], files=FILES, seq=2))
    player.run_until(at("06:00"))

    assert [(r.event, r.reason) for r in ready.events()][1:] == [("interrupted", "withdrawn")]


def test_two_items_at_one_moment_air_one_after_the_other_priority_first(ready: Box) -> None:
    """Loudspeakers have one voice; the late rule decides whether the second can wait."""
    first = item("05:00", EVENING[0], id="p", bulletin_class="priority")
    second = item("05:00", MORNING[0], id="n", late_ok_s=1200)
    third = item("05:00", MORNING[0], id="x", late_ok_s=60)
    ready.deliver(day(second, first, third, files=FILES, seq=2))

    ready.boot(at("04:00")).run_until(at("08:00"))

    told = [(r.event, r.item_id, r.at, r.reason) for r in ready.events()]
    assert told == [
        ("started", "p", at("05:00"), ""),
        ("missed", "x", at("05:01:02"), "busy"),
        ("ended", "p", at("05:15"), ""),
        ("started", "n", at("05:15"), ""),
        ("ended", "n", at("05:45"), ""),
    ]


def test_an_item_of_several_files_resumes_inside_the_right_one(ready: Box) -> None:
    """Twenty minutes into thirty and fifteen: what is left is ten and fifteen."""
    ready.deliver(day(item("05:00", *FILES), files=FILES, seq=2))
    ready.boot(at("04:00")).run_until(at("05:35"))

    ready.boot(at("05:36")).run_until(at("06:30"))

    last = ready.events()[-1]
    assert (last.event, last.at, last.played_ms) == ("ended", at("05:46"), 600_000)


def test_the_receipt_says_what_was_checked_and_what_is_not_right(box: Box) -> None:
    """The hub believes 'verified' only because the station has read the file itself."""
    lost = sound("lost")
    box.store(MORNING)
    box.put(f"in/audio/{EVENING[0].name}", b"x" * EVENING[0].size_bytes)
    box.deliver(day(item("05:00", MORNING[0], EVENING[0], lost[0]), files=[*FILES, lost[0]]))

    box.boot(at("04:00")).check()

    told = box.receipt().days[MONDAY]
    assert told.ok == {MORNING[0].name}
    assert told.wrong == {EVENING[0].name}
    assert told.missing == {lost[0].name}
    assert box.events() == []


def test_a_log_that_cannot_be_written_waits_and_playing_goes_on(ready: Box) -> None:
    """A full or broken disk costs no programme, and no line once there is room again."""
    player = ready.boot(at("04:00"))
    player.run_until(at("04:30"))
    folder, aside = ready.root / "out/asrun", ready.root / "out/aside"
    folder.rename(aside)
    folder.write_bytes(b"not a folder")
    player.run_until(at("05:40"))
    assert ready.receipt().asrun_failure == "ENOTDIR"

    folder.unlink()
    aside.rename(folder)
    player.run_until(at("06:00"))

    assert [(r.event, r.at) for r in ready.events()] == [
        ("started", at("05:00")),
        ("ended", at("05:30")),
    ]
    assert ready.asrun().is_chained


def test_old_days_leave_the_box_and_their_evidence_stays_sixty_days(ready: Box) -> None:
    """A box that runs for years does not fill its card."""
    player = ready.boot(at("04:00"), receipt_s=86400, position_s=600)
    for number in range(1, 75):
        plan = shifted(PLAN, days=number, seq=number + 1)
        ready.deliver(plan)
        player.run_until(at("23:00", plan.for_date))
        (ready.root / manifest_path(plan.for_date - timedelta(days=1))).unlink()

    last = MONDAY + timedelta(days=74)
    own = sorted(path.name[:10] for path in (ready.root / "state/manifest").iterdir())
    logs = sorted(path.name[:10] for path in (ready.root / "out/asrun").iterdir())
    assert own[0] == str(last - timedelta(days=8))
    assert logs[0] == str(last - timedelta(days=60))
    assert date.fromisoformat(logs[-1]) == last


def test_a_clock_that_runs_far_ahead_deletes_no_evidence(ready: Box) -> None:
    """Pruning counts from what the hub has signed, not from a clock that anybody can set."""
    ready.boot(at("04:00")).run_until(at("06:00"))

    ready.boot(at("04:00", date(2099, 1, 1))).run_until(at("06:00", date(2099, 1, 1)))

    assert [r.event for r in ready.events()] == ["started", "ended"]


def test_state_that_was_lost_is_said_and_the_numbers_are_learnt_again(ready: Box) -> None:
    """A new card in the box does not open the door to yesterday's plan."""
    ready.deliver(day(*PLAN.items, files=FILES, seq=5))
    ready.boot(at("04:00")).run_until(at("04:30"))
    for path in (ready.root / "state").iterdir():
        if path.name != "loa.key":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    ready.deliver(day(files=[], seq=4))

    ready.boot(at("04:40")).run_until(at("04:50"))

    assert ready.events("boot")[-1].reason == "state_lost"
    assert [refusal.reason for refusal in ready.receipt().refusals] == ["replayed"]
