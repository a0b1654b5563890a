from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from stations import player
from stations.asrun import AsrunDay, airings_of, read_asrun
from stations.layout import ASRUN_MAX_BYTES
from tests.unit.stations.box import KEY, MONDAY, OTHER_KEY, STATION, at

Line = Callable[..., bytes]


def sealed(key: bytes = KEY, **fields: Any) -> bytes:
    """One line as a station with this key could write it, sane unless told otherwise."""
    known = {
        "v": 1,
        "station": STATION,
        "line": 1,
        "prev": player.NO_LINE,
        "event": "started",
        "at": player.text_of(at("05:00").timestamp()),
        "clock": "ok",
        "date": "2022-10-17",
        "item": "a",
        "seq": 1,
        "planned": player.text_of(at("05:00").timestamp()),
        "offset_ms": 0,
        "device": "mpv",
    }
    return player.seal({**known, **fields}, key, player.PURPOSE_ASRUN)


def chain(*lines: dict[str, Any]) -> list[bytes]:
    """Lines that follow each other."""
    written: list[bytes] = []
    for number, fields in enumerate(lines, start=1):
        prev = player.digest_of(written[-1]) if written else player.NO_LINE
        written.append(sealed(line=number, prev=prev, **fields))
    return written


STORY = chain(
    {"event": "started"},
    {"event": "ended", "played_ms": 1000, "exit": 0},
    {"event": "missed", "item": "b", "reason": "too_late"},
)


def read(data: bytes, **known: Any) -> AsrunDay:
    return read_asrun(data, station=STATION, key=KEY, for_date=MONDAY, **known)


def test_reading_twice_gives_the_same_records() -> None:
    """A file fetched again, or holding everything twice, changes nothing."""
    once = read(b"\n".join(STORY) + b"\n")
    twice = read(b"\n".join(STORY + STORY) + b"\n")

    assert once.records == twice.records
    assert twice.is_chained
    assert [line.reason for line in twice.rejected] == ["duplicate"] * 3


def test_lines_out_of_order_are_put_in_order() -> None:
    """The station numbers its lines; their place in the file does not matter."""
    assert read(b"\n".join(reversed(STORY))).records == read(b"\n".join(STORY)).records


@pytest.mark.parametrize("without", [0, 1])
def test_a_line_taken_out_of_the_middle_is_noticed(without: int) -> None:
    """Evidence cannot be thinned out."""
    assert read(b"\n".join(STORY)).is_chained

    left = [line for number, line in enumerate(STORY) if number != without]
    told = read(b"\n".join(left), previous_head=player.NO_LINE)

    assert told.first_break == without + 2


def test_a_day_that_does_not_follow_the_day_before_is_noticed() -> None:
    """The chain runs across midnight."""
    later = sealed(line=9, prev="a" * 64)

    assert read(later, previous_head="a" * 64).is_chained
    assert read(later, previous_head="b" * 64).first_break == 9


def test_two_different_lines_of_one_number_break_the_chain_and_are_both_kept() -> None:
    """A log that was rewritten tells two stories; neither is thrown away."""
    forked = sealed(line=2, prev=player.digest_of(STORY[0]), item="c")

    told = read(b"\n".join([STORY[0], STORY[1], forked]))

    assert len(told.records) == 3
    assert told.first_break == 2


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", None),
        (b"\0" * 4096, "unsigned"),
        (b"\r", "unsigned"),
        (b"\xff\xfe{", "unsigned"),
        (b"x" * 70_000, "too_long"),
        (STORY[0][:-20], "unsigned"),
        (STORY[0].replace(b'"offset_ms":0', b'"offset_ms":1'), "wrong_key"),
        (sealed(OTHER_KEY), "wrong_key"),
        (sealed(station="HN-13588"), "wrong_station"),
        (sealed(at="2022-10-25T22:00:00.000Z"), "other_day"),
        (sealed(at="2022-10-16T22:00:00+07:00"), "malformed"),
        (sealed(at=5), "malformed"),
        (sealed(line=True), "malformed"),
        (sealed(line=0), "malformed"),
        (sealed(line=2**70), "malformed"),
        (sealed(item="=HYPERLINK(1)"), "malformed"),
        (sealed(item="../../etc/passwd"), "malformed"),
        (sealed(reason="two\nlines"), "malformed"),
        (sealed(device="\x1b[2J"), "malformed"),
        (sealed(event="ended", played_ms=-1), "malformed"),
        (sealed(event="ended"), "malformed"),
        (sealed(deep=json.loads("[" * 500 + "]" * 500)), None),
    ],
)
def test_a_bad_line_costs_itself_and_nothing_else(line: bytes, reason: str | None) -> None:
    """Every other record is read, and the bad one is named with its place and reason."""
    told = read(STORY[0] + b"\n" + line + b"\n" + STORY[1])

    assert [record.line for record in told.records][:1] == [1]
    assert STORY[1] and told.records[-1].event == "ended"
    assert [rejected.reason for rejected in told.rejected] == ([reason] if reason else [])


def test_a_station_with_a_key_cannot_exhaust_the_parser() -> None:
    """A box that was stolen can sign anything; deep nesting and endless numbers are refused."""
    deep = b'{"at":' + b"[" * 30_000
    number = b'{"line":' + b"9" * 30_000
    mac = hmac.new(KEY, player.PURPOSE_ASRUN + deep + b"}", "sha256").hexdigest()
    other = hmac.new(KEY, player.PURPOSE_ASRUN + number + b"}", "sha256").hexdigest()

    told = read(
        deep + b',"mac":"' + mac.encode() + b'"}\n' + number + b',"mac":"' + other.encode() + b'"}'
    )

    assert [line.reason for line in told.rejected] == ["malformed", "malformed"]


def test_a_huge_file_is_read_up_to_a_days_worth() -> None:
    """Nine megabytes of noise cost bounded time and memory, and it is said that there was more."""
    told = read(STORY[0] + b"\n" + b"\n".join([b"noise"] * 60_000))
    assert told.is_truncated
    assert (len(told.records), len(told.rejected)) == (1, 1000)

    assert read(STORY[0] + b"\n" + b"y" * ASRUN_MAX_BYTES).is_truncated


def test_a_time_ahead_of_ours_is_kept_as_untrusted_and_far_ahead_refused() -> None:
    """A clock that is six hours fast is evidence of a wrong clock, not of an airing on time."""
    now = at("05:00")

    def trusted(ahead: timedelta) -> list[bool]:
        return [record.clock_ok for record in read(STORY[0], now=now - ahead).records]

    assert trusted(timedelta(seconds=299)) == [True]
    assert trusted(timedelta(hours=6)) == [False]
    assert trusted(timedelta(hours=25)) == []


def test_a_clock_that_the_station_doubts_is_not_trusted() -> None:
    """The player knows when its clock contradicts what it has seen."""
    assert [r.clock_ok for r in read(sealed(clock="behind_log")).records] == [False]


@pytest.mark.parametrize(("step_s", "is_trusted"), [(-7800, False), (7800, False), (-40, True)])
def test_what_was_written_before_the_clock_was_set_is_not_trusted(
    step_s: int, is_trusted: bool
) -> None:
    """A box two hours ahead played at 03:00 and wrote 05:00; its own log tells, once it is set."""
    set_right = {"event": "clock", "reason": "stepped", "step_s": step_s, "item": "x"}
    lines = chain(
        {"event": "started", "item": "before"},
        {"event": "boot", "item": "x"},
        {"event": "started"},
        {"event": "ended", "played_ms": 1000, "exit": 0},
        set_right,
        {"event": "started", "item": "b"},
    )

    airings = airings_of(read(b"\n".join(lines)).records)

    assert airings["a"].clock_ok is is_trusted
    assert airings["a"].outcome == "ended"
    assert airings["b"].clock_ok
    assert airings["before"].clock_ok


def test_both_keys_are_accepted_while_they_change() -> None:
    """A log written before and after the change is one log."""
    data = STORY[0] + b"\n" + sealed(OTHER_KEY, line=2, prev=player.digest_of(STORY[0]))

    told = read(data, next_key=OTHER_KEY)

    assert told.is_chained
    assert len(told.records) == 2


@pytest.mark.parametrize(
    ("events", "outcome", "played_ms", "ended"),
    [
        (["started"], "open", 0, None),
        (["started", "ended"], "ended", 1000, "05:30"),
        (["started", "interrupted"], "interrupted", 1000, "05:30"),
        (["started", "interrupted", "started"], "open", 1000, None),
        (["started", "interrupted", "started", "ended"], "ended", 2000, "05:30"),
        (["missed"], "missed", 0, None),
        (["missed", "started", "ended"], "ended", 1000, "05:30"),
    ],
)
def test_records_fold_into_what_became_of_the_item(
    events: list[str], outcome: str, played_ms: int, ended: str | None
) -> None:
    """Whatever happened on the way, one airing has one outcome and all its minutes."""
    late = player.text_of(at("05:30").timestamp())
    lines = chain(
        *(
            {"event": event, "played_ms": 1000, **({} if event == "started" else {"at": late})}
            for event in events
        )
    )

    airing = airings_of(read(b"\n".join(lines)).records)["a"]

    assert (airing.outcome, airing.played_ms) == (outcome, played_ms)
    assert airing.ended_at == (at(ended) if ended else None)
    assert airing.started_at == (None if "started" not in events else at("05:00"))


def test_after_a_power_cut_the_end_is_the_last_moment_that_is_certain() -> None:
    """Not the moment at which the power came back."""
    known = player.text_of(at("05:10").timestamp())
    back = player.text_of(at("05:40").timestamp())
    cut = {"event": "interrupted", "reason": "power_cut", "played_ms": 600_000}
    lines = chain({}, {**cut, "at": back, "last_known_at": known})

    assert airings_of(read(b"\n".join(lines)).records)["a"].ended_at == at("05:10")


def test_a_record_carries_its_units_and_its_dates() -> None:
    """The broadcast date is the manifest's, never a UTC date."""
    record = read(STORY[1]).records[0]

    assert (record.for_date, record.planned_at) == (MONDAY, at("05:00"))
    assert (record.played_ms, record.exit_code) == (1000, 0)
    assert isinstance(record.at, datetime) and record.at.tzinfo is not None
