"""What a slot airs: the next episode, a theme in rotation, a list, a language, a filler."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from scheduler import planner, programmes, releases, series, slots
from scheduler.day import day_from_rows
from scheduler.errors import AlreadyExists, InputInvalid, NotFound
from scheduler.planner import PlanResult
from scheduler.slots import SlotDetails
from scheduler.store.models import Airing, Programme, Slot, Station
from scheduler.store.states import AiringState, DeliveryState
from tests.builders import person, programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene, local

A_DAY = timedelta(days=1)
MINUTE = 60_000
THEME = "Gương điển hình"


@pytest.fixture
def stage(scene: Scene) -> Scene:
    scene.stations("13579")
    return scene


def episode(scene: Scene, number: int | None, name: str = "Nhà nông", **columns: Any) -> Programme:
    title = f"{name} {number}"
    made = programme(scene.base, title, ms=columns.pop("ms", 5 * MINUTE))
    scene.change(made, **columns)
    series.put_into_series(
        scene.base, made.id, name, episode=number, by=someone(scene.base, "editor")
    )
    return made


def about(scene: Scene, title: str, *, ms: int = 5 * MINUTE) -> Programme:
    made = programme(scene.base, title, ms=ms)
    scene.change(made, theme=THEME, approved_at=scene.clock.now())
    return made


def slot(scene: Scene, *, at: time = time(5), title: str = "Buổi sáng", **content: Any) -> Slot:
    details = SlotDetails(
        **{"title": title, "unit_code": "35", "audience": ("unit:35",), "programme_id": None,
           "starts_at": at, "seconds": 600, "valid_from": MONDAY, **content}
    )  # fmt: skip
    made = slots.add_slot(scene.base, details, by=someone(scene.base, "editor"))
    releases.release(scene.base, by=someone(scene.base, "editor"))
    return made


def plan(scene: Scene, **changes: Any) -> PlanResult:
    return planner.plan(scene.base, **changes)


def on_air(scene: Scene, code: str = "s13579", last: date | None = None) -> list[str]:
    """The titles, in order of time."""
    titles = {}
    with scene.base.database.read() as session:
        titles = dict(session.execute(select(Programme.id, Programme.title)).all())
    return [
        titles[one.programme_id]
        for one in scene.airings(code)
        if one.state is not AiringState.CANCELLED and (last is None or one.broadcast_date <= last)
    ]


def begin_series(scene: Scene, order_by: str = "number") -> None:
    editor = someone(scene.base, "editor")
    series.add_series(scene.base, "Nhà nông", order_by=order_by, by=editor)


# ── Series ─────────────────────────────────────────────────────────────────────────────────────


def test_episodes_air_in_their_order_one_a_day(stage: Scene) -> None:
    """By number, whatever the order in which they were brought; planning again changes nothing."""
    begin_series(stage)
    for number in (3, 1, 2):
        episode(stage, number)
    slot(stage, series="nha nong")

    result = plan(stage)
    assert on_air(stage) == ["Nhà nông 1", "Nhà nông 2", "Nhà nông 3"]
    assert len(result.warnings) == 1  # and four days without a new one

    again = plan(stage)
    assert (again.airings_added, again.airings_changed, again.airings_cancelled) == (0, 0, 0)


def test_a_series_by_date_airs_the_oldest_first(stage: Scene) -> None:
    """By the day on which an episode was made, not by the one on which it was brought."""
    begin_series(stage, "date")
    for number, days_ago in ((1, 1), (2, 3)):
        episode(stage, number, made_on=MONDAY - days_ago * A_DAY)
    slot(stage, series="Nhà nông")
    plan(stage)

    assert on_air(stage) == ["Nhà nông 2", "Nhà nông 1"]


def test_the_next_day_goes_on_where_the_series_was(stage: Scene) -> None:
    """Days later the planner knows what this slot has had, also when the rows were collected."""
    begin_series(stage)
    for number in range(1, 10):
        episode(stage, number)
    slot(stage, series="Nhà nông")
    plan(stage)
    stage.clock.move_to(local("12:05", MONDAY + 2 * A_DAY))
    with stage.base.database.write() as session:  # the log is not what remembers it
        session.execute(delete(Airing).where(Airing.planned_at < stage.clock.now()))
    plan(stage)

    assert on_air(stage) == [f"Nhà nông {n}" for n in range(4, 10)]


def test_a_withdrawn_episode_lets_the_following_ones_move_up(stage: Scene) -> None:
    """In order: no later episode airs before an earlier one."""
    begin_series(stage)
    made = [episode(stage, number) for number in range(1, 6)]
    slot(stage, series="Nhà nông")
    plan(stage)
    approver = person(stage.base, "duyet", "approver")
    programmes.withdraw(stage.base, made[1].id, by=approver, reason="Sai số liệu")
    plan(stage)

    assert on_air(stage) == [f"Nhà nông {n}" for n in (1, 3, 4, 5)]


def test_an_episode_that_comes_late_takes_the_next_free_day(stage: Scene) -> None:
    """What was chosen stays chosen: a day that lies on a station does not change for it."""
    begin_series(stage)
    for number in (1, 3, 4):
        episode(stage, number)
    slot(stage, series="Nhà nông")
    plan(stage)
    episode(stage, 2)
    plan(stage)

    assert on_air(stage) == [f"Nhà nông {n}" for n in (1, 3, 4, 2)]


def test_no_episode_airs_before_its_day_or_after_its_last(stage: Scene) -> None:
    """The first waits, the second has expired, the third airs."""
    begin_series(stage)
    episode(stage, 1, not_before=MONDAY + A_DAY)
    episode(stage, 2, expires_on=MONDAY - A_DAY)
    episode(stage, 3)
    slot(stage, series="Nhà nông")
    plan(stage)

    assert on_air(stage) == ["Nhà nông 3", "Nhà nông 1"]


def test_an_episode_longer_than_the_slot_is_told_and_not_passed_over(stage: Scene) -> None:
    """A person shortens it or lengthens the slot; the one behind it does not jump ahead."""
    begin_series(stage)
    episode(stage, 1, ms=20 * MINUTE)
    episode(stage, 2)
    slot(stage, series="Nhà nông")

    result = plan(stage)

    assert on_air(stage) == []
    assert '"Nhà nông 1" is longer than the slot' in str(result.warnings[0])


# ── Fillers ────────────────────────────────────────────────────────────────────────────────────


def test_a_filler_takes_the_place_of_what_was_withdrawn(stage: Scene) -> None:
    """On every day to come, in every manifest; and planning says so with the reason."""
    news, music = programme(stage.base, "Tin"), programme(stage.base, "Dân ca", ms=3 * MINUTE)
    slot(stage, programme_id=news.id, filler_id=music.id)
    plan(stage)
    approver = person(stage.base, "duyet", "approver")
    programmes.withdraw(stage.base, news.id, by=approver, reason="Sai")

    result = plan(stage)

    assert on_air(stage) == ["Dân ca"] * 7
    assert [str(one) for one in result.warnings] == [
        '17/10/2022 to 23/10/2022 (7 times): "Buổi sáng" plays its filler "Dân ca": '
        '"Tin" was withdrawn.'
    ]
    with stage.base.database.read() as session:
        day = day_from_rows(session, session.scalars(select(Station)).one(), MONDAY)
    assert [item.ms for item in day.items] == [3 * MINUTE]


def test_what_is_withdrawn_today_is_taken_out_of_today(stage: Scene) -> None:
    """The afternoon of a day that lies on the station already; the morning is history."""
    news, music = programme(stage.base, "Tin"), programme(stage.base, "Dân ca", ms=3 * MINUTE)
    for at in (time(5), time(17)):
        slot(stage, at=at, programme_id=news.id, filler_id=music.id)
    plan(stage)
    stage.clock.move_to(local("09:00"))
    new = programme(stage.base, "Tin mới")
    slot(stage, at=time(11), programme_id=new.id)
    approver = person(stage.base, "duyet", "approver")
    programmes.withdraw(stage.base, news.id, by=approver, reason="Sai")
    result = plan(stage)

    assert on_air(stage, last=MONDAY) == ["Tin", "Dân ca"]  # nothing new begins on the day itself
    assert result.airings_changed == 1 + 2 * 6
    of_today = [one.state for one in stage.deliveries() if one.for_date == MONDAY]
    assert of_today == [DeliveryState.SUPERSEDED, DeliveryState.DUE]


def test_the_filler_of_the_settings_serves_slots_without_their_own(stage: Scene) -> None:
    """Also a slot whose theme has nothing."""
    music = programme(stage.base, "Dân ca", ms=3 * MINUTE)
    slot(stage, theme=THEME)
    plans = stage.base.settings.plan.model_copy(update={"filler": music.id})
    settings = stage.base.settings.model_copy(update={"plan": plans})
    object.__setattr__(stage.base, "settings", settings)
    plan(stage)

    assert on_air(stage) == ["Dân ca"] * 7


# ── Themes ─────────────────────────────────────────────────────────────────────────────────────


def test_a_theme_rotates_without_repeating_within_its_days(stage: Scene) -> None:
    """Three programmes, nothing twice within three days, each as often as the others."""
    for name in ("Anh Ba", "Chị Hoa", "Ông Tư"):
        about(stage, name)
    slot(stage, theme=THEME, no_repeat_days=3)
    plan(stage)

    heard = on_air(stage)
    assert heard == ["Anh Ba", "Chị Hoa", "Ông Tư"] * 2 + ["Anh Ba"]
    assert plan(stage).airings_changed == 0


def test_a_station_that_heard_it_elsewhere_hears_another_one(scene: Scene) -> None:
    """One station had the programme in a slot of its own; the others hear the common choice."""
    scene.stations("13579", "13285")
    first, second = about(scene, "Anh Ba"), about(scene, "Chị Hoa")
    slot(scene, title="Riêng", at=time(4), programme_id=first.id, audience=("station:s13285",),
         valid_to=MONDAY)  # fmt: skip
    slot(scene, theme=THEME, no_repeat_days=7, valid_to=MONDAY)
    plan(scene)

    assert on_air(scene, "s13579") == [first.title]
    assert on_air(scene, "s13285") == [first.title, second.title]


def test_where_all_was_heard_lately_it_is_told_and_a_filler_airs(scene: Scene) -> None:
    """One of two stations has nothing left: the filler there, the programme at the other one."""
    scene.stations("13579", "13285")
    only, music = about(scene, "Anh Ba"), programme(scene.base, "Dân ca", ms=MINUTE)
    slot(scene, title="Riêng", at=time(4), programme_id=only.id, audience=("station:s13285",),
         valid_to=MONDAY)  # fmt: skip
    slot(scene, theme=THEME, valid_to=MONDAY, filler_id=music.id)
    result = plan(scene)

    assert on_air(scene, "s13579") == [only.title]
    assert on_air(scene, "s13285") == [only.title, music.title]
    assert "nothing for 1 stations" in str(result.warnings[-1])


def test_a_theme_that_has_ended_airs_no_more(stage: Scene) -> None:
    """Until its last day, included."""
    for name in ("Anh Ba", "Chị Hoa", "Ông Tư"):
        about(stage, name)
    slot(stage, theme=THEME, no_repeat_days=1)
    series.end_theme(stage.base, THEME, on=MONDAY + A_DAY, by=someone(stage.base, "editor"))
    plan(stage)

    assert len(on_air(stage)) == 2


# ── Lists ──────────────────────────────────────────────────────────────────────────────────────


def test_a_list_airs_one_after_the_other_with_ident_and_fillers(stage: Scene) -> None:
    """Each programme is an airing of its own; the ident is a part of the first one's sound."""
    begin_series(stage)
    episode(stage, 1, ms=2 * MINUTE)
    news, about_him = programme(stage.base, "Tin", ms=90_500), about(stage, "Anh Ba", ms=MINUTE)
    ident = programme(stage.base, "Nhạc hiệu", ms=10_000)
    music = programme(stage.base, "Dân ca", ms=2 * MINUTE)
    slot(stage, items=(f"programme:{news.id}", "series:Nhà nông", f"theme:{THEME}"),
         ident_id=ident.id, filler_id=music.id, valid_to=MONDAY)  # fmt: skip
    plan(stage)

    assert on_air(stage) == ["Tin", "Nhà nông 1", about_him.title, "Dân ca", "Dân ca"]
    at = [(one.planned_at - local("05:00")).total_seconds() for one in stage.airings()]
    assert at == [0, 101, 221, 281, 401]  # whole seconds: they name the airing
    with stage.base.database.read() as session:
        day = day_from_rows(session, session.scalars(select(Station)).one(), MONDAY)
    assert [len(item.files) for item in day.items] == [2, 1, 1, 1, 1]
    assert day.items[0].ms == 100_500
    assert day.items[1].title == "Buổi sáng: Nhà nông 1"
    assert plan(stage).airings_changed == 0


def test_a_list_over_midnight_belongs_to_both_days(stage: Scene) -> None:
    """Each airing has the local date on which it begins, and the next day's plan leaves it."""
    first, second = (programme(stage.base, name, ms=5 * MINUTE) for name in ("Một", "Hai"))
    slot(stage, at=time(23, 56), items=(f"programme:{first.id}", f"programme:{second.id}"),
         valid_to=MONDAY)  # fmt: skip
    plan(stage)
    days = [(one.broadcast_date, one.state) for one in stage.airings()]
    assert days == [(MONDAY, AiringState.PLANNED), (MONDAY + A_DAY, AiringState.PLANNED)]

    stage.clock.move_to(local("12:05"))
    assert plan(stage).airings_cancelled == 0


def test_a_list_ends_with_what_fits_whole(stage: Scene) -> None:
    """Nothing is cut off by the slot behind it."""
    made = [programme(stage.base, f"{n}", ms=4 * MINUTE) for n in range(3)]
    slot(stage, items=tuple(f"programme:{one.id}" for one in made), valid_to=MONDAY)
    plan(stage)

    assert on_air(stage) == ["0", "1"]


# ── Languages ──────────────────────────────────────────────────────────────────────────────────


def test_each_station_hears_the_variant_in_its_language(scene: Scene) -> None:
    """The first of its languages that there is; the programme itself where there is none."""
    scene.stations("13579", "13285", "13291")
    base, tay = programme(scene.base, "Tin"), programme(scene.base, "Tin tày", ms=4 * MINUTE)
    scene.change(tay, language="tyz")
    series.say_variant(scene.base, tay.id, base.id, by=someone(scene.base, "editor"))
    scene.change(scene.station("s13285"), languages=["hmn", "tyz", "vi"])
    scene.change(scene.station("s13291"), languages=["hmn"])
    slot(scene, programme_id=base.id, valid_to=MONDAY)
    plan(scene)

    heard = {code: on_air(scene, code) for code in ("s13579", "s13285", "s13291")}
    assert heard == {"s13579": ["Tin"], "s13285": ["Tin tày"], "s13291": ["Tin"]}

    approver = person(scene.base, "duyet", "approver")
    programmes.withdraw(scene.base, tay.id, by=approver, reason="Sai")
    plan(scene)
    assert on_air(scene, "s13285") == ["Tin"]


# ── What cannot be ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({}, InputInvalid),
        ({"series": "Không có"}, NotFound),
        ({"theme": "Không có"}, NotFound),
        ({"theme": THEME, "seconds": None}, InputInvalid),
        ({"theme": THEME, "no_repeat_days": 0}, InputInvalid),
        ({"items": ("theme:1", "gì đó")}, InputInvalid),
        ({"items": ("programme:999",)}, NotFound),
        ({"items": ("programme:x",)}, InputInvalid),
        ({"theme": THEME, "items": ("theme:1",)}, InputInvalid),
        ({"theme": THEME, "filler_id": 999}, NotFound),
        ({"theme": THEME, "stream": "http://live.example.vn/fm"}, InputInvalid),
    ],
)
def test_content_that_cannot_be_is_refused(
    stage: Scene, content: dict[str, Any], error: type[Exception]
) -> None:
    """Each with a sentence, and nothing is left in the timetable."""
    with pytest.raises(error):
        slot(stage, **content)
    with stage.base.database.read() as session:
        assert slots.list_slots(session) == []


def test_a_slot_changes_from_one_kind_of_content_to_another(stage: Scene) -> None:
    """A series instead of the programme, with everything else as it was."""
    begin_series(stage)
    made = slot(stage, programme_id=programme(stage.base, "Tin").id)
    editor = someone(stage.base, "editor")
    slots.edit_slot(stage.base, made.id, {"series": "Nhà nông"}, by=editor)
    with stage.base.database.read() as session:
        [line] = slots.list_slots(session)
        details = slots.details_of(line)
    assert (details.programme_id, details.series, details.seconds) == (None, "Nhà nông", 600)


def test_two_episodes_have_no_common_number(stage: Scene) -> None:
    """And no series begins twice, tones aside."""
    begin_series(stage)
    episode(stage, 1)
    with pytest.raises(AlreadyExists):
        other = programme(stage.base, "Khác")
        series.put_into_series(
            stage.base, other.id, "Nhà nông", episode=1, by=someone(stage.base, "editor")
        )
    with pytest.raises(AlreadyExists):
        series.add_series(stage.base, "nhà NÔNG", by=someone(stage.base, "editor"))


def test_the_themes_of_the_plan_are_there(stage: Scene) -> None:
    """The list of the plan, with which every Loa begins."""
    with stage.base.database.read() as session:
        names = [one.name for one in series.list_themes(session, on=MONDAY)]
    assert names == [
        "Chủ trương, đường lối, chính sách pháp luật", "Kinh nghiệm sản xuất", THEME,
        "Thông tin thiết yếu",
    ]  # fmt: skip


def test_two_stations_with_different_windows_share_one_slot(scene: Scene) -> None:
    """What airs is the same; each is visited when its own window is open."""
    scene.stations("13579")
    scene.stations("13285", push_from="20:00", push_until="21:00")
    slot(scene, programme_id=programme(scene.base, "Tin").id, valid_to=MONDAY)
    plan(scene)

    assert on_air(scene, "s13579") == on_air(scene, "s13285") == ["Tin"]
    assert len({one.content_sha256 for one in scene.deliveries()}) == 1


def test_a_station_that_was_never_reached_is_planned_for(stage: Scene) -> None:
    """Being offline is no reason to have no plan: it comes back."""
    assert stage.station("s13579").last_seen_at is None
    slot(stage, programme_id=programme(stage.base, "Tin").id)
    plan(stage)

    assert len(on_air(stage)) == 7
    assert isinstance(stage.deliveries()[0].next_try_at, datetime)
