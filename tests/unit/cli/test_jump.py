"""``loa jump``: a district's server, compared by a person before anything goes through it."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from scheduler.hub import open_hub
from stations.hostkey import HostKey
from tests.contract.conftest import need_sshd
from tests.faults.harness.sshd import Sshd
from tests.unit.cli.conftest import Loa


@pytest.fixture
def key(people: Loa) -> Path:
    hub = open_hub(people.settings, clock=people.clock)
    hub.database.close()
    return hub.ssh_key_path


def test_a_jump_host_is_added_compared_used_and_removed(
    people: Loa, key: Path, tmp_path: Path
) -> None:
    """Its fingerprint is shown and must be given; a station names it in one column."""
    need_sshd()
    with Sshd(tmp_path / "jump", tmp_path / "nothing", key) as server:
        people("jump", "add", "Lý Nhân", "127.0.0.1", "--port", str(server.port), "--user",
               getpass.getuser())  # fmt: skip
        fingerprint = HostKey.parse(server.host_key).fingerprint
        assert fingerprint in people("jump", "probe", "Lý Nhân", code=1).stderr
        wrong = people.json("jump", "probe", "Lý Nhân", "--accept-host-key", "SHA256:x", code=1)
        assert wrong["error"]["code"] == "other_fingerprint"
        told = people.json("jump", "probe", "Lý Nhân", "--accept-host-key", fingerprint)
        assert told["host_key"] == fingerprint

    table = tmp_path / "stations.csv"
    head = "code,name,unit_code,technology,kind,host,jump\n"
    table.write_text(f"{head}dao-ly,Đài,13579,ip,player,10.20.0.15,Lý Nhân\n", encoding="utf-8")
    people("station", "import", table)
    assert people.json("station", "show", "dao-ly")["jump"] == "Lý Nhân"
    assert "Lý Nhân" in people("station", "show", "dao-ly").stdout
    assert people.json("jump", "list")["jumps"][0]["stations"] == 1
    assert people.json("jump", "remove", "Lý Nhân", code=1)["error"]["code"] == "jump_in_use"

    table.write_text(f"{head}dao-ly,Đài,13579,ip,player,10.20.0.15,\n", encoding="utf-8")
    people("station", "import", table)
    people("jump", "remove", "Lý Nhân")
    assert "no jump host" in people("jump", "list").stdout


def test_what_cannot_be_is_a_sentence(people: Loa, tmp_path: Path) -> None:
    """A wrong address, a doubled name, a name that a table gives and nobody added."""
    assert people.json("jump", "add", "L", "10.0.0.1; rm", code=1)["error"]["code"] == (
        "input_invalid"
    )
    people("jump", "add", "L", "10.0.0.1")
    assert people.json("jump", "add", "L", "10.0.0.1", code=1)["error"]["code"] == "already_exists"
    table = tmp_path / "stations.csv"
    table.write_text(
        "code,name,unit_code,technology,kind,host,jump\na,Đài,13579,ip,player,10.0.0.2,M\n",
        encoding="utf-8",
    )
    assert 'there is no jump host "M"' in people("station", "import", table, code=1).stderr
