"""``loa station install`` over a real sshd with a shell account: once, again, and refused."""

from __future__ import annotations

import getpass
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stations import player
from stations.manifest import station_key
from tests.contract.conftest import need_sshd
from tests.faults.harness.sshd import Sshd
from tests.unit.cli.conftest import Loa, loa, people

__all__ = ["loa", "people"]  # fixtures


@pytest.fixture
def shell(tmp_path: Path, private_key: Path) -> Iterator[Sshd]:
    """A box as it comes from the shop: somebody may log in, nothing of ours is there."""
    need_sshd()
    with Sshd(tmp_path / "server", tmp_path / "nothing", private_key) as server:
        yield server


@pytest.fixture
def known(people: Loa, shell: Sshd, tmp_path: Path) -> Loa:
    """The station's row, with the host key that a person has compared."""
    table = tmp_path / "stations.csv"
    table.write_text(
        "code,name,unit_code,technology,kind,host,port,host_key\n"
        f"dao-ly,Đài,13579,ip,player,127.0.0.1,{shell.port},{shell.host_key}\n",
        encoding="utf-8",
    )
    people("station", "import", table)
    return people


def words(shell: Sshd, prefix: Path) -> list[str | Path]:
    """An image below a folder of this test: the machine itself is left alone."""
    return ["station", "install", "dao-ly", "--to", f"{getpass.getuser()}@127.0.0.1",
            "--identity", shell.private_key, "--prefix", str(prefix)]  # fmt: skip


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_box_is_set_up_in_one_line_and_again_without_a_change(
    known: Loa, shell: Sshd, tmp_path: Path
) -> None:
    """Player, unit, cage, both keys; the second run changes nothing and says so."""
    box = tmp_path / "image"
    said = known.json(*words(shell, box))["said"]

    files = tree(box)
    assert any("works" in line for line in said)
    assert files["opt/loa/player.py"][1] == Path(player.__file__).read_bytes()
    mode, key = files["srv/loa/state/loa.key"]
    assert mode == 0o600
    assert len(bytes.fromhex(key.decode())) == 32
    assert b"restrict ssh-ed25519" in files["etc/ssh/loa-hub.keys"][1]
    assert b"ChrootDirectory /srv/loa" in files["etc/ssh/sshd_config.d/loa.conf"][1]
    assert set(files) == {
        "opt/loa/player.py", "srv/loa/state/loa.key", "etc/loa/player.args",
        "etc/systemd/system/loa-player.service", "etc/ssh/loa-hub.keys",
        "etc/ssh/sshd_config.d/loa.conf",
    }  # fmt: skip
    assert stat.S_IMODE((box / "srv/loa/in/audio").stat().st_mode) & 0o777 == 0o750

    (box / "etc/loa/player.args").open("a").write("--amplifier-on=true\n")
    before = tree(box)
    assert "nothing had changed" in known.json(*words(shell, box))["said"][-1]
    assert tree(box) == before


def test_what_was_installed_takes_a_day_of_the_hub(known: Loa, shell: Sshd, tmp_path: Path) -> None:
    """The options file starts the player, and its key is the one that the hub signs with."""
    box = tmp_path / "image"
    known(*words(shell, box))

    done = subprocess.run(
        [sys.executable, "-I", str(box / "opt/loa/player.py"),
         f"@{box / 'etc/loa/player.args'}", "--once"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert (box / "srv/loa/out/receipt.json").exists()


def test_another_host_key_ends_it_before_a_word_of_the_key(
    known: Loa, shell: Sshd, tmp_path: Path
) -> None:
    """Whatever the operator's ssh is set to, a pinned key is never weakened."""
    shell.change_host_key()
    box = tmp_path / "image"

    refused = known.json(*words(shell, box), code=1)

    assert refused["error"]["code"] == "install_failed"
    assert "verification failed" in refused["error"]["sentence"]
    assert not box.exists()


def test_a_box_of_another_station_is_left_alone(known: Loa, shell: Sshd, tmp_path: Path) -> None:
    """Two stations on one key, or one box taken for another: neither is done by mistake."""
    box = tmp_path / "image"
    (box / "srv/loa/state").mkdir(parents=True)
    (box / "srv/loa/state/loa.key").write_text(station_key(b"x" * 32, "other").hex() + "\n")

    refused = known.json(*words(shell, box), code=1)

    assert "another station" in refused["error"]["sentence"]
    assert set(tree(box)) == {"srv/loa/state/loa.key"}


def test_a_rehearsal_prints_all_but_the_key_and_touches_nothing(
    known: Loa, shell: Sshd, tmp_path: Path
) -> None:
    """A technician reads what would be run as root on his box."""
    out = tmp_path / "loa.key"
    known("station", "key", "dao-ly", "--out", out)
    box = tmp_path / "image"
    shown = known.json(*words(shell, box), "--dry-run")

    assert "StrictHostKeyChecking=yes" in shown["command"]
    assert out.read_text().strip() not in shown["script"]
    assert "useradd" in shown["script"]
    assert not box.exists()
    checked = subprocess.run(
        ["sh", "-n"], input=shown["script"], text=True, capture_output=True, timeout=20, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_options_that_would_be_taken_for_words_of_ssh_are_refused(known: Loa, shell: Sshd) -> None:
    """An address that begins with a dash runs a program, in ssh's hands."""
    refused = known.json("station", "install", "dao-ly", "--to=-oProxyCommand=touch /tmp/x", code=1)
    assert refused["error"]["code"] == "input_invalid"
