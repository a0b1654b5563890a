"""Receipts and logs, written by the very player that ships, become evidence and nothing more."""

from __future__ import annotations

import hashlib
from datetime import time, timedelta

import pytest
from sqlalchemy import func, select

from scheduler import collect, dispatch
from scheduler.airings import confirm_airing
from scheduler.collect import CollectResult
from scheduler.errors import InputInvalid
from scheduler.store.models import Airing, AsrunFile, LedgerEntry
from scheduler.store.states import AiringState, DeliveryState, Grade
from stations.errors import LinkDown
from stations.layout import ASRUN_MAX_BYTES, AUDIO_DIR, RECEIPT, asrun_path, manifest_path
from stations.samples import BLOCK_BYTES, sample_blocks
from stations.visit import VisitLimits
from tests.builders import programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene, local, said

A, D = AiringState, DeliveryState
MINUTE = timedelta(minutes=1)
AT = local("05:00")
DONE = local("06:00")


def delivered(scene: Scene) -> None:
    """A night of one airing at 05:00 of 5 minutes, delivered."""
    scene.night("13579")
    dispatch.push(scene.hub)


def collected(scene: Scene) -> CollectResult:
    return collect.collect_station(scene.hub, scene.station("s13579").id)


def airing(scene: Scene) -> Airing:
    [one] = scene.airings()
    return one


def state(scene: Scene) -> tuple[AiringState, Grade, str | None]:
    one = airing(scene)
    return one.state, one.grade, one.reason


def log(scene: Scene, *events: tuple[str, str, int], **more: object) -> None:
    """Events of the airing: word, local time, milliseconds played."""
    lines = [
        said("s13579", event, AT, local(at), number, **({"played_ms": ms} if ms else {}), **more)
        for number, (event, at, ms) in enumerate(events, start=1)
    ]
    scene.log("s13579", MONDAY, *lines)


# ── The receipt ────────────────────────────────────────────────────────────────────────────────


def test_a_receipt_of_checked_files_verifies_the_day(scene: Scene) -> None:
    """Delivered is what we did; verified is what the station has read itself."""
    delivered(scene)
    scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)

    result = collected(scene)

    assert (result.verified, result.error) == (1, None)
    assert [one.state for one in scene.deliveries()] == [D.VERIFIED]
    assert state(scene)[0] is A.ON_STATION
    assert scene.station("s13579").player_version


def test_the_same_receipt_again_changes_nothing(scene: Scene) -> None:
    """Every ten minutes, all night."""
    delivered(scene)
    scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)
    collected(scene)

    again = collected(scene)

    assert (again.verified, again.healed, again.airings_changed) == (0, 0, 0)


def test_a_receipt_of_another_manifest_verifies_nothing(scene: Scene) -> None:
    """It has the old day: of the new one it has not said a word yet."""
    delivered(scene)
    scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)
    scene.slot(programme(scene.base, "Tin trưa"), at=time(11))
    scene.plan()
    dispatch.push(scene.hub)

    assert collected(scene).verified == 0
    assert scene.deliveries()[-1].state is D.DELIVERED


def test_a_file_that_rotted_at_the_station_is_sent_again(scene: Scene) -> None:
    """Fault 12: found by the station's own reading; the day is due, the airing not on station."""
    delivered(scene)
    scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)
    collected(scene)
    [path] = (scene.root("s13579") / AUDIO_DIR).iterdir()
    path.write_bytes(b"?" * path.stat().st_size)
    scene.play("s13579", scene.clock.now() + 10 * MINUTE, scene.clock.now() + 90 * MINUTE)
    scene.clock.advance(90 * MINUTE)

    result = collected(scene)

    assert result.healed == 1
    [delivery] = scene.deliveries()
    assert (delivery.state, delivery.error_code) == (D.DUE, "lost_at_station")
    assert state(scene)[0] is A.PLANNED
    assert dispatch.push(scene.hub).bytes_sent > 0


def test_a_day_that_vanished_from_the_station_is_due_again(scene: Scene) -> None:
    """ "Delivered" is audited, not remembered: somebody may have put in another card."""
    delivered(scene)
    (scene.root("s13579") / manifest_path(MONDAY)).unlink()
    scene.play("s13579", scene.clock.now() + 20 * MINUTE, scene.clock.now() + 25 * MINUTE)
    scene.clock.advance(25 * MINUTE)

    assert collected(scene).healed == 1
    assert dispatch.push(scene.hub).visits[0].delivered == 1


def rotten_in_the_middle(scene: Scene, content: bytes) -> None:
    """One bit of the rendition at the station, where the samples of a visit do not look."""
    [path] = (scene.root("s13579") / AUDIO_DIR).iterdir()
    rotten = bytearray(content)
    looked_at = sample_blocks(len(content), VisitLimits().sample_blocks, f"0 {path.stem}")
    free = next(at for at in range(0, len(content), BLOCK_BYTES)
                if all(block.offset != at for block in looked_at))  # fmt: skip
    rotten[free + 7] ^= 1
    path.write_bytes(rotten)


def test_one_flipped_bit_that_the_receipt_tells_of_is_sent_again(scene: Scene) -> None:
    """Fault 12: the samples of a visit overlook it, the station's own reading does not."""
    content = hashlib.shake_128(b"long").digest(3_000_000)
    scene.stations("13579")
    scene.slot(programme(scene.base, "Tin dài", content=content))
    scene.plan()
    dispatch.push(scene.hub)
    rotten_in_the_middle(scene, content)
    scene.play("s13579", scene.clock.now() + 20 * MINUTE, scene.clock.now() + 25 * MINUTE)
    scene.clock.advance(25 * MINUTE)
    assert collected(scene).healed == 1

    [visit] = dispatch.push(scene.hub).visits

    assert (visit.delivered, visit.bytes_sent) == (1, len(content))
    [path] = (scene.root("s13579") / AUDIO_DIR).iterdir()
    assert path.read_bytes() == content


def test_what_was_mended_since_the_receipt_is_not_sent_twice(scene: Scene) -> None:
    """The line broke after the mending: the next visit sees that the file is there, and goes on."""
    long = hashlib.shake_128(b"long").digest(3_000_000)
    scene.stations("13579")
    scene.slot(programme(scene.base, "Tin dài", content=long))
    scene.plan()
    dispatch.push(scene.hub)
    rotten_in_the_middle(scene, long)
    scene.play("s13579", scene.clock.now() + 20 * MINUTE, scene.clock.now() + 25 * MINUTE)
    scene.clock.advance(25 * MINUTE)
    collected(scene)

    def break_off(name: str) -> None:
        if name == "side_files":
            raise LinkDown(idle_s=30, acknowledged_bytes=0)

    scene.on_step = break_off
    [broken] = dispatch.push(scene.hub).visits
    scene.on_step = lambda name: None
    scene.clock.advance(3 * MINUTE)
    [visit] = dispatch.push(scene.hub).visits

    assert (broken.delivered, broken.bytes_sent) == (0, len(long))
    assert (visit.delivered, visit.bytes_sent) == (1, 0)


def test_a_stale_receipt_makes_a_day_due_once(scene: Scene) -> None:
    """The player is dead: what its last receipt complained of is mended once, not for ever."""
    delivered(scene)
    scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)
    [path] = (scene.root("s13579") / AUDIO_DIR).iterdir()
    path.unlink()
    scene.play("s13579", scene.clock.now() + 20 * MINUTE, scene.clock.now() + 25 * MINUTE)
    scene.clock.advance(25 * MINUTE)
    assert collected(scene).healed == 1
    assert dispatch.push(scene.hub).visits[0].delivered == 1

    for _ in range(3):
        scene.clock.advance(20 * MINUTE)
        assert collected(scene).healed == 0

    assert [one.state for one in scene.deliveries()] == [D.DELIVERED]
    scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)
    assert collected(scene).verified == 1


def test_a_box_whose_clock_runs_ahead_does_not_call_its_day_lost(scene: Scene) -> None:
    """Fault 19: six hours ahead, its receipt from before the visit looks newer than the visit."""
    scene.stations("13579")
    scene.play("s13579", scene.clock.now() + 6 * 60 * MINUTE, scene.clock.now() + 361 * MINUTE)
    made = programme(scene.base, "Tin trưa")
    scene.slot(made, at=time(11))
    scene.plan()
    dispatch.push(scene.hub)
    scene.clock.advance(5 * MINUTE)

    assert collected(scene).healed == 0
    assert [one.state for one in scene.deliveries()] == [D.DELIVERED]


def test_a_disk_that_rots_again_and_again_is_not_sent_to_every_ten_minutes(scene: Scene) -> None:
    """A dying card: each time that the station finds its day lost the wait is longer."""
    delivered(scene)
    waits = []
    for _ in range(4):
        [path] = (scene.root("s13579") / AUDIO_DIR).iterdir()
        path.unlink()
        scene.clock.advance(20 * MINUTE)
        scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)
        scene.clock.advance(5 * MINUTE)
        assert collected(scene).healed == 1
        waits.append(scene.deliveries()[0].next_try_at - scene.clock.now())
        scene.clock.advance(waits[-1])
        assert dispatch.push(scene.hub).visits[0].delivered == 1

    assert waits[0] == timedelta(0)
    assert waits[1] < waits[2] < waits[3]


def test_a_broken_receipt_does_not_hide_the_log(scene: Scene) -> None:
    """The proof of what aired must not be lost with a file that has nothing to do with it."""
    delivered(scene)
    scene.play("s13579", scene.clock.now(), DONE)
    (scene.root("s13579") / RECEIPT).write_text("{}")
    scene.clock.move_to(DONE)

    result = collected(scene)

    assert result.error is not None
    assert result.error.code == "bad_receipt"
    assert state(scene) == (A.AIRED, Grade.A, None)


# ── The log ────────────────────────────────────────────────────────────────────────────────────


def test_what_the_player_played_is_aired(scene: Scene) -> None:
    """From programme to proof, by the player that ships."""
    delivered(scene)
    scene.play("s13579", scene.clock.now(), DONE)
    scene.clock.move_to(DONE)

    result = collected(scene)

    assert (result.logs, result.airings_changed, result.rejected_lines) == (1, 1, 0)
    found = airing(scene)
    assert (found.state, found.grade, found.reason) == (A.AIRED, Grade.A, None)
    assert found.started_at is not None
    assert abs(found.started_at - AT) < timedelta(seconds=2)
    assert found.played_ms == 300_000


def test_the_same_log_twice_changes_nothing_and_is_kept_once(scene: Scene) -> None:
    """The raw file lies in the archive under its hash; the ledger has one line of it."""
    delivered(scene)
    scene.play("s13579", scene.clock.now(), DONE)
    scene.clock.move_to(DONE)
    collected(scene)
    scene.change(airing(scene), state=A.UNKNOWN, grade=Grade.D)  # so that it is fetched again

    collected(scene)
    again = collected(scene)

    assert again.airings_changed == 0
    with scene.base.database.read() as session:
        [file] = session.scalars(select(AsrunFile))
        collected_lines = select(func.count()).where(LedgerEntry.what == "log_collected")
        assert session.scalar(collected_lines) == 1
    raw = (scene.root("s13579") / asrun_path(MONDAY)).read_bytes()
    assert (scene.base.asrun / f"{file.sha256}.jsonl").read_bytes() == raw


STORIES = {
    "late": ([("started", "05:05", 0), ("ended", "05:10", 300_000)], A.LATE),
    "partial": ([("started", "05:00", 0), ("ended", "05:02", 120_000)], A.PARTIAL),
    "cut off": ([("started", "05:00", 0), ("interrupted", "05:02", 120_000)], A.PARTIAL),
    "resumed": ([("started", "05:00", 0), ("interrupted", "05:02", 120_000),
                 ("started", "05:03", 0), ("ended", "05:06", 180_000)], A.AIRED),
    "missed": ([("missed", "05:11", 0)], A.MISSED),
    "started and no more": ([("started", "05:00", 0)], A.PARTIAL),
}  # fmt: skip


@pytest.mark.parametrize("what", STORIES)
def test_a_story_becomes_the_state_that_it_tells(scene: Scene, what: str) -> None:
    """Late is late, half is half, and nothing of it is green."""
    delivered(scene)
    events, wanted = STORIES[what]
    log(scene, *events, offset_ms=0)
    scene.clock.move_to(DONE)

    collected(scene)

    assert state(scene)[:2] == (wanted, Grade.A)


def test_a_log_that_grew_lifts_what_was_judged_too_low(scene: Scene) -> None:
    """A box that lost power in the morning goes on in the evening, within its grace."""
    delivered(scene)
    log(scene, ("started", "05:00", 0), offset_ms=0)
    scene.clock.move_to(DONE)
    collected(scene)
    assert state(scene)[0] is A.PARTIAL

    log(scene, ("ended", "05:05", 300_000))
    collected(scene)

    assert state(scene) == (A.AIRED, Grade.A, None)


def test_without_any_word_it_is_unknown_after_a_day_and_a_half_never_missed(scene: Scene) -> None:
    """Unknown is not missed: nobody has said anything."""
    delivered(scene)
    scene.clock.move_to(AT + timedelta(hours=36))
    assert collect.settle(scene.hub) == 0

    scene.clock.advance(timedelta(seconds=1))

    assert collect.settle(scene.hub) == 1
    assert collect.settle(scene.hub) == 0
    assert state(scene) == (A.UNKNOWN, Grade.D, "no_proof")


def test_a_late_log_lifts_unknown(scene: Scene) -> None:
    """A box that was offline for a week still gets its proof in."""
    delivered(scene)
    scene.play("s13579", scene.clock.now(), DONE)
    scene.clock.move_to(AT + timedelta(days=7))
    collect.settle(scene.hub)

    collected(scene)

    assert state(scene) == (A.AIRED, Grade.A, None)


def test_a_log_overrules_a_person_and_a_person_never_overrules_a_log(scene: Scene) -> None:
    """Whichever came first: grade A stands, and the ledger keeps the person's word."""
    delivered(scene)
    scene.clock.move_to(DONE)
    officer = someone(scene.base, "editor")
    station_id = scene.station("s13579").id
    confirm_airing(scene.base, station_id, AT, by=officer, aired=True)
    assert state(scene)[:2] == (A.AIRED, Grade.B)

    log(scene, ("missed", "05:11", 0))
    collected(scene)

    assert state(scene)[:2] == (A.MISSED, Grade.A)
    with pytest.raises(InputInvalid):
        confirm_airing(scene.base, station_id, AT, by=officer, aired=True)
    assert state(scene)[:2] == (A.MISSED, Grade.A)


def test_what_a_log_proved_to_have_been_heard_is_not_taken_back(scene: Scene) -> None:
    """A line that comes later cannot undo an airing."""
    delivered(scene)
    log(scene, ("started", "05:00", 0), ("interrupted", "05:04", 240_000), offset_ms=0)
    scene.clock.move_to(DONE)
    collected(scene)

    log(scene, ("missed", "05:30", 0))
    collected(scene)

    assert state(scene)[0] is A.PARTIAL


# ── Hostile ────────────────────────────────────────────────────────────────────────────────────


def test_a_log_of_another_key_proves_nothing(scene: Scene) -> None:
    """Fault 30: what is not sealed by this station is a rejected line and no more."""
    scene.night("13579", "13285")
    dispatch.push(scene.hub)
    scene.play("s13285", scene.clock.now(), DONE)
    foreign = (scene.root("s13285") / asrun_path(MONDAY)).read_bytes()
    (scene.root("s13579") / asrun_path(MONDAY)).write_bytes(foreign + b"\x00\xff{}\r\n")
    scene.clock.move_to(DONE)

    result = collected(scene)

    assert result.rejected_lines > 0
    assert [one.state for one in scene.airings("s13579")] == [A.PLANNED]


def test_a_station_cannot_have_aired_what_is_still_to_come(scene: Scene) -> None:
    """A stolen box has a key: it still cannot fill tomorrow's report today."""
    delivered(scene)
    log(scene, ("started", "04:00", 0), ("ended", "04:05", 300_000), offset_ms=0)
    scene.slot(programme(scene.base, "Hôm qua"), at=time(3))
    scene.clock.move_to(local("04:10"))
    with scene.base.database.write() as session:
        one = session.scalars(select(Airing)).one()
        session.add(_earlier(one))

    assert collected(scene).logs == 1

    assert [(found.planned_at, found.state) for found in scene.airings()][-1] == (AT, A.PLANNED)


def _earlier(one: Airing) -> Airing:
    """Something that is over already, so that the day's log is fetched."""
    columns = {c.name: getattr(one, c.name) for c in Airing.__table__.columns}
    return Airing(**{**columns, "planned_at": local("03:00")})


def test_a_box_hours_ahead_has_played_at_a_time_that_nobody_knows(scene: Scene) -> None:
    """It played at 03:00 and wrote 05:00: heard, and the receipt from the future tells the rest."""
    delivered(scene)
    scene.play("s13579", scene.clock.now(), local("08:10"))  # by its clock; ours says 06:00
    scene.clock.move_to(local("06:00"))

    result = collected(scene)

    assert result.is_clock_ahead
    assert state(scene) == (A.AIRED, Grade.A, "untrusted_time")


def test_items_that_we_never_planned_prove_nothing(scene: Scene) -> None:
    """Names that are no instants, and instants at which nothing was planned."""
    delivered(scene)
    for number, item in enumerate(("x", "99999999T999999Z", "20221016T220001Z"), start=1):
        scene.log("s13579", MONDAY, {**said("s13579", "ended", AT, AT, number, played_ms=300_000),
                                     "item": item})  # fmt: skip
    scene.clock.move_to(DONE)

    result = collected(scene)

    assert (result.airings_changed, result.error) == (0, None)
    assert state(scene)[0] is A.PLANNED


def test_one_swollen_day_does_not_hide_the_others(scene: Scene) -> None:
    """A log longer than a day can be is not read; the next day's is."""
    scene.night("13579", valid_to=MONDAY + timedelta(days=1))
    dispatch.push(scene.hub)
    scene.play("s13579", scene.clock.now(), DONE + timedelta(days=1))
    with (scene.root("s13579") / asrun_path(MONDAY)).open("ab") as file:
        file.truncate(ASRUN_MAX_BYTES + 1)
    scene.clock.move_to(DONE + timedelta(days=1))

    result = collected(scene)

    assert result.error is not None
    assert result.error.code == "file_too_long"
    assert [one.state for one in scene.airings()] == [A.PLANNED, A.AIRED]


def test_a_station_that_nobody_may_talk_to_is_not_asked(scene: Scene) -> None:
    """No pinned key, no computer, out of service: nothing to collect."""
    scene.stations("13579", "13285", "13288")
    scene.change(scene.station("s13285"), host_key=None)
    scene.change(scene.station("s13288"), active=False)

    assert collect.to_collect(scene.hub) == [scene.station("s13579").id]
