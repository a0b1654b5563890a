"""Who will not have the programme in time is told in the afternoon, with what would help."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

import pytest

from scheduler import links, registry, stationedit
from scheduler.errors import InputInvalid, StationCellsInvalid
from scheduler.forecast import Choice, Outlook, choices, first_outlooks, look_ahead, read_book
from scheduler.renditions import profiles_of
from scheduler.store.models import (
    Airing,
    Attempt,
    Delivery,
    Forecast,
    LedgerEntry,
    Programme,
    Rendition,
)
from scheduler.store.states import AiringState, DeliveryState, RenditionState, moving
from scheduler.throughput import ASSUMED, MEASURED, OF_THE_LINK
from tests.builders import programme, slot
from tests.unit.scheduler.scene import MONDAY, ONE_DAY, Scene, local

MB = 1_000_000
UNITS = ("13579", "13285")


def sized(scene: Scene, title: str, size: int) -> Programme:
    """A programme whose rendition is said to have so many bytes."""
    made = programme(scene.base, title)
    with scene.base.database.write() as session:
        for rendition in session.query(Rendition).filter_by(programme_id=made.id):
            rendition.size_bytes = size
    return made


def planned(scene: Scene, *sizes: int, units: Iterable[str] = UNITS, at: int = 5) -> None:
    """Each an hour after the other on Monday, from 05:00 on; it is 20:00 on Sunday."""
    scene.stations(*units)
    for n, size in enumerate(sizes):
        slot(scene.base, sized(scene, f"Tin {n}", size), at=time(at + n), **ONE_DAY)
    scene.plan()


def ahead(scene: Scene) -> dict[str, Outlook]:
    with scene.base.database.read() as session:
        found = first_outlooks(read_book(scene.base, session))
    return {one.station.code: one for one in found}


def helpful(scene: Scene) -> dict[str, list[Choice]]:
    with scene.base.database.read() as session:
        book = read_book(scene.base, session)
        late = [one for one in first_outlooks(book) if one.is_late]
        found = choices(session, book, late, profiles_of(scene.base.settings))
    return {one.station.code: found.get(one.station.id, []) for one in late}


def visited(
    scene: Scene, code: str, *, sent: int, seconds: int, outcome: str = "delivered"
) -> None:
    """A visit of the night before that brought so much."""
    station = scene.station(code)
    began = scene.clock.now() - timedelta(days=1)
    with scene.base.database.write() as session:
        old = Delivery(
            station_id=station.id, for_date=date(2022, 10, 15), seq=90, content_sha256="x" * 64,
            generated_at=began, first_air_at=began, last_air_at=began,
            state=DeliveryState.VERIFIED, next_try_at=began, attempts=1,
        )  # fmt: skip
        session.add(old)
        session.flush()
        session.add(
            Attempt(delivery_id=old.id, number=1, worker="w", started_at=began, outcome=outcome,
                    ended_at=began + timedelta(seconds=seconds), bytes_sent=sent)
        )  # fmt: skip


def on_link(scene: Scene, *codes: str, sessions: int = 4, kbps: int | None = None) -> None:
    with scene.base.database.write() as session:
        link = links.add_link(session, name="Cột 3G", max_sessions=sessions, kbps=kbps, by="t",
                              now=scene.clock.now())  # fmt: skip
        session.flush()
        for station in registry.list_stations(session):
            if station.code in codes:
                station.link_id = link.id


def seconds(one: Outlook, since: datetime) -> float:
    assert one.ready_at is not None
    return round((one.ready_at - since).total_seconds(), 1)


# ── On what it stands ──────────────────────────────────────────────────────────────────────────


def test_before_any_measurement_the_assumption_is_said(scene: Scene) -> None:
    """256 kbit/s is 32 KB a second; a link's own figure is better than an assumption."""
    planned(scene, 3_200_000)
    on_link(scene, "s13285", kbps=512)

    found = ahead(scene)

    assert [(one.rate.kbps, one.rate.basis) for one in found.values()] == [
        (512, OF_THE_LINK), (256, ASSUMED),
    ]  # fmt: skip
    assert seconds(found["s13579"], scene.clock.now()) == 100
    assert seconds(found["s13285"], scene.clock.now()) == 50
    assert not found["s13579"].is_late


def test_a_station_that_was_visited_is_measured(scene: Scene) -> None:
    """Acknowledged bytes by the time of the visit; a visit of a few bytes says nothing."""
    planned(scene, 1_000_000)
    visited(scene, "s13579", sent=5_000_000, seconds=50)
    visited(scene, "s13285", sent=1_000, seconds=50)

    found = ahead(scene)

    assert (found["s13579"].rate.kbps, found["s13579"].rate.basis) == (800, MEASURED)
    assert found["s13285"].rate.basis == ASSUMED
    assert seconds(found["s13579"], scene.clock.now()) == 10


def test_a_visit_that_was_cut_counts_with_its_silence(scene: Scene) -> None:
    """A line that gives up every half minute is a slow line."""
    planned(scene, 1_000_000)
    visited(scene, "s13579", sent=500_000, seconds=80, outcome="link_down")

    assert ahead(scene)["s13579"].rate.kbps == 50


def test_what_lies_at_the_station_is_not_sent_again(scene: Scene) -> None:
    """Half a file of a cut visit, a programme that airs on two days, a day that is there."""
    scene.stations("13579")
    daily = sized(scene, "Tin", 4 * MB)
    slot(scene.base, daily, valid_from=MONDAY, valid_to=MONDAY + timedelta(days=2))
    scene.plan()
    assert ahead(scene)["s13579"].bytes_left == 4 * MB

    with scene.base.database.write() as session:
        first = session.query(Delivery).order_by(Delivery.for_date).first()
        assert first is not None
        session.add(Attempt(delivery_id=first.id, number=1, worker="w", bytes_sent=MB,
                            started_at=scene.clock.now(), ended_at=scene.clock.now()))  # fmt: skip
    assert ahead(scene)["s13579"].bytes_left == 3 * MB

    with scene.base.database.write() as session:
        for state in (DeliveryState.QUEUED, DeliveryState.LEASED, DeliveryState.DELIVERED):
            session.execute(moving(Delivery, state).where(Delivery.id == first.id))
    one = ahead(scene)["s13579"]
    assert (one.for_date, one.bytes_left) == (MONDAY + timedelta(days=1), 0)


def test_what_a_receipt_names_is_not_sent_again_for_a_day_that_changed(scene: Scene) -> None:
    """The day goes out anew under a higher number, with its new file alone."""
    planned(scene, 4 * MB, units=("13579",))
    with scene.base.database.write() as session:
        session.execute(moving(Airing, AiringState.ON_STATION))
    slot(scene.base, sized(scene, "Tin thêm", MB), at=time(17), **ONE_DAY)
    scene.plan()

    assert ahead(scene)["s13579"].bytes_left == MB


def test_stations_of_one_link_are_late_together_and_told_beforehand(scene: Scene) -> None:
    """Fault 22: alone each would make it; the mast cannot carry both before 05:00."""
    planned(scene, 600 * MB)
    for code in ("s13579", "s13285"):
        visited(scene, code, sent=24_000_000, seconds=1000)  # 24 KB/s: 6 h 57 min alone
    assert not any(one.is_late for one in ahead(scene).values())

    on_link(scene, "s13579", "s13285", sessions=1, kbps=192)

    found = ahead(scene)
    assert [one.is_late for one in found.values()] == [True, False]
    with scene.base.database.read() as session:
        assert session.query(Delivery).filter_by(state=DeliveryState.FAILED).count() == 0


def test_a_window_that_opens_too_late_is_seen(scene: Scene) -> None:
    """From 04:00 on there is an hour, and it needs two."""
    planned(scene, 230 * MB)
    with scene.base.database.write() as session:
        registry.find_station(session, "s13579").push_from = time(4)
        registry.find_station(session, "s13579").push_until = time(4, 30)

    one = ahead(scene)["s13579"]

    assert one.is_late
    assert one.ready_at is not None
    assert local("05:59") < one.ready_at < local("06:01")


def test_the_forecast_is_kept_for_the_pages_and_replaced_whole(scene: Scene) -> None:
    """Stations that have everything have no row any more."""
    planned(scene, 3 * MB)
    assert look_ahead(scene.base) == []
    with scene.base.database.read() as session:
        rows = session.query(Forecast).all()
        assert {(row.for_date, row.kbps, row.basis) for row in rows} == {(MONDAY, 256, ASSUMED)}
        assert len(rows) == 2

    with scene.base.database.write() as session:
        for state in (DeliveryState.QUEUED, DeliveryState.LEASED, DeliveryState.DELIVERED):
            session.execute(moving(Delivery, state).where(Delivery.for_date == MONDAY))
    look_ahead(scene.base)
    with scene.base.database.read() as session:
        assert session.query(Forecast).count() == 0


# ── What would help ────────────────────────────────────────────────────────────────────────────


def test_a_station_whose_window_is_too_short_may_be_visited_now_or_earlier(scene: Scene) -> None:
    """Both were tried; the window is to the half hour."""
    planned(scene, 230 * MB, units=("13579",))
    with scene.base.database.write() as session:
        registry.find_station(session, "s13579").push_from = time(4)
        registry.find_station(session, "s13579").push_until = time(4, 30)

    found = helpful(scene)["s13579"]

    assert [one.kind for one in found] == ["now", "window"]
    assert found[1].push_from == time(2, 30)
    with scene.base.database.write() as session:
        registry.find_station(session, "s13579").push_from = found[1].push_from
    assert not ahead(scene)["s13579"].is_late


def test_a_smaller_profile_is_proposed_where_one_is_made(scene: Scene) -> None:
    """loa-64 is too much for this line before 05:00, loa-48 is not."""
    scene.stations("13579", profile="loa-64")
    made = programme(scene.base, "Tin")
    with scene.base.database.write() as session:
        session.add(
            Rendition(
                programme_id=made.id, profile="loa-64", state=RenditionState.READY,
                sha256="a" * 64, extension="mp3", size_bytes=1200 * MB, ms=300_000,
            )
        )  # fmt: skip
    slot(scene.base, made, at=time(5), **ONE_DAY)
    scene.plan()
    visited(scene, "s13579", sent=30_000_000, seconds=1000)  # 30 KB/s: 11 h 7 min, or 8 h 20

    found = helpful(scene)["s13579"]

    assert ("profile", "loa-48") in [(one.kind, one.profile) for one in found]


def test_without_its_largest_programme_the_rest_may_be_in_time(scene: Scene) -> None:
    """The line that airs it is named."""
    planned(scene, 600 * MB, 900 * MB, units=("13579",))
    visited(scene, "s13579", sent=24_000_000, seconds=1000)

    found = helpful(scene)["s13579"]

    assert [(one.kind, one.slot_title) for one in found] == [("drop", "Tin 1")]


def test_where_nothing_helps_nothing_is_promised(scene: Scene) -> None:
    """One programme, a hundred nights."""
    planned(scene, 90_000 * MB, units=("13579",))

    one = ahead(scene)["s13579"]
    assert one.is_late
    assert one.ready_at is None
    assert helpful(scene)["s13579"] == []


# ── Changing a station ─────────────────────────────────────────────────────────────────────────


def test_one_station_gets_another_window_and_sound(scene: Scene) -> None:
    """By name, in the ledger; what is not given stays, and nonsense is refused."""
    scene.stations("13579")
    settings = scene.base.settings

    def change(no_window: bool = False, **cells: str) -> None:
        with scene.base.database.write() as session:
            station = registry.find_station(session, "s13579")
            given = stationedit.with_window(cells, station, settings, no_window)
            stationedit.edit_station(
                session, station, given, seen=None, on=scene.base.today(), by="lan",
                profiles=profiles_of(settings), now=scene.clock.now(),
            )  # fmt: skip

    change(push_from="16:00")
    change(profile="loa-64")
    station = scene.station("s13579")
    assert (station.push_from, station.push_until) == (time(16), settings.push.window_until)
    assert station.profile == "loa-64"
    change(no_window=True)
    assert scene.station("s13579").push_from is None
    with pytest.raises(InputInvalid):
        change()
    with pytest.raises(InputInvalid):
        change(push_from="01:00", no_window=True)
    with pytest.raises(StationCellsInvalid):
        change(profile="loud")
    with scene.base.database.read() as session:
        assert session.query(LedgerEntry).filter_by(what="station_changed").count() == 3
