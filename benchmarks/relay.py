"""
A line between hub and stations: every connection gets a bandwidth and a delay of its own.

    relay.py TARGET_PORT [--kbps N] [--rtt-ms N] [--cut-after BYTES]

Prints its port. Every line on standard input is answered with the bytes that went up so far.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

# About what a 3G router queues: enough to keep the line full, not a minute of it.
QUEUE_BYTES = 64 * 1024
PIECE_BYTES = 16 * 1024  # what arrives together: a second of a thin line must not come in one lump


class Way:
    """One direction of one connection."""

    def __init__(self, bytes_per_s: float, delay_s: float) -> None:
        self.bytes_per_s = bytes_per_s
        self.delay_s = delay_s
        self.free_at = 0.0
        self.queued = 0

    def arrives_at(self, now: float, count: int) -> float:
        """When these bytes have gone through, behind those before them."""
        self.free_at = max(now, self.free_at) + count / self.bytes_per_s
        return self.free_at + self.delay_s


class End(asyncio.Protocol):
    """One end of a relayed connection: what it receives goes to the other, later."""

    def __init__(self, relay: Relay, way: Way, *, is_up: bool) -> None:
        self.relay = relay
        self.way = way
        self.is_up = is_up
        self.other: End | None = None
        self.waiting: list[bytes] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.is_up:
            self.relay.count_up(len(data))
        self.way.queued += len(data)
        if self.way.queued > QUEUE_BYTES and self.transport is not None:
            self.transport.pause_reading()
        loop = asyncio.get_running_loop()
        for at in range(0, len(data), PIECE_BYTES):
            piece = data[at : at + PIECE_BYTES]
            loop.call_at(self.way.arrives_at(loop.time(), len(piece)), self.pass_on, piece)

    def pass_on(self, data: bytes) -> None:
        self.way.queued -= len(data)
        if self.way.queued <= QUEUE_BYTES and self.transport is not None:
            with contextlib.suppress(RuntimeError):
                self.transport.resume_reading()
        if self.other is None or self.other.transport is None:
            self.waiting.append(data)
        else:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.other is not None and self.other.transport is not None:
            asyncio.get_running_loop().call_later(self.way.delay_s * 2, self.other.close)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


class Relay:
    """Listens, and joins every caller with the target."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.up = 0
        self.ends: set[End] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    def new_end(self) -> End:
        speed = self.options.kbps * 125 if self.options.kbps else float("inf")
        near, far = (
            End(self, Way(speed, self.options.rtt_ms / 2000), is_up=is_up)
            for is_up in (True, False)
        )
        task = asyncio.get_running_loop().create_task(self.join(near, far))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        self.ends |= {near, far}
        return near

    async def join(self, near: End, far: End) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: far, "127.0.0.1", self.options.target_port)
        near.other, far.other = far, near
        for data in near.waiting:
            assert far.transport is not None
            far.transport.write(data)

    def count_up(self, count: int) -> None:
        self.up += count
        if self.options.cut_after and self.up >= self.options.cut_after:
            self.options.cut_after = None
            for end in self.ends:
                if end.transport is not None:
                    end.transport.abort()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target_port", type=int)
    parser.add_argument("--kbps", type=int)
    parser.add_argument("--rtt-ms", type=float, default=0)
    parser.add_argument("--cut-after", type=int)
    relay = Relay(parser.parse_args())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(relay.new_end, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    asked = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    while await asked.readline():
        print(relay.up, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
