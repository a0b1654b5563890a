"""After communes were merged or split, whose their lines, calendars and airings are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler import airings, exceptions, feeds, people, releases, slots
from scheduler.clock import ManualClock
from scheduler.errors import OutsideUnit
from scheduler.exceptions import Decision
from scheduler.hub import Hub
from scheduler.planner import plan
from scheduler.registry import find_station
from scheduler.slots import SlotDetails
from scheduler.store.models import Person, Slot
from scheduler.store.states import AiringState
from scheduler.timetable import to_utc
from scheduler.unitimport import import_units
from scheduler.units import find_unit
from tests.builders import programme, someone, stations
from tests.unit.scheduler.scene import MONDAY

NEW = date(2022, 11, 1)
HEAD = "valid_from,code,name,level,parent_code,made_of,basis\n"
BEFORE = (
    "2020-01-01,35,Tỉnh Hà Nam,tỉnh,,,\n"
    "2020-01-01,353,Huyện Lý Nhân,huyện,35,,\n"
    "2020-01-01,352,Huyện Bình Lục,huyện,35,,\n"
    "2020-01-01,1,Xã Đạo Lý,xã,353,,\n"
    "2020-01-01,2,Xã Bắc Lý,xã,353,,\n"
    "2020-01-01,3,Xã Hòa Hậu,xã,353,,\n"
    "2020-01-01,4,Xã An Đổ,xã,352,,\n"
    "2020-01-01,9,Xã Tiêu Động,xã,353,,\n"
)
# 1 and 2 are one, under a code that was neither's; 3 is two; of 4 and of 352 nothing came.
AFTER = (
    "2022-11-01,35,Tỉnh Hà Nam,tỉnh,,,\n"
    "2022-11-01,353,Huyện Lý Nhân,huyện,35,,\n"
    "2022-11-01,12,Xã Nam Lý,xã,353,1 2,NQ 1\n"
    "2022-11-01,31,Xã Hòa Hậu Đông,xã,353,3,NQ 1\n"
    "2022-11-01,32,Xã Hòa Hậu Tây,xã,353,3,NQ 1\n"
    "2022-11-01,9,Xã Tiêu Động,xã,353,,\n"
)
COMMUNES = ("1", "2", "3", "4", "9")
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def lines(empty_hub: Hub, clock: ManualClock) -> dict[str, Slot]:
    """Each commune's own line, which its station hears; then the map changes, and a day passes."""
    _give(empty_hub, BEFORE)
    stations(empty_hub, list(COMMUNES))
    made = programme(empty_hub, "Tin xã")
    found = {
        code: slots.add_slot(
            empty_hub,
            SlotDetails(
                title=f"Tin xã {code}", unit_code=code, audience=(f"unit:{code}",),
                programme_id=made.id, starts_at=time(5, 10 * number), valid_from=MONDAY,
            ),
            by=_worker(empty_hub, code, MONDAY),
        )
        for number, code in enumerate(COMMUNES)
    }  # fmt: skip
    releases.release(empty_hub, by=someone(empty_hub, "editor"))
    plan(empty_hub)
    _give(empty_hub, AFTER)
    clock.move_to(datetime.combine(NEW + timedelta(days=1), time(9), ZONE))
    return found


def _give(hub: Hub, rows: str) -> None:
    with hub.database.write() as session:
        import_units(session, HEAD + rows, name="x", now=hub.clock.now(), by="test")


def _worker(hub: Hub, code: str, on: date, role: str = "commune") -> Person:
    """A person of the unit that has this code on that day."""
    username = f"u{code}-{on:%m}"
    with hub.database.write() as session:
        people.add_person(
            session, username=username, full_name=f"Người {code}", role=role,
            unit=find_unit(session, code, on), now=hub.clock.now(), by="test",
        )  # fmt: skip
    with hub.database.read() as session:
        return people.find_person(session, username)


def _known(hub: Hub, username: str) -> Person:
    with hub.database.read() as session:
        return people.find_person(session, username)


def _deeds(hub: Hub, slot: Slot, by: Person) -> list[Callable[[], object]]:
    """Everything that may be done to a line, one after the other."""
    day = NEW + timedelta(days=5)
    return [
        lambda: slots.edit_slot(hub, slot.id, {"title": f"Của {by.username}"}, by=by),
        lambda: releases.discard(hub, slot.id, by=by),
        lambda: slots.edit_slot(hub, slot.id, {"title": f"Nay của {by.username}"}, by=by),
        lambda: releases.release(hub, by=by, slot_ids=[slot.id]),
        lambda: exceptions.decide(hub, slot.id, Decision(on=day, reason="Mất điện"), by=by),
        lambda: exceptions.take_back(hub, slot.id, day, by=by),
        lambda: slots.remove_slot(hub, slot.id, by=by),
    ]


def _refused(hub: Hub, by: Person, *foreign: Slot) -> None:
    for slot in foreign:
        with pytest.raises(OutsideUnit):
            slots.edit_slot(hub, slot.id, {"title": "Nhầm"}, by=by)
        with pytest.raises(OutsideUnit):
            slots.remove_slot(hub, slot.id, by=by)


def test_who_works_for_a_merged_commune_changes_the_lines_of_both(
    empty_hub: Hub, lines: dict[str, Slot]
) -> None:
    """Somebody new, and somebody who was there before; what is a neighbour's stays foreign."""
    new, before = _worker(empty_hub, "12", NEW), _known(empty_hub, "u2-10")
    stranger = _known(empty_hub, "u9-10")
    _refused(empty_hub, stranger, *(lines[code] for code in "1234"))
    for who, own in ((new, lines["1"]), (before, lines["2"])):
        _refused(empty_hub, who, lines["3"], lines["4"], lines["9"])
        for deed in _deeds(empty_hub, own, who):
            deed()
        with empty_hub.database.read() as session:
            assert session.get_one(Slot, own.id).removed_at is not None


def test_before_the_day_of_the_merger_each_has_their_own(
    empty_hub: Hub, lines: dict[str, Slot], clock: ManualClock
) -> None:
    """Also where the map of the coming days is here already."""
    clock.move_to(datetime.combine(NEW - timedelta(days=1), time(9), ZONE))
    one, other = _known(empty_hub, "u1-10"), _known(empty_hub, "u2-10")
    _refused(empty_hub, one, lines["2"])
    _refused(empty_hub, other, lines["1"])
    assert slots.edit_slot(empty_hub, lines["1"].id, {"title": "Mới"}, by=one).title == "Mới"


def test_a_part_does_not_speak_for_the_whole_that_was_split(
    empty_hub: Hub, lines: dict[str, Slot]
) -> None:
    """Its old people have all parts, and so has the district; of what ended the unit above has."""
    _refused(empty_hub, _worker(empty_hub, "31", NEW), lines["3"], lines["4"])
    district = _worker(empty_hub, "353", NEW, "district")
    _refused(empty_hub, district, lines["4"])
    province = _worker(empty_hub, "35", NEW, "district")
    for who, slot in ((_known(empty_hub, "u3-10"), lines["3"]), (district, lines["3"]),
                      (province, lines["4"])):  # fmt: skip
        title = f"Của {who.username}"
        assert slots.edit_slot(empty_hub, slot.id, {"title": title}, by=who).title == title


def test_what_is_named_anew_in_an_old_line_is_a_unit_of_today(
    empty_hub: Hub, lines: dict[str, Slot]
) -> None:
    """The commune itself may hear what a part of it heard."""
    new = _worker(empty_hub, "12", NEW)
    audience = ("unit:1", "unit:12")
    edited = slots.edit_slot(
        empty_hub, lines["1"].id, {"audience": audience, "starts_at": time(17)}, by=new
    )
    with empty_hub.database.read() as session:
        assert slots.details_of(slots.find_slot(session, edited.id)).audience == audience
        heard = slots.audience_of(session, slots.find_slot(session, edited.id), NEW)
        assert len(heard) == 2
    with pytest.raises(OutsideUnit):
        slots.edit_slot(empty_hub, edited.id, {"audience": (*audience, "unit:9")}, by=new)


def test_calendars_and_airings_of_before_the_merger_are_the_merged_communes(
    empty_hub: Hub, lines: dict[str, Slot], clock: ManualClock
) -> None:
    """Taken back and confirmed by those who have their place now, and by nobody else."""
    clock.move_to(datetime.combine(NEW - timedelta(days=1), time(9), ZONE))
    feed, _ = feeds.add_feed(empty_hub, "1", "Chị Đào", by=_known(empty_hub, "u1-10"))
    clock.move_to(datetime.combine(NEW, time(9), ZONE))
    new, stranger = _worker(empty_hub, "12", NEW), _known(empty_hub, "u9-10")
    at = to_utc(datetime.combine(MONDAY, time(5)), ZONE)
    with empty_hub.database.read() as session:
        station = find_station(session, "s1").id
        assert feeds.seen_feeds(empty_hub, session, stranger) == []
        assert [one.id for one in feeds.seen_feeds(empty_hub, session, new)] == [feed.id]
    with pytest.raises(OutsideUnit):
        feeds.revoke_feed(empty_hub, feed.id, by=stranger)
    with pytest.raises(OutsideUnit):
        airings.confirm_airing(empty_hub, station, at, by=stranger, aired=True)
    assert feeds.revoke_feed(empty_hub, feed.id, by=new).revoked_at is not None
    told = airings.confirm_airing(empty_hub, station, at, by=new, aired=True)
    assert told.state is AiringState.AIRED
