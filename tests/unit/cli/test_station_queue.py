"""``loa station audit``, ``deliveries``, ``retry`` and ``postpone``: the queue, seen, changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.hub import open_hub
from stations.layout import AUDIO_DIR
from stations.simulator import Fleet
from tests import builders
from tests.unit.cli.conftest import Loa


@pytest.fixture
def fleet(people: Loa, tmp_path: Path) -> Iterator[Fleet]:
    """One station that has a day of one programme."""
    hub = open_hub(people.settings, clock=people.clock)
    public_key = hub.ssh_key_path.with_suffix(".pub").read_text()
    with Fleet(tmp_path / "boxes", ["dao-ly"], public_key) as fleet:
        address = fleet["dao-ly"].address
        table = tmp_path / "stations.csv"
        table.write_text(
            "code,name,unit_code,technology,kind,host,port,username,root,host_key\n"
            f"dao-ly,Đài,13579,ip,player,{address.host},{address.port},{address.username},"
            f"{address.root},{address.host_key}\n",
            encoding="utf-8",
        )
        people("station", "import", table)
        made = builders.programme(hub, "Tin")
        people("slot", "add", "--title", "Tin", "--programme", str(made.id), "--at", "06:00",
               "--unit", "35", "--to", "station:dao-ly", "--by", "editor")  # fmt: skip
        people("timetable", "release", "--by", "editor")
        people("plan")
        yield fleet
    hub.database.close()


def waiting(loa: Loa) -> list[dict[str, object]]:
    found: list[dict[str, object]] = loa.json("station", "deliveries", "dao-ly")["deliveries"]
    return found


def test_what_waits_is_put_off_and_called_back(people: Loa, fleet: Fleet) -> None:
    """Back-off is visible and editable; nothing goes out before the time that was said."""
    count = len(waiting(people))
    assert count >= 1

    put_off = people.json("station", "postpone", "dao-ly", "--minutes", "120")
    assert put_off["postponed"] == count
    assert {one["next_try_at"] for one in waiting(people)} == {"2022-10-16T15:00:00Z"}
    assert people.json("push")["delivered"] == 0

    assert people.json("station", "retry", "dao-ly")["due"] == count
    assert people.json("push")["delivered"] == count
    assert "Nothing waits" in people("station", "deliveries").stdout


def test_a_pause_needs_a_time_that_is_to_come(people: Loa, fleet: Fleet) -> None:
    """One of the two options, in a form that is read; a sentence otherwise."""
    for words in ([], ["--until", "3 giờ"], ["--until", "2022-10-16T03:00"],
                  ["--minutes", "5", "--until", "2022-10-17T03:00"]):  # fmt: skip
        refused = people.json("station", "postpone", "dao-ly", *words, code=1)
        assert refused["error"]["code"] == "input_invalid"
    late = people.json("station", "postpone", "dao-ly", "--until", "2022-10-17T07:00")
    assert late["too_late"] >= 1


def test_the_audit_tells_and_heals(people: Loa, fleet: Fleet) -> None:
    """Lost at the station, due again, and show says what was found and when."""
    people("push")
    assert "All is there" in people("station", "audit").stdout
    for path in (fleet["dao-ly"].root / AUDIO_DIR).iterdir():
        path.unlink()

    [seen] = people.json("station", "audit", "dao-ly")["stations"]

    assert seen["audit"]["bad"] == 1
    assert seen["audit"]["healed"] >= 1
    shown = people.json("station", "show", "dao-ly")
    assert shown["audit"] == seen["audit"]
    assert shown["audited_at"] == "2022-10-16T13:00:00Z"
    assert "lost_at_station" in {one["error_code"] for one in waiting(people)}
    assert people.json("push")["failed"] == 0
