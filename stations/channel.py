"""
SFTP version 3 on an SSH channel, as far as a visit needs it.

paramiko's own client throws away what the server offers, turns every refusal into a bare
``OSError('Failure')`` and acknowledges nothing while it writes; and what a station answers is
hostile until it is parsed. So the requests are made here: about twenty kinds, a window of them
under way at once, every answer bounded, every wait guarded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import paramiko

from stations.errors import BadAnswer, LinkCut, LinkDown
from stations.watchdog import Watchdog

(INIT, VERSION, OPEN, CLOSE, READ, WRITE) = range(1, 7)
(FSTAT, OPENDIR, READDIR, REMOVE, MKDIR, RMDIR) = (8, 11, 12, 13, 14, 15)
(STAT, RENAME) = (17, 18)
(STATUS, HANDLE, DATA, NAME, ATTRS) = range(101, 106)
(EXTENDED, EXTENDED_REPLY) = (200, 201)

(OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE) = range(5)
UNSUPPORTED = 8

# OpenSSH sends at most 256 KiB in a packet; we never ask for more than 32 KiB of a file.
_MAX_ANSWER_BYTES = 256 * 1024 + 1024
_HEADER = struct.Struct(">IBI")


class RefusedError(Exception):
    """The server answered a request with a status other than OK. Never leaves this edge."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text or f"status {code}"
        super().__init__(code, text)


@dataclass
class Answer:
    """One answer of the server, read from the front. Every length in it is checked."""

    kind: int
    body: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        taken = self.body[self.at : self.at + count]
        if len(taken) != count:
            raise BadAnswer(detail="an answer ends too early")
        self.at += count
        return taken

    def take_int(self) -> int:
        return int.from_bytes(self.take(4))

    def take_long(self) -> int:
        return int.from_bytes(self.take(8))

    def take_bytes(self) -> bytes:
        return self.take(self.take_int())

    def take_text(self) -> str:
        return harmless(self.take_bytes().decode("utf-8", "replace"))

    @property
    def is_at_end(self) -> bool:
        return self.at >= len(self.body)


class SftpChannel:
    """Sends requests, keeps the answers that come before they are asked for."""

    def __init__(self, channel: paramiko.Channel, watchdog: Watchdog, idle_s: float) -> None:
        self._channel = channel
        self._watchdog = watchdog
        self._idle_s = idle_s
        self._buffer = bytearray()
        self._last_id = 0
        self._under_way: set[int] = set()
        self._answers: dict[int, Answer] = {}
        self._unheeded: set[int] = set()
        self.acknowledged_bytes = 0
        self.bytes_sent = 0
        self.extensions = self._greet()

    def ask(self, kind: int, *fields: bytes | int) -> Answer:
        """Send one request and wait for its answer."""
        return self.answer(self.send(kind, *fields))

    def extended(self, name: str, *fields: bytes | int) -> int:
        """Send a request that only some servers know; return its number."""
        return self.send(EXTENDED, name.encode(), *fields)

    def send(self, kind: int, *fields: bytes | int) -> int:
        """Send a request: text as bytes, 32-bit numbers as they are. Return its number."""
        return self.send_raw(kind, b"".join(_packed(field) for field in fields))

    def send_raw(self, kind: int, *body: bytes) -> int:
        self._last_id = (self._last_id + 1) & 0xFFFFFFFF
        length = 5 + sum(map(len, body))
        if not self._under_way:
            self._watchdog.allow(self._idle_s)
        self._under_way.add(self._last_id)
        self._send_all(b"".join((_HEADER.pack(length, kind, self._last_id), *body)))
        return self._last_id

    def answer(self, number: int) -> Answer:
        """
        Wait for the answer to one request.

        Raises:
            RefusedError: the server says no.
            LinkDown: nothing came back for ``idle_s``.
        """
        while number not in self._answers:
            self._receive()
        answer = self._answers.pop(number)
        if answer.kind == STATUS and (code := answer.take_int()) != OK:
            raise RefusedError(code, "" if answer.is_at_end else answer.take_text())
        return answer

    def forget(self, *numbers: int) -> None:
        """Nobody waits for these answers any more; they are dropped when they come."""
        for number in numbers:
            if self._answers.pop(number, None) is None and number in self._under_way:
                self._under_way.remove(number)
                self._unheeded.add(number)
        if not self._under_way:
            self._watchdog.rest()

    def forget_all(self) -> None:
        """After an error: what else was asked for does not matter any more."""
        self.forget(*self._under_way, *self._answers)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """We keep still ourselves, for the sake of others on the link: nobody is late."""
        self._watchdog.rest()
        yield
        if self._under_way:
            self._watchdog.allow(self._idle_s)

    def close(self) -> None:
        self._channel.close()

    def _greet(self) -> dict[str, bytes]:
        self._send_all(struct.pack(">IBI", 5, INIT, 3))
        answer = self._read_packet()
        if answer.kind != VERSION or answer.take_int() < 3:
            raise BadAnswer(detail="it does not speak SFTP 3")
        offered = {}
        while not answer.is_at_end:
            name = answer.take_text()
            offered[name] = answer.take_bytes()
        return offered

    def _receive(self) -> None:
        answer = self._read_packet()
        number = answer.take_int()
        if number in self._unheeded:
            self._unheeded.remove(number)
            return
        if number not in self._under_way:
            raise BadAnswer(detail="it answers what nobody asked")
        self._under_way.remove(number)
        self._answers[number] = answer
        if self._under_way:
            self._watchdog.allow(self._idle_s)
        else:
            self._watchdog.rest()

    def _read_packet(self) -> Answer:
        self._fill(4)
        length = int.from_bytes(self._buffer[:4])
        if not 1 <= length <= _MAX_ANSWER_BYTES:
            raise BadAnswer(detail=f"an answer of {length} bytes")
        self._fill(4 + length)
        kind, body = self._buffer[4], bytes(self._buffer[5 : 4 + length])
        del self._buffer[: 4 + length]
        return Answer(kind, body)

    def _fill(self, count: int) -> None:
        while len(self._buffer) < count:
            try:
                came = self._channel.recv(_MAX_ANSWER_BYTES)
            except (OSError, EOFError, paramiko.SSHException) as error:
                self._is_over(error)
            if not came:
                self._is_over(None)
            self._buffer += came

    def _send_all(self, packet: bytes) -> None:
        try:
            self._channel.sendall(packet)
        except (OSError, EOFError, paramiko.SSHException) as error:
            self._is_over(error)
        self.bytes_sent += len(packet)

    def _is_over(self, error: Exception | None) -> NoReturn:
        known = self.acknowledged_bytes
        if self._watchdog.has_bitten:
            raise LinkDown(idle_s=round(self._idle_s), acknowledged_bytes=known) from error
        raise LinkCut(acknowledged_bytes=known) from error


def harmless(text: str) -> str:
    """Text of a server, for a log line, a row or a screen: printable and bounded."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:200])


def _packed(field: bytes | int) -> bytes:
    if isinstance(field, int):
        return field.to_bytes(4)
    return len(field).to_bytes(4) + field
