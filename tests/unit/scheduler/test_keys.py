"""A change of a station's key: no station falls silent, however late the technician comes."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from sqlalchemy import select

from scheduler import collect, dispatch
from scheduler.keys import begin_rotation, give_up_rotation, keys_of
from scheduler.registry import find_station
from scheduler.store.models import LedgerEntry
from scheduler.store.states import AiringState, DeliveryState
from stations.errors import ManifestRefused
from stations.layout import manifest_path
from stations.manifest import open_signed, station_key
from tests.builders import programme
from tests.unit.scheduler.scene import MONDAY, Scene, local

CODE = "s13579"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def delivered(scene: Scene) -> Scene:
    """A day that lies at the station, checked and told."""
    scene.night("13579")
    dispatch.push(scene.hub)
    look(scene)
    return scene


def look(scene: Scene) -> None:
    """The player looks, says what it has, and the hub reads that."""
    scene.play(CODE, scene.clock.now(), scene.clock.now() + MINUTE)
    scene.clock.advance(2 * MINUTE)
    collect.collect_station(scene.hub, scene.station(CODE).id)


def rotate(scene: Scene) -> bytes:
    with scene.base.database.write() as session:
        return begin_rotation(scene.base, session, find_station(session, CODE), by="huong")


def at_box(scene: Scene, *keys: bytes) -> None:
    (scene.root(CODE) / "state/loa.key").write_text("\n".join(key.hex() for key in keys))


def lying(scene: Scene) -> bytes:
    return (scene.root(CODE) / manifest_path(MONDAY)).read_bytes()


def test_both_keys_sign_until_the_box_has_the_new_one(delivered: Scene) -> None:
    """Current and next: the day goes out again under both, then the next is the only one."""
    scene, old = delivered, delivered.key(CODE)
    new = rotate(scene)
    dispatch.push(scene.hub)

    assert open_signed(lying(scene), old) == open_signed(lying(scene), new)
    look(scene)  # the technician has not been there: the old key still speaks
    assert scene.station(CODE).next_key_number == 1
    assert [one.state for one in scene.deliveries()] == [DeliveryState.VERIFIED]

    at_box(scene, new, old)
    look(scene)

    station = scene.station(CODE)
    assert (station.key_number, station.next_key_number) == (1, None)
    assert keys_of(scene.base, station).all == [new]
    with scene.base.database.read() as session:
        told = list(session.scalars(select(LedgerEntry.what).order_by(LedgerEntry.seq)))
    assert told[-1] == "station_key_rotated"


def test_a_box_that_drops_the_old_key_after_that_still_airs_after_a_power_cut(
    delivered: Scene,
) -> None:
    """Its own copies of the plan were signed under both, so that a restart can read them."""
    scene, old = delivered, delivered.key(CODE)
    new = rotate(scene)
    dispatch.push(scene.hub)
    at_box(scene, new, old)
    look(scene)
    at_box(scene, new)
    (scene.root(CODE) / manifest_path(MONDAY)).unlink()  # only what it has kept itself counts

    scene.play(CODE, local("04:59"), local("05:10"))
    scene.clock.move_to(local("06:00"))
    collect.collect_station(scene.hub, scene.station(CODE).id)

    assert [one.state for one in scene.airings()] == [AiringState.AIRED]


def test_lines_of_the_day_of_the_change_stay_proof_and_later_ones_under_the_old_key_do_not(
    delivered: Scene,
) -> None:
    """What aired that morning was sealed with the old key, and nothing of it is lost."""
    scene, old = delivered, delivered.key(CODE)
    scene.play(CODE, local("04:59"), local("05:10"))
    scene.clock.move_to(local("05:20"))
    new = rotate(scene)
    at_box(scene, new, old)
    scene.play(CODE, local("05:20"), local("05:21"))
    scene.clock.move_to(local("06:00"))

    collect.collect_station(scene.hub, scene.station(CODE).id)
    collect.collect_station(scene.hub, scene.station(CODE).id)

    assert scene.station(CODE).key_number == 1
    assert [one.state for one in scene.airings()] == [AiringState.AIRED]
    keys = keys_of(scene.base, scene.station(CODE))
    assert keys.previous_of_log(MONDAY) == old
    assert keys.previous_of_log(MONDAY + timedelta(days=1)) is None


def test_asked_again_half_way_it_gives_the_same_key(delivered: Scene) -> None:
    """A technician who lost the stick on the way does not need a third key."""
    first = rotate(delivered)
    again = rotate(delivered)

    assert first == again == station_key(delivered.base.master_secret(), CODE, 1)
    assert first != delivered.key(CODE)


def test_a_change_that_is_given_up_leaves_the_key_that_the_box_has(delivered: Scene) -> None:
    """The next key signs nothing any more."""
    scene, new = delivered, rotate(delivered)
    dispatch.push(scene.hub)
    with scene.base.database.write() as session:
        give_up_rotation(scene.base, session, find_station(session, CODE), by="huong")
    dispatch.push(scene.hub)

    open_signed(lying(scene), scene.key(CODE))
    with pytest.raises(ManifestRefused):
        open_signed(lying(scene), new)


def test_a_worker_that_signs_while_the_change_begins_loses_its_claim(delivered: Scene) -> None:
    """Nothing is called delivered that only the old key can open."""
    scene = delivered
    scene.slot(programme(scene.base, "Tin trưa"), at=time(11))
    scene.plan()
    scene.on_step = lambda name: (rotate(scene), None)[1] if name == "manifest_live" else None

    visits = dispatch.push(scene.hub).visits

    assert visits[0].error is not None
    assert visits[0].error.code == "lease_lost"
    assert visits[1].delivered == 1
    station = scene.station(CODE)
    [current] = [one for one in scene.deliveries() if one.state is DeliveryState.DELIVERED]
    assert current.for_date == MONDAY
    for key in keys_of(scene.base, station).all:
        open_signed(lying(scene), key)
