"""Whatever the timetable can say travels as a calendar and comes back; what is hostile does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from api.errors import NoCalendar
from api.i18n import translator
from api.ics.bring import Defaults, bring
from api.ics.read import read_calendar
from api.ics.write import Desk, desk_of, write_calendar
from scheduler import series
from scheduler.errors import FileRefused
from scheduler.exceptions import Decision, decide, place_of
from scheduler.hub import Hub
from scheduler.programmes import get_programme
from scheduler.slots import SlotDetails, add_slot, details_of, list_slots
from scheduler.store.models import Slot, Station
from scheduler.units import stations_by_unit
from tests.builders import ha_nam, programme, slot, someone, stations
from tests.unit.scheduler.scene import MONDAY

A_DAY = timedelta(days=1)
TUESDAY = MONDAY + A_DAY
TITLES = ("Tin sáng", "Nhạc hiệu", "Nhạc nền", "Tin bão")


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def province(hub: Hub) -> Hub:
    """Two stations of two districts, four programmes, a series; the themes are there."""
    ha_nam(hub)
    stations(hub, ["13579", "13285"])
    for title in TITLES:
        programme(hub, title, ms=300_000)
    series.add_series(hub, "Nhà nông, cần biết; \\ luôn", by=someone(hub, "editor"))
    return hub


def desk(hub: Hub) -> Desk:
    return desk_of(hub, translator("vi", hub.settings.zone))


def line(hub: Hub) -> Slot:
    with hub.database.read() as session:
        [found] = list_slots(session)
    return found


def exported(hub: Hub, *codes: str) -> bytes:
    """The calendar of everybody, or of the one station of a unit."""
    with hub.database.read() as session:
        found, mine = list_slots(session), desk(hub)
        if codes:
            inside = stations_by_unit(session, MONDAY)
            units = {unit: inside[unit] for unit in inside if inside[unit]}
            here = {one for one in set().union(*units.values())
                    if station_code(hub, one) in codes}  # fmt: skip
            mine = mine.at(here, inside)
        return write_calendar(found, "Hà Nam", mine)


def station_code(hub: Hub, station_id: int) -> str:
    with hub.database.read() as session:
        return session.get_one(Station, station_id).code


def taken_over(hub: Hub, content: bytes) -> list[str]:
    """By another Loa: this one, with its line gone."""
    with hub.database.write() as session:
        for one in list_slots(session):
            one.removed_at = hub.clock.now()
    return brought(hub, content)


def brought(hub: Hub, content: bytes) -> list[str]:
    found = bring(hub, content, "x.ics", desk(hub), by=someone(hub, "editor"), defaults=Defaults())
    return [one.what for one in found]


def as_said(one: Slot) -> tuple[SlotDetails, list[tuple[Any, ...]]]:
    """Everything about a line that a person could have said, in words that travel."""
    decided = [
        (e.on, e.kind, e.moved_on, e.moved_at, e.programme_id, e.seconds, e.reason, place_of(e))
        for e in one.exceptions
    ]
    return replace(details_of(one), uid=None), sorted(decided, key=repr)


contents = st.sampled_from([
    {"programme_id": 1},
    {"series": "Nhà nông, cần biết; \\ luôn"},
    {"theme": "Gương điển hình"},
    {"items": ("programme:1", "series:Nhà nông, cần biết; \\ luôn", "programme:4")},
    {"items": ("theme:Gương điển hình", "programme:1", "programme:1")},
])  # fmt: skip
reasons = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp", "Cn", "Co")), min_size=1,
    max_size=60,
).map(lambda text: " ".join(text.split())).filter(lambda text: len(text) > 0)  # fmt: skip


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    on = MONDAY + draw(st.integers(1, 9)) * A_DAY
    place = draw(st.sampled_from([None, "unit:13579", "station:s13579", "station:s13285",
                                  "unit:353", "unit:35"]))  # fmt: skip
    kind = draw(st.sampled_from(["skip", "move", "replace", "length"]))
    more: dict[str, Any] = {}
    if kind == "length" or (kind != "skip" and draw(st.booleans())):
        more["seconds"] = draw(st.sampled_from([600, 1234]))
    if kind == "move":
        more["moved_on"] = on + draw(st.integers(-1, 3)) * A_DAY
        more["moved_at"] = time(draw(st.integers(12, 20)), draw(st.integers(0, 59)))
    elif kind == "replace":
        more["programme_id"] = 4
    return Decision(on, draw(reasons), place=place, **more)


@given(
    content=contents,
    ident=st.sampled_from([None, 2]),
    filler=st.sampled_from([None, 3]),
    no_repeat=st.integers(1, 60),
    exclude=st.sampled_from([(), ("unit:13285",)]),
    wishes=st.lists(decisions(), max_size=4, unique_by=lambda one: (one.on, one.place)),
)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_a_line_says_comes_back(
    province: Hub, content: dict[str, Any], ident: int | None, filler: int | None, no_repeat: int,
    exclude: tuple[str, ...], wishes: list[Decision],
) -> None:  # fmt: skip
    """What airs, ident, filler, and every decision with its place and its reason: none is lost."""
    hub, by = province, someone(province, "editor")
    with hub.database.write() as session:  # of the example before
        for gone in list_slots(session):
            gone.removed_at = hub.clock.now()
    rotates = "theme" in content or "items" in content
    details = SlotDetails(**{
        "title": "Buổi sáng, tin; và \\ nhạc", "unit_code": "35", "audience": ("unit:35",),
        "programme_id": None, "starts_at": time(5), "seconds": 900, "valid_from": MONDAY,
        "ident_id": ident, "filler_id": filler, "exclude": exclude,
        "no_repeat_days": no_repeat if rotates else 7, **content,
    })  # fmt: skip
    added = add_slot(hub, details, by=by)
    for one in wishes:
        if not (exclude and one.place == "station:s13285"):
            decide(hub, added.id, one, by=by)
    before, calendar = as_said(line(hub)), exported(hub)

    assert brought(hub, calendar) == ["unchanged"]
    assert taken_over(hub, calendar) == ["added"]
    assert as_said(line(hub)) == before
    assert brought(hub, exported(hub)) == ["unchanged"]
    for one in ("s13579", "s13285"):  # the calendar of one station says no less
        assert brought(hub, exported(hub, one)) == ["unchanged"]
        assert as_said(line(hub)) == before


def starts(content: bytes) -> list[datetime]:
    """When a program that knows nothing of Loa sees something sound on the Tuesday."""
    events = Calendar.from_ical(content).walk("VEVENT")
    [main] = [one for one in events if "RRULE" in one]
    found = {datetime.combine(TUESDAY, time(5))}
    if "EXDATE" in main:
        found -= {one.dt.replace(tzinfo=None) for one in main["EXDATE"].dts}
    for one in events:
        if "RECURRENCE-ID" in one:
            found -= {one["RECURRENCE-ID"].dt.replace(tzinfo=None)}
        if "RRULE" not in one:
            found.add(one["DTSTART"].dt.replace(tzinfo=None))
    return sorted(found)


def test_every_program_sees_the_day_of_its_own_place(province: Hub) -> None:
    """Moved at one station: it sees only that, the other one only the rule, the province both."""
    made = slot_of(province)
    by = someone(province, "editor")
    moved = Decision(TUESDAY, "Mất điện", TUESDAY, time(17), place="station:s13579")
    decide(province, made, moved, by=by)

    always, evening = datetime.combine(TUESDAY, time(5)), datetime.combine(TUESDAY, time(17))
    assert starts(exported(province, "s13579")) == [evening]
    assert starts(exported(province, "s13285")) == [always]
    assert starts(exported(province)) == [always, evening]
    [main, part] = Calendar.from_ical(exported(province)).walk("VEVENT")
    assert "18/10/2022, Đài 13579: phát lúc 17:00 ngày 18/10/2022. Mất điện" in main["DESCRIPTION"]
    assert part["SUMMARY"] == "Tin sáng (Đài 13579)"
    assert part["UID"] != main["UID"]


def test_a_day_of_another_length_is_one_event_with_another_duration(province: Hub) -> None:
    """As every calendar shows it; what Outlook stretches there comes back as a decision."""
    made = slot_of(province)
    by = someone(province, "editor")
    decide(province, made, Decision(TUESDAY, "Họp dân", seconds=1200), by=by)
    [main, other] = Calendar.from_ical(exported(province)).walk("VEVENT")
    assert other["RECURRENCE-ID"].dt == other["DTSTART"].dt
    assert (other["DURATION"].dt, main["DURATION"].dt) == (
        timedelta(minutes=20), timedelta(minutes=5),
    )  # fmt: skip

    stretched = exported(province).replace(b"DURATION:PT20M", b"DURATION:PT25M")
    assert brought(province, stretched) == ["changed"]
    [(one,)] = [line(province).exceptions]
    assert (one.on, one.kind, one.seconds, one.reason) == (TUESDAY, "length", 1500, "Họp dân")


def slot_of(hub: Hub) -> int:
    with hub.database.read() as session:
        made = get_programme(session, 1)
    return slot(hub, made, at=time(5), valid_from=MONDAY).id


def test_another_program_that_drops_our_own_words_loses_no_decision(province: Hub) -> None:
    """Outlook keeps what it knows; what was decided for one place then stays as it was."""
    made = slot_of(province)
    decide(province, made, Decision(TUESDAY, "Mất điện", place="unit:13579"),
           by=someone(province, "editor"))  # fmt: skip
    kept = [text for text in unfolded(exported(province)) if not text.startswith("X-LOA")]

    assert brought(province, "\r\n".join(kept).encode()) == ["unchanged"]
    assert len(line(province).exceptions) == 1


def test_a_recording_that_is_not_here_is_named_and_nothing_is_taken(province: Hub) -> None:
    """The main one, one of a list, the ident: each is a refusal, never a silent gap."""
    add_slot(province, SlotDetails(
        title="Danh sách", unit_code="35", audience=("unit:35",), programme_id=None, seconds=900,
        items=("programme:1", "programme:2"), ident_id=3, starts_at=time(5), valid_from=MONDAY,
    ), by=someone(province, "editor"))  # fmt: skip
    content = "\r\n".join(unfolded(exported(province)))
    for name in ("X-LOA-ITEM:programme:", "X-LOA-IDENT:"):
        at = content.index(name) + len(name)
        with pytest.raises(FileRefused) as refused:
            brought(province, (content[:at] + "0" * 64 + content[at + 64 :]).encode())
        assert "is not here" in str(refused.value.problems[0])
    assert brought(province, content.encode()) == ["unchanged"]


def unfolded(content: bytes) -> list[str]:
    return content.decode().replace("\r\n ", "").split("\r\n")


def test_a_decision_about_a_day_that_the_rule_no_longer_names_stays_at_home(province: Hub) -> None:
    """It changes nothing, so it must not make another Loa refuse the line."""
    made = slot_of(province)
    decide(province, made, Decision(TUESDAY, "Mất điện"), by=someone(province, "editor"))
    with province.database.write() as session:
        session.get_one(Slot, made).rrule = "FREQ=WEEKLY;BYDAY=MO"

    assert taken_over(province, exported(province)) == ["added"]


def hostile(*properties: str, wrap: int = 0) -> bytes:
    event = ["BEGIN:VEVENT", "UID:x", "SUMMARY:Họp", "DTSTART;TZID=Asia/Ho_Chi_Minh:20221017T1700",
             *properties, "END:VEVENT"]  # fmt: skip
    event[3] = "DTSTART;TZID=Asia/Ho_Chi_Minh:20221017T170000"
    deep = ["BEGIN:VEVENT"] * wrap, ["END:VEVENT"] * wrap
    body = [*deep[0], *event, *deep[1]]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *body, "END:VCALENDAR", ""]).encode()


HOSTILE = {
    "depth": hostile("DURATION:PT30M", wrap=5_000),
    "thousands of events": hostile("DURATION:PT30M", *["END:VEVENT", "BEGIN:VEVENT"] * 2_500),
    "an endless rule": hostile("DURATION:PT30M", "RRULE:FREQ=SECONDLY"),
    "a huge count": hostile("DURATION:PT30M", "RRULE:FREQ=DAILY;COUNT=" + "9" * 400),
    "a huge interval": hostile("DURATION:PT30M", "RRULE:FREQ=DAILY;INTERVAL=" + "9" * 400),
    "a year of nine digits": hostile("DURATION:PT30M", "EXDATE:999999999T000000"),
    "a negative length": hostile("DURATION:-PT30M"),
    "a decision of nonsense": hostile("DURATION:PT30M", "X-LOA-DECISION:20221018 unit:1 burn x"),
    "a decision of no day": hostile("DURATION:PT30M", "X-LOA-DECISION:20229918 unit:1 skip x"),
    "a list of nonsense": hostile("DURATION:PT30M", "X-LOA-UNIT:35", "X-LOA-ITEM:rm -rf"),
    "a long list": hostile("DURATION:PT30M", "X-LOA-UNIT:35", *["X-LOA-ITEM:theme:x"] * 400),
    "an unknown zone": hostile("DURATION:PT30M").replace(b"Asia/Ho_Chi_Minh", b"../../etc/passwd"),
    "two calendars": hostile("DURATION:PT30M") * 2,
    "a null byte": hostile("DURATION:PT30M", "LOCATION:\0"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_calendar_is_refused_in_a_sentence_and_at_once(province: Hub, what: str) -> None:
    """No traceback, no hang, and nothing of it is taken."""
    with pytest.raises((NoCalendar, FileRefused)) as refused:
        read_calendar(HOSTILE[what], "x.ics", province.settings.zone)
        brought(province, HOSTILE[what])

    assert translator("vi", province.settings.zone).error(refused.value)
    with province.database.read() as session:
        assert list_slots(session) == []


def test_dates_at_the_edge_of_time_are_no_crash(province: Hub) -> None:
    """The first year there is, and the last."""
    for year in ("00010101", "99991231"):
        content = hostile("DURATION:PT30M", "RRULE:FREQ=DAILY").replace(b"20221017", year.encode())
        with pytest.raises((NoCalendar, FileRefused)):
            brought(province, content)
    assert date.max.year == 9999
