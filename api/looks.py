"""What many people look at, made once and shared until anything changes."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from scheduler.hub import Hub

T = TypeVar("T")

# What follows from the clock alone (what is on, what is over) is at most this old.
SLICE_S = 5
_MOST_KEPT = 400


def version_of(hub: Hub) -> object:
    """
    What differs as soon as something was committed, or time went on.

    Whoever keeps something asks first and reads then: what is read is never older than that.
    """
    return hub.database.version(), slice_of(hub)


def slice_of(hub: Hub) -> int:
    """Which slice of time this is: what follows from the clock alone counts within one."""
    return int(hub.clock.now().timestamp()) // SLICE_S


@dataclass
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    began: int = -1
    version: object = None
    look: object = None


class Looks:
    """
    Looks at the database, each shared by who asks for the same.

    No look is older than the question that it answers: it counts when nothing was committed since,
    or when its making began after the question came. So fifty who ask while others write without
    a pause cost two looks, not fifty; and none of them sees less than there was when it asked.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._moments = itertools.count()
        self._kept: dict[Hashable, _Kept] = {}
        self._guard = threading.Lock()

    def get(
        self, key: Hashable, make: Callable[[], T], *, renew: Callable[[T], T] | None = None
    ) -> T:
        """
        The look of that name; ``make`` reads in a session of its own.

        Whatever ``make`` raises goes to the one who asked, and nothing is kept.

        Args:
            renew: makes it instead where there is an older one, and gives that one back if it
                would be the same again.
        """
        asked = next(self._moments)
        kept = self._place(key)
        with kept.lock:
            if not (kept.began > asked or kept.version == version_of(self._hub)):
                began, version = next(self._moments), version_of(self._hub)
                look = renew(cast(T, kept.look)) if renew and kept.began >= 0 else make()
                kept.began, kept.version, kept.look = began, version, look
            return cast(T, kept.look)

    def _place(self, key: Hashable) -> _Kept:
        with self._guard:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()  # who waits for one of them still gets it
            return self._kept.setdefault(key, _Kept())


@dataclass
class _Shared:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    began: int = -1
    version: object = None
    made: object = None


class Together:
    """
    The same for tasks of one event loop, which wait without holding a thread.

    Without a version nothing outlives those who waited for it.
    """

    def __init__(self) -> None:
        self._moments = itertools.count()
        self._shared: dict[Hashable, _Shared] = {}

    async def get(
        self,
        key: Hashable,
        make: Callable[[], Awaitable[T]],
        *,
        version: object = None,
        ask: Callable[[], Awaitable[object]] | None = None,
        renew: Callable[[T], Awaitable[T]] | None = None,
    ) -> T:
        """
        What was made under that name since the question came, or before it at the same version.

        Args:
            version: asked when the question came; None: not known.
            ask: tells the version before something is made.
            renew: makes it instead where there is an older one, and may give that one back.
        """
        asked = next(self._moments)
        if len(self._shared) >= _MOST_KEPT:
            self._shared.clear()
        shared = self._shared.setdefault(key, _Shared())
        async with shared.lock:
            is_same = version is not None and shared.version == version
            if not (shared.began > asked or is_same):
                began, told = next(self._moments), await ask() if ask else None
                again = renew if shared.began >= 0 else None
                made = await (again(cast(T, shared.made)) if again else make())
                shared.began, shared.version, shared.made = began, told, made
            return cast(T, shared.made)


def looks_of(app: Any) -> Looks:
    looks: Looks = app.state.looks
    return looks
