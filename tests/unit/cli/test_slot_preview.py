"""What an editor sees of a rule before it becomes a line, and of a line before its days come."""

from __future__ import annotations

from datetime import time

from scheduler.hub import open_hub
from tests import builders
from tests.unit.cli.conftest import Loa
from tests.unit.cli.documented import documented_keys, keys_of


def test_a_rule_is_told_with_its_next_days(loa: Loa) -> None:
    """The day of the clock is Sunday, 16 October 2022; the last day is included."""
    shown = loa.json("slot", "preview", "--rule", "FREQ=WEEKLY;BYDAY=MO,WE", "--at", "05:00",
                     "--until", "24/10/2022", LOA_LANG="vi")  # fmt: skip

    assert shown["in_words"] == "Thứ 2, 4 hằng tuần lúc 05:00, đến 24/10/2022"
    days = [one["broadcast_date"] for one in shown["coming"]]
    assert days == ["2022-10-17", "2022-10-19", "2022-10-24"]
    assert shown["coming"][0]["planned_at"] == "2022-10-16T22:00:00Z"
    assert set(keys_of(shown)) <= documented_keys("slot preview")


def test_full_moons_are_told_with_the_date_by_the_moon(loa: Loa) -> None:
    """Rằm of the ninth, tenth and eleventh month of Nhâm Dần."""
    words = ("slot", "preview", "--rule", "LUNAR;DAY=15", "--at", "05:30", "--count", "3")
    shown = loa.json(*words)

    assert [(one["broadcast_date"], one["lunar_date"]) for one in shown["coming"]] == [
        ("2022-11-08", "15/10"), ("2022-12-08", "15/11"), ("2023-01-06", "15/12"),
    ]  # fmt: skip
    assert "Ngày rằm hằng tháng âm lịch lúc 05:30; 3 buổi tới" in loa(*words, LOA_LANG="vi").output


def test_a_line_is_shown_by_its_number(people: Loa) -> None:
    """And one that is not there is said not to be."""
    hub = open_hub(people.settings, clock=people.clock)
    builders.stations(hub, ["13579"])
    added = builders.slot(hub, builders.programme(hub, "Tin"), at=time(6))
    hub.database.close()

    shown = people.json("slot", "preview", str(added.id), "--count", "2")

    assert [one["broadcast_date"] for one in shown["coming"]] == ["2022-10-16", "2022-10-17"]
    assert "no slot" in people("slot", "preview", "99", code=1).output


def test_what_cannot_be_shown_is_refused(loa: Loa) -> None:
    """A rule without its time, and a rule that is none."""
    assert "a rule and its time" in loa("slot", "preview", "--rule", "FREQ=DAILY", code=1).output
    refused = loa("slot", "preview", "--rule", "LUNAR;DAY=31", "--at", "05:00", code=1)
    assert "DAY=31" in refused.output


def test_a_rule_that_is_over_says_so(loa: Loa) -> None:
    """An empty table would leave a person guessing."""
    shown = loa("slot", "preview", "--rule", "FREQ=DAILY;UNTIL=20200101", "--at", "05:00")

    assert "airs no more" in shown.output


def test_one_day_is_changed_and_restored(people: Loa) -> None:
    """By a named person, with a reason."""
    hub = open_hub(people.settings, clock=people.clock)
    builders.stations(hub, ["13579"])
    added = builders.slot(hub, builders.programme(hub, "Tin"), at=time(6))
    hub.database.close()
    words = ("slot", "change", str(added.id), "18/10/2022", "--reason", "Họp dân", "--by", "lan")

    moved = people.json(*words, "--to", "19/10/2022", "--at", "17:00")

    assert (moved["kind"], moved["moved_on"], moved["moved_at"]) == ("move", "2022-10-19", "17:00")
    assert set(keys_of(moved)) <= documented_keys("slot change")
    shown = people.json("slot", "preview", str(added.id), "--from", "18/10/2022", "--count", "2")
    assert [one["planned_at"] for one in shown["coming"]] == [
        "2022-10-18T23:00:00Z", "2022-10-19T10:00:00Z",
    ]  # fmt: skip
    restored = people.json("slot", "restore", str(added.id), "18/10/2022", "--by", "lan")
    assert set(keys_of(restored)) <= documented_keys("slot restore")
    assert "does not air on 18/10/2022" in people(*words).output
