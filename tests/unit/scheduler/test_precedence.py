"""Two priority bulletins at one time: both air, and the commune says which comes first."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from sqlalchemy import select

from scheduler import people
from scheduler.errors import InputInvalid, NotAllowed, OutsideUnit, SlotsOverlap
from scheduler.precedence import Collision, collisions, decide_order
from scheduler.slots import list_slots, notices_of
from scheduler.store.models import Airing, LedgerEntry, Person, Slot
from scheduler.store.states import AiringState
from scheduler.units import find_unit, unit_ids_below
from tests.builders import programme, slot, someone
from tests.unit.scheduler.scene import MONDAY, Scene, local

COMMUNE, OTHER = "13579", "13285"
TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture
def pair(scene: Scene) -> tuple[Slot, Slot]:
    """The province at 05:00 for 20 minutes everywhere, the district at 05:10 in its own places."""
    scene.stations(COMMUNE, OTHER)
    return (
        slot(scene.base, programme(scene.base, "Dịch bệnh"), at=time(5), seconds=1200,
             programme_class="priority", valid_from=MONDAY),
        slot(scene.base, programme(scene.base, "Xả lũ"), at=time(5, 10), seconds=600,
             audience=("unit:353",), programme_class="priority", valid_from=MONDAY),
    )  # fmt: skip


def officer(scene: Scene, unit: str, role: str = "commune") -> Person:
    with scene.base.database.write() as session:
        people.add_person(
            session, username=f"u{unit}", full_name="Cán bộ", role=role,
            unit=find_unit(session, unit, MONDAY), now=scene.clock.now(), by="test",
        )  # fmt: skip
    with scene.base.database.read() as session:
        return people.find_person(session, f"u{unit}")


def found(scene: Scene, on: date = MONDAY, unit: str | None = None) -> list[Collision]:
    with scene.base.database.read() as session:
        below = unit_ids_below(session, find_unit(session, unit, on).id, on) if unit else None
        return collisions(session, on, scene.base.settings.zone, below)


def aired(scene: Scene, code: str, on: date = MONDAY) -> list[tuple[str, str]]:
    """What the plan says for a station: local time and title."""
    zone = scene.base.settings.zone
    with scene.base.database.read() as session:
        rows = session.scalars(
            select(Airing)
            .where(
                Airing.station_id == scene.station(code).id, Airing.broadcast_date == on,
                Airing.state != AiringState.CANCELLED,
            )
            .order_by(Airing.planned_at)
        ).all()  # fmt: skip
        return [(f"{row.planned_at.astimezone(zone):%H:%M}", row.slot.title) for row in rows]


def test_until_somebody_decides_the_earlier_one_comes_first(
    scene: Scene, pair: tuple[Slot, Slot]
) -> None:
    """Nothing is lost: the second begins when the first ends, and only where both are heard."""
    scene.plan()

    assert aired(scene, f"s{COMMUNE}") == [("05:00", "Dịch bệnh"), ("05:20", "Xả lũ")]
    assert aired(scene, f"s{OTHER}") == [("05:00", "Dịch bệnh")]
    [one] = found(scene)
    assert (one.unit.code, one.decided) == (COMMUNE, None)


def test_two_at_the_very_same_moment_both_air(scene: Scene, pair: tuple[Slot, Slot]) -> None:
    """The older line first; one moment of one station holds one airing."""
    third = slot(
        scene.base, programme(scene.base, "Tiêm chủng"), at=time(5), seconds=300,
        programme_class="priority", valid_from=MONDAY, audience=(f"station:s{OTHER}",),
    )  # fmt: skip
    scene.plan()

    assert third.id > pair[0].id
    assert aired(scene, f"s{OTHER}") == [("05:00", "Dịch bệnh"), ("05:20", "Tiêm chủng")]


def test_the_commune_decides_for_its_day_and_the_plan_obeys(
    scene: Scene, pair: tuple[Slot, Slot]
) -> None:
    """With its name in the records; the next day is as before."""
    scene.plan()
    dao = officer(scene, COMMUNE)

    days = decide_order(scene.base, COMMUNE, [MONDAY], [pair[1].id, pair[0].id], by=dao)
    scene.plan()
    again = scene.plan()

    assert days == [MONDAY]
    assert aired(scene, f"s{COMMUNE}") == [("05:00", "Xả lũ"), ("05:10", "Dịch bệnh")]
    assert aired(scene, f"s{COMMUNE}", TUESDAY) == [("05:00", "Dịch bệnh"), ("05:20", "Xả lũ")]
    assert (again.airings_added, again.airings_changed, again.airings_cancelled) == (0, 0, 0)
    with scene.base.database.read() as session:
        [entry] = session.query(LedgerEntry).filter_by(what="priority_ordered").all()
    assert (entry.who, entry.subject) == (f"u{COMMUNE}", f"unit {COMMUNE}")


def test_the_commune_counts_before_the_district(scene: Scene, pair: tuple[Slot, Slot]) -> None:
    """The district decides for all of its communes, one of them otherwise."""
    first, second = pair[0].id, pair[1].id
    district, commune = officer(scene, "353", "district"), officer(scene, COMMUNE)

    decide_order(scene.base, "353", [MONDAY], [second, first], by=district)
    [one] = found(scene)
    assert [line.id for line, _ in one.items] == [second, first]

    decide_order(scene.base, COMMUNE, [MONDAY], [first, second], by=commune)
    [one] = found(scene)
    assert [line.id for line, _ in one.items] == [first, second]
    assert one.starts == (local("05:00"), local("05:20"))


def test_one_decision_may_hold_for_many_days(scene: Scene, pair: tuple[Slot, Slot]) -> None:
    """Days without a collision are passed over."""
    week = [MONDAY + timedelta(days=n) for n in range(7)]
    editor = someone(scene.base, "editor")

    assert decide_order(scene.base, COMMUNE, week, [pair[1].id, pair[0].id], by=editor) == week


def test_what_cannot_be_decided_is_told(scene: Scene, pair: tuple[Slot, Slot]) -> None:
    """Other slots, half of them, another place, what has begun, a person without the role."""
    both = [pair[1].id, pair[0].id]
    editor = someone(scene.base, "editor")
    for slot_ids in ([pair[0].id], [98, 99], [*both, both[0]]):
        with pytest.raises(InputInvalid, match="name the slots"):
            decide_order(scene.base, COMMUNE, [MONDAY], slot_ids, by=editor)
    with pytest.raises(InputInvalid, match="name the slots"):
        decide_order(scene.base, OTHER, [MONDAY], both, by=editor)
    with pytest.raises(OutsideUnit):
        decide_order(scene.base, COMMUNE, [MONDAY], both, by=officer(scene, OTHER))
    with pytest.raises(NotAllowed):
        decide_order(scene.base, COMMUNE, [MONDAY], both, by=someone(scene.base, "approver"))
    scene.clock.move_to(local("05:05"))
    with pytest.raises(InputInvalid, match="history"):
        decide_order(scene.base, COMMUNE, [MONDAY], both, by=editor)
    assert found(scene)[0].decided is None


def test_only_priority_may_collide_and_the_editor_is_told(
    scene: Scene, pair: tuple[Slot, Slot]
) -> None:
    """A normal line is refused there; the second priority line names the first."""
    with pytest.raises(SlotsOverlap):
        slot(scene.base, programme(scene.base, "Nhạc"), at=time(5), valid_from=MONDAY)

    with scene.base.database.read() as session:
        lines = {one.id: one for one in list_slots(session)}
        [clash] = notices_of(scene.base, session, lines[pair[1].id]).clashes
    assert clash.other.title == "Dịch bệnh"
    assert clash.stations == {scene.station(f"s{COMMUNE}").id}


def test_nothing_collides_in_other_places(scene: Scene, pair: tuple[Slot, Slot]) -> None:
    """A commune sees its own collisions."""
    assert found(scene, unit=OTHER) == []
    assert len(found(scene, unit="353")) == 1
