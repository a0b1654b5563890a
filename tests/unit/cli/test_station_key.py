"""``loa station key``: a change of keys, begun, seen, ended or given up."""

from __future__ import annotations

from pathlib import Path

from scheduler.hub import open_hub
from stations.manifest import station_key
from tests.unit.cli.conftest import Loa
from tests.unit.cli.test_refusals import _add_stations


def test_a_change_of_keys_is_begun_shown_and_given_up(people: Loa, tmp_path: Path) -> None:
    """The new key goes into a file; show says that the box does not have it yet."""
    _add_stations(people, tmp_path, "dao-ly")
    out = tmp_path / "next.key"
    document = people.json("station", "key", "dao-ly", "--rotate", "--out", out)

    hub = open_hub(people.settings, clock=people.clock)
    assert out.read_text().strip() == station_key(hub.master_secret(), "dao-ly", 1).hex()
    hub.database.close()
    assert (document["number"], document["is_next"]) == (1, True)
    shown = people.json("station", "show", "dao-ly")
    assert (shown["key_number"], shown["next_key_number"]) == (0, 1)
    assert "first line" in people("station", "key", "dao-ly", "--rotate", "--out", tmp_path / "b")\
        .stdout  # fmt: skip
    assert "not seen at the box" in people("station", "show", "dao-ly").stdout

    people("station", "key", "dao-ly", "--keep")
    assert people.json("station", "show", "dao-ly")["next_key_number"] is None
    assert "under way" in people("station", "key", "dao-ly", "--keep", code=1).stderr


def test_a_file_that_is_there_begins_no_change(people: Loa, tmp_path: Path) -> None:
    """What cannot be written must not leave the hub signing with a key that nobody holds."""
    _add_stations(people, tmp_path, "dao-ly")
    (tmp_path / "old.key").write_text("mine")

    people("station", "key", "dao-ly", "--rotate", "--out", tmp_path / "old.key", code=1)

    assert (tmp_path / "old.key").read_text() == "mine"
    assert people.json("station", "show", "dao-ly")["next_key_number"] is None
