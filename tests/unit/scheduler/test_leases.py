"""One worker at a station, whoever dies, freezes or comes too late."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import time, timedelta

import pytest

from scheduler import dispatch
from scheduler.config import PushSettings
from scheduler.errors import LeaseLost
from scheduler.leases import Claim, Lease, back_off, claim, finish, give_back, renew
from scheduler.store.states import DeliveryState
from tests.builders import programme
from tests.unit.scheduler.scene import MONDAY, Scene

LEASE = timedelta(seconds=120)
SECOND = timedelta(seconds=1)


def claimed(scene: Scene, worker: str = "a") -> Claim:
    dispatch.admit(scene.hub)
    found = claim(scene.hub, scene.station("s13579").id, worker)
    assert found is not None
    return found


def at_once(count: int, work: Callable[[int], object]) -> list[object]:
    """Start so many threads at one instant; what each gave, or its exception."""
    barrier = threading.Barrier(count)
    results: list[object] = [None] * count

    def run(number: int) -> None:
        barrier.wait(30)
        try:
            results[number] = work(number)
        except Exception as error:  # noqa: BLE001 - told to the test
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_of_many_workers_at_once_exactly_one_gets_the_station(scene: Scene) -> None:
    """Fault 23: a claim is one conditional step; the others go away with nothing."""
    scene.night("13579")
    dispatch.admit(scene.hub)
    station_id = scene.station("s13579").id

    results = at_once(6, lambda n: claim(scene.hub, station_id, f"worker-{n}"))

    [won] = [one for one in results if isinstance(one, Claim)]
    assert [one for one in results if one is not won] == [None] * 5
    [delivery] = scene.deliveries()
    assert (delivery.state, delivery.attempts) == (DeliveryState.LEASED, 1)
    assert [attempt.worker for attempt in scene.attempts()] == [won.leases[0].worker]


def test_a_claim_takes_all_days_of_a_station_earliest_first(scene: Scene) -> None:
    """One connection a visit: nobody is dialled seven times a night."""
    scene.night("13579", valid_to=MONDAY + timedelta(days=2))

    found = claimed(scene)

    assert [one.for_date for one in found.deliveries] == [
        MONDAY + timedelta(days=n) for n in range(3)
    ]


def test_a_day_that_becomes_due_meanwhile_waits_for_the_worker_who_is_there(scene: Scene) -> None:
    """Two at one station would write over each other's side files."""
    scene.night("13579")
    claimed(scene)
    tuesday = MONDAY + timedelta(days=1)
    scene.slot(programme(scene.base, "Thứ ba"), valid_from=tuesday, valid_to=tuesday)
    scene.plan()
    assert dispatch.admit(scene.hub) != []

    assert claim(scene.hub, scene.station("s13579").id, "b") is None

    assert {one.for_date: one.state for one in scene.deliveries()} == {
        MONDAY: DeliveryState.LEASED, tuesday: DeliveryState.QUEUED,
    }  # fmt: skip


def test_a_dead_workers_delivery_is_due_again_when_its_lease_ends(scene: Scene) -> None:
    """Promise 4: nothing stays claimed for ever, and nothing is taken away too early."""
    scene.night("13579")
    claimed(scene)

    scene.clock.advance(LEASE)
    assert dispatch.admit(scene.hub) == []
    assert claim(scene.hub, scene.station("s13579").id, "b") is None
    scene.clock.advance(SECOND)
    again = claimed(scene, "b")

    assert (again.leases[0].attempt, again.leases[0].worker) == (2, "b")


def test_a_worker_that_lives_keeps_its_claim(scene: Scene) -> None:
    """A long upload renews it from the progress of the bytes."""
    scene.night("13579")
    first = claimed(scene)

    for _ in range(5):
        scene.clock.advance(LEASE - SECOND)
        renew(scene.hub, first.leases)
        assert dispatch.admit(scene.hub) == []

    assert scene.deliveries()[0].state is DeliveryState.LEASED


@pytest.mark.parametrize("late", ["finish", "renew", "give_back"])
def test_what_a_frozen_worker_says_too_late_changes_nothing(scene: Scene, late: str) -> None:
    """Fault 24: the fencing number of the new claim is higher, the old one is refused."""
    scene.night("13579")
    frozen = claimed(scene, "frozen")
    scene.clock.advance(LEASE + SECOND)
    fresh = claimed(scene, "fresh")

    if late == "finish":
        with pytest.raises(LeaseLost):
            finish(scene.hub, frozen.leases[0], sent=(), manifest_sha256="0" * 64)
    elif late == "renew":
        with pytest.raises(LeaseLost):
            renew(scene.hub, frozen.leases)
    else:
        give_back(scene.hub, frozen.leases, code="link_down", fields={}, retry=True)

    [delivery] = scene.deliveries()
    assert (delivery.state, delivery.worker, delivery.attempts) == (
        DeliveryState.LEASED, "fresh", 2,
    )  # fmt: skip
    assert (delivery.delivered_at, delivery.error_code) == (None, None)
    finish(scene.hub, fresh.leases[0], sent=(), manifest_sha256="1" * 64)
    assert scene.deliveries()[0].state is DeliveryState.DELIVERED


def test_the_same_worker_name_in_two_lives_is_two_holders(scene: Scene) -> None:
    """After a restart a process may bear the same name: the attempt tells them apart."""
    scene.night("13579")
    first = claimed(scene, "same")
    scene.clock.advance(LEASE + SECOND)
    claimed(scene, "same")

    with pytest.raises(LeaseLost):
        finish(scene.hub, first.leases[0], sent=(), manifest_sha256="0" * 64)


def test_a_newer_plan_stops_the_worker_that_brings_the_old_one(scene: Scene) -> None:
    """A superseded day is not finished: the newer one goes out instead."""
    scene.night("13579")
    old = claimed(scene)
    other = programme(scene.base, "Tin buổi trưa")
    scene.slot(other, at=time(11))
    scene.plan()

    with pytest.raises(LeaseLost):
        renew(scene.hub, old.leases)
    with pytest.raises(LeaseLost):
        finish(scene.hub, old.leases[0], sent=(), manifest_sha256="0" * 64)

    assert [one.state for one in scene.deliveries()] == [
        DeliveryState.SUPERSEDED, DeliveryState.DUE,
    ]  # fmt: skip


def test_a_day_that_changed_since_it_was_planned_goes_out_under_a_new_seq(scene: Scene) -> None:
    """A station that saw the old content under the old seq would refuse the new one."""
    scene.night("13579")
    scene.change(scene.airings()[0], late_ok_s=1)

    found = claimed(scene)

    assert [one.seq for one in found.deliveries] == [2]
    assert [(one.seq, one.state) for one in scene.deliveries()] == [
        (1, DeliveryState.SUPERSEDED), (2, DeliveryState.LEASED),
    ]  # fmt: skip


def test_a_failed_try_waits_and_a_doubled_message_does_not_shorten_it(scene: Scene) -> None:
    """The back-off holds for messages that come late or twice, too."""
    scene.night("13579")
    first = claimed(scene)
    give_back(
        scene.hub, first.leases, code="unreachable", fields={"host": "h", "port": 22}, retry=True
    )

    assert claim(scene.hub, scene.station("s13579").id, "late message") is None
    scene.clock.advance(timedelta(seconds=30 * 1.2 + 1))
    assert claimed(scene).leases[0].attempt == 2
    [delivery] = scene.deliveries()
    assert (delivery.error_code, delivery.error_fields) == (
        "unreachable", {"host": "h", "port": "22"},
    )  # fmt: skip


def test_the_back_off_doubles_up_to_its_cap_and_spreads() -> None:
    """30 s, 60 s, 120 s … 30 min, give or take a fifth; a hundred do not come back together."""
    push = PushSettings()

    def waits(attempt: int) -> list[float]:
        return [
            back_off(push, Lease(delivery, attempt, "w")).total_seconds() for delivery in range(200)
        ]

    for attempt in (1, 2, 3, 6, 7, 8, 30, 10_000):
        wanted = min(30 * 2 ** (attempt - 1), 1800)
        assert 0.8 * wanted <= min(waits(attempt)) < 0.9 * wanted
        assert 1.1 * wanted < max(waits(attempt)) <= 1.2 * wanted
    assert len(set(waits(1))) > 100
    assert waits(3) == waits(3)


def test_an_error_that_needs_a_person_is_not_tried_again(scene: Scene) -> None:
    """A changed host key is not solved by knocking once more."""
    scene.night("13579")
    give_back(scene.hub, claimed(scene).leases, code="host_key_changed", fields={}, retry=False)

    scene.clock.advance(timedelta(hours=3))

    assert dispatch.admit(scene.hub) == []
    assert scene.deliveries()[0].state is DeliveryState.FAILED


@pytest.mark.parametrize("code", ["unreachable", None])
def test_a_day_that_is_over_ends_with_the_error_that_stood_last(
    scene: Scene, code: str | None
) -> None:
    """Fault 22: hopeless is said, with the true reason where there is one."""
    scene.night("13579")
    if code is not None:
        give_back(scene.hub, claimed(scene).leases, code=code, fields={}, retry=True)
    last = scene.deliveries()[0].last_air_at

    scene.clock.move_to(last)
    dispatch.admit(scene.hub, ignore_windows=True)
    assert scene.deliveries()[0].state is DeliveryState.QUEUED
    scene.clock.advance(timedelta(minutes=6))
    dispatch.admit(scene.hub, ignore_windows=True)

    [delivery] = scene.deliveries()
    assert delivery.state is DeliveryState.FAILED
    assert delivery.error_code == (code or "window_over")
