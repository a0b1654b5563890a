"""Links that several stations share: so many visits at once, one pace for all of them."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from scheduler import dispatch, links
from scheduler.errors import AlreadyExists, FileRefused, InputInvalid, LinkInUse
from scheduler.hub import Hub
from scheduler.leases import claim
from scheduler.stationimport import import_stations
from scheduler.store.models import Link
from stations.pace import Pace
from tests.builders import ON, programme, stations_csv
from tests.unit.scheduler.scene import MONDAY, Scene, local

MAST = "Cột 3G Bình Lục"
UNITS = ("13579", "13285", "13288", "13291")


def add(hub: Hub, name: str = MAST, sessions: int = 2, kbps: int | None = None) -> Link:
    with hub.database.write() as session:
        return links.add_link(
            session, name=name, max_sessions=sessions, kbps=kbps, by="test", now=hub.clock.now()
        )


def one_night(scene: Scene, sessions: int = 2, kbps: int | None = None, **slot: object) -> Link:
    """Four stations behind one mast, a slot for each, the later ones first in the table."""
    link = add(scene.base, sessions=sessions, kbps=kbps)
    scene.stations(*UNITS, link=MAST)
    for hour, unit in zip((17, 11, 6, 5), UNITS, strict=True):
        scene.slot(
            programme(scene.base, unit), at=time(hour), audience=(f"station:s{unit}",), **slot
        )
    scene.plan()
    return link


def ids(scene: Scene, *units: str) -> list[int]:
    return [scene.station(f"s{unit}").id for unit in units]


def test_no_more_stations_are_admitted_than_the_link_bears(scene: Scene) -> None:
    """The nearest airings get the places; the others wait for one to be free."""
    one_night(scene, sessions=2)

    assert dispatch.admit(scene.hub) == ids(scene, "13291", "13288")
    assert dispatch.admit(scene.hub) == []
    dispatch.visit_station(scene.hub, scene.station("s13288").id, worker="w")
    assert dispatch.admit(scene.hub) == ids(scene, "13285")


def test_a_worker_that_died_gives_its_place_back(scene: Scene) -> None:
    """When its lease is over, the place is free: by the rows, not by a count that one may lose."""
    one_night(scene, sessions=1)
    [first] = dispatch.admit(scene.hub)
    assert claim(scene.hub, first, "dies") is not None
    assert dispatch.admit(scene.hub) == []

    scene.clock.advance(timedelta(seconds=scene.hub.settings.push.lease_s + 1))

    assert dispatch.admit(scene.hub) == [first]


def test_a_push_by_hand_keeps_to_the_link_and_brings_all(scene: Scene) -> None:
    """One place, four stations: one after another, until all have their day."""
    one_night(scene, sessions=1)
    open_now, most = 0, 0

    def count(name: str) -> None:
        nonlocal open_now, most
        open_now += {"connected": 1, "manifest_live": -1}.get(name, 0)
        most = max(most, open_now)

    scene.on_step = count
    result = dispatch.push(scene.hub)

    assert [visit.station_code for visit in result.visits] == [
        "s13291",
        "s13288",
        "s13285",
        "s13579",
    ]
    assert [visit.delivered for visit in result.visits] == [1, 1, 1, 1]
    assert most == 1


def test_a_station_without_a_link_waits_for_nobody(scene: Scene) -> None:
    """A full mast delays its own stations only."""
    one_night(scene, sessions=1)
    with scene.base.database.write() as session:
        import_stations(
            session, stations_csv(["13579"], link=""), name="x", now=scene.clock.now(), by="t",
            on=ON,
        )  # fmt: skip

    assert dispatch.admit(scene.hub) == ids(scene, "13291", "13579")


def test_what_is_urgent_waits_for_no_place_and_no_window(scene: Scene) -> None:
    """An emergency ignores queues and quiet lines, and goes before all others."""
    one_night(scene, sessions=1)
    assert len(dispatch.admit(scene.hub)) == 1
    scene.slot(
        programme(scene.base, "Tin khẩn"), at=time(18), audience=("station:s13579",),
        programme_class="urgent",
    )  # fmt: skip
    scene.plan()
    scene.clock.move_to(local("04:45", MONDAY))  # outside every window

    assert dispatch.admit(scene.hub) == ids(scene, "13579")


def test_logs_are_fetched_only_where_the_link_has_a_place(scene: Scene) -> None:
    """A collection is a visit too; it is asked for again at the next tick."""
    link = one_night(scene, sessions=2)
    [first, second, third, _] = ids(scene, *reversed(UNITS))
    dispatch.admit(scene.hub, stations=[first])

    with links.free_to_collect(scene.hub, second) as is_free:
        assert is_free
        assert scene.hub.lines.collecting(link.id) == 1
        with links.free_to_collect(scene.hub, third) as is_free:
            assert not is_free
        assert dispatch.admit(scene.hub) == []
    assert scene.hub.lines.collecting(link.id) == 0
    assert len(dispatch.admit(scene.hub)) == 1


def test_a_process_takes_its_part_of_the_bandwidth(scene: Scene) -> None:
    """Three visits here and one in another process: three quarters, seen in the rows."""
    link = one_night(scene, sessions=4, kbps=800)
    dispatch.admit(scene.hub)
    for station_id in ids(scene, *UNITS):
        claim(scene.hub, station_id, "somebody")
    here = [scene.station(f"s{unit}") for unit in UNITS[:3]]

    with (
        links.on_the_line(scene.hub, here[0]) as pace,
        links.on_the_line(scene.hub, here[1]) as second,
        links.on_the_line(scene.hub, here[2]),
    ):
        assert pace is second
        assert pace is not None
        assert pace.bytes_per_s == 75_000
    links.share(scene.hub, here[0])
    assert pace.bytes_per_s == 25_000
    assert link.kbps == 800


def test_a_pace_can_change_under_way() -> None:
    """What was waited for under the old pace is not waited for twice under the new one."""
    now, slept = 0.0, [0.0]
    pace = Pace(8, monotonic=lambda: now, sleep=slept.append)

    pace.spend(3_000)
    assert slept[-1] == 2.0
    now = 2.0
    pace.change(16)
    pace.spend(2_000)
    assert slept[-1] == 1.0


def test_links_are_kept_in_good_order(hub: Hub) -> None:
    """Bounds, names once, and no link is pulled away under its stations."""
    for sessions, kbps in ((0, None), (257, None), (1, 15), (1, 10_000_001)):
        with pytest.raises(InputInvalid):
            add(hub, sessions=sessions, kbps=kbps)
    with pytest.raises(InputInvalid):
        add(hub, name=" ")
    link = add(hub, kbps=2_000)
    with pytest.raises(AlreadyExists):
        add(hub)
    with hub.database.write() as session:
        found = links.find_link(session, MAST)
        links.change_link(session, found, max_sessions=3, by="t", now=hub.clock.now())
        assert (found.max_sessions, found.kbps) == (3, 2_000)
        links.change_link(session, found, is_unlimited=True, by="t", now=hub.clock.now())
        assert found.kbps is None
    with hub.database.write() as session:
        import_stations(
            session, stations_csv(["13579"], link=MAST), name="x", now=hub.clock.now(), by="t",
            on=ON,
        )  # fmt: skip
    with pytest.raises(LinkInUse), hub.database.write() as session:
        links.remove_link(session, session.get_one(Link, link.id), by="t", now=hub.clock.now())


def test_a_table_puts_stations_on_a_link_that_there_is(hub: Hub) -> None:
    """A name that nobody added is a bad row; a table without the column changes no link."""
    link = add(hub)

    def give(**columns: str) -> int | None:
        with hub.database.write() as session:
            text = stations_csv(["13579"], **columns)
            import_stations(session, text, name="x", now=hub.clock.now(), by="t", on=ON)
        with hub.database.read() as session:
            return links.list_links(session, hub.clock.now())[0].stations

    with pytest.raises(FileRefused) as refused:
        give(link="VPN")
    assert str(refused.value.problems[0]) == 'Line 2: there is no link "VPN"'
    assert [give(link=link.name), give(), give(link="")] == [1, 1, 0]
