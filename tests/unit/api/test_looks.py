"""Many who ask for the same get one look, and none that is older than their question."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from api.looks import SLICE_S, Looks
from scheduler.clock import ManualClock
from scheduler.hub import Hub


def commit(hub: Hub) -> None:
    with hub.database.write() as session:
        session.execute(text("UPDATE person SET failed_sign_ins = failed_sign_ins + 1"))


def count(hub: Hub) -> int:
    with hub.database.read() as session:
        return int(session.execute(text("SELECT max(failed_sign_ins) FROM person")).scalar_one())


def test_look_is_shared_until_something_is_committed(hub: Hub) -> None:
    looks, made = Looks(hub), []

    def make() -> int:
        made.append(count(hub))
        return made[-1]

    assert [looks.get("it", make) for _ in range(3)] == [0, 0, 0]
    commit(hub)
    assert [looks.get("it", make) for _ in range(3)] == [1, 1, 1]
    assert len(made) == 2


def test_names_are_kept_apart(hub: Hub) -> None:
    looks = Looks(hub)
    assert looks.get("one", lambda: "a") == "a"
    assert looks.get("two", lambda: "b") == "b"
    assert looks.get("one", lambda: "c") == "a"


def test_look_ends_with_its_slice_of_time(hub: Hub, clock: ManualClock) -> None:
    """What follows from the clock alone is seconds old at most."""
    looks = Looks(hub)
    assert looks.get("it", lambda: "before") == "before"
    clock.advance(timedelta(seconds=SLICE_S))
    assert looks.get("it", lambda: "after") == "after"


def test_what_fails_is_not_kept(hub: Hub) -> None:
    """The error goes to the one who asked; the next one may look."""
    looks = Looks(hub)

    def fail() -> str:
        raise LookupError

    with pytest.raises(LookupError):
        looks.get("it", fail)
    assert looks.get("it", lambda: "well") == "well"


def test_fifty_at_once_get_one_look(hub: Hub) -> None:
    looks, everybody, made = Looks(hub), threading.Barrier(50), []

    def make() -> int:
        made.append(1)
        return len(made)

    def ask() -> int:
        everybody.wait(30)
        return looks.get("it", make)

    with ThreadPoolExecutor(50) as pool:
        found = [one.result() for one in [pool.submit(ask) for _ in range(50)]]

    assert (set(found), made) == ({1}, [1])


def test_nobody_sees_less_than_there_was_when_they_asked(hub: Hub) -> None:
    """While somebody writes without a pause, looks are shared and still never stale."""
    looks, stop = Looks(hub), threading.Event()
    made: list[int] = []

    def make() -> int:
        made.append(count(hub))
        return made[-1]

    def write() -> None:
        while not stop.is_set():
            commit(hub)

    def read() -> int:
        for _ in range(25):
            least = count(hub)
            assert looks.get("it", make) >= least
        return 25

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            asked = sum(one.result() for one in [pool.submit(read) for _ in range(8)])
    finally:
        stop.set()
        writer.join()

    assert asked == 200
    assert len(made) < asked, "those who waited shared what began after they came"
