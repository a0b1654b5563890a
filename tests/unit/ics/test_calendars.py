"""The timetable goes out as a calendar and comes back as it went; what others made is checked."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from api.errors import NoCalendar
from api.i18n import translator
from api.ics.bring import Brought, Defaults, bring
from api.ics.read import ONCE, read_calendar
from api.ics.write import Desk, desk_of, write_calendar
from scheduler.clock import ManualClock
from scheduler.errors import FileRefused
from scheduler.exceptions import Decision, decide
from scheduler.hearing import rule_of
from scheduler.hub import Hub
from scheduler.slots import SlotDetails, add_slot, details_of, edit_slot, list_slots
from scheduler.store.models import Person, Programme, Series, Slot, SlotTarget, Unit
from scheduler.timetable import Rule, occurrences
from tests.builders import ha_nam, programme, slot, someone, stations
from tests.unit.scheduler.scene import MONDAY

A_DAY = timedelta(days=1)
COMMUNE = "13579"
HA_NOI = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def database_kind() -> str:
    """What differs between the databases is tested below; one of them is enough here."""
    return "sqlite"


@pytest.fixture
def made(hub: Hub) -> Programme:
    ha_nam(hub)
    stations(hub, [COMMUNE, "13285"])
    return programme(hub, "Tin sáng", ms=900_000)


@pytest.fixture
def editor(hub: Hub) -> Person:
    return someone(hub, "editor")


def desk(hub: Hub) -> Desk:
    return desk_of(hub, translator("vi", hub.settings.zone))


def exported(hub: Hub) -> bytes:
    with hub.database.read() as session:
        return write_calendar(list_slots(session), "Hà Nam", desk(hub))


def taken(hub: Hub, content: bytes | str, **more: Any) -> list[Brought]:
    content = content.encode() if isinstance(content, str) else content
    defaults = more.pop("defaults", Defaults("35", (), 1))
    return bring(hub, content, "x.ics", desk(hub), by=someone(hub, "editor"), defaults=defaults,
                 **more)  # fmt: skip


def lines(hub: Hub) -> dict[int, Slot]:
    with hub.database.read() as session:
        return {one.id: one for one in list_slots(session)}


def calendar(*properties: str, uid: str = "one@elsewhere", start: str = "") -> str:
    """A calendar of somebody else with one event."""
    start = start or "DTSTART;TZID=Asia/Ho_Chi_Minh:20221017T170000"
    event = ["BEGIN:VEVENT", f"UID:{uid}", "SUMMARY:Họp dân", start, *properties, "END:VEVENT"]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *event, "END:VCALENDAR", ""])


# ── Out ────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_is_an_event_that_every_program_reads(hub: Hub, made: Programme) -> None:
    """Local time with its zone, a length, the rule, and an instant as the end."""
    slot(hub, made, at=time(5), rrule="FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20221231", valid_from=MONDAY)

    [event] = Calendar.from_ical(exported(hub)).walk("VEVENT")

    assert b"BEGIN:VTIMEZONE" in exported(hub)
    assert event.to_ical().decode().count("TZID=Asia/Ho_Chi_Minh") == 1
    assert event["DTSTART"].dt.replace(tzinfo=None) == datetime(2022, 10, 17, 5)
    assert event["DURATION"].dt == timedelta(minutes=15)
    assert event["RRULE"].to_ical() == b"FREQ=WEEKLY;UNTIL=20221230T220000Z;BYDAY=MO,FR"
    assert "Thứ 2, 6 hằng tuần lúc 05:00" in str(event["DESCRIPTION"])


def test_the_same_timetable_gives_the_same_bytes(hub: Hub, made: Programme) -> None:
    """A program that asks every hour is told that nothing changed."""
    slot(hub, made)

    assert exported(hub) == exported(hub)


RULES = (
    "FREQ=DAILY", "FREQ=DAILY;COUNT=9", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=SU",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,TU", "FREQ=MONTHLY;BYDAY=5SA", "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=15",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=YEARLY;BYMONTH=9;BYMONTHDAY=2",
    "LUNAR;DAY=1,15", "LUNAR;MONTH=1;DAY=1,2,3", "LUNAR;MONTH=12;DAY=-1", "FREQ=WEEKLY",
)  # fmt: skip


@pytest.mark.parametrize("rrule", RULES)
def test_other_programs_find_the_days_that_we_air(hub: Hub, made: Programme, rrule: str) -> None:
    """Read by a library that knows nothing of us; by the moon each day is listed."""
    line = slot(hub, made, at=time(17), rrule=rrule, valid_from=MONDAY)
    last = MONDAY + 700 * A_DAY

    [event] = Calendar.from_ical(exported(hub)).walk("VEVENT")

    start = event["DTSTART"].dt.replace(tzinfo=None)
    if "RRULE" in event:
        text = event["RRULE"].to_ical().decode()
        assert text.partition("UNTIL")[1] == ""
        found = [one.date() for one in rrulestr(text, dtstart=start).between(
            start, datetime.combine(last, time(23)), inc=True)]  # fmt: skip
    else:
        found = [start.date(), *(one.dt.date() for one in event["RDATE"].dts)]
    zone = hub.settings.zone
    wanted = [one.on for one in occurrences(rule_of(line), MONDAY, last, zone)]
    assert [day for day in found if day <= last] == wanted
    assert start.date() == wanted[0] if wanted else True


# ── There and back ─────────────────────────────────────────────────────────────────────────────


def test_what_went_out_comes_back_without_a_change(hub: Hub, made: Programme) -> None:
    """Every rule, every kind of single day, everything that a calendar has no word for."""
    other = programme(hub, "Tin bão", ms=600_000)
    for n, rrule in enumerate(RULES):
        slot(
            hub, made, at=time(n), rrule=rrule, valid_from=MONDAY, kind="relay_province",
            audience=("unit:353", "station:s13285"), exclude=("station:s13579",), late_ok_s=n,
        )  # fmt: skip
    slot(hub, made, at=time(20), valid_from=MONDAY, valid_to=MONDAY + 40 * A_DAY)
    first = next(iter(lines(hub).values()))
    for decision in (
        Decision(MONDAY + A_DAY, "Mất điện, theo lịch; cả xã"),
        Decision(MONDAY + 2 * A_DAY, "Họp", MONDAY + 3 * A_DAY, time(20, 30)),
        Decision(MONDAY + 4 * A_DAY, "Bão", programme_id=other.id),
    ):
        decide(hub, first.id, decision, by=someone(hub, "editor"))

    found = taken(hub, exported(hub))

    assert {one.what for one in found} == {"unchanged"}
    assert len(found) == len(RULES) + 1


def test_another_loa_takes_it_over_whole(hub: Hub, made: Programme) -> None:
    """Into an empty timetable: the same lines, with the same single days."""
    line = slot(hub, made, rrule="LUNAR;DAY=15", valid_from=MONDAY, late_ok_s=0)
    day = next(one.on for one in occurrences(rule_of(line), MONDAY, MONDAY + 60 * A_DAY,
                                              hub.settings.zone))  # fmt: skip
    decide(hub, line.id, Decision(day, "Tang lễ"), by=someone(hub, "editor"))
    content = exported(hub)
    with hub.database.write() as session:
        session.get_one(Slot, line.id).removed_at = hub.clock.now()

    [one] = taken(hub, content, defaults=Defaults())

    assert (one.what, one.days) == ("added", (day,))
    [new] = lines(hub).values()
    assert new.rrule == "LUNAR;DAY=15"
    assert (new.late_ok_s, [e.reason for e in new.exceptions]) == (0, ["Tang lễ"])
    assert taken(hub, content)[0].what == "unchanged"


def test_what_somebody_changed_in_outlook_is_a_change_and_nothing_else(
    hub: Hub, made: Programme, editor: Person
) -> None:
    """Another time, another title; and a rehearsal of it changes nothing."""
    line = slot(hub, made, valid_from=MONDAY)
    content = exported(hub).decode().replace("T050000", "T173000").replace("Tin sáng", "Tin chiều")

    told = taken(hub, content, dry_run=True)
    assert lines(hub)[line.id].starts_at == time(5)
    [one] = taken(hub, content)

    assert told[0].changes == one.changes
    assert set(one.changes) == {"starts_at", "title"}
    assert lines(hub)[line.id].starts_at == time(17, 30)
    assert details_of(lines(hub)[line.id]).audience == ("unit:35",)


def test_an_exception_that_was_taken_out_elsewhere_is_taken_back(
    hub: Hub, made: Programme, editor: Person
) -> None:
    """And one that was put in is decided, with the reason or the calendar as the reason."""
    line = slot(hub, made, valid_from=MONDAY)
    before = exported(hub)
    decide(hub, line.id, Decision(MONDAY + A_DAY, "Họp"), by=editor)
    after = exported(hub)

    [one] = taken(hub, before)
    assert (one.what, one.days) == ("changed", (MONDAY + A_DAY,))
    assert lines(hub)[line.id].exceptions == []
    assert taken(hub, after)[0].days == (MONDAY + A_DAY,)
    assert [e.reason for e in lines(hub)[line.id].exceptions] == ["Họp"]


def test_a_cancelled_event_takes_its_line_out(hub: Hub, made: Programme) -> None:
    """And a line that the calendar does not name stays."""
    first, second = slot(hub, made), slot(hub, made, at=time(6))
    with hub.database.read() as session:
        kept = [one for one in list_slots(session) if one.id == first.id]
        content = write_calendar(kept, "x", desk(hub)).decode()

    [one] = taken(hub, content.replace("TRANSP:", "STATUS:CANCELLED\r\nTRANSP:"))

    assert one.what == "removed"
    assert set(lines(hub)) == {second.id}


def test_a_rule_that_was_edited_keeps_its_name_in_calendars(
    hub: Hub, made: Programme, editor: Person
) -> None:
    """The same UID: a telephone shows one line that changed, not two."""
    line = slot(hub, made)
    uid = desk(hub).uid(line)
    edit_slot(hub, line.id, {"starts_at": time(18)}, by=editor)

    assert desk(hub).uid(lines(hub)[line.id]) == uid
    assert uid.encode() in exported(hub)


# ── What others made ───────────────────────────────────────────────────────────────────────────


def only(hub: Hub, content: str) -> Any:
    [line] = read_calendar(content.encode(), "x.ics", hub.settings.zone)
    return line


TAKEN: dict[str, tuple[str, str]] = {
    "once": (calendar("DURATION:PT30M"), ONCE),
    "an end instead of a length": (
        calendar("DTEND;TZID=Asia/Ho_Chi_Minh:20221017T173000", "RRULE:FREQ=DAILY"), "FREQ=DAILY"),
    "the zone that Outlook takes for ours": (
        calendar("DURATION:PT30M", "RRULE:FREQ=DAILY",
                 start="DTSTART;TZID=SE Asia Standard Time:20221017T170000"), "FREQ=DAILY"),
    "no zone at all": (
        calendar("DURATION:PT30M", "RRULE:FREQ=DAILY", start="DTSTART:20221017T170000"),
        "FREQ=DAILY"),
    "an instant, once": (
        calendar("DURATION:PT30M", start="DTSTART:20221017T100000Z"), ONCE),
    "parts in another order": (
        calendar("DURATION:PT30M", "RRULE:BYDAY=FR,MO;WKST=SU;INTERVAL=1;FREQ=WEEKLY"),
        "FREQ=WEEKLY;BYDAY=MO,FR"),
    "an end at the last start": (
        calendar("DURATION:PT30M", "RRULE:FREQ=DAILY;UNTIL=20221020T100000Z"),
        "FREQ=DAILY;UNTIL=20221020"),
    "an end just before it": (
        calendar("DURATION:PT30M", "RRULE:FREQ=DAILY;UNTIL=20221020T095959Z"),
        "FREQ=DAILY;UNTIL=20221019"),
    "an end that is a day": (
        calendar("DURATION:PT30M", "RRULE:FREQ=DAILY;UNTIL=20221020"),
        "FREQ=DAILY;UNTIL=20221020"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAKEN)
def test_calendars_of_other_programs_are_understood(hub: Hub, what: str) -> None:
    """17:00 stays 17:00."""
    content, rrule = TAKEN[what]
    line = only(hub, content)

    assert (line.rrule, line.starts_at, line.seconds) == (rrule, time(17), 1800)
    assert line.first == MONDAY


def test_a_rule_that_began_elsewhere_long_ago_is_counted_from_there(
    hub: Hub, made: Programme, clock: ManualClock
) -> None:
    """A person may not write down a first day that is over; a calendar has one, and means it."""
    clock.move_to(clock.now() + 60 * A_DAY)
    rule = "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"
    taken(hub, calendar("DURATION:PT30M", rule))
    later = "DTSTART;TZID=Asia/Ho_Chi_Minh:20221024T170000"
    taken(hub, calendar("DURATION:PT45M", rule, start=later))

    [line] = lines(hub).values()
    assert (line.valid_from, line.seconds) == (MONDAY + 7 * A_DAY, 2700)


REFUSED: dict[str, str] = {
    "whole days": calendar("RRULE:FREQ=DAILY", start="DTSTART;VALUE=DATE:20221017"),
    "another zone": calendar("DURATION:PT30M", "RRULE:FREQ=WEEKLY;BYDAY=MO",
                             start="DTSTART;TZID=Europe/Berlin:20221017T170000"),
    "every hour": calendar("DURATION:PT30M", "RRULE:FREQ=HOURLY"),
    "the second to last Friday": calendar("DURATION:PT30M", "RRULE:FREQ=MONTHLY;BYDAY=-2FR"),
    "a position": calendar("DURATION:PT30M", "RRULE:FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1"),
    "two rules": calendar("DURATION:PT30M", "RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY"),
    "single days": calendar("DURATION:PT30M", "RDATE:20221019T170000"),
    "no length": calendar("RRULE:FREQ=DAILY"),
    "two days long": calendar("DURATION:P2D", "RRULE:FREQ=DAILY"),
    "no beginning": calendar("DURATION:PT30M", start="X-NOTHING:1"),
    "no name": calendar("DURATION:PT30M", uid=""),
    "never": calendar("DURATION:PT30M", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
    "a change of nothing": calendar("DURATION:PT30M", "RECURRENCE-ID:20221019T170000"),
    "weeks from Sunday on": calendar(
        "DURATION:PT30M", "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_a_line_is_told_event_by_event(hub: Hub, made: Programme, what: str) -> None:
    """With the event's own title, beside all others; nothing is taken."""
    good = calendar("DURATION:PT30M", "RRULE:FREQ=DAILY", uid="good@x")
    both = REFUSED[what].replace("END:VCALENDAR\r\n", "") + good.split("PRODID:x\r\n")[1]

    with pytest.raises(FileRefused) as refused:
        taken(hub, both)

    [problem] = refused.value.problems
    assert str(problem).startswith("Họp dân: ")
    assert lines(hub) == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"hello", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", b"A" * (6 << 20)],
)
def test_what_is_no_calendar_is_said_to_be_none(hub: Hub, content: bytes) -> None:
    """No traceback for a spreadsheet with the wrong name."""
    with pytest.raises(NoCalendar):
        read_calendar(content, "x.ics", hub.settings.zone)


@given(garbage=st.binary(max_size=200), at=st.integers(0, 400))
@settings(max_examples=80, deadline=None)
def test_garbage_in_a_calendar_is_refused_and_nothing_else(garbage: bytes, at: int) -> None:
    """Whatever a file holds: a calendar, or a sentence."""
    good = calendar("DURATION:PT30M", "RRULE:FREQ=DAILY;COUNT=3").encode()

    with contextlib.suppress(NoCalendar, FileRefused):
        read_calendar(good[:at] + garbage + good[at:], "x.ics", HA_NOI)


def test_all_refusals_of_the_timetable_are_told_at_once(hub: Hub, made: Programme) -> None:
    """An overlap within the calendar, a programme that is missing: per event, and nothing stays."""
    first = calendar("DURATION:PT30M", "RRULE:FREQ=DAILY", uid="a")
    second = calendar("DURATION:PT30M", "RRULE:FREQ=DAILY", uid="b")
    both = first.replace("END:VCALENDAR\r\n", "") + second.split("PRODID:x\r\n")[1]

    with pytest.raises(FileRefused) as refused:
        taken(hub, both)
    with pytest.raises(FileRefused) as homeless:
        taken(hub, both, defaults=Defaults())

    assert len(refused.value.problems) == 1
    assert "overlaps" in str(refused.value.problems[0])
    assert len(homeless.value.problems) == 2
    assert lines(hub) == {}
    assert [one.what for one in taken(hub, first)] == ["added"]
    assert [one.what for one in taken(hub, first)] == ["unchanged"]


# ── Any rule ───────────────────────────────────────────────────────────────────────────────────


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    names = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
    weekdays = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    nth = draw(st.sampled_from(["1", "2", "3", "4", "-1"]))
    kinds = {
        "DAILY": "",
        "WEEKLY": f";BYDAY={','.join(weekdays)}",
        "MONTHLY": draw(st.sampled_from([f";BYDAY={nth}{weekdays[0]}", ";BYMONTHDAY=15"])),
    }
    kind = draw(st.sampled_from(sorted(kinds)))
    every = draw(st.integers(1, 4))
    interval = f";INTERVAL={every}" if every > 1 else ""
    begin = draw(st.dates(date(2022, 10, 17), date(2030, 12, 31)))
    last = begin + draw(st.integers(130, 400)) * A_DAY
    end = draw(st.sampled_from(["", f";COUNT={draw(st.integers(1, 20))}", f";UNTIL={last:%Y%m%d}"]))
    minute = draw(st.integers(0, 1439))
    return Rule(
        time(minute // 60, minute % 60), draw(st.integers(1, 240)) * 60,
        f"FREQ={kind}{interval}{kinds[kind]}{end}", begin, draw(st.sampled_from([None, last])),
    )  # fmt: skip


def line_of(rule: Rule) -> Slot:
    unit = Unit(code="35", name="Hà Nam", level="tỉnh", valid_from=date(2020, 1, 1))
    return Slot(
        id=1, title="x", unit=unit, programme_id=1, programme_class="normal", kind="programme",
        starts_at=rule.starts_at, seconds=rule.seconds, rrule=rule.rrule, late_ok_s=0,
        no_repeat_days=7, valid_from=rule.valid_from, valid_to=rule.valid_to, exceptions=[],
        targets=[SlotTarget(unit=unit, excluded=False)],
        created_at=datetime(2022, 10, 16, 13, tzinfo=UTC),
    )  # fmt: skip


@given(
    rule=rules(),
    zone=st.sampled_from(
        ["Asia/Ho_Chi_Minh", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"]
    ).map(ZoneInfo),
)
@settings(max_examples=50, deadline=None)
def test_any_rule_airs_the_same_after_a_journey(rule: Rule, zone: ZoneInfo) -> None:
    """In zones with summer time too: what a calendar carries are the same days and times."""
    content = write_calendar([line_of(rule)], "x", Desk(zone, "x", translator("vi", zone), MONDAY))

    [line] = read_calendar(content, "x.ics", zone)
    back = Rule(line.starts_at, line.seconds, line.rrule, line.first, None)

    last = rule.valid_from + 500 * A_DAY
    assert list(occurrences(back, rule.valid_from, last, zone)) == list(
        occurrences(rule, rule.valid_from, last, zone)
    )


def test_a_series_travels_by_its_name(hub: Hub, made: Programme) -> None:
    """Its line comes back without a change, and is made anew where the series is known."""
    with hub.database.write() as session:
        session.add(Series(name="Gương thoát nghèo", order_by="number", created_at=hub.clock.now()))
    line = add_slot(
        hub,
        SlotDetails(
            title="Chuyên mục", unit_code="35", audience=("unit:35",), programme_id=None,
            starts_at=time(17), seconds=900, series="Gương thoát nghèo", valid_from=MONDAY,
        ),
        by=someone(hub, "editor"),
    )  # fmt: skip
    content = exported(hub)
    assert [one.what for one in taken(hub, content)] == ["unchanged"]
    with hub.database.write() as session:
        session.get_one(Slot, line.id).removed_at = hub.clock.now()

    [one] = taken(hub, content)

    assert one.what == "added"
    [new] = lines(hub).values()
    assert (new.series.name if new.series else None, new.programme_id) == (
        "Gương thoát nghèo", None,
    )  # fmt: skip
