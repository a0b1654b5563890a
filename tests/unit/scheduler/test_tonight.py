"""A day and the stations tonight are the same whether few rows are read or very many counted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from scheduler.board import late_stations, station_board
from scheduler.people import open_session, people_of, sign_in_rows
from scheduler.standing import Standing, standing_of
from scheduler.store.models import Airing, Delivery, Forecast, Person, Station, StationUnit, Unit
from scheduler.store.states import AiringState, DeliveryState
from scheduler.tonight import Moment, moments_of_day, waits_of
from tests.unit.scheduler.scene import MONDAY, Scene, local

COMMUNES = ("13579", "13573", "13576", "13594", "13597", "13600")


@pytest.fixture
def evening(scene: Scene) -> Scene:
    """Six stations with a day of one airing: each has something else."""
    scene.night(*COMMUNES)
    ids = [scene.station(f"s{code}").id for code in COMMUNES]
    with scene.hub.database.write() as session:
        session.execute(update(Station).where(Station.id == ids[1]).values(clock_skew_s=31.0))
        session.execute(
            update(Delivery)
            .where(Delivery.station_id == ids[2])
            .values(state=DeliveryState.FAILED, error_code="auth")
        )
        session.execute(
            update(Delivery)
            .where(Delivery.station_id == ids[3])
            .values(state=DeliveryState.VERIFIED)
        )
        session.add(
            Forecast(
                station_id=ids[4], for_date=MONDAY, needed_at=local("05:00"), ready_at=None,
                bytes_left=1, kbps=256, basis="link", made_at=scene.clock.now(),
            )
        )  # fmt: skip
    return scene


def ways(scene: Scene) -> list[set[int] | None]:
    """Everywhere; the six communes; and so many units that nothing is read one by one."""
    with scene.hub.database.read() as session:
        few = set(
            session.scalars(
                select(StationUnit.unit_id).join(Station).where(Station.code.like("s13%"))
            )
        )
        every = set(session.scalars(select(Unit.id)))
    return [None, few, every | set(range(10_000, 10_500))]


def test_stations_stand_the_same_however_many_are_looked_at(evening: Scene) -> None:
    now, on = evening.clock.now(), evening.hub.today()
    with evening.hub.database.read() as session:
        found = [standing_of(session, now, on=on, unit_ids=one) for one in ways(evening)]
        board = {line.station.id: line for line in station_board(session, now, on=on)}
        late = [late_stations(session, one, on) for one in ways(evening)]

    assert found[1:] == [found[0]] * 2
    assert late == [1, 1, 1]
    told: Standing = found[0]
    assert told.watched == len(board) == len(COMMUNES)
    assert [one.code for one in told.failing] == ["s13573", "s13576", "s13597"]
    for one in told.failing:
        line = board[one.station_id]
        assert (one.problem, one.phone) == (line.problem, line.station.phone)
        assert one.delivery is not None and line.delivery is not None
        assert one.delivery.state is line.delivery.state
    assert told.soon is not None
    assert (told.soon.at, told.soon.stations, told.soon.verified) == (local("05:00"), 6, 1)


def test_a_day_is_the_same_however_it_is_read(evening: Scene) -> None:
    """Few rows are read and counted here, many are counted by the database and only named."""
    evening.clock.move_to(local("07:00"))
    now, missed = evening.clock.now(), evening.station("s13600").id
    with evening.hub.database.write() as session:
        session.execute(
            update(Airing).where(Airing.station_id == missed).values(state=AiringState.MISSED)
        )
    with evening.hub.database.read() as session:
        found = [moments_of_day(session, MONDAY, unit_ids=one, now=now) for one in ways(evening)]
        own = set(session.scalars(select(StationUnit.unit_id).filter_by(station_id=missed)))
        [alone] = moments_of_day(session, MONDAY, unit_ids=own, now=now)
        waits = [
            waits_of(session, "district", now, on=MONDAY, unit_ids=one) for one in ways(evening)
        ]

    assert found[1:] == [found[0]] * 2
    moment: Moment
    [moment] = found[0]
    assert dict(moment.counts) == {AiringState.PLANNED: 5, AiringState.MISSED: 1}
    assert [one.station.code for one in moment.airings] == [f"s{code}" for code in COMMUNES]
    assert dict(alone.counts) == {AiringState.MISSED: 1}
    assert alone.airings == tuple(one for one in moment.airings if one.station_id == missed)
    assert [one.to_confirm for one in waits] == [5, 5, 5]


def test_who_asks_is_the_same_until_a_row_changes(evening: Scene) -> None:
    """What is compared is all that would be read; an ended sign-in is nobody's."""
    database, now = evening.hub.database, evening.clock.now()
    with database.write() as session:
        person = session.scalars(select(Person).order_by(Person.id)).first()
        assert person is not None
        token = open_session(session, person, now=now, address=None, hours=1).text
    with database.read() as session:
        before = sign_in_rows(session, [token, "another"], now)
        assert before.keys() == people_of(session, [token], now).keys() == {token}
        assert sign_in_rows(session, [token], now + timedelta(hours=2)) == {}
    with database.write() as session:
        session.execute(update(Person).values(full_name="Người khác"))
    with database.read() as session:
        assert sign_in_rows(session, [token], now) != before
