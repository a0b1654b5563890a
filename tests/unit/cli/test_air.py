"""Rules of the air, calendars and the forecast at the terminal."""

from __future__ import annotations

import re
import shlex
from datetime import time
from pathlib import Path

import pytest

from scheduler.hub import Hub
from tests import builders
from tests.unit.cli.conftest import Loa
from tests.unit.cli.documented import documented_keys, keys_of, sections

LAN = {"LOA_USER": "lan"}
SLOT = ("slot", "add", "--title", "Tin", "--programme", "1", "--unit", "35")


@pytest.fixture
def province(people: Loa, hub_of: Hub) -> Loa:
    """Two stations, one programme of five minutes, windows and a cap."""
    builders.stations(hub_of, ["13579", "13285"])
    builders.programme(hub_of, "Tin sáng")
    people("air", "set", "35", "--window", "05:00-06:00", "--window", "17:00-18:00=commune",
           "--session", "30", "--by", "lan")  # fmt: skip
    return people


@pytest.fixture
def hub_of(people: Loa) -> Hub:
    from scheduler.hub import open_hub

    return open_hub(people.settings, clock=people.clock)


def told(loa: Loa, *words: str | Path) -> dict[str, object]:
    """What a command says in JSON; every key of it is documented."""
    document = loa.json(*words, **LAN)
    pair = " ".join(str(word) for word in words[:2])
    name = pair if pair in sections() else str(words[0])
    undocumented = set(keys_of(document)) - documented_keys(name)
    assert undocumented <= {"starts_at", "seconds", "title"}, name  # of changes: a slot's own
    return document


def test_a_refusal_shows_commands_and_each_of_them_works(province: Loa) -> None:
    """What is printed is typed again, and is not refused."""
    province(*SLOT, "--at", "05:00", **LAN)
    refused = province(*SLOT, "--at", "05:02", code=1, **LAN)
    commands = re.findall(r"^  \d+\. .*?: loa (.*)$", refused.stderr, re.MULTILINE)

    assert 'overlaps "Tin"' in refused.stderr
    assert len(commands) >= 2
    province(*shlex.split(commands[0]), **LAN)
    document = province.json(*SLOT, "--at", "09:00", code=1, **LAN)
    assert document["error"]["code"] == "outside_window"
    kinds = [fix["kind"] for fix in document["error"]["fixes"]]
    assert len(kinds) >= 2
    assert all(fix["command"].startswith("loa ") for fix in document["error"]["fixes"])
    assert {"other_time"} <= set(kinds)


def test_rules_of_the_air_are_shown_from_wherever_they_were_said(province: Loa) -> None:
    """In both languages; removed, nothing of them holds."""
    shown = told(province, "air", "show", "13579")
    assert shown["windows"] == ["05:00-06:00", "17:00-18:00=commune"]
    assert shown["said_by"] == ["35"]
    text = province("--lang", "vi", "air", "show", "13579").stdout
    assert "phát trong khung 05:00-06:00, 17:00-18:00 (cấp xã)" in text
    assert len(told(province, "air", "list")["rules"]) == 1  # type: ignore[arg-type]
    told(province, "air", "remove", "35")
    assert told(province, "air", "show", "13579")["windows"] is None
    assert "no window like" in province("air", "set", "35", "--window", "5-6", code=1, **LAN).stderr


def test_priority_slots_are_put_in_order(province: Loa) -> None:
    """The second line names the first; the plan obeys the order."""
    for at in ("05:00", "05:02"):
        added = told(province, *SLOT, "--at", at, "--class", "priority", "--from", "17/10/2022")
    assert "collides" in str(added["warnings"])
    [clash, *_] = told(province, "air", "clashes", "--unit", "13579")["clashes"]  # type: ignore[misc]
    assert [one["slot_id"] for one in clash["order"]] == [1, 2]
    ordered = told(
        province, "air", "order", "13579", "17/10/2022", "2", "1", "--until", "18/10/2022"
    )
    assert ordered["days"] == ["2022-10-17", "2022-10-18"]
    [clash, *_] = told(province, "air", "clashes", "--unit", "13579")["clashes"]  # type: ignore[misc]
    assert (clash["decided_by"], [one["slot_id"] for one in clash["order"]]) == ("lan", [2, 1])


def test_a_calendar_goes_out_and_comes_back(province: Loa, tmp_path: Path) -> None:
    """A rehearsal first; what cannot be taken is told event by event."""
    province(*SLOT, "--at", "05:00", **LAN)
    file = tmp_path / "lich.ics"
    assert told(province, "slot", "export", "--unit", "13579", "--out", file)["slots"] == 1
    assert told(province, "slot", "import", file)["unchanged"] == 1
    file.write_text(file.read_text().replace("T050000", "T053000"))
    assert told(province, "slot", "import", file, "--dry-run")["changed"] == 1
    assert "05:00" in province("slot", "list").stdout
    told(province, "slot", "import", file)
    assert "05:30" in province("slot", "list").stdout
    file.write_text(file.read_text().replace("FREQ=DAILY", "FREQ=HOURLY"))
    assert "Tin: The rule" in province("slot", "import", file, code=1, **LAN).stderr


def test_a_line_is_edited_and_said_back(province: Loa) -> None:
    """What is not given stays."""
    told(province, *SLOT, "--at", "05:00", "--until", "31/12/2022")
    edited = told(province, "slot", "edit", "1", "--not", "station:s13579", "--late-ok", "0")
    assert (edited["exclude"], edited["late_ok_s"]) == (["station:s13579"], 0)
    edited = told(province, "slot", "edit", "1", "--all", "--no-end")
    assert (edited["exclude"], edited["valid_to"]) == ([], None)


def test_a_feed_has_an_address_that_is_shown_once(province: Loa) -> None:
    """The list has no token; a revoked one is gone from it."""
    made = told(province, "feed", "add", "13579", "--for", "Chị Đào")
    assert re.fullmatch(r"/feeds/[\w-]{32}\.ics", str(made["path"]))
    assert str(made["path"])[7:-4] not in str(told(province, "feed", "list"))
    told(province, "feed", "revoke", "1")
    assert told(province, "feed", "list")["feeds"] == []


def test_the_forecast_proposes_and_a_station_takes_it(province: Loa, hub_of: Hub) -> None:
    """A window too late; the proposed command makes it early enough."""
    province("station", "change", "s13579", "--push-from", "04:55", "--push-until", "05:30")
    made = builders.programme(hub_of, "Dài", content=b"x" * 40_000_000)
    builders.slot(hub_of, made, at=time(5), seconds=600)
    assert told(province, "plan", "--by", "lan")["late_stations"] == ["s13579"]
    document = told(province, "forecast", "--all")
    assert (document["waiting"], document["late"]) == (2, 1)
    [late] = [one for one in document["stations"] if one["late"]]  # type: ignore[attr-defined]
    assert (late["code"], late["basis"]) == ("s13579", "assumed")
    window = next(one for one in late["choices"] if one["kind"] == "window")
    province(*shlex.split(window["command"])[1:])
    assert told(province, "forecast", "--all")["late"] == 0
    assert "loa push --station s13579" in [one["command"] for one in late["choices"]]
