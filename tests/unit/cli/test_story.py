"""A province's first night, told command by command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler.clock import ManualClock
from scheduler.hub import open_hub
from stations.hostkey import HostKey
from stations.simulated_player import SimulatedPlayer
from stations.simulator import Fleet, SimulatedStation
from tests import builders
from tests.unit.cli.conftest import Loa
from tests.unit.cli.documented import documented_keys, keys_of

_AFTER_THE_FIRST_AIRING = timedelta(hours=10)  # from the evening before


@dataclass
class Told:
    """Runs commands and holds what they print against the documentation."""

    loa: Loa

    def __call__(self, *words: str | Path, code: int = 0, of: str | None = None) -> dict[str, Any]:
        document = self.loa.json(*words, code=code)
        name = of or " ".join(str(word) for word in words[:2])
        missing = set(keys_of(document)) - documented_keys(name)
        assert not missing, f"docs/commands.md does not know {missing} of loa {name}"
        return document


@pytest.fixture
def tell(people: Loa) -> Told:
    return Told(people)


@pytest.fixture
def fleet(people: Loa, tmp_path: Path) -> Iterator[Fleet]:
    """Two communes with an SFTP server each, which let the hub in."""
    key = people.settings.paths.data / "secret" / "ssh_ed25519.pub"
    with Fleet(tmp_path / "stations", ["dao-ly", "bac-ly"], key.read_text().strip()) as fleet:
        yield fleet


def _write_table(fleet: Fleet, path: Path) -> Path:
    rows = ["code,name,unit_code,technology,kind,host,port,username,root"]
    rows += [
        f"{station.code},Đài {station.code},{unit},ip,player,{address.host},{address.port},"
        f"{address.username},{address.root}"
        for station, unit in zip(fleet, ("13579", "13588"), strict=True)
        for address in (station.address,)
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def _box_key(loa: Loa, fleet: Fleet, code: str) -> Path:
    path = fleet[code].root / "state" / "loa.key"
    path.parent.mkdir()
    loa("station", "key", code, "--out", path)
    return path


def test_a_night_from_the_file_to_its_proof(
    tell: Told, fleet: Fleet, sound: Path, tmp_path: Path, clock: ManualClock
) -> None:
    """What a province does by hand ends in an airing that the player's own log has proved."""
    table = _write_table(fleet, tmp_path / "stations.csv")
    assert tell("station", "import", table)["added"] == 2
    for station in fleet:
        seen = tell("station", "probe", station.code, code=1, of="station probe")
        assert seen["error"]["code"] == "host_key_unknown"
        pinned = tell("station", "probe", station.code, "--accept-host-key", _seen(station))
        assert pinned["server"]["free_bytes"] > 0
        _box_key(tell.loa, fleet, station.code)
    added = tell("programme", "add", sound, "--title", "Gương thoát nghèo", "--by", "lan")
    assert added["state"] == "ready"
    approved = tell("programme", "approve", "1", "--by", "hung")
    assert {one["state"] for one in approved["renditions"]} == {"ready"}
    slot = tell("slot", "add", "--title", "Bản tin sáng", "--programme", "1", "--at", "05:30",
                "--unit", "35", "--by", "lan")  # fmt: skip
    assert slot["in_quiet_hours"] is True
    [change] = tell("timetable", "diff")["changes"]
    assert (change["kind"], change["airings_added"], len(change["stations"])) == ("added", 14, 2)
    assert tell("plan", "--days", "2", of="plan")["drafts"] == 1  # and nothing of it airs
    assert tell("timetable", "release", "--by", "lan")["slots"] == [slot["id"]]
    assert tell("plan", "--days", "2", of="plan")["airings_added"] == 4
    pushed = tell("push", of="push")
    assert (pushed["delivered"], pushed["failed"]) == (4, 0)

    for station in fleet:
        key = station.root / "state" / "loa.key"
        with SimulatedPlayer(station.root, station.code, key, clock.now()) as player:
            player.advance_to(clock.now() + _AFTER_THE_FIRST_AIRING)
    collected = tell("collect", of="collect")
    assert [one["verified"] for one in collected["stations"]] == [2, 2]
    clock.advance(_AFTER_THE_FIRST_AIRING)
    assert [one["airings_changed"] for one in tell("collect", of="collect")["stations"]] == [1, 1]

    log = tell("airings", "--from", "17/10/2022", "--to", "17/10/2022", of="airings")
    assert log["by_state"] == {"aired": 2}
    assert log["by_grade"] == {"A": 2}
    today = tell("today", of="today")
    assert {one["planned_at"] for one in today["airings"]} == {"2022-10-16T22:30:00Z"}


def _seen(station: SimulatedStation) -> str:
    return HostKey.parse(station.host_key).fingerprint


@pytest.fixture
def ready(tell: Told, fleet: Fleet, tmp_path: Path) -> Told:
    """Stations that are trusted, and a slot at 06:00 whose programme is any bytes."""
    loa = tell.loa
    loa("station", "import", _write_table(fleet, tmp_path / "stations.csv"))
    for station in fleet:
        loa("station", "probe", station.code, "--accept-host-key", _seen(station))
    hub = open_hub(loa.settings, clock=loa.clock)
    builders.slot(hub, builders.programme(hub, "Tin"), at=time(6))
    hub.database.close()
    return tell


def test_a_word_is_given_for_a_day_at_once(ready: Told) -> None:
    """Nothing was sent and nothing played: two airings wait for a word, and get one, once."""
    loa = ready.loa
    ready("plan", "--days", "1", of="plan")
    loa.clock.advance(timedelta(hours=12))  # 06:00 of tomorrow is over
    day = ("--from", "17/10/2022", "--to", "17/10/2022")

    told = ready("confirm", *day, "--unit", "13579", "--not-heard", "--yes", "--by", "lan",
                 of="confirm")  # fmt: skip
    rest = ready("confirm", *day, "--heard", "--yes", "--by", "lan", of="confirm")
    none = ready("confirm", *day, "--heard", "--by", "lan", of="confirm")

    assert [one["confirmed"] for one in (told, rest, none)] == [1, 1, 0]
    log = ready("airings", *day, "--grade", "b", of="airings")
    assert log["by_state"] == {"missed": 1, "aired": 1}


def test_a_station_that_is_down_fails_alone(ready: Told, fleet: Fleet) -> None:
    """One station without power: exit code 3, and the other one has its day."""
    ready("plan", "--days", "1", of="plan")
    fleet["bac-ly"].stop()

    pushed = ready("push", code=3, of="push")

    by_code = {one["station"]: one for one in pushed["stations"]}
    assert by_code["dao-ly"]["delivered"] == 1
    assert by_code["bac-ly"]["error_code"] == "unreachable"
    assert ready("push", "--station", "dao-ly", of="push")["stations"] == []


def test_what_failed_goes_out_after_retry(ready: Told, fleet: Fleet) -> None:
    """A person says "send again": the back-off is not waited for."""
    ready("plan", "--days", "1", of="plan")
    fleet["bac-ly"].stop()
    ready("push", "--station", "bac-ly", code=1, of="push")
    fleet["bac-ly"].start()
    assert ready("push", "--station", "bac-ly", of="push")["delivered"] == 0

    assert ready("station", "retry", "bac-ly")["due"] == 1

    assert ready("push", "--station", "bac-ly", of="push")["delivered"] == 1
    shown = ready("station", "show", "bac-ly")
    assert [one["state"] for one in shown["deliveries"]] == ["delivered"]
    listed = {one["code"]: one for one in ready("station", "list")["stations"]}
    assert listed["dao-ly"]["delivery"]["state"] == "due"


def test_outside_every_window_nothing_is_sent(ready: Told, clock: ManualClock) -> None:
    """``--in-window`` leaves a station alone in whose window we are not."""
    ready("plan", "--days", "2", of="plan")
    clock.advance(timedelta(hours=18))  # 14:00 of the next day

    assert ready("push", "--in-window", of="push")["delivered"] == 0
    assert ready("push", of="push")["delivered"] == 2


def test_a_changed_host_key_waits_for_a_person(ready: Told, fleet: Fleet) -> None:
    """Nothing is sent to a server that shows another key, until somebody compared it."""
    ready("plan", "--days", "1", of="plan")
    old = _seen(fleet["dao-ly"])
    fleet["dao-ly"].change_host_key()

    pushed = ready("push", "--station", "dao-ly", code=1, of="push")
    assert pushed["stations"][0]["error_code"] == "host_key_changed"
    refused = ready("station", "probe", "dao-ly", code=1)
    assert refused["error"]["code"] == "host_key_changed"
    refused = ready("station", "probe", "dao-ly", "--accept-host-key", old, code=1)
    assert refused["error"]["code"] == "other_fingerprint"
    assert ready("station", "show", "dao-ly")["host_key"] == old

    ready("station", "probe", "dao-ly", "--accept-host-key", _seen(fleet["dao-ly"]))
    assert ready("push", "--station", "dao-ly", of="push")["delivered"] == 1


def test_a_link_is_added_filled_changed_and_removed(tell: Told, tmp_path: Path) -> None:
    """Its limits, the stations on it by their table, and no removal under their feet."""
    name = "Cột 3G Bình Lục"
    tell("link", "add", name, "--sessions", "2", "--kbps", "2000")
    table = tmp_path / "stations.csv"
    header = "code,name,unit_code,technology,kind,host,link"
    table.write_text(f"{header}\na,Đài A,13579,ip,player,h,{name}\n", encoding="utf-8")
    tell("station", "import", table)

    [link] = tell("link", "list")["links"]
    assert link == {
        "name": name, "max_sessions": 2, "kbps": 2000, "stations": 1, "visits": 0,
    }  # fmt: skip
    assert tell("link", "remove", name, code=1)["error"]["code"] == "link_in_use"
    assert tell("link", "change", name, "--unlimited", "--sessions", "3")["kbps"] is None
    assert tell("link", "add", "VPN", "--kbps", "1", code=1)["error"]["code"] == "input_invalid"
    table.write_text(f"{header}\na,Đài A,13579,ip,player,h,\n", encoding="utf-8")
    tell("station", "import", table)
    tell("link", "remove", name)
    assert tell("link", "list")["links"] == []
