"""One day of a slot that differs at one unit or one station alone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from api.i18n import translator
from api.whywords import story_document
from scheduler import people, releases, series, slots
from scheduler.errors import AlreadyExists, InputInvalid, NotFound, OutsideUnit, SlotsOverlap
from scheduler.exceptions import Decision, decide, take_back
from scheduler.grid import entries
from scheduler.store.models import Person, Slot
from scheduler.store.states import AiringState
from scheduler.units import find_unit
from scheduler.why import find_airing, why
from tests.builders import programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene, local

TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
HERE, THERE = "s13579", "s13591"  # of two communes


@pytest.fixture
def daily(scene: Scene) -> Slot:
    """Every day at 05:00 for five minutes at two stations, planned for a week."""
    return scene.night("13579", "13591", valid_to=None)


def change(scene: Scene, slot: Slot, place: str | None, on: date = TUESDAY, **more: Any) -> None:
    decision = Decision(on, "Mất điện theo lịch", place=place, **more)
    decide(scene.base, slot.id, decision, by=more.pop("by", None) or someone(scene.base, "editor"))


def heard(scene: Scene, code: str, last: date = WEDNESDAY) -> list[tuple[datetime, int]]:
    return [(one.planned_at, one.programme_id) for one in scene.airings(code)
            if one.state is not AiringState.CANCELLED and one.broadcast_date <= last]  # fmt: skip


def times(scene: Scene, code: str, last: date = WEDNESDAY) -> list[datetime]:
    return [at for at, _ in heard(scene, code, last)]


AS_ALWAYS = [local("05:00"), local("05:00", TUESDAY), local("05:00", WEDNESDAY)]


@pytest.mark.parametrize("place", ["station:s13579", "unit:13579"])
def test_one_place_is_left_out_for_one_day(scene: Scene, daily: Slot, place: str) -> None:
    """There alone; its day goes out again under a higher number, nobody else's does."""
    change(scene, daily, place)
    result = scene.plan()

    assert times(scene, HERE) == [local("05:00"), local("05:00", WEDNESDAY)]
    assert times(scene, THERE) == AS_ALWAYS
    assert (result.airings_cancelled, result.deliveries_new) == (1, 1)
    again = scene.plan()
    assert (again.airings_added, again.airings_changed, again.airings_cancelled) == (0, 0, 0)


def test_one_place_is_moved_and_the_others_air_as_always(scene: Scene, daily: Slot) -> None:
    """Tuesday's 05:00 becomes Wednesday's 11:00, beside Wednesday's own, at that station."""
    change(scene, daily, "station:s13579", moved_on=WEDNESDAY, moved_at=time(11))
    scene.plan()

    assert times(scene, HERE) == [local("05:00"), local("05:00", WEDNESDAY),
                                  local("11:00", WEDNESDAY)]  # fmt: skip
    assert times(scene, THERE) == AS_ALWAYS


def test_one_place_plays_another_programme(scene: Scene, daily: Slot) -> None:
    """On that day, and no other place on any day."""
    storm = programme(scene.base, "Tin bão", ms=60_000)
    change(scene, daily, "unit:13579", programme_id=storm.id)
    scene.plan()

    own = daily.programme_id
    assert [which for _, which in heard(scene, HERE)] == [own, storm.id, own]
    assert [which for _, which in heard(scene, THERE)] == [own] * 3


def test_the_nearest_decision_counts(scene: Scene, daily: Slot) -> None:
    """The whole day is skipped, the commune moved, the station plays something else: it does."""
    storm = programme(scene.base, "Tin bão", ms=60_000)
    change(scene, daily, None)
    change(scene, daily, "unit:13579", moved_on=TUESDAY, moved_at=time(11))
    scene.plan()
    assert times(scene, HERE)[1] == local("11:00", TUESDAY)
    assert times(scene, THERE) == [local("05:00"), local("05:00", WEDNESDAY)]

    change(scene, daily, "station:s13579", programme_id=storm.id)
    scene.plan()
    assert heard(scene, HERE)[1] == (local("05:00", TUESDAY), storm.id)
    assert len(heard(scene, HERE)) == 3

    by = someone(scene.base, "editor")
    take_back(scene.base, daily.id, TUESDAY, by=by, place="station:s13579")
    take_back(scene.base, daily.id, TUESDAY, by=by)
    scene.plan()
    assert times(scene, HERE)[1] == local("11:00", TUESDAY)
    assert times(scene, THERE) == AS_ALWAYS


@pytest.mark.parametrize("of", ["unit", "station"])
def test_the_calendar_of_one_place_knows_the_nearest_decision_too(
    scene: Scene, daily: Slot, of: str
) -> None:
    """The province decides after the commune; which is nearer, all their stations say."""
    change(scene, daily, "unit:13579", moved_on=TUESDAY, moved_at=time(11))
    change(scene, daily, "unit:35", moved_on=TUESDAY, moved_at=time(17))
    scene.plan()
    assert times(scene, HERE)[1] == local("11:00", TUESDAY)

    with scene.hub.database.read() as session:
        place: dict[str, Any] = {"station_id": scene.station(HERE).id}
        if of == "unit":
            place = {"unit_ids": {find_unit(session, "13579", TUESDAY).id}}
        shown = entries(scene.hub, session, MONDAY, 3, **place)
    assert [one.starts_at for one in shown] == times(scene, HERE)


def test_the_calendar_of_one_place_reads_the_audience_that_is_asked_for(scene: Scene) -> None:
    """A line was given to another commune, and that is not released: it airs where it was."""
    scene.stations("13579", "13591")
    for n, its in enumerate(("unit:13579", "station:s13579", "unit:35")):
        made = programme(scene.base, f"Tin {n}")
        scene.slot(made, at=time(5 + n), audience=(its,), valid_to=None)
    editor = someone(scene.base, "editor")
    with scene.base.database.read() as session:
        first, second, third = (one.id for one in slots.list_slots(session))
    for number in (first, second):
        slots.edit_slot(scene.base, number, {"audience": ("unit:13591",)}, by=editor)

    def shown(code: str, *, released: bool) -> list[int]:
        with scene.base.database.read() as session:
            here = scene.station(code).id
            found = entries(scene.base, session, MONDAY, 1, station_id=here, released=released)
        return [one.slot.id for one in found]

    assert shown(HERE, released=True) == [first, second, third]
    assert shown(HERE, released=False) == [third]
    assert shown(THERE, released=True) == [third]
    assert shown(THERE, released=False) == [first, second, third]


def test_who_hears_a_day_later_hears_its_own_episode(scene: Scene) -> None:
    """Tuesday's episode, not the next one; earlier or later, also when the others had it."""
    scene.stations("13579", "13591")
    editor = someone(scene.base, "editor")
    made = [programme(scene.base, f"Tập {n}") for n in range(1, 5)]
    series.add_series(scene.base, "Chuyện làng", by=editor)
    for number, one in enumerate(made, start=1):
        series.put_into_series(scene.base, one.id, "Chuyện làng", episode=number, by=editor)
    details = slots.SlotDetails(
        title="Chuyện làng", unit_code="35", audience=("unit:35",), programme_id=None,
        series="Chuyện làng", seconds=300, starts_at=time(5), valid_from=MONDAY,
    )  # fmt: skip
    daily = slots.add_slot(scene.base, details, by=editor)
    scene.plan()
    change(scene, daily, "station:s13579", moved_on=WEDNESDAY, moved_at=time(11))
    change(scene, daily, "station:s13591", on=WEDNESDAY, moved_on=MONDAY, moved_at=time(4))
    scene.plan()

    one, two, three, _ = (made.id for made in made)
    assert [which for _, which in heard(scene, HERE)] == [one, three, two]
    assert [which for _, which in heard(scene, THERE)] == [three, one, two]
    scene.clock.move_to(local("06:00", TUESDAY))  # the others have heard it
    scene.plan()
    assert heard(scene, HERE)[-1] == (local("11:00", WEDNESDAY), two)


def test_a_move_of_one_place_is_held_against_what_airs_there(scene: Scene, daily: Slot) -> None:
    """Only there: what airs at the other station at that time is no obstacle."""
    noon = programme(scene.base, "Tin trưa")
    scene.slot(noon, at=time(11), audience=("station:s13591",), valid_to=None)

    change(scene, daily, "station:s13579", moved_on=TUESDAY, moved_at=time(11))
    with pytest.raises(SlotsOverlap):
        change(scene, daily, "station:s13591", moved_on=TUESDAY, moved_at=time(11))

    with pytest.raises(SlotsOverlap):  # nor may a new line take the time it was moved to
        scene.slot(programme(scene.base, "Họp"), at=time(11, 2), audience=("station:s13579",),
                   valid_from=TUESDAY, valid_to=TUESDAY)  # fmt: skip


def test_what_cannot_be_is_refused(scene: Scene, daily: Slot) -> None:
    """Each with a sentence; nothing is written."""
    with pytest.raises(NotFound):
        change(scene, daily, "station:nirgends")
    with pytest.raises(NotFound):
        change(scene, daily, "unit:1")
    with pytest.raises(InputInvalid):
        change(scene, daily, "xã Đạo Lý")
    with pytest.raises(InputInvalid):  # a commune without a station
        change(scene, daily, "unit:13594")
    change(scene, daily, "unit:13579")
    with pytest.raises(AlreadyExists):
        change(scene, daily, "unit:13579")
    with pytest.raises(NotFound):
        take_back(scene.base, daily.id, TUESDAY, by=someone(scene.base, "editor"))


def of_commune(scene: Scene, code: str) -> Person:
    with scene.base.database.write() as session:
        people.add_person(
            session, username=f"xa{code}", full_name="Cán bộ xã", role="commune",
            unit=find_unit(session, code, MONDAY), now=scene.clock.now(), by="test",
        )  # fmt: skip
        return people.find_person(session, f"xa{code}")


def test_a_commune_may_change_a_normal_line_of_the_province_at_home(scene: Scene) -> None:
    """Where it lies, and nowhere else; a priority one it may not."""
    normal = scene.night("13579", "13591", valid_to=None)
    urgent = scene.slot(programme(scene.base, "Ưu tiên"), at=time(6), valid_to=None,
                        programme_class="priority")  # fmt: skip
    officer = of_commune(scene, "13579")
    reason = "Tang lễ"

    decide(scene.base, normal.id, Decision(TUESDAY, reason, place="unit:13579"), by=officer)
    for slot_id, place in ((normal.id, "unit:13591"), (normal.id, "station:s13591"),
                           (normal.id, None), (urgent.id, "unit:13579")):  # fmt: skip
        with pytest.raises(OutsideUnit):
            decide(scene.base, slot_id, Decision(TUESDAY, reason, place=place), by=officer)


def test_the_story_of_an_airing_tells_the_decision_of_its_place(scene: Scene, daily: Slot) -> None:
    """At the other station nothing was decided, and nothing is told."""
    change(scene, daily, "station:s13579")
    scene.plan()

    with scene.base.database.read() as session:
        stories = {
            code: why(scene.base, session, airing)
            for code in (HERE, THERE)
            if (airing := find_airing(session, scene.station(code), local("05:00", TUESDAY)))
        }
    assert [detail.code for detail in stories[HERE].links[0].details] == ["exception_skip"]
    assert stories[HERE].links[0].code == "slot_skip"
    assert stories[THERE].links[0].details == ()
    for language in ("vi", "en"):
        document = story_document(stories[HERE], translator(language, scene.base.settings.zone))
        assert "Đài 13579: Editor" in document["links"][0]["details"][0]["sentence"]


def test_the_calendar_shows_it_where_it_is(scene: Scene, daily: Slot) -> None:
    """Two entries on that day: those who hear it as always, and the one that was moved."""
    change(scene, daily, "station:s13579", moved_on=TUESDAY, moved_at=time(11))

    with scene.base.database.read() as session:
        shown = entries(scene.base, session, TUESDAY, 1)
    assert [(one.starts_at, len(one.station_ids), one.rule_day) for one in shown] == [
        (local("05:00", TUESDAY), 1, TUESDAY), (local("11:00", TUESDAY), 1, TUESDAY),
    ]  # fmt: skip


def test_the_effect_of_a_release_counts_only_who_hears_it(scene: Scene, daily: Slot) -> None:
    """A place that is left out on a day does not gain by a change of that day."""
    change(scene, daily, "station:s13579")
    slots.edit_slot(scene.base, daily.id, {"starts_at": time(5, 10)},
                    by=someone(scene.base, "editor"))  # fmt: skip

    with scene.base.database.read() as session:
        waiting = releases.pending(session)
        [effect] = releases.effects(scene.base, session, waiting, first=MONDAY)
    days = scene.base.settings.plan.days_ahead
    assert (effect.added, effect.removed) == (2 * days - 1, 2 * days - 1)


def test_what_is_decided_about_today_is_done_today(scene: Scene, daily: Slot) -> None:
    """Also taken back on the day itself; what else was planned for it stays."""
    noon = scene.slot(programme(scene.base, "Tin trưa"), at=time(11), valid_to=None)
    scene.plan()
    scene.clock.move_to(local("07:00"))
    change(scene, noon, "station:s13579", on=MONDAY)
    scene.plan()

    assert times(scene, HERE, MONDAY) == [local("05:00")]
    assert times(scene, THERE, MONDAY) == [local("05:00"), local("11:00")]
    by = someone(scene.base, "editor")
    take_back(scene.base, noon.id, MONDAY, by=by, place="station:s13579")
    scene.plan()
    assert times(scene, HERE, MONDAY) == [local("05:00"), local("11:00")]
