"""A connection through another host: what paramiko and the watchdog ask of a socket."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import paramiko


class Tunnel:
    """
    One forwarded connection (SSH's ``direct-tcpip``); closing it closes the way to the jump host.

    Shut down, it shuts the socket below: only that wakes every thread that waits on it.
    """

    def __init__(
        self, channel: paramiko.Channel, below: socket.socket, close_below: Callable[[], None]
    ) -> None:
        self._channel, self._below, self._close_below = channel, below, close_below

    @property
    def _closed(self) -> bool:  # paramiko's transport looks at its socket's
        return self._channel.closed

    def send(self, data: bytes) -> int:
        return self._channel.send(data)

    def recv(self, count: int) -> bytes:
        return self._channel.recv(count)

    def settimeout(self, seconds: float | None) -> None:
        self._channel.settimeout(seconds)

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        self._below.setsockopt(level, option, value)

    def shutdown(self, how: int) -> None:
        with contextlib.suppress(OSError):
            self._below.shutdown(how)

    def close(self) -> None:
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            self._channel.close()  # says so to the jump host, if that still listens
        self._close_below()
