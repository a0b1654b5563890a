"""What a station answers is hostile until it is parsed: any bytes end in an error of ours."""

from __future__ import annotations

import io
import struct
from typing import Any, cast

import paramiko
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stations import channel as wire
from stations.channel import RefusedError, SftpChannel
from stations.disk import Stat
from stations.errors import BadAnswer, LinkDown, StationError
from stations.login import Connection
from stations.samples import Block
from stations.sftp import SftpDisk
from stations.sftpfile import SftpFile
from stations.visit import VisitLimits
from stations.watchdog import Watchdog

HELLO = struct.pack(">IBI", 5, wire.VERSION, 3)


class Tape:
    """The far end of a channel: says what is on the tape, then hangs up."""

    def __init__(self, tape: bytes) -> None:
        self._tape = io.BytesIO(tape)

    def sendall(self, data: bytes) -> None:
        """A request; nobody listens."""

    def recv(self, count: int) -> bytes:
        return self._tape.read(min(count, 1000))

    def close(self) -> None:
        """Nothing is held."""


class Calm(Watchdog):
    """Guards nothing: a tape does not stall."""

    def __init__(self) -> None:
        self.has_bitten = False

    def allow(self, seconds: float) -> None:
        """No deadline."""

    def rest(self) -> None:
        """No deadline."""


def channel_to(tape: bytes) -> SftpChannel:
    return SftpChannel(cast(paramiko.Channel, Tape(tape)), Calm(), idle_s=1)


def disk_on(tape: bytes) -> SftpDisk:
    connection = cast(Connection, None)  # nothing here asks for it
    return SftpDisk(connection, channel_to(HELLO + tape), "/", VisitLimits())


def packet(kind: int, number: int, body: bytes) -> bytes:
    return struct.pack(">IBI", 5 + len(body), kind, number) + body


KINDS = st.sampled_from([*range(101, 106), 200, 201, 0, 255])
BODIES = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda n, rest: n.to_bytes(4) + rest, st.integers(0, 2**32 - 1), st.binary(max_size=99)
    ),
)
TAPES = st.lists(st.builds(packet, KINDS, st.integers(0, 6), BODIES), max_size=8).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(st.one_of(TAPES, st.binary(max_size=300)))
def test_any_answers_end_in_an_error_of_ours_or_in_a_value(tape: bytes) -> None:
    """Listings, attributes, handles, data, free space: parsed within bounds, or refused."""
    questions: list[Any] = [
        lambda disk: disk.stat("in"),
        lambda disk: disk.list_folders("in/audio"),
        lambda disk: disk.open_read("out/receipt.json"),
        lambda disk: disk.replace("a", "b"),
        lambda disk: list(SftpFile(disk, "f", b"h").read([Block(0, 32_768)])),
        lambda disk: SftpFile(disk, "f", b"h").stat(),
    ]
    for question in questions:
        try:
            question(disk_on(tape))
        except StationError:
            continue


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100))
def test_any_greeting_is_understood_or_refused(tape: bytes) -> None:
    """The first packet too."""
    try:
        assert isinstance(channel_to(tape).extensions, dict)
    except StationError:
        return


@pytest.mark.parametrize("length", [0, 1 << 20, 0xFFFFFFFF])
def test_an_answer_of_no_length_or_too_much_is_not_waited_for(length: int) -> None:
    """A length is a promise of memory: it is looked at before a byte is kept."""
    with pytest.raises(BadAnswer):
        disk_on(struct.pack(">IBI", length, wire.ATTRS, 1)).stat("in")


def test_an_answer_that_nobody_asked_for_ends_the_visit() -> None:
    """A server that loses count is not guessed at."""
    with pytest.raises(BadAnswer, match="nobody asked"):
        disk_on(packet(wire.STATUS, 77, bytes(4))).stat("in")


def test_more_data_than_asked_for_is_refused() -> None:
    """A block is as long as asked for or shorter."""
    tape = packet(wire.DATA, 1, (11).to_bytes(4) + b"elevenbytes")
    with pytest.raises(BadAnswer):
        list(SftpFile(disk_on(tape), "f", b"h").read([Block(0, 10)]))


def test_what_a_server_says_is_made_harmless() -> None:
    """No control code and no endless text of a station reaches a log or a screen."""
    text = b"\x1b[2Jno\x00" + b"x" * 5000
    tape = packet(wire.STATUS, 1, (4).to_bytes(4) + len(text).to_bytes(4) + text)

    with pytest.raises(RefusedError) as refused:
        channel_to(HELLO + tape).ask(wire.STAT, b"in")

    assert "\x1b" not in refused.value.text
    assert len(refused.value.text) <= 200


def test_a_listing_without_end_is_left() -> None:
    """One name for ever, or a new one each time: neither fills our memory nor our night."""
    handle = packet(wire.HANDLE, 1, (1).to_bytes(4) + b"h")
    name = (1).to_bytes(4) + b"n" + (0).to_bytes(4) + (0).to_bytes(4)
    many = (1000).to_bytes(4) + name * 1000
    listing = b"".join(packet(wire.NAME, number, many) for number in range(2, 100))

    with pytest.raises(BadAnswer, match="more than 50000 names"):
        disk_on(handle + listing).list_folders("in/audio")


def test_a_closed_line_is_a_link_that_broke() -> None:
    """The end of the tape, anywhere."""
    with pytest.raises(LinkDown):
        disk_on(packet(wire.ATTRS, 1, bytes(4))[:-2]).stat("in")


def test_sound_answers_are_understood() -> None:
    """The same tape deck plays a decent server."""
    attributes = struct.pack(">IQIII", 0x1 | 0x4 | 0x8, 4711, 0o100644, 1, 1_665_964_800)

    assert disk_on(packet(wire.ATTRS, 1, attributes)).stat("in") == Stat(4711, 1_665_964_800.0)
