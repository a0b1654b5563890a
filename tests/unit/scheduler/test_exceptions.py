"""One day of a slot that differs: decided by a person, obeyed by the planner, taken back."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest

from api.cli.proposals import fix_command
from scheduler import planner, slots
from scheduler.airrules import set_rules
from scheduler.errors import (
    AlreadyExists,
    CoreError,
    InputInvalid,
    NotFound,
    SessionTooLong,
    SlotsOverlap,
)
from scheduler.exceptions import Decision, decide, take_back
from scheduler.store.models import Slot, SlotException
from scheduler.store.states import AiringState
from tests.builders import programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene, local

TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)


@pytest.fixture
def daily(scene: Scene) -> Slot:
    """Every day at 05:00 for five minutes, planned for a week."""
    return scene.night("13579", valid_to=None)


def change(scene: Scene, slot: Slot, on: date = TUESDAY, **more: Any) -> None:
    decision = Decision(on, **{"reason": "Mất điện theo lịch", **more})
    decide(scene.base, slot.id, decision, by=someone(scene.base, "editor"))


def on_air(scene: Scene, last: date = WEDNESDAY) -> list[tuple[Any, int]]:
    return [(one.planned_at, one.programme_id) for one in scene.airings()
            if one.state is not AiringState.CANCELLED and one.broadcast_date <= last]  # fmt: skip


def test_a_skipped_day_does_not_air_and_the_others_do(scene: Scene, daily: Slot) -> None:
    """Its airing is cancelled, and its day goes out again under a higher number."""
    change(scene, daily)
    result = scene.plan()

    assert [at for at, _ in on_air(scene)] == [local("05:00"), local("05:00", WEDNESDAY)]
    assert (result.airings_cancelled, result.deliveries_new) == (1, 1)


def test_a_moved_day_airs_at_its_new_time_alone(scene: Scene, daily: Slot) -> None:
    """Tuesday's 05:00 becomes Wednesday's 11:00, beside Wednesday's own."""
    change(scene, daily, moved_on=WEDNESDAY, moved_at=time(11))
    scene.plan()

    assert [at for at, _ in on_air(scene)] == [
        local("05:00"), local("05:00", WEDNESDAY), local("11:00", WEDNESDAY),
    ]  # fmt: skip


def test_a_replaced_day_plays_the_other_programme(scene: Scene, daily: Slot) -> None:
    """On that day and on no other."""
    storm = programme(scene.base, "Tin bão", ms=60_000)
    change(scene, daily, programme_id=storm.id)
    scene.plan()

    own = daily.programme_id
    assert [which for _, which in on_air(scene)] == [own, storm.id, own]


def test_a_decision_that_is_taken_back_leaves_the_rule(scene: Scene, daily: Slot) -> None:
    """Planned anew, as if nothing had been said."""
    before = on_air(scene)
    change(scene, daily)
    scene.plan()
    take_back(scene.base, daily.id, TUESDAY, by=someone(scene.base, "editor"))
    scene.plan()

    assert on_air(scene) == before
    with pytest.raises(NotFound):
        take_back(scene.base, daily.id, TUESDAY, by=someone(scene.base, "editor"))


def test_a_move_into_another_slot_is_refused_and_leaves_nothing(scene: Scene, daily: Slot) -> None:
    """Also months away, and also when the freed time was given to another slot meanwhile."""
    far = MONDAY + timedelta(days=200)
    scene.slot(programme(scene.base, "Tin trưa"), at=time(11), valid_from=far, valid_to=far)
    with pytest.raises(SlotsOverlap):
        change(scene, daily, moved_on=far, moved_at=time(11, 2))
    assert scene.plan().airings_cancelled == 0

    change(scene, daily)
    scene.slot(programme(scene.base, "Họp dân"), valid_from=TUESDAY, valid_to=TUESDAY)
    with pytest.raises(SlotsOverlap):
        take_back(scene.base, daily.id, TUESDAY, by=someone(scene.base, "editor"))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"on": MONDAY - timedelta(days=1)}, InputInvalid),  # before the slot begins
        ({"reason": " \n "}, InputInvalid),
        ({"moved_on": TUESDAY}, InputInvalid),
        ({"moved_on": date(2022, 10, 16), "moved_at": time(5)}, InputInvalid),  # over already
        ({"moved_on": date(2024, 1, 1), "moved_at": time(5)}, InputInvalid),
        ({"programme_id": 999}, NotFound),
    ],
)
def test_what_cannot_be_is_refused(
    scene: Scene, daily: Slot, more: dict[str, Any], error: type[CoreError]
) -> None:
    """Each with a sentence, and the plan stays."""
    with pytest.raises(error):
        change(scene, daily, **more)

    assert scene.plan().airings_cancelled == 0


def test_a_longer_programme_and_a_second_decision_are_refused(scene: Scene, daily: Slot) -> None:
    """It would sound over what follows; and two decisions would hide each other."""
    with pytest.raises(InputInvalid):
        change(scene, daily, programme_id=programme(scene.base, "Dài", ms=300_001).id)
    change(scene, daily)
    with pytest.raises(AlreadyExists):
        change(scene, daily)


def test_one_day_lasts_longer_or_shorter_and_its_list_fills_it(scene: Scene, daily: Slot) -> None:
    """What airs is laid out for that day's length; the others stay as they were."""
    first, second = daily.programme_id, programme(scene.base, "Tin hai", ms=240_000).id
    slots.edit_slot(
        scene.base, daily.id, by=someone(scene.base, "editor"),
        changes={"programme_id": None, "items": (f"programme:{first}", f"programme:{second}"),
                 "seconds": 300},
    )  # fmt: skip
    scene.plan()
    assert [which for _, which in on_air(scene)] == [first] * 3  # the second has no room

    change(scene, daily, seconds=600)
    scene.plan()
    assert [which for _, which in on_air(scene)] == [first, first, second, first]
    take_back(scene.base, daily.id, TUESDAY, by=someone(scene.base, "editor"))
    change(scene, daily, seconds=600, moved_on=WEDNESDAY, moved_at=time(11))
    scene.plan()
    assert on_air(scene)[-2:] == [
        (local("11:00", WEDNESDAY), first), (local("11:05", WEDNESDAY), second),
    ]  # fmt: skip


def test_another_length_is_held_against_other_lines_windows_and_caps(
    scene: Scene, daily: Slot
) -> None:
    """As a slot is, for that day alone; a refusal leaves nothing."""
    scene.slot(programme(scene.base, "Tin sau"), at=time(5, 10), valid_to=None)
    with pytest.raises(SlotsOverlap):
        change(scene, daily, seconds=601)
    change(scene, daily, seconds=600)
    take_back(scene.base, daily.id, TUESDAY, by=someone(scene.base, "editor"))

    set_rules(scene.base, "35", {"session_minutes": 12}, by=someone(scene.base, "editor"))
    with pytest.raises(SessionTooLong):
        change(scene, daily, seconds=480)
    change(scene, daily, seconds=420)
    for wrong in ({"seconds": 299}, {"seconds": 300}, {"seconds": 0}, {"seconds": 86_401}):
        with pytest.raises(InputInvalid):  # shorter than its programme, as always, no length
            change(scene, daily, on=WEDNESDAY, **wrong)
    assert [(one.on, one.kind, one.seconds) for one in line_on(scene, daily)] == [
        (TUESDAY, "length", 420)
    ]


def test_a_refused_day_gets_proposals_that_stand(scene: Scene, daily: Slot) -> None:
    """Shorter, at other times, on another day: two at the least, and none is refused again."""
    scene.slot(programme(scene.base, "Tin sau"), at=time(5, 10), valid_to=None)
    editor = someone(scene.base, "editor")
    for wanted in ({"seconds": 1200}, {"moved_on": WEDNESDAY, "moved_at": time(5, 12)}):
        with pytest.raises(SlotsOverlap) as refused:
            change(scene, daily, **wanted)
        fixes = refused.value.fixes
        assert len(fixes) >= 2
        kinds = [fix.kind for fix in fixes]
        assert kinds.count("day_other_time") == 2
        assert ("day_shorter" in kinds) is ("seconds" in wanted)
        commands = [fix_command(fix, ("slot", "change", "1", "18/10/2022")) for fix in fixes]
        assert all(" --to " in one and " --at " in one for one in commands[-2:])
        assert commands[0].endswith(" --minutes 10") is ("seconds" in wanted)
        for fix in fixes:
            change(scene, daily, **{**wanted, **fix.changes})
            take_back(scene.base, daily.id, TUESDAY, by=editor)
    assert line_on(scene, daily) == []


def test_where_the_rules_leave_no_room_the_proposals_say_so(scene: Scene, daily: Slot) -> None:
    """A cap of seven minutes: 20 are refused at every hour, seven are not."""
    set_rules(scene.base, "35", {"session_minutes": 7}, by=someone(scene.base, "editor"))

    with pytest.raises(SessionTooLong) as refused:
        change(scene, daily, seconds=1200)

    assert [(fix.kind, fix.changes) for fix in refused.value.fixes] == [
        ("day_shorter", {"seconds": 420}), ("see_rules", {}), ("change_rules", {}),
    ]  # fmt: skip


def line_on(scene: Scene, slot: Slot) -> list[SlotException]:
    with scene.base.database.read() as session:
        return list(session.get_one(Slot, slot.id).exceptions)


# ── A draft beside what airs ──────────────────────────────────────────────────────────────────


def edit(scene: Scene, slot: Slot, **changes: Any) -> None:
    slots.edit_slot(scene.base, slot.id, changes, by=someone(scene.base, "editor"))


def planned(scene: Scene) -> list[Any]:
    """Without the release that ``scene.plan`` makes first."""
    planner.plan(scene.base)
    return [at for at, _ in on_air(scene)]


def test_a_day_that_airs_is_skipped_whatever_the_draft_says(scene: Scene, daily: Slot) -> None:
    """The draft airs on Sundays only and later: Tuesday airs until that is released."""
    edit(scene, daily, rrule="FREQ=WEEKLY;BYDAY=SU", starts_at=time(6))
    change(scene, daily)

    assert planned(scene) == [local("05:00"), local("05:00", WEDNESDAY)]


def test_a_line_that_is_to_be_taken_out_can_still_be_skipped(scene: Scene, daily: Slot) -> None:
    """It airs until its removal is released, and so its days are somebody's concern."""
    slots.remove_slot(scene.base, daily.id, by=someone(scene.base, "editor"))
    change(scene, daily)

    assert planned(scene) == [local("05:00"), local("05:00", WEDNESDAY)]


def test_what_has_begun_is_seen_from_what_airs(scene: Scene, daily: Slot) -> None:
    """Tuesday's 05:00 is on air; that its draft begins later makes it no less begun."""
    edit(scene, daily, starts_at=time(11))
    scene.clock.move_to(local("06:00", TUESDAY))

    with pytest.raises(InputInvalid):
        change(scene, daily)


def test_a_day_is_not_moved_onto_what_airs_by_now(scene: Scene, daily: Slot) -> None:
    """In the draft 11:00 is free, because the line there moved; on air it still stands there."""
    noon = scene.slot(programme(scene.base, "Tin trưa"), at=time(11), valid_to=None)
    edit(scene, noon, starts_at=time(12))

    with pytest.raises(SlotsOverlap) as refused:
        change(scene, daily, moved_on=TUESDAY, moved_at=time(11))
    assert refused.value.fields["other"] == "Tin trưa"
    change(scene, daily, moved_on=TUESDAY, moved_at=time(10))
