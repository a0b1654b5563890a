"""A line of the timetable is refused where it would sound over another."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest

from scheduler import people, slots
from scheduler.errors import (
    CoreError,
    InputInvalid,
    NotAllowed,
    NotFound,
    OutsideUnit,
    RuleInvalid,
    SlotsOverlap,
    WrongState,
)
from scheduler.programmelist import find_titles
from scheduler.slots import SlotDetails, add_slot, audience_of, is_in_quiet_hours, list_slots
from scheduler.store.models import Person, Programme, Slot
from scheduler.store.states import ProgrammeState
from scheduler.units import find_unit
from tests.builders import programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene
from tests.unit.scheduler.test_leases import at_once

UNITS = ("13579", "13285")


@pytest.fixture
def made(scene: Scene) -> Programme:
    """Two stations in two districts, and something to air."""
    scene.stations(*UNITS)
    return programme(scene.base, "Tin sáng")


def details(made: Programme, **changes: Any) -> SlotDetails:
    known: dict[str, Any] = {
        "title": "Tin sáng", "unit_code": "35", "audience": ("unit:35",),
        "programme_id": made.id, "starts_at": time(5), "seconds": 1800, "valid_from": MONDAY,
    }  # fmt: skip
    return SlotDetails(**{**known, **changes})


def add(scene: Scene, made: Programme, by: Person | None = None, **changes: Any) -> Slot:
    return add_slot(scene.base, details(made, **changes), by=by or someone(scene.base, "editor"))


def in_force(scene: Scene) -> int:
    with scene.base.database.read() as session:
        return len(list_slots(session))


OVERLAPS: dict[str, dict[str, Any]] = {
    "the same again": {},
    "a minute before the end": {"starts_at": time(5, 29)},
    "around it": {"starts_at": time(4), "seconds": 7200},
    "at one of its stations": {"audience": ("station:s13579",)},
    "in its district": {"audience": ("unit:353",)},
    "on one of its weekdays": {"rrule": "FREQ=WEEKLY;BYDAY=SU"},
    "once a month": {"rrule": "FREQ=MONTHLY;BYMONTHDAY=-1"},
    "once a year, months away": {"rrule": "FREQ=YEARLY;BYMONTH=9;BYMONTHDAY=2"},
    "by the moon, months away": {"rrule": "LUNAR;MONTH=3;DAY=10"},
    "over midnight into it": {"starts_at": time(23, 50), "seconds": 20_000},
}
FITS: dict[str, dict[str, Any]] = {
    "right after it": {"starts_at": time(5, 30)},
    "right before it": {"starts_at": time(4, 30)},
    "urgent": {"programme_class": "urgent"},
    "before it begins": {"valid_from": MONDAY - timedelta(days=1),
                         "valid_to": MONDAY - timedelta(days=1)},
    "up to midnight and on": {"starts_at": time(23, 50), "seconds": 600},
}  # fmt: skip


@pytest.mark.parametrize("what", OVERLAPS)
def test_what_would_sound_over_another_is_refused(scene: Scene, made: Programme, what: str) -> None:
    """With the other's name, the day and the time, so that a person can choose another."""
    add(scene, made)

    with pytest.raises(SlotsOverlap) as refused:
        add(scene, made, **OVERLAPS[what])

    assert 'overlaps "Tin sáng" at Đài 13' in str(refused.value)
    assert "05:00-05:30" in str(refused.value)
    assert in_force(scene) == 1


@pytest.mark.parametrize("what", FITS)
def test_what_fits_beside_another_is_taken(scene: Scene, made: Programme, what: str) -> None:
    """Ends touch; urgent is above the order of the day."""
    add(scene, made)

    add(scene, made, **FITS[what])

    assert in_force(scene) == 2


def test_what_began_before_midnight_is_still_on_air_after_it(scene: Scene, made: Programme) -> None:
    """A slot from 23:50 to 00:30 stands in the way of one at 00:15."""
    add(scene, made, starts_at=time(23, 50), seconds=2400, valid_from=MONDAY - timedelta(days=1))

    with pytest.raises(SlotsOverlap) as refused:
        add(scene, made, starts_at=time(0, 15))

    assert "23:50-00:30" in str(refused.value)


def test_a_slot_that_begins_only_in_half_a_year_stands_in_the_way(
    scene: Scene, made: Programme
) -> None:
    """Both would air every day from then on."""
    add(scene, made, valid_from=MONDAY + timedelta(days=200))

    with pytest.raises(SlotsOverlap):
        add(scene, made)


def test_other_weekdays_and_other_places_do_not_meet(scene: Scene, made: Programme) -> None:
    """Monday's commune and Tuesday's commune, and two communes at one time."""
    add(scene, made, rrule="FREQ=WEEKLY;BYDAY=MO", audience=("station:s13579",))
    add(scene, made, rrule="FREQ=WEEKLY;BYDAY=TU", audience=("station:s13579",))
    add(scene, made, audience=("unit:35",), exclude=("station:s13579",))

    assert in_force(scene) == 3


def test_a_removed_slot_stands_in_nobodys_way(scene: Scene, made: Programme) -> None:
    """And removing it twice changes nothing."""
    first = add(scene, made)
    for _ in range(2):
        slots.remove_slot(scene.base, first.id, by=someone(scene.base, "editor"))

    add(scene, made)

    assert in_force(scene) == 1
    with pytest.raises(NotFound):
        slots.remove_slot(scene.base, 999, by=someone(scene.base, "editor"))


def test_of_two_that_are_added_at_once_only_one_stays(scene: Scene, made: Programme) -> None:
    """Two editors at two desks: the second sees the first, whatever the database."""
    editor = someone(scene.base, "editor")

    results = at_once(4, lambda n: add_slot(scene.base, details(made, title=f"{n}"), by=editor))

    assert sum(isinstance(one, Slot) for one in results) == 1
    assert sum(isinstance(one, SlotsOverlap) for one in results) == 3
    assert in_force(scene) == 1


def test_a_place_that_is_named_twice_hears_it_once(scene: Scene, made: Programme) -> None:
    """The same unit chosen in two fields of a form is one place."""
    slot = add(scene, made, audience=("unit:353", "unit:353"))

    with scene.hub.database.read() as session:
        assert len(session.get_one(Slot, slot.id).targets) == 1


def test_the_audience_is_a_set_of_places_less_its_exceptions(scene: Scene, made: Programme) -> None:
    """A unit stands for all below it on the map of the day."""
    scene.stations("13288")
    found = add(
        scene, made, audience=("unit:35", "station:s13579"), exclude=("unit:353", "station:s13288")
    )

    with scene.base.database.read() as session:
        assert audience_of(session, found, MONDAY) == {scene.station("s13285").id}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"audience": ("unit:99",)}, NotFound),
        ({"audience": ("station:x",)}, NotFound),
        ({"audience": ("commune:13579",)}, InputInvalid),
        ({"audience": ()}, InputInvalid),
        ({"audience": ("station:s13579",), "exclude": ("unit:353",)}, InputInvalid),
        ({"unit_code": "nowhere"}, NotFound),
        ({"programme_id": 999}, NotFound),
        ({"rrule": "FREQ=SECONDLY"}, RuleInvalid),
        ({"seconds": 0}, InputInvalid),
        ({"seconds": 86_401}, InputInvalid),
        ({"late_ok_s": -1}, InputInvalid),
        ({"title": "two\nlines"}, InputInvalid),
        ({"title": " "}, InputInvalid),
        ({"programme_class": "important"}, InputInvalid),
        ({"valid_to": MONDAY - timedelta(days=1)}, InputInvalid),
        ({"valid_from": MONDAY - timedelta(days=2)}, InputInvalid),  # yesterday
        ({"valid_from": None, "valid_to": MONDAY - timedelta(days=2)}, InputInvalid),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    scene: Scene, made: Programme, changes: dict[str, Any], error: type[CoreError]
) -> None:
    """Each with its own sentence."""
    with pytest.raises(error):
        add(scene, made, **changes)

    assert in_force(scene) == 0


def test_a_programme_that_was_taken_back_is_not_planned(scene: Scene, made: Programme) -> None:
    """Ready or approved; nothing else is put on a timetable."""
    scene.change(made, state=ProgrammeState.WITHDRAWN)

    with pytest.raises(WrongState):
        add(scene, made)


def test_a_district_plans_for_itself_and_for_nobody_else(scene: Scene, made: Programme) -> None:
    """Its own line, its own places; an approver plans nothing at all."""
    with scene.base.database.write() as session:
        people.add_person(
            session, username="lynhan", full_name="Lý Nhân", role="district",
            unit=find_unit(session, "353", MONDAY), now=scene.clock.now(), by="test",
        )  # fmt: skip
    with scene.base.database.read() as session:
        officer = {one.username: one for one in people.list_people(session)}["lynhan"]

    for foreign in ({"unit_code": "35"}, {"audience": ("unit:35",)}, {"audience": ("unit:13285",)},
                    {"audience": ("station:s13285",)}):  # fmt: skip
        with pytest.raises(OutsideUnit):
            own: dict[str, Any] = {"unit_code": "353", "audience": ("unit:13579",), **foreign}
            add(scene, made, by=officer, **own)
    with pytest.raises(NotAllowed):
        add(scene, made, by=someone(scene.base, "approver"))
    assert in_force(scene) == 0
    mine = add(scene, made, by=officer, unit_code="353", audience=("station:s13579",))
    assert slots.remove_slot(scene.base, mine.id, by=officer).removed_at is not None


def test_without_a_length_a_slot_has_its_programmes(scene: Scene, made: Programme) -> None:
    """Up to the next whole minute."""
    scene.change(made, ms=300_001)

    assert add(scene, made, seconds=None).seconds == 360


def test_what_was_cut_off_takes_no_time(scene: Scene, made: Programme) -> None:
    """Five seconds of noise less: it fits into its slot, and a form offers it for that slot."""
    states = (made.state,)
    scene.change(made, ms=300_001, trim_start_ms=5_000)

    assert add(scene, made, seconds=None).seconds == 300
    with scene.base.database.read() as session:
        offered = find_titles(session, states=states, longest_ms=300_000)
        assert [(one.id, one.ms) for one in offered] == [(made.id, 295_001)]
        assert find_titles(session, states=states, longest_ms=295_000) == []


@pytest.mark.parametrize(
    ("at", "is_quiet"),
    [(time(5), True), (time(5, 59), True), (time(6), False), (time(20, 59), False),
     (time(21), True), (time(0), True)],
)  # fmt: skip
def test_quiet_hours_are_told_and_never_acted_upon(at: time, is_quiet: bool) -> None:
    """05:00 is in them, and is when the country wakes: warn, do not move."""
    slot = Slot(starts_at=at, seconds=60, valid_from=date(2022, 1, 1))

    assert is_in_quiet_hours(slot) is is_quiet
