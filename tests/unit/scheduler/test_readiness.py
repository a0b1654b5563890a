"""A station is green only when its own receipt says so; everything else has a reason."""

from __future__ import annotations

from datetime import timedelta

from scheduler import bulletins, collect, dispatch, programmes
from scheduler.bulletins import Order
from scheduler.readiness import Level, Readiness, by_moment, readiness
from scheduler.store.models import Delivery, Rendition
from scheduler.store.states import DeliveryState, RenditionState
from stations.errors import Unreachable
from tests.builders import programme, someone
from tests.unit.scheduler.scene import Scene, local

MINUTE = timedelta(minutes=1)


def look(scene: Scene) -> list[Readiness]:
    with scene.hub.database.read() as session:
        return readiness(scene.hub, session)


def found(scene: Scene) -> tuple[Level, str]:
    [row] = look(scene)
    return row.level, row.code


def verified(scene: Scene) -> None:
    """A night of one airing at 05:00, delivered, played with for five minutes, and collected."""
    scene.night("13579")
    dispatch.push(scene.hub)
    scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)
    collect.collect_station(scene.hub, scene.station("s13579").id)


def test_delivered_is_not_ready_and_verified_is(scene: Scene) -> None:
    """Green comes from the station's own reading of every file, never from our sending."""
    scene.night("13579")
    assert found(scene) == (Level.WAITING, "waiting")

    dispatch.push(scene.hub)
    assert found(scene) == (Level.WAITING, "not_confirmed")

    scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)
    collect.collect_station(scene.hub, scene.station("s13579").id)
    assert found(scene) == (Level.READY, "ready")
    [row] = look(scene)
    assert row.hash is not None
    assert (scene.root("s13579") / "in/audio" / f"{row.hash}.mp3").exists()


def test_a_day_that_changed_after_it_was_verified_is_not_green(scene: Scene) -> None:
    """The station obeys an old manifest: what it checked is not what is planned by now."""
    verified(scene)
    other = programme(scene.base, "Tin bão", ms=120_000)

    scene.change(scene.airings()[0], programme_id=other.id)

    assert found(scene) == (Level.WAITING, "changed")


def test_what_was_ordered_at_once_changes_no_day(scene: Scene) -> None:
    """No day's manifest holds it, so the station still has all of its day."""
    verified(scene)
    scene.clock.move_to(local("04:00"))
    alarm = programme(scene.base, "Lũ về, di dời ngay", ms=60_000)
    order = Order(alarm.id, ("35",), "Lũ lên nhanh")
    bulletins.issue(scene.hub, order, by=someone(scene.base, "approver"))

    [row] = [row for row in look(scene) if row.airing.bulletin_id is None]
    assert (row.level, row.code) == (Level.READY, "ready")


def test_a_withdrawn_programme_is_red_wherever_it_lies(scene: Scene) -> None:
    """A verified hash of something that must not air is no green light."""
    verified(scene)
    [airing] = scene.airings()

    programmes.withdraw(
        scene.base, airing.programme_id, by=someone(scene.base, "approver"), reason="sai số liệu"
    )

    assert found(scene) == (Level.NOT_READY, "programme_withdrawn")


def test_a_failed_delivery_is_red_with_its_error_and_the_phone(scene: Scene) -> None:
    """Who looks at the list knows why and whom to call."""
    scene.stations("13579", phone="0912345678")
    scene.slot(programme(scene.base, "Tin"))
    scene.plan()
    scene.error = Unreachable(host="10.0.0.1", port=22, detail="timed out")
    dispatch.push(scene.hub)

    [row] = look(scene)
    assert (row.level, row.code, row.station.phone) == (Level.WAITING, "failed", "0912345678")
    assert row.delivery is not None
    assert row.delivery.error_code == "unreachable"

    scene.clock.move_to(local("04:50"))
    assert found(scene) == (Level.NOT_READY, "failed")


def test_a_window_that_does_not_open_again_is_told_before_it_is_too_late(scene: Scene) -> None:
    """At 04:31 the window of the settings has closed, and 05:00 is still ahead."""
    scene.night("13579")
    scene.clock.move_to(local("04:25"))
    assert found(scene) == (Level.WAITING, "waiting")

    scene.clock.move_to(local("04:31"))

    assert found(scene) == (Level.NOT_READY, "window_closed")


def test_a_file_that_the_station_calls_wrong_is_never_green(scene: Scene) -> None:
    """One flipped bit: the next receipt says so, before the day is sent again."""
    verified(scene)
    [row] = look(scene)
    scene.change(scene.station("s13579"), distrusted=[f"{row.hash}.mp3"])

    assert found(scene) == (Level.NOT_READY, "wrong_there")


def test_a_wrong_clock_and_a_silent_box_are_not_green(scene: Scene) -> None:
    """Everything is there, and it would air at the wrong time, or not at all."""
    verified(scene)
    scene.change(scene.station("s13579"), last_seen_at=scene.clock.now() - timedelta(hours=25))
    assert found(scene) == (Level.WAITING, "silent")

    scene.change(scene.station("s13579"), clock_skew_s=-301.0)

    assert found(scene) == (Level.NOT_READY, "clock_wrong")


def test_what_is_not_encoded_says_so(scene: Scene) -> None:
    """Nothing can be sent before there is a file."""
    scene.night("13579")
    with scene.base.database.read() as session:
        rendition = session.query(Rendition).one()

    scene.change(rendition, state=RenditionState.BUILDING)
    assert found(scene) == (Level.WAITING, "being_encoded")
    scene.change(rendition, state=RenditionState.FAILED)
    assert found(scene) == (Level.NOT_READY, "encoding_failed")


def test_a_station_without_a_computer_is_counted_apart(scene: Scene) -> None:
    """It can neither be green nor red: a person confirms."""
    scene.stations("13579")
    scene.stations("13573", kind="person", host="")
    scene.slot(programme(scene.base, "Tin"))
    scene.plan()

    [due] = by_moment(look(scene))

    assert (due.total, due.count(Level.BY_HAND), len(due.open)) == (1, 1, 1)


def test_a_day_without_a_delivery_is_red(scene: Scene) -> None:
    """Somebody has to plan."""
    scene.night("13579")
    with scene.base.database.write() as session:
        session.query(Delivery).update({"state": DeliveryState.SUPERSEDED})

    assert found(scene) == (Level.NOT_READY, "no_delivery")
