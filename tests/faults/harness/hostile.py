"""
A server that answers what it likes: it counts requests and has a recipe for each.

It stands behind a channel of paper (``HostileChannel``: a thousand visits a minute) or behind a
real SSH server (``HostileStation``).
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko

from stations import channel as wire
from stations.simulated_server import KeyOnly
from stations.simulator import SimulatedStation
from stations.watchdog import Watchdog

# Request kind, number, body → the bytes that go back; none is silence.
Recipe = Callable[[int, int, bytes], bytes]

NAMES = (
    b"../../../etc/passwd", b"..", b".", b"", b"a\0b.part", b"a/b.part", b"/etc/shadow.part",
    b"\xff\xfe\xfd.part", b"\n\x1b[2J.part", b"n" * 4000 + b".part", b"2022-10-01",
    b"2022-02-31.signed", b"2022-10-01.signed", b"0" * 64 + b".mp3", b"0" * 64 + b".mp3.part",
)  # fmt: skip
_PATHS_IN = {
    wire.OPEN: 1, wire.OPENDIR: 1, wire.REMOVE: 1, wire.MKDIR: 1, wire.RMDIR: 1, wire.STAT: 1,
    wire.RENAME: 2,
}  # fmt: skip
_WRITES = 0x2


def packet(kind: int, number: int, body: bytes = b"") -> bytes:
    return struct.pack(">IBI", 5 + len(body), kind, number) + body


def text(content: bytes) -> bytes:
    return len(content).to_bytes(4) + content


def status(code: int, said: bytes = b"no") -> Recipe:
    return lambda kind, number, body: packet(
        wire.STATUS, number, code.to_bytes(4) + text(said) + text(b"")
    )


def garbage(answer_kind: int, content: bytes) -> Recipe:
    return lambda kind, number, body: packet(answer_kind, number, content)


def other_number(kind: int, number: int, body: bytes) -> bytes:
    return packet(wire.STATUS, number + 1_000_000, bytes(4))


def oversize(kind: int, number: int, body: bytes) -> bytes:
    return struct.pack(">IBI", 0x7FFFFFFF, wire.DATA, number) + bytes(100)


def silence(kind: int, number: int, body: bytes) -> bytes:
    return b""


def nonsense(content: bytes) -> Recipe:
    return lambda kind, number, body: content


def attributes(size: int, flags: int = 0x9, when: int = 0xFFFFFFFF) -> bytes:
    return struct.pack(">I", flags) + struct.pack(">Q", size) + struct.pack(">II", when, when)


def plausible(size: int, names: Sequence[bytes], *, is_endless: bool = False) -> Recipe:
    """An answer of the kind that belongs to the request; what it says is another matter."""
    listed = itertools.cycle((True, is_endless))

    def answer(kind: int, number: int, body: bytes) -> bytes:
        if kind in (wire.OPEN, wire.OPENDIR):
            return packet(wire.HANDLE, number, text(b"h"))
        if kind in (wire.STAT, wire.FSTAT):
            return packet(wire.ATTRS, number, attributes(size))
        if kind == wire.READ:
            return packet(wire.DATA, number, text(bytes(int.from_bytes(body[-4:]) % 40_000)))
        if kind == wire.READDIR and next(listed):
            lines = b"".join(text(name) + text(b"-rw") + attributes(size) for name in names)
            return packet(wire.NAME, number, len(names).to_bytes(4) + lines)
        if kind == wire.READDIR:
            return status(wire.EOF)(kind, number, body)
        if kind == wire.EXTENDED and b"statvfs" in body:
            room = struct.pack(">11Q", *(0xFFFFFFFFFFFFFFFF,) * 11)
            return packet(wire.EXTENDED_REPLY, number, room)
        return status(wire.OK)(kind, number, body)

    return answer


@dataclass
class Mind:
    """Answers request after request by its recipes, over and over; remembers what was asked."""

    recipes: Sequence[Recipe]
    hello: bytes = packet(wire.VERSION, 3) + b""
    changed: list[bytes] = field(default_factory=list)  # paths that a request would change
    requests: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def hear(self, data: bytes) -> bytes:
        """Bytes of requests in, bytes of answers out."""
        self._buffer += data
        return b"".join(self._answers())

    def _answers(self) -> Iterator[bytes]:
        while len(self._buffer) >= 5:
            length = int.from_bytes(self._buffer[:4])
            if len(self._buffer) < 4 + length:
                return
            request = bytes(self._buffer[4 : 4 + length])
            del self._buffer[: 4 + length]
            kind, body = request[0], request[1:]
            if kind == wire.INIT:
                yield self.hello
                continue
            self._remember(kind, body[4:])
            recipe = self.recipes[self.requests % len(self.recipes)]
            self.requests += 1
            yield recipe(kind, int.from_bytes(body[:4]), body[4:])

    def _remember(self, kind: int, body: bytes) -> None:
        at = 0
        for _ in range(_PATHS_IN.get(kind, 0)):
            length = int.from_bytes(body[at : at + 4])
            path = body[at + 4 : at + 4 + length]
            at += 4 + length
            is_read = kind in (wire.STAT, wire.OPENDIR) or (
                kind == wire.OPEN and not int.from_bytes(body[at : at + 4]) & _WRITES
            )
            if not is_read:
                self.changed.append(path)


def hello(*extensions: bytes) -> bytes:
    offered = b"".join(text(name) + text(b"1") for name in extensions)
    return struct.pack(">IBI", 5 + len(offered), wire.VERSION, 3) + offered


OFFERED = (b"fsync@openssh.com", b"statvfs@openssh.com", b"posix-rename@openssh.com")


class HostileChannel:
    """The end of an SSH channel, without SSH; hangs up when it has nothing to say."""

    def __init__(self, mind: Mind) -> None:
        self._mind = mind
        self._said = bytearray()

    def sendall(self, data: bytes) -> None:
        self._said += self._mind.hear(data)

    def recv(self, count: int) -> bytes:
        said = bytes(self._said[:count])
        del self._said[:count]
        return said

    def close(self) -> None:
        """Nothing is held."""


class Calm(Watchdog):
    """Guards nothing: paper does not stall."""

    def __init__(self) -> None:
        self.has_bitten = False

    def allow(self, seconds: float) -> None:
        """No deadline."""

    def rest(self) -> None:
        """No deadline."""


class HostileStation(SimulatedStation):
    """A real SSH server with a mind behind it."""

    def __init__(self, root: Path, authorized_key: str, mind: Mind) -> None:
        super().__init__("hostile", root, authorized_key)
        self.mind = mind

    def _talk(self, connection: socket.socket) -> None:
        mind = self.mind

        class Handler(paramiko.SubsystemHandler):
            def start_subsystem(
                self, name: str, transport: paramiko.Transport, channel: paramiko.Channel
            ) -> None:
                with contextlib.suppress(OSError, EOFError):
                    while data := channel.recv(32_768):
                        channel.sendall(mind.hear(data))

        self.state.connections.append(connection)
        transport = paramiko.Transport(connection)
        transport.add_server_key(self._private_key)
        transport.set_subsystem_handler("sftp", Handler)
        transport.start_server(event=threading.Event(), server=KeyOnly(self.state))


def leaves_the_station(path: bytes) -> bool:
    """Whether a request would change something that is not the hub's at ``/srv/loa/in``."""
    inner = path.removeprefix(b"/srv/loa/")
    parts: list[Any] = inner.split(b"/")
    return inner == path or parts[0] != b"in" or b".." in parts or b"\0" in path
