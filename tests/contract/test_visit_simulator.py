"""The simulator does to a visit what bad stations do; a fleet may be a process of its own."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stations.errors import LinkDown, StationError, StationFull, Unreachable, WrongBytes
from stations.layout import RenditionFile, audio_path
from stations.probe import probe
from stations.sftp import open_visit
from stations.simulator import Fleet, SimulatedStation
from stations.visit import Visit
from tests.contract.conftest import LIMITS, Site
from tests.faults.harness.renditions import RenditionMaker

MB = 1_000_000


@pytest.fixture
def station(tmp_path: Path, private_key: Path) -> Iterator[SimulatedStation]:
    """One simulated station."""
    with Fleet(tmp_path, ["A"], private_key.with_suffix(".pub").read_text()) as fleet:
        yield fleet["A"]


@pytest.fixture
def file(make_rendition: RenditionMaker) -> RenditionFile:
    return make_rendition(3 * MB)


def visit_to(station: SimulatedStation, private_key: Path, idle_s: float = 10) -> Visit:
    return open_visit(
        station.address, private_key, dataclasses.replace(LIMITS, idle_s=idle_s, connect_s=5)
    )


def test_a_cut_is_felt_at_once_and_healed_by_the_next_visit(
    station: SimulatedStation, private_key: Path, file: RenditionFile
) -> None:
    """The visit ends, the part stays, the next one sends the rest."""
    station.faults.cut_after_bytes = 2 * MB
    started = time.monotonic()
    with pytest.raises(LinkDown), visit_to(station, private_key) as visit:
        visit.put_rendition(file)
    assert time.monotonic() - started < 3
    assert not (station.root / audio_path(file.name)).exists()

    with visit_to(station, private_key) as visit:
        sent = visit.put_rendition(file)

    assert 0 < sent.resumed_from <= 2 * MB
    assert (station.root / audio_path(file.name)).read_bytes() == file.path.read_bytes()


def test_a_silent_station_is_given_up(
    station: SimulatedStation, private_key: Path, file: RenditionFile
) -> None:
    """Idle limit and two seconds: no longer."""
    station.faults.stall_after_bytes = MB
    with visit_to(station, private_key, idle_s=2) as visit:
        started = time.monotonic()
        with pytest.raises(LinkDown):
            visit.put_rendition(file)

    assert time.monotonic() - started < 4


def test_a_lying_station_is_caught(
    station: SimulatedStation, private_key: Path, file: RenditionFile
) -> None:
    """It says yes, the size is right, the bytes are wrong: no final name."""
    station.faults.lies = True

    with visit_to(station, private_key) as visit, pytest.raises(WrongBytes):
        visit.put_rendition(file)

    assert [path for path in station.root.rglob("*") if path.is_file()] == []


def test_a_station_that_loses_what_it_renames_is_caught(
    station: SimulatedStation, private_key: Path, file: RenditionFile
) -> None:
    """A yes to the rename is not believed: the final name is looked for."""
    station.faults.loses_names = True

    with visit_to(station, private_key) as visit, pytest.raises(WrongBytes):
        visit.put_rendition(file)


def test_a_full_station_keeps_room_for_its_log(
    station: SimulatedStation, private_key: Path, file: RenditionFile
) -> None:
    """Full in the middle: said with figures, and our part does not keep the room."""
    station.faults.full_after_bytes = MB
    station.faults.is_old = True  # so that it cannot say so before

    with visit_to(station, private_key) as visit, pytest.raises(StationFull) as refused:
        visit.put_rendition(file)

    assert refused.value.fields["needed_bytes"] > 0
    assert [path for path in station.root.rglob("*") if path.is_file()] == []


def test_a_station_that_hangs_up_is_unreachable(
    station: SimulatedStation, private_key: Path
) -> None:
    """Neither a refusal nor a wait."""
    station.faults.refuses = True
    with pytest.raises(Unreachable):
        visit_to(station, private_key)

    station.faults.refuses = False
    station.stop()
    with pytest.raises(Unreachable):
        visit_to(station, private_key)


def test_a_wrong_clock_is_measured(station: SimulatedStation, private_key: Path) -> None:
    """Six hours ahead, seen over plain SFTP."""
    station.faults.clock_ahead_s = 6 * 3600

    with visit_to(station, private_key) as visit:
        skew = visit.clock_skew_s(time.time())

    assert skew == pytest.approx(6 * 3600, abs=2)


@pytest.mark.parametrize("are_zeroed", [False, True])
def test_a_power_cut_takes_only_what_was_not_flushed(
    station: SimulatedStation, private_key: Path, file: RenditionFile, are_zeroed: bool
) -> None:
    """A delivered rendition survives; one that was cut is resumed from what is on the disk."""

    class PowerCutError(Exception):
        pass

    def cut(acknowledged: int) -> None:
        if acknowledged > 2 * MB:
            raise PowerCutError

    with pytest.raises(PowerCutError), visit_to(station, private_key) as visit:
        visit.put_rendition(file, cut)
    station.cut_power(are_zeroed=are_zeroed)

    with visit_to(station, private_key) as visit:
        visit.put_rendition(file)
    station.cut_power(are_zeroed=are_zeroed)

    assert (station.root / audio_path(file.name)).read_bytes() == file.path.read_bytes()


def test_a_probe_tells_what_a_server_can_do(site: Site) -> None:
    """Tried, not believed; stored as JSON; nothing is left at the station."""
    with site.visit() as visit:
        facts = probe(visit, time.time())

    assert facts.flushes is (site.kind == "folder" or "fsync@openssh.com" in facts.extensions)
    assert facts.renames_over is (site.kind != "old_simulator")
    assert facts.longest_name == 255
    assert facts.clock_skew_s == pytest.approx(0, abs=2)
    assert facts.server in facts.to_json()
    if site.kind == "openssh":
        assert facts.flushes_folders
        assert "OpenSSH" in facts.server
        assert facts.cipher == "aes128-gcm@openssh.com"
    assert site.files() == set()


def test_a_fleet_runs_in_a_process_of_its_own(
    tmp_path: Path, private_key: Path, file: RenditionFile
) -> None:
    """The same faults on command, over its standard input."""
    public = private_key.with_suffix(".pub").read_text()
    with Fleet.start_process(tmp_path / "fleet", ["A", "B"], public) as fleet:
        fleet.cut_after("A", MB)
        with pytest.raises(LinkDown), open_visit(fleet.addresses["A"], private_key) as visit:
            visit.put_rendition(file)
        with open_visit(fleet.addresses["A"], private_key) as visit:
            assert visit.put_rendition(file).resumed_from > 0
        for command in (fleet.stop, fleet.change_host_key):
            command("B")
            with pytest.raises(StationError):
                open_visit(fleet.addresses["B"], private_key, LIMITS)
            fleet.start("B")
        with pytest.raises(ValueError, match="not understood"):
            fleet.stop("C")
        fleet.cut_power("A")

    assert (fleet.root("A") / audio_path(file.name)).read_bytes() == file.path.read_bytes()
