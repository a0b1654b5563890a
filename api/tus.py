"""Resumable uploads: the core of tus 1.0 (tus.io) with creation and termination, for one's own.

The offset is the length of the file on disk, so nothing has to be believed after a crash. Written
here and not taken from a library: see docs/decisions/resumable-uploads.md.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import IO, Annotated

from fastapi import Depends, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.auth import Viewer, hub_of, needs
from api.errors import FormUnreadable, UploadOffsetWrong, UploadTooLarge, UploadVersionUnknown
from api.i18n import mark
from api.pages.render import translator_of
from api.routes import routes_from_here
from api.uploads import disk_says
from scheduler import uploads
from scheduler.hub import Hub
from scheduler.programmes import UPLOADERS
from scheduler.store.models import PartialUpload

router = routes_from_here("/uploads", include_in_schema=False)

VERSION = "1.0.0"
CONTENT_TYPE = "application/offset+octet-stream"
_WRITE_BYTES = 1 << 20
_WRITE_AFTER_S = 1.0  # on a slow line: what a killed server loses is a second, not a megabyte
# A link that died without a word; the browser asks again and goes on from what is on disk.
STALL_LIMIT_S = 60.0

UploadId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


def speaks_tus(request: Request, viewer: Annotated[Viewer, Depends(needs(*UPLOADERS))]) -> Viewer:
    """
    Somebody who may upload, with a client of our version of the protocol.

    Raises:
        UploadVersionUnknown: it speaks another.
    """
    if request.headers.get("tus-resumable") != VERSION:
        raise UploadVersionUnknown(version=VERSION)
    return viewer


Uploader = Annotated[Viewer, Depends(speaks_tus)]


@router.post("")
def begin(request: Request, viewer: Uploader) -> Response:
    """Make room for a file of a promised size; its address is in ``Location``."""
    begun = begun_by(request, viewer)
    return _answer(201, Location=f"/uploads/{begun.id}", Upload_Offset="0")


def begun_by(request: Request, viewer: Viewer) -> PartialUpload:
    """
    Raises:
        UploadTooLarge: the promised size is over the limit; nothing was made.
        InputInvalid: no size was promised.
    """
    hub = hub_of(request)
    promised = request.headers.get("upload-length", "")
    size = int(promised) if promised.isdecimal() and len(promised) < 16 else 0
    limit = hub.settings.programmes.max_bytes
    if size > limit:
        raise UploadTooLarge(limit=translator_of(request).size(limit))
    told = _metadata(request)
    return uploads.begin(
        hub, by=viewer.person, file_name=told.get("filename", ""), size_bytes=size,
        modified=told.get("modified", ""),
    )  # fmt: skip


@router.head("/{upload_id}")
def where(request: Request, viewer: Uploader, upload_id: UploadId) -> Response:
    """How much of it is here: the browser goes on from there."""
    hub = hub_of(request)
    upload = uploads.find(hub, upload_id, by=viewer.person)
    come = uploads.received_bytes(hub, upload)
    return _answer(200, Upload_Offset=str(come), Upload_Length=str(upload.size_bytes))


@router.patch("/{upload_id}")
async def append(request: Request, viewer: Uploader, upload_id: UploadId) -> Response:
    """
    Take the next bytes; what came before a cut stays.

    Raises:
        UploadOffsetWrong: they do not follow what is here; ask where to go on.
        DataNotWritable: the disk is full; what came stays, and can go on when there is room.
    """
    hub = hub_of(request)
    upload = await run_in_threadpool(uploads.find, hub, upload_id, by=viewer.person)
    if request.headers.get("content-type") != CONTENT_TYPE:
        raise FormUnreadable(detail=f"no {CONTENT_TYPE}")
    async with _turn(upload_id) as lost:
        with disk_says(hub.uploads):
            come = await _append(request, hub, upload, lost)
    await run_in_threadpool(uploads.touched, hub, upload)
    return _answer(204, Upload_Offset=str(come))


@router.delete("/{upload_id}")
def give_up(request: Request, viewer: Uploader, upload_id: UploadId) -> Response:
    hub = hub_of(request)
    uploads.give_up(hub, uploads.find(hub, upload_id, by=viewer.person))
    return _answer(204)


async def _append(request: Request, hub: Hub, upload: PartialUpload, lost: asyncio.Event) -> int:
    with uploads.path_of(hub, upload.id).open("r+b") as file:
        come = file.seek(0, os.SEEK_END)
        if request.headers.get("upload-offset") != str(come):
            raise UploadOffsetWrong(here=come)
        waiting, clock = bytearray(), asyncio.get_running_loop()
        written_at = clock.time()
        try:
            async for chunk in _until_lost(request, lost):
                waiting += chunk
                if come + len(waiting) > upload.size_bytes:
                    waiting.clear()
                    raise FormUnreadable(detail=mark("more came than was announced"))
                is_due = clock.time() - written_at > _WRITE_AFTER_S
                if len(waiting) >= _WRITE_BYTES or is_due:
                    come = await run_in_threadpool(_write, file, waiting)
                    written_at = clock.time()
        finally:
            # Also after a cut: every byte that came is one that need not come again.
            come = await run_in_threadpool(_write, file, waiting, is_last=True)
    return come


def _write(file: IO[bytes], waiting: bytearray, *, is_last: bool = False) -> int:
    file.write(waiting)
    file.flush()
    waiting.clear()
    if is_last:
        os.fdatasync(file.fileno())  # an offset that was told is on the disk
    return file.tell()


async def _until_lost(request: Request, lost: asyncio.Event) -> AsyncIterator[bytes]:
    """The body, until it ends, breaks, falls silent, or somebody else took the turn."""
    chunks = request.stream().__aiter__()
    given_away = asyncio.ensure_future(lost.wait())
    try:
        while True:
            coming = asyncio.ensure_future(anext(chunks))
            await asyncio.wait(
                (coming, given_away), timeout=STALL_LIMIT_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not coming.done():
                coming.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration, ClientDisconnect):
                    await coming
                return
            try:
                yield coming.result()
            except (StopAsyncIteration, ClientDisconnect):
                return
    finally:
        given_away.cancel()


# ── One writer an upload ───────────────────────────────────────────────────────────────────────

_writers: dict[str, tuple[asyncio.Lock, asyncio.Event]] = {}


@asynccontextmanager
async def _turn(upload_id: str) -> AsyncIterator[asyncio.Event]:
    """
    The right to write; a newer request takes it from one that hangs on a dead link.

    Yields what is set as soon as somebody newer asks.
    """
    lock, lost = _writers.get(upload_id, (asyncio.Lock(), asyncio.Event()))
    lost.set()
    mine = asyncio.Event()
    _writers[upload_id] = (lock, mine)
    async with lock:
        try:
            yield mine
        finally:
            if _writers.get(upload_id, (None, None))[1] is mine:
                del _writers[upload_id]


def _metadata(request: Request) -> dict[str, str]:
    """``filename <base64>, filetype <base64>``; what cannot be read is left out."""
    found = {}
    for pair in request.headers.get("upload-metadata", "")[:4000].split(","):
        key, _, value = pair.strip().partition(" ")
        with suppress(binascii.Error, UnicodeDecodeError):
            found[key] = base64.b64decode(value, validate=True).decode()
    return found


def _answer(status: int, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        status_code=status,
        headers={"Tus-Resumable": VERSION, "Cache-Control": "no-store", **named},
    )
