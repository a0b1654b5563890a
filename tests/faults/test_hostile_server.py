"""A server that answers what it likes ends the visit in our words, and steers nothing of ours."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, cast

import paramiko
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stations import channel as wire
from stations import sweep
from stations.channel import SftpChannel
from stations.errors import BadAnswer, StationError
from stations.layout import RECEIPT, RECEIPT_MAX_BYTES, DayFiles, RenditionFile
from stations.login import Connection, load_key
from stations.probe import probe
from stations.sftp import SftpDisk, open_visit
from stations.visit import Visit, VisitLimits
from tests.faults.harness import hostile
from tests.faults.harness.hostile import HostileChannel, HostileStation, Mind
from tests.faults.harness.renditions import RenditionMaker

ROOT = "/srv/loa"
DAY = DayFiles(date(2022, 10, 17), b"signed", {"in/2022-10-17/0500.m3u8": b"#EXTM3U\n"})
LIMITS = VisitLimits(connect_s=5, idle_s=2, reserve_bytes=0)


class Connected:
    """What a disk asks of its connection, without one."""

    class Named:
        type = "ssh-ed25519"
        fingerprint = "SHA256:x"

    class Carried:
        remote_version = "SSH-2.0-x\x1b[2J\x00"
        local_cipher = "none"

    host_key = Named()
    transport = Carried()

    def close(self) -> None:
        """Nothing is held."""


def visit_to(mind: Mind) -> Visit:
    channel = SftpChannel(cast(paramiko.Channel, HostileChannel(mind)), hostile.Calm(), idle_s=1)
    disk = SftpDisk(cast(Connection, Connected()), channel, ROOT, LIMITS)
    return Visit(disk, LIMITS)


def everything(visit: Visit, file: RenditionFile) -> list[Callable[[], Any]]:
    """All that the hub ever does at a station."""
    return [
        lambda: visit.put_rendition(file),
        lambda: visit.put_rendition(file, is_distrusted=True),
        lambda: visit.commit_day(DAY),
        lambda: visit.read_file(RECEIPT, RECEIPT_MAX_BYTES),
        lambda: sweep.look(visit),
        lambda: sweep.remove_parts(visit, sweep.look(visit).parts),
        lambda: sweep.remove_day(visit, date(2022, 10, 1)),
        lambda: sweep.read_manifest(visit, DAY.for_date, [bytes(32)]),
        lambda: visit.remove_audio(visit.list_audio()),
        lambda: visit.sweep_parts(),
        lambda: visit.free_bytes(),
        lambda: probe(visit, 0).to_json(),
    ]


BODIES = st.one_of(
    st.binary(max_size=80),
    st.builds(lambda n, rest: n.to_bytes(4) + rest, st.integers(0, 2**32 - 1), st.binary()),
)
SIZES = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 5000, 6, 8]))
RECIPES = st.one_of(
    st.builds(hostile.plausible, SIZES, st.lists(st.sampled_from(hostile.NAMES), max_size=4)),
    st.builds(hostile.plausible, SIZES, st.lists(st.binary(max_size=30), min_size=1, max_size=3)),
    st.builds(hostile.status, st.integers(0, 2**32 - 1), st.binary(max_size=30)),
    st.builds(hostile.garbage, st.integers(0, 255), BODIES),
    st.builds(hostile.nonsense, st.binary(max_size=40)),
    st.sampled_from([hostile.other_number, hostile.oversize, hostile.silence]),
)
# Mostly sensible, or no visit would get far.
SENSIBLE = st.builds(hostile.plausible, SIZES, st.just(hostile.NAMES[7:]))
MINDS = st.builds(
    lambda recipes, offered: Mind(recipes, hostile.hello(*offered)),
    st.lists(st.one_of(SENSIBLE, SENSIBLE, RECIPES), min_size=1, max_size=12),
    st.sampled_from([(), hostile.OFFERED, hostile.OFFERED[:2]]),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> RenditionFile:
    return RenditionMaker(tmp_path_factory.mktemp("renditions"))(5000)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_it_answers_the_visit_ends_in_our_words(
    file: RenditionFile, data: st.DataObject
) -> None:
    """A value or an error of ours from each method; no request leaves the in/ of the station."""
    mind = data.draw(MINDS)
    at = data.draw(st.integers(0, 11))
    with contextlib.suppress(StationError):
        everything(visit_to(mind), file)[at]()

    assert [path for path in mind.changed if hostile.leaves_the_station(path)] == []
    assert mind.requests < 60_000


def test_a_name_with_a_slash_or_a_nul_ends_the_visit() -> None:
    """A folder cannot hold such a name: who says so wants something of us."""
    for name in (b"../../audio/x.part", b"a\0b.part", b"/etc/passwd.part"):
        visit = visit_to(Mind([hostile.plausible(5, [name])], hostile.hello()))
        with pytest.raises(BadAnswer):
            visit.sweep_parts()


def test_a_name_that_is_no_unicode_can_be_removed() -> None:
    """A part that somebody left under a name in another encoding is swept like any other."""
    mind = Mind([hostile.plausible(5, [b"\xff\xfe.part"])], hostile.hello())

    visit_to(mind).sweep_parts()

    assert b"/srv/loa/in/audio/\xff\xfe.part" in mind.changed


def test_a_room_larger_than_any_disk_is_kept_within_what_a_row_holds() -> None:
    """2^128 bytes free do not fit into a row: the visit would die of it, every night."""
    visit = visit_to(Mind([hostile.plausible(5, [])], hostile.hello(*hostile.OFFERED)))

    assert visit.free_bytes() == 1 << 60


def test_what_the_server_is_called_is_made_harmless() -> None:
    """Its greeting is stored and shown: no control code of it reaches a screen."""
    visit = visit_to(Mind([hostile.plausible(5, [])], hostile.hello()))

    assert visit.server.isprintable()


BEHAVIOURS: dict[str, list[hostile.Recipe]] = {
    "garbage": [hostile.nonsense(b"\xff" * 50)],
    "oversize": [hostile.oversize],
    "silence": [hostile.silence],
    "other numbers": [hostile.other_number],
    "endless listing": [hostile.plausible(5, [b"n%d" % n for n in range(500)], is_endless=True)],
    "no names": [hostile.plausible(5, [], is_endless=True)],
    "handles of a megabyte": [hostile.garbage(wire.HANDLE, hostile.text(bytes(250_000)))],
    "every size is 2^64": [hostile.plausible(2**64 - 1, [b"x" * 255])],
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_over_a_real_connection_too(
    behaviour: str, tmp_path: Path, private_key: Path, file: RenditionFile
) -> None:
    """SSH around it: every method ends, soon, and in 40 MB at the most; none hangs."""
    mind = Mind(BEHAVIOURS[behaviour], hostile.hello(*hostile.OFFERED))
    public = private_key.with_suffix(".pub").read_text()
    station = HostileStation(tmp_path / "root", public, mind)
    station.start()
    key = load_key(private_key)
    tracemalloc.start()
    try:
        for at in (0, 2, 3, 4, 11):
            started = time.monotonic()
            with (
                contextlib.suppress(StationError),
                open_visit(station.address, key, LIMITS) as visit,
            ):
                everything(visit, file)[at]()
            assert time.monotonic() - started < 60  # seconds, where nothing else runs
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
        station.stop()
