"""``loa station import --dry-run``, ``close`` and ``open``; ``loa unit event``."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.conftest import Loa

HEAD = "code;name;unit_code;technology;kind;host;phone\n"


def test_a_dry_run_tells_what_becomes_of_each_row_and_changes_nothing(
    people: Loa, tmp_path: Path
) -> None:
    """With semicolons and in UTF-16, as Excel saves it; then the same without ``--dry-run``."""
    table = tmp_path / "stations.csv"
    table.write_text(f"{HEAD}dao-ly;Đài Đạo Lý;13579;ip;player;10.0.0.1;0912\n", "utf-16")
    assert people.json("station", "import", table)["added"] == 1
    table.write_text(
        f"{HEAD}dao-ly;Đài Đạo Lý;13579;ip;player;10.0.0.1;0999\nmoi;Đài mới;13588;fm;person;;\n",
        "utf-8",
    )

    told = people.json("station", "import", table, "--dry-run")
    shown = people("station", "import", table, "--dry-run").stdout

    assert [row["outcome"] for row in told["rows"]] == ["changed", "added"]
    assert told["rows"][0]["changes"] == [{"column": "phone", "before": "0912", "after": "0999"}]
    assert "phone: 0912 → 0999" in shown and "nothing was changed" in shown
    assert people.json("station", "show", "dao-ly")["phone"] == "0912"
    assert people.json("station", "import", table)["changed"] == 1
    assert people.json("station", "show", "dao-ly")["phone"] == "0999"


def test_a_closed_station_is_on_no_list_until_it_is_opened(people: Loa, tmp_path: Path) -> None:
    """Closing asks; doing it twice is told."""
    table = tmp_path / "stations.csv"
    table.write_text(f"{HEAD}dao-ly;Đài Đạo Lý;13579;ip;player;10.0.0.1;0912\n", "utf-8")
    people("station", "import", table)

    assert people.json("station", "close", "dao-ly", "--yes") == {"code": "dao-ly", "active": False}
    assert people.json("station", "list")["stations"] == []
    assert people.json("station", "close", "dao-ly", "--yes", code=1)["error"]["code"] == (
        "input_invalid"
    )
    people("station", "open", "dao-ly")
    assert len(people.json("station", "list")["stations"]) == 1


def test_an_event_of_the_map_is_written_down_and_shown(people: Loa) -> None:
    """What became of what, with its basis; a unit that goes on is no event."""
    words = ("unit", "event", "merged", "01/07/2025", "--before", "13579", "--before", "13588",
             "--after", "13579", "--basis", "Nghị quyết số 1")  # fmt: skip
    assert people.json(*words)["before"] == ["13579", "13588"]
    assert people.json(*words, code=1)["error"]["code"] == "already_exists"
    [event] = people.json("unit", "events")["events"]
    assert (event["on"], event["basis"]) == ("2025-07-01", "Nghị quyết số 1")
    assert "merged" in people("unit", "events").stdout


def test_one_station_is_changed_cell_by_cell_or_not_at_all(people: Loa, tmp_path: Path) -> None:
    """What the card's form can change; '' empties; all that is wrong is told at once."""
    table = tmp_path / "stations.csv"
    table.write_text(f"{HEAD}dao-ly;Đài Đạo Lý;13579;ip;player;10.0.0.1;0912\n", "utf-8")
    people("station", "import", table)
    people("link", "add", "Cột 3G", "--sessions", "2")

    words = ("station", "change", "dao-ly", "--host", "10.0.0.2", "--link", "Cột 3G",
             "--unit-code", "13588", "--phone", "")  # fmt: skip
    changes = people.json(*words)["changes"]
    assert {one["column"]: one["after"] for one in changes} == {
        "host": "10.0.0.2", "link": "Cột 3G", "unit_code": "13588", "phone": "",
    }  # fmt: skip
    refused = people.json("station", "change", "dao-ly", "--port", "0", "--link", "x", code=1)
    assert refused["error"]["code"] == "station_invalid"
    assert people.json(*words)["changes"] == []
    assert people.json("station", "change", "dao-ly", code=1)["error"]["code"] == "input_invalid"


def test_a_map_is_looked_at_before_it_is_imported(people: Loa, tmp_path: Path) -> None:
    """What the template shows can be brought as it is."""
    table = tmp_path / "units.csv"
    rows = "valid_from,code,name,level\n2022-01-01,36,Tỉnh Nam Định,tỉnh\n"
    table.write_text(rows, "utf-8")
    seen = people.json("unit", "import", table, "--dry-run")
    assert [(one["outcome"], one["code"]) for one in seen["units"]] == [("new", "36")]
    assert "nothing was changed" in people("unit", "import", table, "--dry-run").stdout
    assert people.json("unit", "import", table)["added"] == 1
    assert people.json("unit", "import", table, "--dry-run")["units"] == []
