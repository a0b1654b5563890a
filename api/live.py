"""Server-sent events: the page is told that something changed, and reads again what it shows.

An event carries nothing but a number, so it tells nobody what they may not see.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import structlog
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from api.auth import SignedIn, hub_of
from api.routes import routes_from_here
from scheduler import tonight
from scheduler.errors import CoreError
from scheduler.hub import Hub

router = routes_from_here("/live", include_in_schema=False)
log = structlog.get_logger()

LOOK_EVERY_S = 1.5
KEEP_ALIVE_S = 20.0  # carriers forget a silent line after half a minute
# The line is opened anew, and the sign-in looked at again, at the latest after this.
LINE_S = 600.0
_MOST_LISTENERS = 500


class Pulse:
    """One look at the database for all who listen, and only while somebody does."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._listeners = 0
        self._looking: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._last: object = None
        self._version: object = None  # of the database, before the last look
        self.beat = 0
        self.is_ending = False  # the server stops: no line may hold it up

    def end(self) -> None:
        """Close every line at the next look; also from another thread."""
        self.is_ending = True

    @property
    def is_full(self) -> bool:
        return self._listeners >= _MOST_LISTENERS

    async def beats(self) -> AsyncIterator[int | None]:
        """A number whenever something changed; nothing now and then, to keep the line open."""
        self._listeners += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            told = self.beat
            while True:
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S), self._changed:
                        await self._changed.wait_for(lambda: self.beat != told)  # noqa: B023
                except TimeoutError:
                    yield None
                    continue
                told = self.beat
                yield told
        finally:
            self._listeners -= 1

    async def _look(self) -> None:
        while self._listeners:
            try:
                seen = await run_in_threadpool(self._read)
            except CoreError as error:  # a busy or restarted database: the next look finds it
                log.warning("pulse_missed", code=error.code)
                seen = self._last
            if self.is_ending or (self._last is not None and seen != self._last):
                async with self._changed:
                    self.beat += 1
                    self._changed.notify_all()
            self._last = seen
            await asyncio.sleep(LOOK_EVERY_S)
        self._last = None

    def _read(self) -> object:
        on = self._hub.today()
        version = (self._hub.database.version(), on)
        if self._last is not None and version == self._version:
            return self._last  # nothing was committed: a nation's pulse takes 50 ms and more
        with self._hub.database.read() as session:
            seen = tonight.pulse(session, on)
        self._version = version
        return seen


@router.get("/tonight")
async def follow(request: Request, viewer: SignedIn) -> StreamingResponse:
    """An event whenever tonight's page would show something else."""
    pulse: Pulse = request.app.state.pulse
    return StreamingResponse(
        _events(pulse, hub_of(request)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(pulse: Pulse, hub: Hub) -> AsyncIterator[str]:
    ends_at = hub.clock.monotonic() + LINE_S
    yield "retry: 5000\n\n"
    if pulse.is_full:  # the page looks now and then instead
        return
    async for beat in pulse.beats():
        yield ": still here\n\n" if beat is None else f"event: changed\ndata: {beat}\n\n"
        if pulse.is_ending or hub.clock.monotonic() > ends_at:
            return
