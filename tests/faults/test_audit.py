"""Faults 12 and 13 over a real server: what a power cut took is found and comes back."""

from __future__ import annotations

import getpass
import hashlib
from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from scheduler import audit, dispatch, planner
from scheduler.hub import Hub
from scheduler.registry import find_station
from scheduler.store.models import Delivery
from scheduler.store.states import DeliveryState
from stations.layout import AUDIO_DIR, FOLDERS, MANIFEST_DIR
from tests.builders import ON, ha_nam, programme, slot, stations
from tests.contract.conftest import need_sshd
from tests.faults.harness.sshd import Sshd

CODE = "s13579"
FIRST, LAST = ON + timedelta(days=1), ON + timedelta(days=2)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in FOLDERS:
        (tmp_path / "box" / folder).mkdir(parents=True)
    return tmp_path / "box"


@pytest.fixture
def there(hub: Hub, root: Path, tmp_path: Path) -> Iterator[Hub]:
    """A station behind OpenSSH that has two days of two programmes."""
    need_sshd()
    ha_nam(hub)
    with Sshd(tmp_path / "server", root, hub.ssh_key_path) as server:
        stations(
            hub, ["13579"], port=str(server.port), username=getpass.getuser(),
            host_key=server.host_key, root=str(root),
        )  # fmt: skip
        for number, hour in enumerate((5, 11)):
            content = hashlib.shake_128(bytes([number])).digest(1_500_000)
            made = programme(hub, f"Tin {number}", content=content)
            slot(hub, made, at=time(hour), valid_from=FIRST, valid_to=LAST)
        planner.plan(hub)
        dispatch.push(hub)
        assert states(hub) == {DeliveryState.DELIVERED}
        yield hub


def states(hub: Hub) -> set[DeliveryState]:
    with hub.database.read() as session:
        return set(session.scalars(select(Delivery.state)))


def lying(root: Path) -> dict[str, str]:
    """Every final file below in/ with its hash; the printed timetable does not matter here."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in (AUDIO_DIR, MANIFEST_DIR)
        for path in (root / folder).iterdir()
    }


def power_cut(root: Path, folder: str, *, empties: bool) -> None:
    """What ext4 shows after a cut without fsync: a name with no bytes, or no name at all."""
    for path in sorted((root / folder).iterdir())[:1]:
        if empties:
            path.write_bytes(b"")
        else:
            path.unlink()


@pytest.mark.parametrize("folder", [AUDIO_DIR, MANIFEST_DIR])
@pytest.mark.parametrize("empties", [True, False])
def test_what_a_power_cut_took_is_found_and_brought_again(
    there: Hub, root: Path, folder: str, *, empties: bool
) -> None:
    """Found by one look, mended by one visit; the second look finds nothing to do."""
    before = lying(root)
    power_cut(root, folder, empties=empties)

    [result] = audit.audit(there)
    assert result.error is None
    assert result.healed == (2 if folder == AUDIO_DIR else 1)  # both days want that file
    [visit] = dispatch.push(there).visits
    assert (visit.error, visit.delivered) == (None, result.healed)

    assert lying(root) == before
    [again] = audit.audit(there)
    assert (again.healed, again.findings["bad"], again.findings["strays"]) == (0, 0, 0)


def test_rot_in_a_block_that_is_read_is_found_and_what_is_read_is_little(
    there: Hub, root: Path
) -> None:
    """The ends of every file are read: 3 MB of sound are judged by a quarter of a megabyte."""
    path = min((root / AUDIO_DIR).iterdir())
    data = bytearray(path.read_bytes())
    data[-5] ^= 0x10
    path.write_bytes(data)

    [result] = audit.audit(there)

    assert result.found is not None
    assert result.found.wrong == {path.name}
    assert result.found.bytes_read <= 2 * 4 * 32_768
    dispatch.push(there)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name.split(".")[0]
    with there.database.read() as session:
        assert find_station(session, CODE).distrusted == []
