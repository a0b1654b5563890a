"""Bad input: one clear sentence, an exit code, and nothing changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import need
from tests.postgres import _free_port
from tests.unit.cli.conftest import Loa, Program

_STATIONS = "code,name,unit_code,technology,kind,host\n"
_BY = ("--by", "lan")


def _add_stations(loa: Loa, folder: Path, *codes: str) -> None:
    rows = [f"{code},Đài {code},13579,ip,player,127.0.0.1\n" for code in codes]
    table = folder / "stations.csv"
    table.write_text(_STATIONS + "".join(rows), encoding="utf-8")
    loa("station", "import", table)


def test_unknown_key_in_the_settings(program: Program) -> None:
    """A mistyped setting is an error with a proposal, not a silent default."""
    program.configure("[push]\nworker = 4\n")
    assert 'unknown key, did you mean "workers"?' in program("config", code=1).stderr


def test_table_in_the_wrong_encoding(people: Loa, tmp_path: Path) -> None:
    """Excel's plain CSV is recognised and the way out is told."""
    table = tmp_path / "excel.csv"
    table.write_bytes(_STATIONS.encode() + "x,Đài,13579,ip,player,h\n".encode("utf-16"))
    assert 'Save it as "CSV UTF-8"' in people("station", "import", table, code=1).stderr
    assert people.json("station", "list")["stations"] == []


def test_every_bad_row_is_told_at_once(people: Loa, tmp_path: Path) -> None:
    """One reading shows all that is wrong; nothing is half imported."""
    table = tmp_path / "stations.csv"
    table.write_text(
        f"{_STATIONS}a,Đài A,13579,ip,player,h\nb,Đài B,99999,ip,player,h\n"
        "C,Đài C,13579,tv,player,\n",
        encoding="utf-8",
    )
    refused = people("station", "import", table, code=1)
    assert refused.stdout == ""
    assert "Line 3:" in refused.stderr
    assert '"99999"' in refused.stderr
    assert refused.stderr.count("Line 4:") == 3
    error = people.json("station", "import", table, code=1)["error"]
    assert error["code"] == "file_refused"
    assert len(error["problems"]) == 4
    assert people.json("station", "list")["stations"] == []


def test_rehearsal_of_an_import_changes_nothing(people: Loa, tmp_path: Path) -> None:
    """``--dry-run`` checks every row and leaves the database as it was."""
    table = tmp_path / "stations.csv"
    table.write_text(f"{_STATIONS}a,Đài A,13579,ip,player,h\n", encoding="utf-8")
    assert people.json("station", "import", table, "--dry-run")["added"] == 1
    assert people.json("station", "list")["stations"] == []


def test_unknown_unit(people: Loa) -> None:
    """A unit that the map of today does not have is named."""
    assert 'no unit "99999"' in people("station", "list", "--unit", "99999", code=1).stderr


def test_overlapping_slot(people: Loa, sound: Path, tmp_path: Path) -> None:
    """Two slots never sound at one station at one time."""
    _add_stations(people, tmp_path, "dao-ly")
    people("programme", "add", sound, "--title", "Tin", *_BY)
    slot = ("slot", "add", "--programme", "1", "--unit", "35", *_BY)
    people(*slot, "--title", "Một", "--at", "05:30")
    refused = people(*slot, "--title", "Hai", "--at", "05:30", code=1)
    assert 'overlaps "Một" at Đài dao-ly' in refused.stderr
    assert [one["title"] for one in people.json("slot", "list")["slots"]] == ["Một"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tin.mp3", b"Kinh gui ba con\n" * 500, "no sound that can be read"),
        ("tin.mp3", b"", "empty"),
        ("list.mp3", b"#EXTM3U\n/etc/passwd\n", ""),
    ],
)
def test_file_that_is_no_sound(
    people: Loa, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    """Text, nothing, or a playlist under the name of a programme is refused and not kept."""
    path = tmp_path / name
    path.write_bytes(content)
    refused = people("programme", "add", path, "--title", "Tin", *_BY, code=1)
    assert said in refused.stderr
    assert people.json("programme", "list")["programmes"] == []
    data = people.settings.paths.data
    assert [*(data / "masters").iterdir(), *(data / "tmp").iterdir()] == []


def test_truncated_file(people: Loa, sound: Path, tmp_path: Path) -> None:
    """A file that was cut off while it was copied does not get as far as the approver."""
    half = tmp_path / "half.wav"
    half.write_bytes(sound.read_bytes()[: sound.stat().st_size // 2])
    refused = people("programme", "add", half, "--title", "Tin", *_BY, code=1)
    assert "cut off while it was copied" in refused.stderr
    (kept,) = people.json("programme", "list")["programmes"]
    assert kept["state"] == "rejected"


def test_nobody_approves_an_own_programme(people: Loa, sound: Path) -> None:
    """Four eyes hold at the command line too."""
    people("programme", "add", sound, "--title", "Tin", "--by", "hung")
    refused = people.json("programme", "approve", "1", "--by", "hung", code=1)
    assert refused["error"]["code"] == "four_eyes"


def test_nothing_is_destroyed_unasked(people: Loa, sound: Path) -> None:
    """Without a terminal to ask at, only ``--yes`` destroys."""
    people("programme", "add", sound, "--title", "Tin", *_BY)
    withdraw = ("programme", "withdraw", "1", "--reason", "nhầm", *_BY)
    assert "--yes" in people(*withdraw, code=1).stderr
    assert people.json("programme", "list")["programmes"][0]["state"] == "ready"
    people(*withdraw, "--yes")
    assert people.json("programme", "list")["programmes"][0]["state"] == "withdrawn"


def test_station_key_stays_secret(people: Loa, tmp_path: Path) -> None:
    """The key goes into a new file of our own, never into a pipe, a document or another file."""
    _add_stations(people, tmp_path, "dao-ly")
    assert people("station", "key", "dao-ly", code=1).stdout == ""
    out = tmp_path / "loa.key"
    document = people.json("station", "key", "dao-ly", "--out", out)
    secret = out.read_text().strip()
    assert len(bytes.fromhex(secret)) == 32
    assert out.stat().st_mode & 0o777 == 0o600
    assert secret not in json.dumps(document)
    assert people("station", "key", "dao-ly", "--out", out, code=1).stdout == ""


def test_a_place_without_a_computer_is_not_visited(people: Loa, tmp_path: Path) -> None:
    """Whoever names such a place hears why nothing happens there."""
    table = tmp_path / "stations.csv"
    table.write_text(f"{_STATIONS}a,Đài A,13579,fm,person,\n", encoding="utf-8")
    people("station", "import", table)
    for words in (
        ("push", "--station", "a"),
        ("collect", "--station", "a"),
        ("station", "probe", "a"),
    ):
        assert people.json(*words, code=1)["error"]["code"] == "no_computer"


def test_no_loa_yet(bare: Loa) -> None:
    """Before ``loa init`` every command says what to do first."""
    assert 'Run "loa init" first' in bare("station", "list", code=1).stderr


def test_second_init_changes_nothing(loa: Loa) -> None:
    """The secrets that the stations know are never replaced."""
    master = loa.settings.paths.data / "secret" / "master.key"
    before = master.read_bytes()
    assert "already" in loa("init", code=1).stderr
    assert master.read_bytes() == before


def test_closed_person_cannot_act(people: Loa, sound: Path) -> None:
    """An unknown name is nobody."""
    refused = people("programme", "add", sound, "--title", "Tin", "--by", "nobody", code=1)
    assert 'no person "nobody"' in refused.stderr


# ── The machine ────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own below the folder."""
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "loa-test", str(folder)], check=True, timeout=10
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=10)


@pytest.fixture
def _mount() -> None:
    may_mount = os.geteuid() == 0 and shutil.which("mount")
    need("the right to mount a tmpfs (root)", may_mount)


@pytest.mark.usefixtures("_mount")
def test_full_data_folder(program: Program) -> None:
    """A full disk is said in one sentence, at the start of the command."""
    with _small_disk(program.folder / "data", "size=2m") as data:
        program("init")
        with (data / "filler").open("wb") as filler:
            _fill(filler.fileno())
        refused = program("station", "list", code=1)
        assert "cannot be written: the disk is full" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        (data / "filler").unlink()
        program("station", "list")


@pytest.mark.usefixtures("_mount")
def test_read_only_data_folder(program: Program) -> None:
    """So is a disk that became read-only."""
    with _small_disk(program.folder / "data", "size=8m") as data:
        program("init")
        subprocess.run(["mount", "-o", "remount,ro", str(data)], check=True, timeout=10)
        refused = program("station", "list", code=1)
        assert "cannot be written" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


@pytest.mark.usefixtures("_mount")
def test_new_loa_on_a_read_only_disk(program: Program) -> None:
    """Nothing is half made where nothing can be made."""
    with _small_disk(program.folder / "data", "size=8m,ro"):
        assert "cannot be written" in program("init", code=1).stderr


def test_database_server_down(program: Program) -> None:
    """PostgreSQL that does not answer is named with its address, without its password."""
    port = _free_port()
    program.configure(f'[database]\nurl = "postgresql+psycopg://loa@127.0.0.1:{port}/loa"\n')
    refused = program("init", code=1)
    assert f"127.0.0.1:{port}/loa does not answer" in refused.stderr
    assert not (program.folder / "data" / "secret").exists()


def _fill(descriptor: int) -> None:
    try:
        while True:
            os.write(descriptor, bytes(4096))
    except OSError:
        return
