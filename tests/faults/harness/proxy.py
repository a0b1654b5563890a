"""A bad line: a TCP relay that stalls, cuts, slows down or garbles after a number of bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self

_PIECE = 16_384


class Proxy:
    """Stands between one client and one server. ``up`` counts what the client sent through it."""

    def __init__(
        self,
        target_port: int,
        *,
        stall_after: int | None = None,
        cut_after: int | None = None,
        garble_after: int | None = None,
        bytes_per_s: int | None = None,
    ) -> None:
        self.stall_after = stall_after
        self.cut_after = cut_after  # once
        self.garble_after = garble_after
        self.bytes_per_s = bytes_per_s  # in each direction
        self.stalled_at: float | None = None  # monotonic
        self.up = 0
        self.open_now = self.most_open = 0  # callers, by the lines that are up
        self._target_port = target_port
        self._ended = threading.Event()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._hang_up([self._listener, *self._sockets])

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target_port), timeout=10)
            except OSError:
                return
            for sock in (client, server):
                sock.settimeout(None)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.bytes_per_s is not None:
                    # A thin line holds little: otherwise a minute of it would lie in our buffers.
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
                self._sockets.append(sock)
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)
            for way in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=way, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_up: bool) -> None:
        piece = _PIECE if self.bytes_per_s is None else max(256, self.bytes_per_s // 20)
        with contextlib.suppress(OSError):
            while data := source.recv(min(piece, _PIECE)):
                if self.bytes_per_s is not None:
                    time.sleep(len(data) / self.bytes_per_s)
                target.sendall(self._faulty(data, is_up))
        if is_up:
            self.open_now -= 1
        self._hang_up([source, target])

    def _faulty(self, data: bytes, is_up: bool) -> bytes:
        if is_up:
            self.up += len(data)
        if self.stall_after is not None and self.up >= self.stall_after:
            self.stalled_at = self.stalled_at or time.monotonic()
            self._ended.wait()
        if self.cut_after is not None and self.up >= self.cut_after:
            self.cut_after = None
            # As they are now: who calls again while this goes on is not hung up too.
            self._hang_up(list(self._sockets))
        if is_up and self.garble_after is not None and self.up >= self.garble_after:
            self.garble_after = None
            return bytes(byte ^ 0x55 for byte in data)
        return data

    @staticmethod
    def _hang_up(sockets: list[socket.socket]) -> None:
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
