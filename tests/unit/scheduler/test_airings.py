"""The airing log is read in pages, counted without adding grades, and confirmed by name."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

import pytest
from sqlalchemy import select

from scheduler import people
from scheduler.airing_log import (
    Cursor,
    Log,
    LogFilter,
    airing_log,
    count_log,
    cursor_of,
    themes_in_use,
    whole_log,
)
from scheduler.airings import (
    confirm_airing,
    confirm_airings,
    day_schedule,
    object_to_airing,
    schedule,
)
from scheduler.errors import InputInvalid, NotAllowed, NotFound, OutsideUnit, WrongState
from scheduler.store import ledger
from scheduler.store.models import Airing, LedgerEntry, Person, Programme, StationUnit
from scheduler.store.states import AiringState, Grade
from scheduler.tonight import waits_of
from scheduler.units import find_unit, unit_ids_below
from tests.builders import programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene, local
from tests.unit.scheduler.test_leases import at_once

A = AiringState
AT = local("05:00")
LAST = MONDAY + timedelta(days=2)


def three_days(scene: Scene) -> None:
    """Two stations in two districts, twice a day, for three days: twelve rows."""
    scene.night("13579", "13285", valid_to=LAST)
    scene.slot(programme(scene.base, "Tin trưa"), at=time(11), valid_to=LAST)
    scene.plan()


def of_district(scene: Scene, username: str, code: str) -> Person:
    with scene.base.database.write() as session:
        people.add_person(
            session, username=username, full_name=username, role="district",
            unit=find_unit(session, code, MONDAY), now=scene.clock.now(), by="test",
        )  # fmt: skip
    with scene.base.database.read() as session:
        return {one.username: one for one in people.list_people(session)}[username]


def pages(scene: Scene, size: int, zone: timezone | None = None) -> list[tuple[datetime, int]]:
    """Every row of the log, page after page, by the key of the last one."""
    found: list[tuple[datetime, int]] = []
    after: Cursor | None = None
    for _ in range(20):
        with scene.base.database.read() as session:
            rows = airing_log(session, LogFilter(MONDAY, LAST), after=after, limit=size)
        if not rows:
            break
        found += [(row.planned_at, row.station_id) for row in rows]
        on, last_at, station_id = cursor_of(rows[-1])
        after = (on, last_at.astimezone(zone) if zone else last_at, station_id)
    return found


@pytest.mark.parametrize("size", [1, 5, 12, 100])
def test_pages_hold_every_row_once_newest_first(scene: Scene, size: int) -> None:
    """Also where two stations air at one instant and a page ends between them."""
    three_days(scene)

    found = pages(scene, size)

    assert len(found) == 12
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 12


def test_a_page_may_begin_at_an_instant_in_any_zone(scene: Scene) -> None:
    """A link may carry +07:00; SQLite compares texts, and must compare instants."""
    three_days(scene)

    assert len(pages(scene, 5, timezone(timedelta(hours=7)))) == 12


@pytest.mark.parametrize("size", [1, 5, 12])
def test_the_way_back_leads_over_the_same_rows(scene: Scene, size: int) -> None:
    """Before the oldest row lie all the others, newest first, page before page."""
    three_days(scene)
    forth = pages(scene, 100)
    back: list[tuple[datetime, int]] = []
    with scene.base.database.read() as session:
        before = cursor_of(airing_log(session, LogFilter(MONDAY, LAST))[-1])
        while rows := Log(session, LogFilter(MONDAY, LAST)).rows(before=before, limit=size):
            back = [(row.planned_at, row.station_id) for row in rows] + back
            before = cursor_of(rows[0])

    assert back == forth[:-1]


def test_a_theme_and_a_programme_narrow_rows_and_counts(scene: Scene) -> None:
    """The theme is the programme's, by any spelling; what nothing is about finds nothing."""
    three_days(scene)
    with scene.base.database.write() as session:
        noon = session.query(Programme).filter_by(title="Tin trưa").one()
        noon.theme = "Kinh nghiệm sản xuất"

    def found(**narrow: object) -> tuple[set[int], int]:
        wanted = LogFilter(MONDAY, LAST, **narrow)  # type: ignore[arg-type]
        with scene.base.database.read() as session:
            rows = airing_log(session, wanted)
            counted = sum(count_log(session, wanted).by_state.values())
        return {row.programme_id for row in rows}, counted

    assert found(theme="kinh nghiem san xuat") == found(programme_id=noon.id) == ({noon.id}, 6)
    assert found(theme="Chủ đề khác") == (set(), 0)
    assert found(theme="Kinh nghiệm sản xuất", words="không có gì") == (set(), 0)
    with scene.base.database.read() as session:
        assert themes_in_use(session) == ["Kinh nghiệm sản xuất"]


def test_the_log_is_narrowed_by_place_state_and_grade(scene: Scene) -> None:
    """A district sees its own communes on the map of that day."""
    three_days(scene)
    mine = scene.station("s13579").id
    first = scene.airings("s13579")[0]
    scene.change(first, state=A.AIRED, grade=Grade.A)

    def rows(**narrow: object) -> list[Airing]:
        with scene.base.database.read() as session:
            return airing_log(session, LogFilter(MONDAY, LAST, **narrow))  # type: ignore[arg-type]

    with scene.base.database.read() as session:
        below = unit_ids_below(session, find_unit(session, "353", MONDAY).id, MONDAY)
    assert {row.station_id for row in rows(unit_ids=below)} == {mine}
    assert len(rows(unit_ids=below)) == len(rows(station_id=mine)) == 6
    assert [row.planned_at for row in rows(state=A.AIRED)] == [first.planned_at]
    assert [row.planned_at for row in rows(grade=Grade.A)] == [first.planned_at]
    assert rows(unit_ids=[]) == []


def test_words_find_programmes_and_stations_without_their_tones(scene: Scene) -> None:
    """What somebody types on an old phone finds "Tin trưa" and the station of Đạo Lý."""
    three_days(scene)

    def keys(words: str) -> list[tuple[datetime, int]]:
        with scene.base.database.read() as session:
            rows = airing_log(session, LogFilter(MONDAY, LAST, words=words))
        return [(row.planned_at, row.station_id) for row in rows]

    noon = [key for key in keys("") if key[0].hour == 4]
    assert keys("tin trua") == noon
    mine = scene.station("s13579")
    assert {station_id for _, station_id in keys(mine.name.lower())} == {mine.id}
    assert keys("không có gì") == []


def test_whole_log_reads_over_the_ends_of_its_pages(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spreadsheet of a year holds every row once, also where one page ends and another begins."""
    three_days(scene)
    monkeypatch.setattr("scheduler.airing_log._WHOLE_LOG_PAGE", 4)

    rows = list(whole_log(scene.base.database, LogFilter(MONDAY, LAST)))

    keys = [(row.planned_at, row.station_id) for row in rows]
    assert keys == sorted(keys, reverse=True)
    assert len(set(keys)) == 12


def test_counts_keep_states_and_grades_apart(scene: Scene) -> None:
    """Cancelled is a state and no evidence; grades are never one sum."""
    three_days(scene)
    for row, (state, grade) in zip(
        scene.airings(), [(A.AIRED, Grade.A), (A.MISSED, Grade.B), (A.CANCELLED, Grade.D)],
        strict=False,
    ):  # fmt: skip
        scene.change(row, state=state, grade=grade)

    with scene.base.database.read() as session:
        counted = count_log(session, LogFilter(MONDAY, LAST))
        nothing = count_log(session, LogFilter(date(2021, 1, 1), date(2021, 1, 31)))

    assert counted.by_state == {A.AIRED: 1, A.MISSED: 1, A.CANCELLED: 1, A.PLANNED: 9}
    assert counted.by_grade == {Grade.A: 1, Grade.B: 1, Grade.D: 9}
    assert (nothing.by_state, nothing.by_grade) == ({}, {})


def test_a_days_schedule_leaves_out_what_was_cancelled(scene: Scene) -> None:
    """By time, then station: what a commune hangs on its door."""
    three_days(scene)
    scene.change(scene.airings()[0], state=A.CANCELLED)

    with scene.base.database.read() as session:
        found = day_schedule(session, MONDAY)

    assert [row.planned_at for row in found] == [AT, local("11:00"), local("11:00")]


def test_several_days_are_as_each_of_them_by_the_map_of_its_own_day(scene: Scene) -> None:
    """A station that goes to another unit in the middle is on the list of each for its days."""
    three_days(scene)
    scene.change(scene.airings("s13285")[0], state=A.CANCELLED)
    with scene.base.database.write() as session:
        old, new = (find_unit(session, code, MONDAY).id for code in ("13579", "13285"))
        served = session.query(StationUnit).filter_by(unit_id=old).one()
        served.valid_to = LAST
        session.add(StationUnit(station_id=served.station_id, unit_id=new, valid_from=LAST))

    def found(*unit_ids: int) -> dict[date, list[datetime]]:
        wanted = unit_ids or None
        with scene.base.database.read() as session:
            days = schedule(session, MONDAY, LAST + timedelta(days=1), unit_ids=wanted)
            assert days == {on: day_schedule(session, on, unit_ids=wanted) for on in days}
        return {on: [row.planned_at for row in rows] for on, rows in days.items()}

    assert [len(rows) for rows in found(old).values()] == [2, 2, 0, 0]
    assert [len(rows) for rows in found(new).values()] == [1, 2, 4, 0]
    assert found() == found(old, new)
    assert all(rows == sorted(rows) for rows in found().values())


def test_a_named_person_says_that_it_was_heard(scene: Scene) -> None:
    """Grade B, with the name, and a line in the ledger that keeps the whole note."""
    scene.night("13579")
    scene.clock.move_to(AT + timedelta(minutes=10))
    officer = of_district(scene, "lynhan", "353")
    note = "nghe rõ\0\nở cụm loa số 3 " + "x" * 600

    confirm_airing(
        scene.base, scene.station("s13579").id, AT, by=officer, aired=True, note=note
    )  # fmt: skip

    [row] = scene.airings()
    assert (row.state, row.grade) == (A.AIRED, Grade.B)
    assert row.evidence is not None
    assert (row.evidence["source"], row.evidence["who"]) == ("person", "lynhan")
    assert row.reason is not None
    assert row.reason.startswith("nghe rõ ở cụm loa số 3 x")
    with scene.base.database.read() as session:
        last = session.scalars(select(LedgerEntry).order_by(LedgerEntry.seq.desc())).first()
    assert last is not None
    assert (last.what, last.who, len(last.detail["note"])) == ("airing_confirmed", "lynhan", 500)


def test_a_person_may_put_an_own_mistake_right(scene: Scene) -> None:
    """Both words stand in the ledger; the row has the last one."""
    scene.night("13579")
    scene.clock.move_to(AT + timedelta(minutes=10))
    editor, station_id = someone(scene.base, "editor"), scene.station("s13579").id

    for aired in (True, False, True):
        confirm_airing(scene.base, station_id, AT, by=editor, aired=aired)

    assert scene.airings()[0].state is A.AIRED


def test_who_may_not_confirm_changes_nothing(scene: Scene) -> None:
    """Another district, too early, never planned, cancelled, proved."""
    scene.night("13579")
    station_id = scene.station("s13579").id
    editor, before = someone(scene.base, "editor"), scene.airings()[0]

    def refused(error: type[Exception], by: Person = editor, at: datetime = AT) -> None:
        with pytest.raises(error):
            confirm_airing(scene.base, station_id, at, by=by, aired=False)

    refused(InputInvalid)  # too early
    scene.clock.move_to(AT + timedelta(minutes=10))
    refused(OutsideUnit, by=of_district(scene, "kimbang", "350"))
    refused(NotFound, at=AT + timedelta(seconds=1))
    scene.change(before, state=A.CANCELLED)
    refused(WrongState)
    scene.change(before, state=A.PARTIAL, grade=Grade.A)
    refused(InputInvalid)

    [after] = scene.airings()
    assert (after.state, after.grade, after.evidence) == (A.PARTIAL, Grade.A, None)


def test_a_persons_word_for_a_whole_choice_is_an_entry_for_each_airing(scene: Scene) -> None:
    """What is over and untold is told, in the person's own unit; the rest is left as it was."""
    three_days(scene)
    scene.clock.move_to(local("11:02", MONDAY + timedelta(days=1)))  # the noon of that day sounds
    officer = of_district(scene, "lynhan", "353")
    mine = [row for row in scene.airings("s13579") if row.planned_at < scene.clock.now()]
    scene.change(mine[0], state=A.LATE, grade=Grade.A)
    scene.change(mine[1], state=A.UNKNOWN, grade=Grade.D)
    week = LogFilter(MONDAY, LAST)

    told = confirm_airings(scene.base, week, by=officer, aired=True, note="nghe rõ")
    again = confirm_airings(scene.base, week, by=officer, aired=False)

    assert (told, again) == (2, 0)
    rows = scene.airings("s13579")
    assert [(row.state, row.grade) for row in rows[:4]] == [
        (A.LATE, Grade.A), (A.AIRED, Grade.B), (A.AIRED, Grade.B), (A.PLANNED, Grade.D)
    ]  # fmt: skip
    assert rows[1].evidence is not None
    assert (rows[1].evidence["who"], rows[1].reason) == ("lynhan", "nghe rõ")
    assert {row.state for row in scene.airings("s13285")} == {A.PLANNED}
    with scene.base.database.read() as session:
        entries = session.query(LedgerEntry).filter_by(what="airing_confirmed").all()
        assert {one.subject for one in entries} == {
            f"station {row.station_id} {row.planned_at.isoformat()}" for row in rows[1:3]
        }
        assert ledger.verify(session) is None


def test_more_than_can_be_answered_for_is_refused_whole(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two airings wait, one may be told of at once: nothing is written."""
    scene.night("13579", "13285")
    scene.clock.move_to(AT + timedelta(hours=1))
    monkeypatch.setattr("scheduler.airings.MAX_CONFIRMED", 1)

    with pytest.raises(InputInvalid):
        confirm_airings(
            scene.base, LogFilter(MONDAY, MONDAY), by=someone(scene.base, "editor"), aired=True
        )

    assert {row.grade for row in scene.airings()} == {Grade.D}


def test_two_people_at_once_are_both_in_the_ledger(scene: Scene) -> None:
    """The row has one of the two words, whole; neither is lost."""
    scene.night("13579")
    scene.clock.move_to(AT + timedelta(minutes=10))
    station_id, editor = scene.station("s13579").id, someone(scene.base, "editor")

    at_once(
        4, lambda n: confirm_airing(scene.base, station_id, AT, by=editor, aired=n % 2 == 0)
    )  # fmt: skip

    assert scene.airings()[0].grade is Grade.B
    with scene.base.database.read() as session:
        said = session.scalars(select(LedgerEntry.what).order_by(LedgerEntry.seq)).all()
    assert said.count("airing_confirmed") == 4


def test_a_word_against_the_log_stands_beside_it(scene: Scene) -> None:
    """Neither goes away: the proof of the log, and who says otherwise; each word is an entry."""
    scene.night("13579")
    [planned] = scene.airings()
    key = (planned.station_id, planned.planned_at)
    district, technician = of_district(scene, "lynhan", "353"), someone(scene.base, "technician")
    editor = someone(scene.base, "editor")

    def says(heard: bool, by: Person = district, reason: str = "Tăng âm hỏng") -> None:
        object_to_airing(scene.base, *key, by=by, heard=heard, reason=reason)

    def stands() -> tuple[AiringState, Grade, bool | None]:
        with scene.base.database.read() as session:
            [row] = airing_log(session, LogFilter(MONDAY, MONDAY))
            contested = LogFilter(MONDAY, MONDAY, contested=True)
            found = airing_log(session, contested)
            assert count_log(session, LogFilter(MONDAY, MONDAY)).contested == len(found)
            assert sum(count_log(session, contested).by_state.values()) == len(found)
            assert found == ([row] if row.objection else [])
            waits = {role: waits_of(session, role, scene.clock.now(), on=MONDAY, unit_ids=places)
                     for role, places in (("editor", None), ("district", set()),
                                          ("technician", None))}  # fmt: skip
            assert waits["editor"].of(editor.id).contested == len(found)
            assert waits["editor"].of(district.id).contested == 0  # whose word it is
            assert waits["district"].of(editor.id).contested == 0  # of other places
            assert waits["technician"].of(editor.id).contested == 0  # may not answer
            return row.state, row.grade, row.objection.heard if row.objection else None

    with pytest.raises(InputInvalid, match="confirm it instead"):
        says(False)
    scene.clock.move_to(AT + timedelta(minutes=10))
    scene.change(planned, state=A.LATE, grade=Grade.A)
    for wrong in (
        lambda: says(True),  # what the log says
        lambda: says(False, reason=" "),
        lambda: says(False, by=technician),
        lambda: says(False, by=of_district(scene, "kimbang", "350")),
    ):
        with pytest.raises((InputInvalid, NotAllowed, OutsideUnit)):
            wrong()
    assert stands() == (A.LATE, Grade.A, None)

    says(False)
    assert stands() == (A.LATE, Grade.A, False)
    with pytest.raises(InputInvalid, match="proved this airing already"):
        confirm_airing(scene.base, *key, by=editor, aired=False)
    with pytest.raises(InputInvalid):
        says(False, by=editor)  # it stands there already
    says(True, by=editor, reason="Đã hỏi lại")
    assert stands() == (A.LATE, Grade.A, None)

    with scene.base.database.read() as session:
        entries = (
            session.query(LedgerEntry)
            .filter_by(what="airing_contested")
            .order_by(LedgerEntry.seq)
            .all()
        )
    assert [(one.who, one.detail["aired"], one.detail["proved"]) for one in entries] == [
        ("lynhan", False, "late"), (editor.username, True, "late"),
    ]  # fmt: skip
