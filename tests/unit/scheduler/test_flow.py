"""A night of visits in the head: who goes first, who shares with whom, who is done when."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.flow import Job, LinkSize, next_open, run

HA_NOI = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2022, 10, 16, 13, tzinfo=UTC)  # 20:00 there
ALWAYS = (time(), time())
MB = 1_000_000


def job(
    n: int, *pieces: int, link: int | None = None, kbps: int = 8000, airs: int = 9,
    window: tuple[time, time] = ALWAYS, wait_s: int = 0,
) -> Job:  # fmt: skip
    return Job(
        n, link, window, NOW + timedelta(seconds=wait_s), NOW + timedelta(hours=airs), kbps * 125,
        pieces,
    )  # fmt: skip


def done(
    *jobs: Job, links: dict[int, LinkSize] | None = None, workers: int = 16, days: float = 8
) -> dict[int, list[float | None]]:
    """Seconds from now, per station and piece."""
    found = run(jobs, links or {}, workers=workers, now=NOW, zone=HA_NOI,
                horizon=timedelta(days=days))  # fmt: skip
    return {
        key: [None if at is None else round((at - NOW).total_seconds(), 3) for at in ends]
        for key, ends in found.items()
    }


def test_one_station_takes_its_bytes_by_its_rate() -> None:
    """8 Mbit/s is a megabyte a second; each day is there when its own bytes are."""
    assert done(job(1, 2 * MB, 0, 3 * MB)) == {1: [2.0, 2.0, 5.0]}


def test_who_airs_first_goes_first_when_hands_are_few() -> None:
    """As in dispatch: the order of the first airings, whatever the order of the rows."""
    assert done(job(1, MB, airs=9), job(2, MB, airs=8), workers=1) == {1: [2.0], 2: [1.0]}


def test_visits_on_one_link_share_it_evenly() -> None:
    """Two at once on 8 Mbit/s; when the short one is done the long one has it alone."""
    links = {7: LinkSize(2, MB)}

    assert done(job(1, MB, link=7), job(2, 3 * MB, link=7), links=links) == {1: [2.0], 2: [4.0]}


def test_what_a_slow_station_leaves_of_a_link_goes_to_the_other() -> None:
    """A quarter for the slow one, three quarters for the fast one, not half for each."""
    links = {7: LinkSize(2, MB)}

    found = done(job(1, MB, link=7, kbps=2000), job(2, 3 * MB, link=7), links=links)
    assert found == {1: [4.0], 2: [4.0]}


def test_a_link_lets_in_so_many_and_the_others_wait_for_a_place() -> None:
    """Another link does not wait for this one."""
    links = {7: LinkSize(1, None)}

    found = done(job(1, MB, link=7, airs=1), job(2, MB, link=7, airs=2), job(3, MB), links=links)
    assert found == {1: [1.0], 2: [2.0], 3: [1.0]}


def test_a_visit_begins_in_its_window_and_may_end_after_it() -> None:
    """22:00-04:30: two hours from now; what is under way at its end goes on."""
    night = (time(22), time(4, 30))

    assert done(job(1, MB, window=night)) == {1: [7201.0]}
    assert done(job(1, 3600 * 9 * MB, window=night)) == {1: [7200 + 3600.0 * 9]}


def test_a_window_that_closed_while_one_waited_opens_again_the_next_day() -> None:
    """20:00-20:01, one at a time, a minute and a half each: the second goes tomorrow."""
    minute = (time(20), time(20, 1))

    found = done(job(1, 90 * MB, window=minute, airs=1), job(2, MB, window=minute), workers=1)
    assert found == {1: [90.0], 2: [86_401.0]}


def test_what_does_not_come_to_an_end_is_none() -> None:
    """Beyond the horizon nothing is promised; the days before it are."""
    assert done(job(1, MB, 10**12), days=1) == {1: [1.0, None]}


def test_a_failed_try_waits_for_its_back_off() -> None:
    """Not before its next try."""
    assert done(job(1, MB, wait_s=600)) == {1: [601.0]}


def test_nothing_to_send_is_done_at_once() -> None:
    """A day whose files all lie there is only a commit."""
    assert done(job(1, 0, 0)) == {1: [0.0, 0.0]}
    assert done() == {}


@pytest.mark.parametrize(
    ("window", "local", "wanted"),
    [
        ((time(18), time(4, 30)), "20:00", "20:00"),
        ((time(18), time(4, 30)), "04:30", "18:00"),
        ((time(18), time(4, 30)), "04:29", "04:29"),
        ((time(1), time(4)), "20:00", "01:00"),
        ((time(1), time(4)), "00:30", "01:00"),
        ((time(5), time(5)), "12:00", "12:00"),
    ],
)
def test_a_window_may_run_over_midnight(window: tuple[time, time], local: str, wanted: str) -> None:
    """Its end is no longer in it."""
    at = datetime.combine(datetime(2022, 10, 16).date(), time.fromisoformat(local), HA_NOI)
    opens = next_open(window, at.astimezone(UTC), HA_NOI)

    assert f"{opens.astimezone(HA_NOI):%H:%M}" == wanted
    assert timedelta(0) <= opens - at < timedelta(days=1)


JOBS = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from([None, 1, 2]), st.integers(100, 8000),
              st.integers(1, 12)),
    min_size=1, max_size=12,
)  # fmt: skip


@given(
    drawn=JOBS, workers=st.integers(1, 5), sessions=st.integers(1, 3), kbps=st.integers(500, 9000)
)
@settings(max_examples=300, deadline=None)
def test_no_night_is_faster_than_its_lines_and_every_one_ends(
    drawn: list[tuple[int, int | None, int, int]], workers: int, sessions: int, kbps: int
) -> None:
    """Each as slow as its own station, all of a link as slow as the link, and none for ever."""
    jobs = [job(n, mb * MB, link=link, kbps=own, airs=airs)
            for n, (mb, link, own, airs) in enumerate(drawn)]  # fmt: skip
    links = {1: LinkSize(sessions, kbps * 125), 2: LinkSize(sessions, None)}

    found = done(*jobs, links=links, workers=workers)

    for one in jobs:
        [at] = found[one.station_id]
        assert at is not None
        assert at >= one.total / one.bytes_per_s - 0.01
    on_link = [one for one in jobs if one.link_id == 1]
    last = max((found[one.station_id][0] or 0 for one in on_link), default=0.0)
    assert last >= sum(one.total for one in on_link) / (kbps * 125) - 0.01
    together = sum(one.total / one.bytes_per_s for one in jobs) + sum(
        one.total / (kbps * 125) for one in jobs
    )
    assert max(ends[0] or 0 for ends in found.values()) <= together + 1
