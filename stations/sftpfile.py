"""One open file at a station: a window of writes or reads under way, read back as it lies there."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import BinaryIO, Self

from stations import channel as wire
from stations.channel import Answer, RefusedError
from stations.disk import FLUSH_EVERY_BYTES, Later, Stat
from stations.errors import BadAnswer, LinkDown, StationError, WrongBytes
from stations.samples import Block
from stations.sftpsession import FSYNC, LEAST_WRITE_BYTES, SftpSession


class SftpFile:
    """One open file at the station."""

    def __init__(self, disk: SftpSession, path: str, handle: bytes) -> None:
        self._disk = disk
        self._channel = disk.channel
        self._path = path
        self._handle = handle
        self._framed_handle = len(handle).to_bytes(4) + handle
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        is_over = isinstance(error, LinkDown | BadAnswer) or (
            error is not None and not isinstance(error, StationError | GeneratorExit)
        )
        if not (self._is_closed or is_over):
            self._is_closed = True
            with contextlib.suppress(StationError):  # the first error is the one to hear of
                closing = self._channel.send(wire.CLOSE, self._handle)
                if isinstance(error, StationError):
                    self._answer(closing)  # a removed file keeps its room until it is closed
                else:
                    self._channel.forget(closing)

    def stat(self) -> Stat:
        return self.ask_stat()()

    def ask_stat(self) -> Later[Stat]:
        asked = self._channel.send(wire.FSTAT, self._handle)
        return lambda: stat_of(self._answer(asked))

    def write(self, source: BinaryIO, start: int, acknowledged: Callable[[int], None]) -> None:
        source.seek(0, 2)
        end = source.tell()
        source.seek(start)
        writer = _Writer(self._disk, acknowledged)
        offset = start
        while offset < end:
            until_flush = FLUSH_EVERY_BYTES - offset % FLUSH_EVERY_BYTES
            chunk = source.read(min(self._disk.chunk_bytes, until_flush))
            if not chunk:
                raise WrongBytes(path=self._path)  # our own file became shorter under us
            writer.add(self._send_write(offset, chunk), len(chunk), self._path, end - offset)
            offset += len(chunk)
            if offset % FLUSH_EVERY_BYTES == 0 and self._disk.offers(FSYNC):
                writer.add(self._channel.extended(FSYNC, self._handle), 0, self._path, 0)
        writer.finish()

    def begin_write(self, content: bytes) -> Later[None]:
        size = self._disk.chunk_bytes
        writer = _Writer(self._disk, lambda count: None)
        for offset in range(0, len(content), size):
            chunk = content[offset : offset + size]
            writer.add(self._send_write(offset, chunk), len(chunk), self._path, len(content))
        return writer.finish

    def read(self, blocks: Iterable[Block]) -> Generator[bytes, None, None]:
        ahead = iter(blocks)
        first = itertools.islice(ahead, self._disk.limits.window)
        return self._read_on(deque((block, self._send_read(block)) for block in first), ahead)

    def _read_on(
        self, under_way: deque[tuple[Block, int]], ahead: Iterator[Block]
    ) -> Generator[bytes, None, None]:
        try:
            while under_way:
                block, number = under_way.popleft()
                yield self._whole_block(block, number)
                for following in itertools.islice(ahead, 1):
                    under_way.append((following, self._send_read(following)))
        finally:
            self._channel.forget(*(number for _, number in under_way))

    def flush(self) -> bool:
        return self._flushed(self._ask_flush())

    def begin_seal(self) -> Later[bool]:
        flushing = self._ask_flush()
        closing = self._channel.send(wire.CLOSE, self._handle)
        self._is_closed = True

        def sealed() -> bool:
            is_flushed = self._flushed(flushing)
            self._answer(closing)
            return is_flushed

        return sealed

    def _ask_flush(self) -> int | None:
        if not self._disk.offers(FSYNC):
            return None
        return self._channel.extended(FSYNC, self._handle)

    def _flushed(self, asked: int | None) -> bool:
        if asked is None:
            return False
        try:
            self._channel.answer(asked)
        except RefusedError as refused:
            if refused.code == wire.UNSUPPORTED:
                return False
            raise self._disk.failed(refused, self._path, needed_bytes=1) from refused
        return True

    def _answer(self, asked: int) -> Answer:
        try:
            return self._channel.answer(asked)
        except RefusedError as refused:
            raise self._disk.failed(refused, self._path) from refused

    def _send_write(self, offset: int, chunk: bytes) -> int:
        where = self._framed_handle + offset.to_bytes(8) + len(chunk).to_bytes(4)
        return self._channel.send_raw(wire.WRITE, where, chunk)

    def _send_read(self, block: Block) -> int:
        where = self._framed_handle + block.offset.to_bytes(8) + block.length.to_bytes(4)
        return self._channel.send_raw(wire.READ, where)

    def _whole_block(self, block: Block, number: int) -> bytes:
        """Servers may answer with less than was asked for: ask on, until the file ends."""
        data = self._data(number, block.length)
        while data and len(data) < block.length:
            rest = Block(block.offset + len(data), block.length - len(data))
            more = self._data(self._send_read(rest), rest.length)
            if not more:
                break
            data += more
        return data

    def _data(self, number: int, most: int) -> bytes:
        try:
            answer = self._channel.answer(number)
        except RefusedError as refused:
            if refused.code == wire.EOF:
                return b""
            raise self._disk.failed(refused, self._path) from refused
        if answer.kind != wire.DATA or len(data := answer.take_bytes()) > most:
            raise BadAnswer(detail="other data than was asked for")
        return data


class _Writer:
    """
    Keeps a window of writes under way and counts what the station acknowledged.

    Acknowledged, not sent: pipelined paramiko reports progress while the bytes still sit in our
    own buffer. The size of a write follows the link: one answer must come well within the idle
    limit, so that a slow station is never taken for a dead one.
    """

    def __init__(self, disk: SftpSession, acknowledged: Callable[[int], None]) -> None:
        self._disk = disk
        self._acknowledged = acknowledged
        self._slow_s = disk.limits.idle_s / 4
        self._under_way: deque[tuple[int, int, str, int, float]] = deque()

    def add(self, number: int, count: int, path: str, needed_bytes: int) -> None:
        self._under_way.append((number, count, path, needed_bytes, time.monotonic()))
        if len(self._under_way) >= self._disk.limits.window:
            while len(self._under_way) > self._disk.limits.window // 2:
                self._settle()
        if self._disk.pace is not None and count:
            with self._disk.channel.resting():
                self._disk.pace.spend(count)

    def finish(self) -> None:
        while self._under_way:
            self._settle()

    def _settle(self) -> None:
        number, count, path, needed_bytes, sent_at = self._under_way.popleft()
        try:
            self._disk.channel.answer(number)
        except RefusedError as refused:
            self._drain()
            raise self._disk.failed(refused, path, needed_bytes) from refused
        if count:
            self._disk.channel.acknowledged_bytes += count
            self._fit_chunk(time.monotonic() - sent_at)
            self._acknowledged(count)

    def _fit_chunk(self, took_s: float) -> None:
        disk = self._disk
        if took_s > self._slow_s:
            disk.chunk_bytes = max(LEAST_WRITE_BYTES, disk.chunk_bytes // 2)
        else:
            disk.chunk_bytes = min(disk.largest_write_bytes, disk.chunk_bytes * 2)

    def _drain(self) -> None:
        """Hear the answers to what is still under way, so that the visit can go on after a no."""
        for number, *_ in self._under_way:
            try:
                self._disk.channel.answer(number)
            except RefusedError:
                continue


def stat_of(answer: Answer) -> Stat:
    if answer.kind != wire.ATTRS:
        raise BadAnswer(detail="no attributes")
    return take_stat(answer)


def take_stat(answer: Answer) -> Stat:
    flags = answer.take_int()
    size = answer.take_long() if flags & 0x1 else 0
    if flags & 0x2:
        answer.take(8)  # owner and group
    if flags & 0x4:
        answer.take(4)  # rights
    modified = None
    if flags & 0x8:
        answer.take(4)  # last access
        modified = float(answer.take_int())
    if flags & 0x8000_0000:
        for _ in range(answer.take_int()):
            answer.take_bytes()
            answer.take_bytes()
    return Stat(size, modified)


def handle_of(answer: Answer) -> bytes:
    if answer.kind != wire.HANDLE:
        raise BadAnswer(detail="no handle")
    return answer.take_bytes()
