"""Planning: as often as one likes, by as many as one likes, with the same rows."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import date, time, timedelta

import pytest
from sqlalchemy import select

from scheduler import dispatch, planday, planner, programmes, slots
from scheduler.leases import claim
from scheduler.slots import SlotDetails
from scheduler.store.models import Programme, Rendition
from scheduler.store.states import AiringState, DeliveryState
from tests.builders import person, programme, someone, stations
from tests.unit.scheduler.scene import MONDAY, ONE_DAY, Scene, local
from tests.unit.scheduler.test_leases import at_once

TUESDAY = MONDAY + timedelta(days=1)
WEEK = {"valid_from": MONDAY, "valid_to": None}
D, A = DeliveryState, AiringState


def days(scene: Scene) -> list[tuple[date, int, D]]:
    return [(one.for_date, one.seq, one.state) for one in scene.deliveries()]


def facts(scene: Scene) -> tuple[object, ...]:
    airings = [vars(one) for one in scene.airings()]
    deliveries = [vars(one) for one in scene.deliveries()]
    for row in (*airings, *deliveries):
        row.pop("_sa_instance_state")
    return airings, deliveries


def remove(scene: Scene, slot_id: int) -> None:
    slots.remove_slot(scene.base, slot_id, by=someone(scene.base, "editor"))


def test_a_week_ahead_is_planned_in_local_days(scene: Scene) -> None:
    """Seven days from tomorrow, each with its airing, its broadcast date and its delivery."""
    scene.night("13579", **WEEK)

    wanted = [MONDAY + timedelta(days=n) for n in range(7)]
    assert [one.broadcast_date for one in scene.airings()] == wanted
    assert [one.planned_at for one in scene.airings()] == [local("05:00", on) for on in wanted]
    assert days(scene) == [(on, n, D.DUE) for n, on in enumerate(wanted, start=1)]


def test_planning_again_changes_nothing_at_all(scene: Scene) -> None:
    """Ticks come twice; the second one leaves no trace."""
    scene.night("13579", "13285", **WEEK)
    before = facts(scene)

    result = scene.plan()

    assert facts(scene) == before
    assert (result.airings_added, result.airings_changed, result.airings_cancelled) == (0, 0, 0)
    assert (result.deliveries_new, result.deliveries_superseded) == (0, 0)


def test_planners_at_once_give_the_rows_of_one(scene: Scene) -> None:
    """Fault 23, promise 3: two schedulers never plan one airing twice."""
    scene.stations("13579", "13285")
    scene.slot(programme(scene.base, "Tin sáng"), **WEEK)

    results = at_once(3, lambda n: planner.plan(scene.base))

    added = [one.airings_added for one in results if isinstance(one, planner.PlanResult)]
    assert sorted(added) == [0, 0, 14]
    assert len(scene.airings()) == 14
    assert [one.seq for one in scene.deliveries()] == [*range(1, 8)] * 2


def test_a_planner_and_a_worker_at_once_never_take_the_same_seq(scene: Scene) -> None:
    """A worker that finds a changed day gives it a newer seq, while the planner does the same."""
    scene.night("13579", **WEEK)
    scene.slot(programme(scene.base, "Tin trưa"), at=time(11), **WEEK)
    dispatch.admit(scene.hub)
    station_id = scene.station("s13579").id

    def work(number: int) -> object:
        if number == 0:
            return planner.plan(scene.base)
        return dispatch.visit_station(scene.hub, station_id, worker=f"w{number}")

    results = at_once(3, work)

    assert [one for one in results if isinstance(one, Exception)] == []
    seqs = [one.seq for one in scene.deliveries()]
    assert len(seqs) == len(set(seqs))
    current = [one.for_date for one in scene.deliveries() if one.state is not D.SUPERSEDED]
    assert sorted(current) == [MONDAY + timedelta(days=n) for n in range(7)]


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_seq_that_a_worker_took_while_we_planned_is_not_taken_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planner looks once more when it has the station to itself; SQLite has one writer."""
    first = scene.night("13579")
    scene.change(scene.airings()[0], late_ok_s=1)  # the day is not what was written down
    scene.change(first, late_ok_s=2)
    dispatch.admit(scene.hub)
    look = planday.DayAirings.found

    def claimed_meanwhile(airings: planday.DayAirings, on: date) -> object:
        if on == MONDAY:  # later days find the station locked
            with ThreadPoolExecutor(1) as other:
                other.submit(claim, scene.hub, scene.station("s13579").id, "w").result(30)
        return look(airings, on)

    monkeypatch.setattr(planday.DayAirings, "found", claimed_meanwhile)
    scene.plan()

    assert days(scene) == [
        (MONDAY, 1, D.SUPERSEDED), (MONDAY, 2, D.SUPERSEDED), (MONDAY, 3, D.DUE),
    ]  # fmt: skip


def test_a_changed_slot_supersedes_its_days_with_higher_seqs(scene: Scene) -> None:
    """The station obeys the higher seq; the old delivery is no more anybody's work."""
    first = scene.night("13579")
    other = programme(scene.base, "Bản tin khác")
    scene.change(first, programme_id=other.id, late_ok_s=60)

    result = scene.plan()

    assert (result.airings_changed, result.deliveries_superseded) == (1, 1)
    [airing] = scene.airings()
    assert (airing.programme_id, airing.late_ok_s, airing.state) == (other.id, 60, A.PLANNED)
    assert days(scene) == [(MONDAY, 1, D.SUPERSEDED), (MONDAY, 2, D.DUE)]


def test_a_removed_slot_cancels_what_was_to_come_and_empties_the_day(scene: Scene) -> None:
    """The station gets a day without it; put back, the airing is planned again."""
    first = scene.night("13579")
    remove(scene, first.id)
    scene.plan()

    assert [one.state for one in scene.airings()] == [A.CANCELLED]
    assert days(scene)[-1] == (MONDAY, 2, D.DUE)

    scene.change(first, removed_at=None)
    scene.plan()
    assert [one.state for one in scene.airings()] == [A.PLANNED]
    assert days(scene)[-1] == (MONDAY, 3, D.DUE)


def test_what_has_begun_is_history(scene: Scene) -> None:
    """Neither a removed slot nor a plan for a day that is over touches it."""
    first = scene.night("13579")
    scene.clock.move_to(local("05:00") + timedelta(seconds=1))
    remove(scene, first.id)

    scene.plan(first=MONDAY, days=1)

    assert [one.state for one in scene.airings()] == [A.PLANNED]
    assert [state for _, _, state in days(scene)] == [D.DUE]


@pytest.mark.parametrize("state", [A.AIRED, A.MISSED, A.UNKNOWN, A.LATE, A.PARTIAL])
def test_what_is_proved_is_never_planned_anew(scene: Scene, state: A) -> None:
    """A changed slot changes the future only."""
    first = scene.night("13579")
    scene.change(scene.airings()[0], state=state)
    scene.change(first, late_ok_s=1)

    scene.plan()

    [airing] = scene.airings()
    assert (airing.state, airing.late_ok_s) == (state, 600)


def test_a_programme_airs_until_its_last_day(scene: Scene) -> None:
    """ "Until the 18th" airs on the 18th and not on the 19th."""
    made = scene.night("13579", **WEEK)
    with scene.base.database.write() as session:
        session.get_one(Programme, made.programme_id).expires_on = TUESDAY

    scene.plan()

    assert {(one.broadcast_date <= TUESDAY, one.state) for one in scene.airings()} == {
        (True, A.PLANNED), (False, A.CANCELLED),
    }  # fmt: skip


def test_a_withdrawn_programme_leaves_every_day_to_come(scene: Scene) -> None:
    """What an approver takes back goes on air nowhere; the plan says which slot is without."""
    made = scene.night("13579", **WEEK)
    approver = person(scene.base, "duyet", "approver")
    programmes.withdraw(scene.base, made.programme_id, by=approver, reason="sai tên\0\nngười")

    result = scene.plan()

    assert {one.state for one in scene.airings()} == {A.CANCELLED}
    assert [str(one) for one in result.warnings] == [
        '17/10/2022 to 23/10/2022 (7 times): "Gương thoát nghèo" stays silent: '
        '"Gương thoát nghèo" was withdrawn.'
    ]


def test_a_programme_encoded_anew_goes_out_anew(scene: Scene) -> None:
    """Other bytes are another file: the day gets a new delivery, the airing its new length."""
    made = scene.night("13579")
    content = b"encoded again" * 99
    sha256 = hashlib.sha256(content).hexdigest()
    (scene.base.renditions / f"{sha256}.mp3").write_bytes(content)
    with scene.base.database.write() as session:
        found = session.scalars(
            select(Rendition).where(Rendition.programme_id == made.programme_id)
        )
        for rendition in found:
            rendition.sha256, rendition.size_bytes, rendition.ms = sha256, len(content), 299_000

    scene.plan()

    assert [one.ms for one in scene.airings()] == [299_000]
    assert days(scene) == [(MONDAY, 1, D.SUPERSEDED), (MONDAY, 2, D.DUE)]


def test_a_programme_that_waits_for_its_encoding_is_named(scene: Scene) -> None:
    """The airing is planned, the day goes out when there is something to send."""
    made = scene.night("13579")
    with scene.base.database.write() as session:
        [rendition] = session.scalars(
            select(Rendition).where(Rendition.programme_id == made.programme_id)
        )
        session.delete(rendition)

    result = scene.plan()

    assert result.waiting == (made.title,)
    assert [one.state for one in scene.airings()] == [A.PLANNED]


def test_a_station_without_a_computer_gets_airings_and_no_delivery(scene: Scene) -> None:
    """A person will say whether it aired; there is nothing to push to."""
    stations(scene.base, ["13579"], kind="person", host="")
    scene.slot(programme(scene.base, "Tin sáng"))

    scene.plan()

    assert len(scene.airings()) == 1
    assert scene.deliveries() == []


def test_a_station_that_lost_its_computer_is_owed_no_delivery_any_more(scene: Scene) -> None:
    """Its open day is replaced by nothing, instead of waiting for ever."""
    scene.night("13579")
    scene.change(scene.station("s13579"), kind="person")

    scene.plan()

    assert days(scene) == [(MONDAY, 1, D.SUPERSEDED)]


def test_a_station_out_of_service_is_planned_for_no_more(scene: Scene) -> None:
    """Its airings are cancelled, not missed."""
    scene.night("13579", "13285")
    scene.change(scene.station("s13285"), active=False)

    scene.plan()

    assert [one.state for one in scene.airings("s13285")] == [A.CANCELLED]
    assert [one.state for one in scene.airings("s13579")] == [A.PLANNED]


def test_urgent_goes_before_priority_goes_before_normal(scene: Scene) -> None:
    """At one moment one programme airs: the most urgent one."""
    scene.stations("13579")
    made = {name: programme(scene.base, name) for name in ("normal", "urgent", "priority")}
    scene.slot(made["normal"])
    for name in ("urgent", "priority"):
        slots.add_slot(
            scene.base,
            SlotDetails(
                title=name, unit_code="35", audience=("unit:35",), programme_id=made[name].id,
                starts_at=time(5 if name == "urgent" else 6), programme_class=name, **ONE_DAY,
            ),
            by=someone(scene.base, "editor"),
        )  # fmt: skip

    scene.plan()

    assert [(one.planned_at, one.programme_class) for one in scene.airings()] == [
        (local("05:00"), "urgent"), (local("06:00"), "priority"),
    ]  # fmt: skip
