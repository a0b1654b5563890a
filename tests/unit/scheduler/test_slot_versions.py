"""Two people at one line: whoever comes second sees the difference, and nothing is lost."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from scheduler import releases, slots
from scheduler.errors import CoreError, SlotChanged
from scheduler.slotversions import version_of
from scheduler.store.models import LedgerEntry, Slot
from tests.builders import someone
from tests.unit.scheduler.scene import Scene
from tests.unit.scheduler.test_leases import at_once


@pytest.fixture
def daily(scene: Scene) -> Slot:
    """Every day at 05:00, released."""
    return scene.night("13579", valid_to=None)


def read(scene: Scene, slot: Slot) -> Slot:
    with scene.base.database.read() as session:
        return slots.find_slot(session, slot.id)


def edit(scene: Scene, slot: Slot, expected: str | None, **changes: Any) -> None:
    editor = someone(scene.base, "editor")
    slots.edit_slot(scene.base, slot.id, changes, by=editor, expected=expected)


def test_the_second_of_two_is_refused_and_told_who_was_first(scene: Scene, daily: Slot) -> None:
    """Her change of the time stays; his of the title is not written over it unseen."""
    seen = version_of(read(scene, daily))
    edit(scene, daily, seen, starts_at=time(5, 30))

    with pytest.raises(SlotChanged) as refused:
        edit(scene, daily, seen, title="Tin sớm")

    assert refused.value.fields["who"] == "Editor"
    assert refused.value.fields["at"] == "20:00 16/10/2022"
    now = read(scene, daily)
    assert (now.starts_at, now.title) == (time(5, 30), daily.title)


def test_the_same_change_twice_is_one_change(scene: Scene, daily: Slot) -> None:
    """A double click finds done what it wants: nothing to decide, and one entry in the ledger."""
    seen = version_of(read(scene, daily))

    edit(scene, daily, seen, starts_at=time(5, 30))
    edit(scene, daily, seen, starts_at=time(5, 30))

    assert read(scene, daily).starts_at == time(5, 30)
    with scene.base.database.read() as session:
        written = session.scalars(select(LedgerEntry.what).order_by(LedgerEntry.seq)).all()
    assert written.count("slot_edited") == 1


def test_two_at_the_same_moment_are_one_after_the_other(scene: Scene, daily: Slot) -> None:
    """Real transactions, side by side: one line is written, the other is refused whole."""
    seen = version_of(read(scene, daily))
    first, second = {"starts_at": time(5, 30)}, {"title": "Tin sớm", "late_ok_s": 0}
    wishes: list[dict[str, Any]] = [first, second]
    someone(scene.base, "editor")  # made beforehand, or both would make the person

    def write(number: int) -> str:
        try:
            edit(scene, daily, seen, **wishes[number])
        except CoreError as error:
            return error.code
        return "written"

    answers = at_once(2, write)

    assert sorted(answers) == ["slot_changed", "written"]
    now = read(scene, daily)
    first_won = answers.index("written") == 0
    assert (now.starts_at == time(5, 30)) is first_won
    assert (now.title == "Tin sớm", now.late_ok_s == 0) == (not first_won, not first_won)


def test_a_line_that_was_changed_is_not_taken_out_unseen(scene: Scene, daily: Slot) -> None:
    """Taking out names the version too; a return of the draft to what it was asks nobody."""
    seen = version_of(read(scene, daily))
    editor = someone(scene.base, "editor")
    edit(scene, daily, None, title="Tin sớm")

    with pytest.raises(SlotChanged):
        slots.remove_slot(scene.base, daily.id, by=editor, expected=seen)

    releases.discard(scene.base, daily.id, by=editor)
    slots.remove_slot(scene.base, daily.id, by=editor, expected=seen)
    with scene.base.database.read() as session:
        assert slots.list_slots(session) == []


def test_a_return_to_an_older_release_is_told_as_the_change_that_it_is(
    scene: Scene, daily: Slot
) -> None:
    """It brings drafts back too, and whoever had one open is told by whom."""
    edit(scene, daily, None, title="Tin sớm")
    releases.release(scene.base, by=someone(scene.base, "editor"))
    seen = version_of(read(scene, daily))
    scene.clock.advance(timedelta(minutes=1))
    releases.restore(scene.base, by=someone(scene.base, "approver"))

    with pytest.raises(SlotChanged) as refused:
        edit(scene, daily, seen, late_ok_s=0)
    assert refused.value.fields["who"] == "Approver"
