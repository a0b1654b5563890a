"""Networks of their own on this machine: who is where, and who can dial whom."""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.conftest import need

_CLONE_NEWNET = 0x40000000
_count = itertools.count()


class Networks:
    """
    Some places, and cables between pairs of them; nothing of this machine's own network changes.

    No place forwards packets: whoever is not on a cable with another cannot reach him.
    """

    def __init__(self, *places: str) -> None:
        if os.geteuid() != 0 or shutil.which("ip") is None:
            need("root and iproute2 (apt-get install iproute2)", found=False)
        prefix = f"loa{os.getpid()}-{next(_count)}"
        self._names = {place: f"{prefix}-{place}" for place in places}
        self._cables = 0

    def __enter__(self) -> Self:
        for name in self._names.values():
            if _run("netns", "add", name) != 0:
                self.__exit__()
                need("the right to make network namespaces", found=False)
            _run("-n", name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._names.values():
            _run("netns", "del", name)

    def cable(self, one: str, other: str) -> tuple[str, str]:
        """Join two places; gives the address of each on that cable."""
        self._cables += 1
        name = f"v{os.getpid() % 100_000}"
        ends = f"{name}a{self._cables}", f"{name}b{self._cables}"
        addresses = f"10.213.{self._cables}.1", f"10.213.{self._cables}.2"
        first, second = self._names[one], self._names[other]
        _must("-n", first, "link", "add", ends[0], "type", "veth", "peer", "name", ends[1],
              "netns", second)  # fmt: skip
        for name, end, address in zip((first, second), ends, addresses, strict=True):
            _must("-n", name, "address", "add", f"{address}/24", "dev", end)
            _must("-n", name, "link", "set", end, "up")
        return addresses

    @contextmanager
    def inside(self, place: str) -> Iterator[None]:
        """
        Be there with this thread: its new sockets, and its children and threads, are of there.

        A file in a folder does not notice: only the network is another one.
        """
        with (
            Path("/proc/thread-self/ns/net").open() as home,
            Path("/run/netns", self._names[place]).open() as there,
        ):
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _run(*words: str) -> int:
    return subprocess.run(
        ["ip", *words], timeout=20, check=False, stderr=subprocess.DEVNULL
    ).returncode


def _must(*words: str) -> None:
    subprocess.run(["ip", *words], timeout=20, check=True)
