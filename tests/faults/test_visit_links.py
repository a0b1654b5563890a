"""Faults 4 to 7: lines that are cut, stall, crawl or talk nonsense. Promise 5: never for ever."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from stations.errors import LinkDown, StationError, Unreachable
from stations.hostkey import HostKey
from stations.layout import RenditionFile, audio_path
from stations.login import load_key
from stations.sftp import open_visit
from stations.simulator import make_private_key
from stations.visit import Address, VisitLimits
from tests.faults.harness.night import complaints
from tests.faults.harness.proxy import Proxy
from tests.faults.harness.renditions import RenditionMaker
from tests.faults.harness.sshd import Sshd

MB = 1_000_000
LIMITS = VisitLimits(connect_s=5, idle_s=5, reserve_bytes=0)


@pytest.fixture
def key(private_key: Path) -> paramiko.PKey:
    return load_key(private_key)


@pytest.fixture
def make(tmp_path: Path) -> RenditionMaker:
    return RenditionMaker(tmp_path / "renditions")


def bytes_up(sshd: Sshd, key: paramiko.PKey, file: RenditionFile) -> tuple[int, int]:
    """Return what an undisturbed visit sends: until it is connected, and in all."""
    at: dict[str, int] = {}
    with Proxy(sshd.port) as proxy:

        def step(name: str) -> None:
            at.setdefault(name, proxy.up)

        with open_visit(sshd.address(proxy.port), key, LIMITS, step=step) as visit:
            visit.put_rendition(file)
    (sshd.root / audio_path(file.name)).unlink()
    return at["connected"], proxy.up


@pytest.mark.parametrize("tenths", [1, 3, 5, 7, 9])
def test_a_cut_line_is_resumed_from_what_arrived(
    sshd: Sshd, key: paramiko.PKey, make: RenditionMaker, tenths: int
) -> None:
    """Fault 4: at five places of a file; at most 1 MiB goes twice, and the whole is right."""
    file = make(8 * MB)
    connecting, whole = bytes_up(sshd, key, file)

    with Proxy(sshd.port, cut_after=connecting + (whole - connecting) * tenths // 10) as proxy:
        address = sshd.address(proxy.port)
        with pytest.raises(LinkDown), open_visit(address, key, LIMITS) as visit:
            visit.put_rendition(file)
        assert complaints(sshd.root, ()) == []
        with open_visit(address, key, LIMITS) as visit:
            sent = visit.put_rendition(file)
        sent_twice = proxy.up - whole - connecting

    assert sent.resumed_from > 0 or tenths == 1
    assert sent_twice <= 1 << 20
    assert (sshd.root / audio_path(file.name)).read_bytes() == file.path.read_bytes()


def test_a_stalled_line_is_given_up_wherever_it_stalls(
    sshd: Sshd, key: paramiko.PKey, make: RenditionMaker
) -> None:
    """Fault 5: at nine places from the first packet to the last; idle limit + 2 s."""
    file = make(4 * MB)
    connecting, whole = bytes_up(sshd, key, file)
    body = whole - connecting
    places = [0, 30, connecting // 4, connecting // 2, connecting - 300, connecting - 60]
    places += [connecting + 300, connecting + body // 2, whole - 1000]

    def stall_at(place: int) -> tuple[int, float, str]:
        own = make(4 * MB, seed=place)
        with Proxy(sshd.port, stall_after=place) as proxy:
            try:
                with open_visit(sshd.address(proxy.port), key, LIMITS) as visit:
                    visit.put_rendition(own)
            except (LinkDown, Unreachable) as error:
                assert proxy.stalled_at is not None
                return place, time.monotonic() - proxy.stalled_at, error.code
        return place, 0.0, "nothing was noticed"

    with ThreadPoolExecutor(len(places)) as pool:
        results = list(pool.map(stall_at, places))

    assert [r for r in results if r[2] not in ("link_down", "unreachable")] == []
    assert [r for r in results if r[1] > LIMITS.idle_s + 2] == []
    assert complaints(sshd.root, ()) == []


def test_a_crawling_line_is_not_taken_for_a_dead_one(
    sshd: Sshd, key: paramiko.PKey, make: RenditionMaker
) -> None:
    """Fault 6: at 8, 50 and 250 kB/s a visit may take longer than the idle limit, and succeeds."""
    rates = {8_000: make(50_000, 1), 50_000: make(300_000, 2), 250_000: make(1_500_000, 3)}
    limits = VisitLimits(connect_s=15, idle_s=10, reserve_bytes=0)

    def bring(rate: int) -> float:
        started = time.monotonic()
        with (
            Proxy(sshd.port, bytes_per_s=rate) as proxy,
            open_visit(sshd.address(proxy.port), key, limits) as v,
        ):
            v.put_rendition(rates[rate])
        return time.monotonic() - started

    with ThreadPoolExecutor(3) as pool:
        took = list(pool.map(bring, rates))

    assert max(took) > limits.idle_s  # nobody was given up although it took that long
    for file in rates.values():
        assert (sshd.root / audio_path(file.name)).read_bytes() == file.path.read_bytes()


def test_a_garbled_line_never_garbles_a_file(
    sshd: Sshd, key: paramiko.PKey, make: RenditionMaker
) -> None:
    """What a line does to bytes ends the visit; it never reaches a disk."""
    file = make(2 * MB)

    with Proxy(sshd.port, garble_after=MB) as proxy:
        address = sshd.address(proxy.port)
        with pytest.raises(LinkDown), open_visit(address, key, LIMITS) as visit:
            visit.put_rendition(file)
        assert complaints(sshd.root, ()) == []
        with open_visit(address, key, LIMITS) as visit:
            visit.put_rendition(file)

    assert (sshd.root / audio_path(file.name)).read_bytes() == file.path.read_bytes()


def say_nothing(client: socket.socket) -> None:
    client.recv(1)


def say_hello_and_no_more(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    while client.recv(4096):
        continue


def flood_with_greetings(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            client.sendall(b"welcome to the commune of Bac Ly " * 100)
            time.sleep(0.01)  # a flood of 300 kB/s: the line is full, this machine is not


def talk_nonsense(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-box\r\n" + os.urandom(4096))
    while client.recv(4096):
        continue


@contextlib.contextmanager
def server_that(behaves: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve every caller with one behaviour; yield the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)

    def serve(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            behaves(client)
            while client.recv(4096):
                continue

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    "behaves", [say_nothing, say_hello_and_no_more, flood_with_greetings, talk_nonsense]
)
def test_a_strange_server_is_left_without_a_trace(
    key: paramiko.PKey, behaves: Callable[[socket.socket], None]
) -> None:
    """Fault 7: 25 visits end in time with an error of ours; no thread, no descriptor stays."""
    host_key = HostKey("ssh-ed25519", make_private_key().asbytes()).text
    limits = VisitLimits(connect_s=1.5)

    def count() -> int:
        kinds = (paramiko.Transport, threading.Timer)
        return len([thread for thread in threading.enumerate() if isinstance(thread, kinds)])

    def call(port: int) -> float:
        started = time.monotonic()
        with pytest.raises(StationError):
            open_visit(Address("127.0.0.1", port, "loa", "/", host_key), key, limits)
        return time.monotonic() - started

    with server_that(behaves) as port:
        before = count(), len(os.listdir("/proc/self/fd"))
        with ThreadPoolExecutor(25) as pool:
            took = list(pool.map(call, [port] * 25))

    assert max(took) < limits.connect_s + 2
    assert wait_until(lambda: count() <= before[0])
    assert wait_until(lambda: len(os.listdir("/proc/self/fd")) <= before[1])


def wait_until(is_so: Callable[[], bool], within_s: float = 5) -> bool:
    """Wait for a condition that other threads bring about."""
    deadline = time.monotonic() + within_s
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()
