"""Draft → released: what nobody has released does not air, and every release can be taken back."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from scheduler import people, planner, releases, slots
from scheduler.errors import InputInvalid, NotFound, OutsideUnit
from scheduler.planner import PlanResult
from scheduler.slots import SlotDetails
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
        what = session.scalars(select(LedgerEntry.what)).all()
        assert ledger.first_break(session.scalars(select(LedgerEntry))) is None
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
