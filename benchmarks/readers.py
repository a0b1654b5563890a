"""Many readers who ask one server again and again without a pause, each signed in as somebody."""

from __future__ import annotations

import asyncio
import gzip
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class Load:
    """What came of it; the load generator's own time stands beside the server's."""

    times_ms: list[float] = field(default_factory=list)
    server_cpu_ms: float = 0.0  # of an answer
    load_cpu_ms: float = 0.0
    wall_s: float = 0.0


@dataclass(frozen=True)
class Reader:
    """A sign-in, and a word that must stand on each of this person's pages and on no other's."""

    token: str
    own_word: str


def ask(address: str, pid: int, readers: list[Reader], asks: int, path: str = "/") -> Load:
    """
    Each reader on a line of their own: the next question as soon as the last answer is whole.

    Questions and answers are bytes on a socket: a client that decodes them costs more than the
    server. What came is looked at afterwards: every page must be whole, and its reader's own.
    """
    load, before = Load(), _cpu_s(pid)
    own, began = time.process_time(), time.perf_counter()
    bodies = asyncio.run(_all(address, readers, asks, path, load))
    load.wall_s = time.perf_counter() - began
    answers = len(load.times_ms)
    load.load_cpu_ms = (time.process_time() - own) * 1000 / answers
    load.server_cpu_ms = (_cpu_s(pid) - before) * 1000 / answers
    for reader, pages in zip(readers, bodies, strict=True):
        _check(reader, [other for other in readers if other is not reader], pages)
    return load


def _check(reader: Reader, others: list[Reader], pages: set[bytes]) -> None:
    for packed in pages:
        page = gzip.decompress(packed).decode()
        if 'id="tonight"' not in page or "</html>" not in page or reader.own_word not in page:
            raise SystemExit("an answer is not the page of who asked")
        if any(one.own_word in page for one in others):
            raise SystemExit("an answer shows somebody else's page")


async def _all(
    address: str, readers: list[Reader], asks: int, path: str, load: Load
) -> list[set[bytes]]:
    return await asyncio.gather(*(_read(address, one, asks, path, load) for one in readers))


async def _read(address: str, reader: Reader, asks: int, path: str, load: Load) -> set[bytes]:
    place = urlsplit(address)
    question = (
        f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nAccept-Encoding: gzip\r\n"
        f"Cookie: loa={reader.token}\r\n\r\n"
    ).encode()
    came, line = await asyncio.open_connection(place.hostname, place.port)
    pages = set()
    for _ in range(asks):
        began = time.perf_counter()
        line.write(question)
        pages.add(await _answer(came))
        load.times_ms.append((time.perf_counter() - began) * 1000)
    line.close()
    return pages


async def _answer(came: asyncio.StreamReader) -> bytes:
    head = (await came.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200") or b"content-encoding: gzip" not in head:
        raise SystemExit(f"a wrong answer: {head.decode()}")
    length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    return await came.readexactly(length)


def _cpu_s(pid: int) -> float:
    """Processor seconds of a process so far, of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
