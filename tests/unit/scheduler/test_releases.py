"""Draft → released: what nobody has released does not air, and every release can be taken back."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from api.i18n import translator
from scheduler import people, planner, releases, slots
from scheduler.airrules import read_window, set_rules
from scheduler.errors import (
    InputInvalid,
    NotFound,
    OutsideUnit,
    ReleaseBreaksRules,
    ReleaseOverlaps,
    SlotChanged,
)
from scheduler.planner import PlanResult
from scheduler.slots import SlotDetails
from scheduler.slotversions import version_of
from scheduler.store import ledger
from scheduler.store.models import LedgerEntry, Person, Slot
from scheduler.store.states import AiringState
from scheduler.units import find_unit
from tests.builders import programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene, local

TUESDAY = MONDAY + timedelta(days=1)


def plan(scene: Scene) -> PlanResult:
    """Without the release that ``scene.plan`` makes first."""
    return planner.plan(scene.base)


def edit(scene: Scene, slot: Slot, **changes: Any) -> None:
    slots.edit_slot(scene.base, slot.id, changes, by=someone(scene.base, "editor"))


def release(scene: Scene, **more: Any) -> int:
    return releases.release(scene.base, by=someone(scene.base, "editor"), **more).version


def restore(scene: Scene, version: int | None = None) -> int:
    return releases.restore(scene.base, version, by=someone(scene.base, "editor")).version


def starts(scene: Scene) -> list[str]:
    """When Monday airs."""
    return [
        f"{one.planned_at.astimezone(scene.base.settings.zone):%H:%M}"
        for one in scene.airings()
        if one.state is not AiringState.CANCELLED and one.broadcast_date == MONDAY
    ]


@pytest.fixture
def daily(scene: Scene) -> Slot:
    """Every day at 05:00, released as version 1 and planned."""
    return scene.night("13579", valid_to=None)


def test_a_new_slot_airs_when_it_is_released(scene: Scene, daily: Slot) -> None:
    """Until then planning says that there is a draft, and airs nothing of it."""
    details = SlotDetails(
        title="Tin trưa", unit_code="35", audience=("unit:35",), starts_at=time(11),
        programme_id=programme(scene.base, "Tin trưa").id,
    )  # fmt: skip
    slots.add_slot(scene.base, details, by=someone(scene.base, "editor"))
    result = plan(scene)
    assert (result.airings_added, result.drafts) == (0, 1)
    assert starts(scene) == ["05:00"]

    assert release(scene) == 2
    assert plan(scene).drafts == 0
    assert starts(scene) == ["05:00", "11:00"]


def test_an_edited_slot_airs_as_before_until_it_is_released(scene: Scene, daily: Slot) -> None:
    """Its start, its programme and its title stay what they were on every station."""
    before = [one.content_sha256 for one in scene.deliveries()]
    edit(scene, daily, starts_at=time(5, 30), title="Tin sớm", late_ok_s=0)
    assert plan(scene).airings_changed == 0
    assert starts(scene) == ["05:00"]
    assert [one.content_sha256 for one in scene.deliveries()] == before

    release(scene)
    plan(scene)
    assert starts(scene) == ["05:30"]


def test_a_removed_slot_airs_until_the_removal_is_released(scene: Scene, daily: Slot) -> None:
    """And is gone behind it."""
    slots.remove_slot(scene.base, daily.id, by=someone(scene.base, "editor"))
    plan(scene)
    assert starts(scene) == ["05:00"]

    release(scene)
    plan(scene)
    assert starts(scene) == []


def test_one_step_back_airs_what_aired_before(scene: Scene, daily: Slot) -> None:
    """Changed, added and removed slots alike; the way back is a release of its own."""
    added = scene.slot(programme(scene.base, "Tin trưa"), at=time(11), valid_to=None)
    edit(scene, daily, starts_at=time(5, 30))
    slots.remove_slot(scene.base, added.id, by=someone(scene.base, "editor"))
    assert release(scene, note="Giờ mùa đông") == 3
    plan(scene)
    assert starts(scene) == ["05:30"]

    assert restore(scene) == 4
    plan(scene)
    assert starts(scene) == ["05:00", "11:00"]
    with scene.base.database.read() as session:
        newest, before, *_ = releases.list_releases(session)
        assert (newest.restores, len(newest.changes), before.note) == (2, 2, "Giờ mùa đông")
        assert releases.pending(session) == []
        entries = session.scalars(select(LedgerEntry).order_by(LedgerEntry.seq)).all()
        what = [entry.what for entry in entries]
        assert ledger.verify(session) is None
    assert what.count("timetable_released") == 3
    assert what.count("timetable_restored") == 1


def test_a_return_leaves_drafts_that_nobody_released(scene: Scene, daily: Slot) -> None:
    """What airs goes back; what somebody is still writing is not lost."""
    edit(scene, daily, starts_at=time(5, 30))
    release(scene)
    edit(scene, daily, starts_at=time(5, 45))

    restore(scene, 1)
    plan(scene)

    assert starts(scene) == ["05:00"]
    with scene.base.database.read() as session:
        [change] = releases.pending(session)
        assert change.before is not None and change.after is not None
        assert (change.before.starts_at, change.after.starts_at) == (time(5), time(5, 45))


def test_the_way_back_reaches_to_before_the_first_release(scene: Scene, daily: Slot) -> None:
    """Version 0 is the empty timetable; no version and a return to now are refused."""
    with pytest.raises(InputInvalid):
        restore(scene, 1)
    for version in (2, -1):
        with pytest.raises(NotFound):
            restore(scene, version)
    restore(scene, 0)
    plan(scene)
    assert starts(scene) == []


def test_nothing_is_released_twice(scene: Scene, daily: Slot) -> None:
    """A version says that something changed."""
    with pytest.raises(InputInvalid):
        release(scene)
    with pytest.raises(NotFound):
        release(scene, slot_ids=[daily.id])


def test_the_difference_is_told_with_those_whom_it_concerns(scene: Scene, daily: Slot) -> None:
    """Seven airings go and seven come at one station; at the other nothing happens."""
    scene.stations("13285")
    scene.plan()
    edit(scene, daily, starts_at=time(5, 30), audience=("station:s13579",))

    with scene.base.database.read() as session:
        changes = releases.pending(session)
        [effect] = releases.effects(scene.base, session, changes)

    assert [one.kind for one in changes] == ["changed"]
    assert (effect.added, effect.removed, effect.changed) == (7, 14, 0)
    edit(scene, daily, starts_at=time(5), audience=("unit:35",), late_ok_s=0)
    with scene.base.database.read() as session:
        [effect] = releases.effects(scene.base, session, releases.pending(session))
    assert (effect.added, effect.removed, effect.changed) == (0, 0, 14)
    assert effect.station_ids == {scene.station(code).id for code in ("s13579", "s13285")}


def test_a_draft_is_thrown_away(scene: Scene, daily: Slot) -> None:
    """The slot is again as it airs, with its audience; a slot that never aired is gone."""
    edit(scene, daily, starts_at=time(5, 30), audience=("station:s13579",))
    editor = someone(scene.base, "editor")
    releases.discard(scene.base, daily.id, by=editor)
    details = SlotDetails(
        title="Tin trưa", unit_code="35", audience=("unit:35",), starts_at=time(11),
        programme_id=programme(scene.base, "Tin trưa").id,
    )  # fmt: skip
    new = slots.add_slot(scene.base, details, by=editor)
    releases.discard(scene.base, new.id, by=editor)

    with scene.base.database.read() as session:
        assert releases.pending(session) == []
        [line] = slots.list_slots(session)
        assert (line.starts_at, slots.details_of(line).audience) == (time(5), ("unit:35",))
    with pytest.raises(NotFound):
        releases.discard(scene.base, daily.id, by=editor)


def test_a_rule_edited_after_some_airings_changes_only_what_is_ahead(
    scene: Scene, daily: Slot
) -> None:
    """Monday's 05:00 stays in the log as it was; from Tuesday on the new start holds."""
    scene.clock.move_to(local("08:00"))
    edit(scene, daily, starts_at=time(5, 30))
    release(scene)
    plan(scene)

    kept = [one for one in scene.airings() if one.state is not AiringState.CANCELLED]
    assert [one.planned_at for one in kept[:2]] == [local("05:00"), local("05:30", TUESDAY)]
    assert all(one.planned_at > local("08:00") for one in scene.airings()
               if one.state is AiringState.CANCELLED)  # fmt: skip


def test_a_person_releases_what_belongs_to_the_own_unit(scene: Scene, daily: Slot) -> None:
    """The officer of one commune lets nothing air elsewhere, nor takes anything of others back."""
    officer = _officer(scene)
    mine = slots.add_slot(
        scene.base,
        SlotDetails(title="Họp dân", unit_code="13579", audience=("unit:13579",),
                    starts_at=time(11), programme_id=programme(scene.base, "Họp dân").id),
        by=officer,
    )  # fmt: skip
    edit(scene, daily, starts_at=time(5, 30))

    with pytest.raises(OutsideUnit):
        releases.release(scene.base, by=officer, slot_ids=[daily.id])
    made = releases.release(scene.base, by=officer)
    assert [one.slot_id for one in made.changes] == [mine.id]
    plan(scene)
    assert starts(scene) == ["05:00", "11:00"]

    release(scene)
    with pytest.raises(InputInvalid):  # the province's change is not hers to take back
        releases.restore(scene.base, by=officer)


def _officer(scene: Scene) -> Person:
    with scene.base.database.write() as session:
        people.add_person(
            session, username="dao", full_name="Đào", role="commune",
            unit=find_unit(session, "13579", MONDAY), now=scene.clock.now(), by="test",
        )  # fmt: skip
        return people.find_person(session, "dao")


# ── A part of the draft beside what airs ──────────────────────────────────────────────────────


@pytest.fixture
def swapped(scene: Scene, daily: Slot) -> Slot:
    """05:00 went to 05:30 in the draft, and a new line took its place: two that belong together."""
    edit(scene, daily, starts_at=time(5, 30))
    details = SlotDetails(
        title="Tin sớm", unit_code="35", audience=("unit:35",), starts_at=time(5),
        programme_id=programme(scene.base, "Tin sớm").id,
    )  # fmt: skip
    return slots.add_slot(scene.base, details, by=someone(scene.base, "editor"))


def test_a_part_of_the_draft_may_not_sound_over_what_still_airs(
    scene: Scene, daily: Slot, swapped: Slot
) -> None:
    """Nothing is released; the way out is told, and it leads out."""
    with pytest.raises(ReleaseOverlaps) as refused:
        release(scene, slot_ids=[swapped.id])

    assert refused.value.fields["slot"] == "Tin sớm"
    assert (refused.value.fields["other_id"], refused.value.fields["starts"]) == (daily.id, "05:00")
    plan(scene)
    assert starts(scene) == ["05:00"]
    together = next(fix for fix in refused.value.fixes if fix.kind == "release_too")
    assert together.changes == {"slot_ids": (daily.id, swapped.id)}
    assert together.instead[:4] == ("timetable", "release", "--slot", str(daily.id))
    assert release(scene, slot_ids=together.changes["slot_ids"]) == 2
    plan(scene)
    assert starts(scene) == ["05:00", "05:30"]


def test_what_overlaps_is_left_out_and_the_rest_is_released(
    scene: Scene, daily: Slot, swapped: Slot
) -> None:
    """A third change stands in nobody's way."""
    details = SlotDetails(
        title="Tin trưa", unit_code="35", audience=("unit:35",), starts_at=time(11),
        programme_id=programme(scene.base, "Tin trưa").id,
    )  # fmt: skip
    noon = slots.add_slot(scene.base, details, by=someone(scene.base, "editor"))

    with pytest.raises(ReleaseOverlaps) as refused:
        release(scene, slot_ids=[swapped.id, noon.id])
    rest = next(fix for fix in refused.value.fixes if fix.kind == "leave_out")
    assert rest.changes == {"slot_ids": (noon.id,)}
    release(scene, slot_ids=rest.changes["slot_ids"])
    plan(scene)
    assert starts(scene) == ["05:00", "11:00"]


def test_a_commune_is_told_whom_to_ask(scene: Scene, daily: Slot) -> None:
    """The province moved its line in the draft; until that is released, its old time is taken."""
    edit(scene, daily, starts_at=time(5, 30))
    officer = _officer(scene)
    slots.add_slot(
        scene.base,
        SlotDetails(title="Họp dân", unit_code="13579", audience=("unit:13579",),
                    starts_at=time(5), programme_id=programme(scene.base, "Họp dân").id),
        by=officer,
    )  # fmt: skip

    with pytest.raises(ReleaseOverlaps) as refused:
        releases.release(scene.base, by=officer)
    assert refused.value.fixes[0].kind == "ask_other"
    assert "Tỉnh Hà Nam" in str(refused.value.fixes[0].sentence)

    release(scene, slot_ids=[daily.id])
    assert releases.release(scene.base, by=officer).version == 3


@pytest.mark.parametrize("cap", [{"session_minutes": 8}, {"sessions_a_day": 1}])
def test_a_part_of_the_draft_may_not_break_a_cap_with_what_still_airs(
    scene: Scene, daily: Slot, cap: dict[str, int]
) -> None:
    """The draft keeps the rule, its half does not; both ways out were tried and lead out."""
    editor = someone(scene.base, "editor")
    short = programme(scene.base, "Tin vắn", ms=120_000).id
    is_long = "session_minutes" in cap
    # Three minutes and four, one after the other; on air there are five, at 05:00.
    edit(scene, daily, programme_id=short, seconds=180, starts_at=time(5 if is_long else 11))
    details = SlotDetails(
        title="Tin sớm", unit_code="35", audience=("unit:35",), programme_id=short, seconds=240,
        starts_at=time(5, 6) if is_long else time(11, 3),
    )  # fmt: skip
    new = slots.add_slot(scene.base, details, by=editor)
    set_rules(scene.base, "35", cap, by=editor)

    with pytest.raises(ReleaseBreaksRules) as refused:
        release(scene, slot_ids=[new.id])
    told = translator("vi", scene.base.settings.zone).error(refused.value)
    assert "“Tin sớm”" in told
    assert "Đài 13579" in told
    kinds = {fix.kind: fix for fix in refused.value.fixes}
    if is_long:
        assert kinds["edit_first"].instead[:3] == ("slot", "edit", str(new.id))
    assert kinds["release_too"].changes == {"slot_ids": (daily.id, new.id)}
    assert release(scene, slot_ids=kinds["release_too"].changes["slot_ids"]) == 2


def test_a_window_that_was_set_meanwhile_refuses_a_draft_and_no_other_change(
    scene: Scene, daily: Slot
) -> None:
    """What airs outside of it already may still be changed otherwise; a new line may not come."""
    editor = someone(scene.base, "editor")
    details = SlotDetails(
        title="Tin trưa", unit_code="35", audience=("unit:35",), starts_at=time(11),
        programme_id=programme(scene.base, "Tin trưa").id,
    )  # fmt: skip
    noon = slots.add_slot(scene.base, details, by=editor)
    edit(scene, daily, late_ok_s=0)
    set_rules(scene.base, "35", {"windows": (read_window("17:00-18:00"),)}, by=editor)

    with pytest.raises(ReleaseBreaksRules) as refused:
        release(scene)
    assert [type(one) for one in refused.value.problems] == [ReleaseBreaksRules]
    rest = next(fix for fix in refused.value.fixes if fix.kind == "leave_out")
    assert rest.changes == {"slot_ids": (daily.id,)}
    evening = next(fix for fix in refused.value.fixes if fix.kind == "edit_first")
    edit(scene, noon, starts_at=evening.changes["starts_at"])
    assert release(scene) == 2


def test_two_that_overlap_on_air_already_do_not_lock_each_other(scene: Scene, daily: Slot) -> None:
    """As an import of old may have left it: a change of one of them is still released."""
    other = scene.slot(programme(scene.base, "Tin trưa"), at=time(11), valid_to=None)
    with scene.base.database.write() as session:
        row = session.get_one(Slot, other.id)
        row.starts_at = time(5, 1)
        row.released = {**(row.released or {}), "starts_at": "05:01:00"}
    edit(scene, daily, title="Tin sớm")

    assert release(scene, slot_ids=[daily.id]) == 3


def test_a_part_of_a_return_is_held_against_what_others_keep(scene: Scene, daily: Slot) -> None:
    """The officer's line comes back to a time that the province's line has by now."""
    officer = _officer(scene)
    mine = slots.add_slot(
        scene.base,
        SlotDetails(title="Họp dân", unit_code="13579", audience=("unit:13579",),
                    starts_at=time(11), programme_id=programme(scene.base, "Họp dân").id),
        by=officer,
    )  # fmt: skip
    releases.release(scene.base, by=officer)  # 2: at 11:00
    slots.edit_slot(scene.base, mine.id, {"starts_at": time(12)}, by=officer)
    releases.release(scene.base, by=officer)  # 3: at 12:00
    edit(scene, daily, starts_at=time(11))
    release(scene)  # 4: the province at 11:00

    with pytest.raises(ReleaseOverlaps):
        releases.restore(scene.base, 2, by=officer)
    plan(scene)
    assert starts(scene) == ["11:00", "12:00"]
    assert restore(scene, 2) == 5  # the province may take all of it back
    plan(scene)
    assert starts(scene) == ["05:00", "11:00"]


def test_a_release_is_of_what_was_looked_at(scene: Scene, daily: Slot) -> None:
    """A draft that changed after the look is not released unseen."""
    edit(scene, daily, starts_at=time(5, 30))
    with scene.base.database.read() as session:
        seen = {daily.id: version_of(session.get_one(Slot, daily.id))}
    edit(scene, daily, starts_at=time(5, 45))

    with pytest.raises(SlotChanged):
        release(scene, seen=seen)
    with scene.base.database.read() as session:
        seen = {daily.id: version_of(session.get_one(Slot, daily.id))}
    assert release(scene, seen=seen) == 2
