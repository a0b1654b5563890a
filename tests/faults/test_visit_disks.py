"""Faults 8, 10 and 12: a station that is full, that may not be written, whose bytes rot."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import paramiko
import pytest

from stations.errors import NotWritable, StationFull
from stations.folder import open_folder
from stations.layout import DayFiles, audio_path, manifest_path
from stations.login import load_key
from stations.sftp import open_visit
from stations.visit import Visit, VisitLimits
from tests.contract.conftest import need_sshd
from tests.faults.harness.disks import small_disk_at
from tests.faults.harness.night import complaints
from tests.faults.harness.renditions import RenditionMaker
from tests.faults.harness.sshd import Sshd

MB = 1_000_000
LIMITS = VisitLimits(connect_s=10, idle_s=10, reserve_bytes=0)
TODAY = DayFiles(date(2022, 10, 16), b"today", {})
TOMORROW = DayFiles(date(2022, 10, 17), b"tomorrow", {})


@pytest.fixture
def key(private_key: Path) -> paramiko.PKey:
    return load_key(private_key)


@pytest.fixture
def make(tmp_path: Path) -> RenditionMaker:
    return RenditionMaker(tmp_path / "renditions")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    with small_disk_at(tmp_path / "small disk", "2m") as root:
        yield root


@pytest.fixture(params=["openssh", "folder"])
def small_visit(
    request: pytest.FixtureRequest, small_disk: Path, private_key: Path, tmp_path: Path
) -> Iterator[tuple[Visit, Path]]:
    """A visit to a station with a disk of 2 MiB on which today is live."""
    if request.param == "folder":
        with open_folder(small_disk, LIMITS) as visit:
            visit.commit_day(TODAY)
            yield visit, small_disk
    else:
        need_sshd()
        with (
            Sshd(tmp_path / "server", small_disk, private_key) as server,
            open_visit(server.address(), private_key, LIMITS) as visit,
        ):
            visit.commit_day(TODAY)
            yield visit, small_disk


def test_a_full_disk_is_known_before_anything_is_sent(
    small_visit: tuple[Visit, Path], make: RenditionMaker
) -> None:
    """Fault 8 at the start: both figures are told; today's manifest is untouched."""
    visit, root = small_visit

    with pytest.raises(StationFull) as refused:
        visit.put_rendition(make(3 * MB))

    assert refused.value.fields["needed_bytes"] == 3 * MB
    assert 0 < refused.value.fields["free_bytes"] <= 2 << 20
    assert (root / manifest_path(TODAY.for_date)).read_bytes() == TODAY.manifest
    assert list(root.rglob("*.part")) == []


def test_a_disk_that_fills_in_the_middle_leaves_no_half_file(
    small_visit: tuple[Visit, Path], make: RenditionMaker
) -> None:
    """Fault 8 in the middle: others take the room. Our part goes, so that the log has some."""
    visit, root = small_visit
    visit.put_rendition(make(200_000))

    def fill(acknowledged: int) -> None:
        if not (root / "other").exists():
            (root / "other").write_bytes(bytes(1_000_000))

    with pytest.raises(StationFull):
        visit.put_rendition(make(1_500_000), fill)

    assert complaints(root, ()) == [f"{TODAY.for_date}.signed: 5 bytes that nobody signed"]
    assert list(root.rglob("*.part")) == []
    assert os.statvfs(root).f_bavail > 0
    (root / "other").unlink()
    assert not visit.put_rendition(make(1_500_000)).was_there
    visit.commit_day(TOMORROW)
    assert (root / manifest_path(TOMORROW.for_date)).read_bytes() == TOMORROW.manifest


def test_a_disk_that_is_read_only_is_a_persons_work(
    small_visit: tuple[Visit, Path], make: RenditionMaker
) -> None:
    """Fault 10: a worn card turns read-only; said once, not retried."""
    visit, root = small_visit
    options = ["mount", "-o", "remount,ro", str(root)]
    subprocess.run(options, check=True, timeout=20)

    with pytest.raises(NotWritable) as refused:
        visit.put_rendition(make(1000))

    assert refused.value.retry is False
    assert (root / manifest_path(TODAY.for_date)).read_bytes() == TODAY.manifest


def test_a_server_that_lets_us_only_read_is_a_persons_work(
    tmp_path: Path, private_key: Path, make: RenditionMaker
) -> None:
    """Fault 10: rights; which path, and that no retry helps."""
    need_sshd()
    file = make(1000)
    with Sshd(tmp_path / "server", tmp_path / "root", private_key) as server:
        server.stop()
        server.subsystem = "internal-sftp -R"
        server.start()
        with (
            open_visit(server.address(), private_key, LIMITS) as visit,
            pytest.raises(NotWritable) as refused,
        ):
            visit.put_rendition(file)

    assert refused.value.retry is False
    assert "in" in refused.value.fields["path"]


def test_a_flipped_bit_is_found_by_reading_all_of_it(
    sshd: Sshd, key: paramiko.PKey, make: RenditionMaker
) -> None:
    """Fault 12: where the link allows it, the next visit finds any rot and mends it."""
    file = make(3 * MB)
    final = sshd.root / audio_path(file.name)
    limits = dataclasses.replace(LIMITS, reads_back_all=True)
    with open_visit(sshd.address(), key, limits) as visit:
        visit.put_rendition(file)
        rotten = bytearray(file.path.read_bytes())
        rotten[random.Random(7).randrange(len(rotten))] ^= 1
        final.write_bytes(rotten)

        assert not visit.put_rendition(file).was_there

    assert final.read_bytes() == file.path.read_bytes()


def test_samples_of_other_nights_look_elsewhere(
    sshd: Sshd, key: paramiko.PKey, make: RenditionMaker
) -> None:
    """Fault 12 on a thin link: two looks a night find a rotten tenth of a file within a month."""
    file = make(4 * MB)
    final = sshd.root / audio_path(file.name)
    rotten = bytearray(file.path.read_bytes())
    rotten[2 * MB : 2 * MB + 400_000] = bytes(400_000)
    final.write_bytes(rotten)

    for night in range(30):
        limits = dataclasses.replace(LIMITS, sample_seed=night)
        with open_visit(sshd.address(), key, limits) as visit:
            if not visit.put_rendition(file).was_there:
                break

    assert final.read_bytes() == file.path.read_bytes()
