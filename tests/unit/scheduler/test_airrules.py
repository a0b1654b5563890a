"""What may air when and where, said by a unit and held below it; and what would help."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest

from scheduler import airrules, people, slots
from scheduler.airrules import (
    AirRules,
    RuleBook,
    Window,
    read_window,
    remove_rules,
    set_rules,
)
from scheduler.errors import (
    InputInvalid,
    NotFound,
    OutsideUnit,
    OutsideWindow,
    SessionTooLong,
    SlotRefused,
    SlotsOverlap,
    TooManySessions,
    WindowOfOthers,
)
from scheduler.slots import SlotDetails, add_slot, edit_slot, list_slots, notices_of
from scheduler.store.models import LedgerEntry, Person, Programme, Slot
from scheduler.units import find_unit
from tests.builders import programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene

COMMUNE, OTHER = "13579", "13285"  # in the districts 353 and 347
A_DAY = timedelta(days=1)
MORNING, NOON, EVENING = (
    read_window("05:00-06:00"), read_window("11:00-11:45"), read_window("17:00-18:00"),
)  # fmt: skip


@pytest.fixture
def made(scene: Scene) -> Programme:
    scene.stations(COMMUNE, OTHER)
    return programme(scene.base, "Tin sáng", ms=900_000)


def of(scene: Scene, username: str, role: str, unit: str) -> Person:
    with scene.base.database.write() as session:
        people.add_person(
            session, username=username, full_name=username, role=role,
            unit=find_unit(session, unit, MONDAY), now=scene.clock.now(), by="test",
        )  # fmt: skip
    with scene.base.database.read() as session:
        return people.find_person(session, username)


def say(scene: Scene, unit: str = "35", by: Person | None = None, **changes: Any) -> None:
    dates = {name: changes.pop(name) for name in ("valid_from", "valid_to") if name in changes}
    by = by or someone(scene.base, "editor")
    set_rules(scene.base, unit, changes, by=by, **dates)


def add(scene: Scene, made: Programme, by: Person | None = None, **changes: Any) -> Slot:
    known: dict[str, Any] = {
        "title": "Tin sáng", "unit_code": "35", "audience": ("unit:35",),
        "programme_id": made.id, "starts_at": time(5), "seconds": 900, "valid_from": MONDAY,
    }  # fmt: skip
    details = SlotDetails(**{**known, **changes})
    return add_slot(scene.base, details, by=by or someone(scene.base, "editor"))


def holds(scene: Scene, unit: str, on: date = MONDAY) -> AirRules:
    with scene.base.database.read() as session:
        return RuleBook(session).at(find_unit(session, unit, on).id, on)


# ── Who says what ──────────────────────────────────────────────────────────────────────────────


def test_what_a_unit_says_holds_below_it_and_the_nearest_one_counts(scene: Scene) -> None:
    """The province gives windows and a cap, the district another cap; the commune has both."""
    say(scene, "35", windows=(MORNING,), session_minutes=60)
    say(scene, "353", session_minutes=30, quiet=(time(22), time(5)))

    assert holds(scene, COMMUNE) == AirRules((MORNING,), 30, None, (time(22), time(5)))
    assert holds(scene, OTHER) == AirRules((MORNING,), 60)


def test_what_is_not_named_stays_as_the_unit_has_it(scene: Scene) -> None:
    """A new cap does not forget the windows; the first day of a rule is a day of the log."""
    say(scene, windows=(MORNING, EVENING))
    say(scene, session_minutes=45)

    assert holds(scene, "35") == AirRules((MORNING, EVENING), 45)
    with scene.base.database.read() as session:
        entries = session.query(LedgerEntry).filter_by(what="air_rules_set").all()
        assert [entry.who for entry in entries] == ["editor", "editor"]


def test_a_rule_for_tet_ends_and_what_held_before_holds_again(scene: Scene) -> None:
    """Both its first and its last day are included; a rule of later days waits for them."""
    say(scene, session_minutes=30)
    say(scene, session_minutes=60, valid_from=MONDAY + 3 * A_DAY, valid_to=MONDAY + 5 * A_DAY)
    say(scene, session_minutes=15, valid_from=MONDAY + 8 * A_DAY)

    found = [holds(scene, COMMUNE, MONDAY + n * A_DAY).session_minutes for n in range(10)]

    assert found == [30, 30, 30, 60, 60, 60, 30, 30, 15, 15]


def test_a_unit_that_says_nothing_any_more_follows_those_above(scene: Scene) -> None:
    """And cannot be asked to say less than nothing."""
    say(scene, "35", session_minutes=60)
    say(scene, COMMUNE, session_minutes=15)

    remove_rules(scene.base, COMMUNE, by=someone(scene.base, "editor"))

    assert holds(scene, COMMUNE).session_minutes == 60
    with pytest.raises(NotFound):
        remove_rules(scene.base, COMMUNE, by=someone(scene.base, "editor"))
    with scene.base.database.read() as session:
        assert [row.unit.code for row in airrules.list_rules(session, MONDAY)] == ["35"]


def test_a_commune_says_what_holds_there_and_nowhere_else(scene: Scene) -> None:
    """Air windows are set locally."""
    dao = of(scene, "dao", "commune", COMMUNE)

    say(scene, COMMUNE, by=dao, windows=(EVENING,))

    assert holds(scene, COMMUNE).windows == (EVENING,)
    for unit in ("353", OTHER, "35"):
        with pytest.raises(OutsideUnit):
            say(scene, unit, by=dao, windows=(EVENING,))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"session_minutes": 0},
        {"session_minutes": 1441},
        {"sessions_a_day": 0},
        {"windows": (MORNING, Window(time(5, 30), time(7)))},
        {"windows": ()},
        {"session_minutes": 30, "valid_from": MONDAY - 2 * A_DAY},
        {"session_minutes": 30, "valid_from": MONDAY + A_DAY, "valid_to": MONDAY},
    ],
)
def test_a_rule_that_cannot_be_is_refused(scene: Scene, changes: dict[str, Any]) -> None:
    """With a sentence, and nothing is written."""
    with pytest.raises(InputInvalid):
        say(scene, **changes)

    assert holds(scene, "35") == AirRules()


@pytest.mark.parametrize("text", ["5:00-6:00", "05:00-06:00=village", "05:00-05:00", "24:00-01:00"])
def test_a_window_is_two_different_times_and_perhaps_a_level(text: str) -> None:
    """Anything else is told back."""
    with pytest.raises(InputInvalid):
        read_window(text)


# ── What is held against them ──────────────────────────────────────────────────────────────────

BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any], type[SlotRefused]]] = {
    "outside of the windows": (
        {"windows": (MORNING, NOON)}, {"starts_at": time(9)}, OutsideWindow),
    "a minute too long for it": (
        {"windows": (MORNING,)}, {"starts_at": time(5, 46)}, OutsideWindow),
    "on weekdays only, too": (
        {"windows": (NOON,)}, {"rrule": "FREQ=WEEKLY;BYDAY=SU"}, OutsideWindow),
    "once a year": ({"windows": (NOON,)}, {"rrule": "LUNAR;MONTH=3;DAY=10"}, OutsideWindow),
    "in the time of the communes": (
        {"windows": (read_window("05:00-06:00=commune"),)}, {}, WindowOfOthers),
    "longer than a session": ({"session_minutes": 10}, {}, SessionTooLong),
    "priority, too": (
        {"session_minutes": 10}, {"programme_class": "priority"}, SessionTooLong),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_breaks_a_rule_is_refused_with_two_ways_out_at_least(
    scene: Scene, made: Programme, what: str
) -> None:
    """Nothing is written; the error is a code and a sentence that names the place."""
    rules, changes, error = BROKEN[what]
    say(scene, **rules)

    with pytest.raises(error) as refused:
        add(scene, made, **changes)

    assert "Đài 13" in str(refused.value)
    assert len(refused.value.fixes) >= 2
    with scene.base.database.read() as session:
        assert list_slots(session) == []


def test_a_window_that_runs_over_midnight_holds_what_begins_after_it(
    scene: Scene, made: Programme
) -> None:
    """22:00-01:00 is one window, of whichever date."""
    say(scene, windows=(Window(time(22), time(1)),))

    add(scene, made, starts_at=time(0, 30))
    add(scene, made, starts_at=time(23, 50))

    with pytest.raises(OutsideWindow):
        add(scene, made, starts_at=time(0, 50))


def test_urgent_goes_through_everything(scene: Scene, made: Programme) -> None:
    """Windows, caps and other lines are for what can wait."""
    say(scene, windows=(NOON,), session_minutes=1, sessions_a_day=1)

    add(scene, made, programme_class="urgent", starts_at=time(3))


def test_priority_may_stand_in_anybodys_window_but_only_in_a_window(
    scene: Scene, made: Programme
) -> None:
    """It must air; the commune's evening is a good time for it, the night is not."""
    say(scene, windows=(read_window("17:00-18:00=commune"),))

    add(scene, made, programme_class="priority", starts_at=time(17))

    with pytest.raises(OutsideWindow):
        add(scene, made, programme_class="priority", starts_at=time(3))


def test_a_commune_uses_its_own_window_and_not_the_provinces(scene: Scene, made: Programme) -> None:
    """Ownership goes by who owns the line."""
    say(scene, windows=(read_window("05:00-06:00=province"), read_window("17:00-18:00=commune")))
    dao = of(scene, "dao", "commune", COMMUNE)
    own = {"unit_code": COMMUNE, "audience": (f"unit:{COMMUNE}",), "by": dao}

    add(scene, made, **own, starts_at=time(17))
    add(scene, made)

    with pytest.raises(WindowOfOthers):
        add(scene, made, **own, starts_at=time(5, 30))


def test_minutes_of_a_session_are_those_of_all_lines_in_it(scene: Scene, made: Programme) -> None:
    """Two quarters of an hour fill a cap of thirty minutes; elsewhere a third one is taken."""
    say(scene, COMMUNE, windows=(MORNING, EVENING), session_minutes=30)
    add(scene, made)
    add(scene, made, starts_at=time(5, 45))

    with pytest.raises(SessionTooLong) as refused:
        add(scene, made, starts_at=time(5, 20))

    assert "05:00" in str(refused.value)
    kinds = {fix.kind: fix.changes for fix in refused.value.fixes}
    assert kinds["exclude"] == {"exclude": ("station:s13579",)}
    add(scene, made, starts_at=time(5, 20), exclude=("station:s13579",))


def test_without_windows_what_follows_within_ten_minutes_is_one_session(
    scene: Scene, made: Programme
) -> None:
    """05:00-05:15 and 05:25 belong together, 05:26 is a session of its own."""
    say(scene, session_minutes=20)
    add(scene, made)

    with pytest.raises(SessionTooLong):
        add(scene, made, starts_at=time(5, 25))
    add(scene, made, starts_at=time(5, 26))


def test_sessions_a_day_are_counted_on_the_day_on_which_they_meet(
    scene: Scene, made: Programme
) -> None:
    """Monday is full; a line for Tuesdays is not refused, and more in one session is none more."""
    say(scene, windows=(MORNING, NOON, EVENING), sessions_a_day=2)
    add(scene, made, rrule="FREQ=WEEKLY;BYDAY=MO")
    add(scene, made, rrule="FREQ=WEEKLY;BYDAY=MO", starts_at=time(11))

    add(scene, made, rrule="FREQ=WEEKLY;BYDAY=TU", starts_at=time(17))
    add(scene, made, rrule="FREQ=WEEKLY;BYDAY=MO", starts_at=time(11, 15))
    with pytest.raises(TooManySessions) as refused:
        add(scene, made, starts_at=time(17, 20))

    days = next(fix.changes for fix in refused.value.fixes if fix.kind == "other_days")
    assert days == {"rrule": "FREQ=WEEKLY;BYDAY=TU,WE,TH,FR,SA,SU"}


def test_quiet_hours_warn_and_move_nothing(scene: Scene, made: Programme) -> None:
    """A 05:00 slot stands as it was said; where the quiet hours end at 05:00 nobody is warned."""
    early, late = add(scene, made), add(scene, made, starts_at=time(20, 50))
    with scene.base.database.read() as session:
        lines = {slot.id: slot for slot in list_slots(session)}
        quiet = [notices_of(scene.base, session, lines[one.id]).quiet for one in (early, late)]
    assert quiet == [Window(time(21), time(6)), Window(time(21), time(6))]
    assert lines[early.id].starts_at == time(5)

    say(scene, quiet=(time(22), time(5)))
    with scene.base.database.read() as session:
        assert notices_of(scene.base, session, lines[early.id]).quiet is None


# ── What would help ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "changes",
    [
        {"starts_at": time(5, 10)},
        {"starts_at": time(4, 50), "seconds": 1800},
        {"rrule": "FREQ=WEEKLY;BYDAY=MO,TU"},
        {"audience": ("unit:353",)},
        {"audience": ("unit:353", f"station:s{OTHER}")},
        {"rrule": "LUNAR;DAY=15"},
    ],
)
def test_every_proposal_is_one_that_is_taken(
    scene: Scene, made: Programme, changes: dict[str, Any]
) -> None:
    """Whoever takes one of them is not refused again."""
    add(scene, made, rrule="FREQ=WEEKLY;BYDAY=MO", audience=("unit:353",))

    with pytest.raises(SlotsOverlap) as refused:
        add(scene, made, **changes)
    fixes = [fix for fix in refused.value.fixes if fix.changes]

    assert len(fixes) >= 2
    for fix in fixes:
        taken = add(scene, made, **{**changes, **fix.changes})
        slots.remove_slot(scene.base, taken.id, by=someone(scene.base, "editor"))


def test_the_kinds_of_proposals_are_there(scene: Scene, made: Programme) -> None:
    """Another time the same day, a shorter slot, other days, without these stations."""
    add(scene, made, rrule="FREQ=WEEKLY;BYDAY=MO", audience=("unit:353",))

    with pytest.raises(SlotsOverlap) as refused:
        add(scene, made, starts_at=time(4, 40), seconds=1800)

    found = {fix.kind: fix.changes for fix in refused.value.fixes}
    assert found["shorter"] == {"seconds": 1200}
    assert found["other_days"] == {"rrule": "FREQ=WEEKLY;BYDAY=TU,WE,TH,FR,SA,SU"}
    assert found["exclude"] == {"exclude": ("station:s13579",)}
    times = [fix.changes["starts_at"] for fix in refused.value.fixes if fix.kind == "other_time"]
    assert times == [time(4, 30), time(4, 15)]


def test_where_the_day_is_full_the_other_line_is_proposed(scene: Scene, made: Programme) -> None:
    """Never fewer than two ways out, even when the line itself has none."""
    add(scene, made, starts_at=time(0), seconds=86_400)

    with pytest.raises(SlotsOverlap) as refused:
        add(scene, made)

    assert [fix.instead[:2] for fix in refused.value.fixes] == [
        ("slot", "edit"),
        ("slot", "remove"),
    ]


# ── Changing a line ────────────────────────────────────────────────────────────────────────────


def test_a_line_that_is_edited_is_checked_like_a_new_one(scene: Scene, made: Programme) -> None:
    """What cannot stand leaves it as it was; a title needs no check."""
    first = add(scene, made)
    second = add(scene, made, starts_at=time(6))
    editor = someone(scene.base, "editor")

    with pytest.raises(SlotsOverlap):
        edit_slot(scene.base, second.id, {"starts_at": time(5, 5)}, by=editor)
    say(scene, windows=(NOON,))
    edit_slot(scene.base, first.id, {"title": "Tin sớm", "late_ok_s": 0}, by=editor)

    with scene.base.database.read() as session:
        found = {slot.id: slot for slot in list_slots(session)}
    assert (found[first.id].title, found[first.id].late_ok_s) == ("Tin sớm", 0)
    assert found[second.id].starts_at == time(6)


def test_editing_says_what_changed_in_the_ledger(scene: Scene, made: Programme) -> None:
    """Before and after, by whom; nothing changed is nothing written."""
    line = add(scene, made)
    editor = someone(scene.base, "editor")
    edit_slot(scene.base, line.id, {"starts_at": time(5)}, by=editor)
    edit_slot(scene.base, line.id, {"audience": ("unit:353",), "kind": "relay_district"}, by=editor)

    with scene.base.database.read() as session:
        [entry] = session.query(LedgerEntry).filter_by(what="slot_edited").all()
    assert entry.who == "editor"
    assert entry.detail["kind"] == ["programme", "relay_district"]


def test_nobody_edits_the_line_of_another_place(scene: Scene, made: Programme) -> None:
    """Not into it, and not out of it."""
    line = add(scene, made)
    dao = of(scene, "dao", "commune", COMMUNE)

    with pytest.raises(OutsideUnit):
        edit_slot(scene.base, line.id, {"title": "x"}, by=dao)
    with pytest.raises(NotFound):
        edit_slot(scene.base, 99, {"title": "x"}, by=dao)
