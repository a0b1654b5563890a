"""Many who ask for the same get one look, and none that is older than their question."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from api.looks import SLICE_S, Looks, Together
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


def test_tasks_that_wait_share_what_begins_after_they_came() -> None:
    """Who comes while it is made gets the next one: this one may have read too early."""

    async def main() -> list[int]:
        together, made, may_end = Together(), 0, asyncio.Event()

        async def make() -> int:
            nonlocal made
            made += 1
            mine = made
            await may_end.wait()
            return mine

        asking = [asyncio.create_task(together.get("it", make))]
        await asyncio.sleep(0)
        asking += [asyncio.create_task(together.get("it", make)) for _ in range(49)]
        await asyncio.sleep(0)
        may_end.set()
        return [*await asyncio.gather(*asking), await together.get("it", make)]

    assert asyncio.run(main()) == [1, *[2] * 49, 3]


def test_tasks_get_what_was_made_before_at_the_same_version() -> None:
    """As long as nothing was committed; what was read before a commit is not given after it."""

    async def main() -> list[str]:
        together, now = Together(), "v1"

        async def ask() -> str:
            return now

        async def make() -> str:
            nonlocal now
            read, now = now, "v2"  # somebody commits while it is made
            return read

        async def get(version: str) -> str:
            return await together.get("it", make, version=version, ask=ask)

        return [await get("v1"), await get("v1"), await get("v2"), await get("v2")]

    assert asyncio.run(main()) == ["v1", "v1", "v2", "v2"]


def test_task_whose_making_fails_leaves_the_others_to_try() -> None:
    async def main() -> list[object]:
        together, tries = Together(), iter((LookupError(), None))

        async def make() -> str:
            await asyncio.sleep(0)
            if error := next(tries):
                raise error
            return "well"

        asking = (together.get("it", make) for _ in range(3))
        return await asyncio.gather(*asking, return_exceptions=True)

    failed, *others = asyncio.run(main())
    assert isinstance(failed, LookupError)
    assert others == ["well", "well"]
