"""A form with one large file: streamed to disk, counted while it comes, never trusted by name."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from api.errors import FormUnreadable
from api.i18n import mark
from scheduler.errors import CoreError, DataNotWritable

STALL_LIMIT_S = 60.0  # silence on the line; a slow link sends at least something
_MAX_FIELDS = 30
_MAX_FIELD_BYTES = 8 << 10
# How much of a refused file is thrown away for the fields behind it, as times of the limit.
_READ_ON_TIMES = 3
_WRITE_BYTES = 1 << 20  # one hop to a thread per MiB: the disk never blocks the other readers


_DAMAGED = mark("it is damaged")

Fields = dict[str, str]


@dataclass
class Upload:
    """What a form held: its fields, and the file, which is gone after the request."""

    fields: Fields = field(default_factory=dict)
    file: Path | None = None
    file_name: str = ""


@asynccontextmanager
async def receive(
    request: Request,
    folder: Path,
    *,
    max_bytes: int,
    too_large: CoreError,
    before_file: Callable[[Fields], None] = lambda fields: None,
    reads_on: Callable[[Fields], bool] | None = None,
    upload: Upload | None = None,
) -> AsyncIterator[Upload]:
    """
    Take a multipart form apart while it arrives.

    ``before_file`` sees the fields that stand before the file and may refuse them: a stranger's
    form costs no disk.

    Args:
        reads_on: whether a refused form of such fields is read to its end, without a byte of its
            file: what was typed may stand behind the file, and is not to be lost.
        upload: is filled while the form comes, so that the caller has it also of a refused one.

    Raises:
        ``too_large``: the file passed ``max_bytes``; what came was removed.
        FormUnreadable: not a form, cut off, or far more fields than ours has.
        DataNotWritable: the disk is full.
    """
    with NamedTemporaryFile(dir=folder, prefix="upload-", suffix=".part") as file:
        form = _Form(file, max_bytes, too_large, before_file, reads_on, upload or Upload())
        if _announces_more(request, max_bytes):
            form.refuse(too_large)
            if reads_on is None:
                raise too_large
        parser = MultipartParser(_boundary(request), form.callbacks())
        try:
            async for chunk in arriving(request):
                parser.write(chunk)
                if form.waiting_bytes >= _WRITE_BYTES:
                    await run_in_threadpool(form.flush, folder)
            parser.finalize()
            await run_in_threadpool(form.flush, folder)
        except (MultipartParseError, UnicodeDecodeError, ClientDisconnect) as error:
            raise form.refused or FormUnreadable(detail=_DAMAGED) from error
        if form.refused:
            raise form.refused
        if not form.is_whole:
            raise FormUnreadable(detail=mark("it ended too early"))
        yield form.upload


def fields_of(request: Request, body: bytes) -> Upload:
    """
    The fields of a form that lies in memory, and the name of its file, whose bytes are left out.

    Raises:
        FormUnreadable: it is no form.
    """
    found = Upload()
    unwanted = FormUnreadable(detail="only its fields are wanted")
    form = _Form(BytesIO(), 0, unwanted, lambda fields: None, lambda fields: True, found, len(body))
    form.refuse(unwanted)
    parser = MultipartParser(_boundary(request), form.callbacks())
    try:
        parser.write(body)
        parser.finalize()
    except (MultipartParseError, UnicodeDecodeError) as error:
        raise FormUnreadable(detail=_DAMAGED) from error
    return found


async def arriving(request: Request) -> AsyncIterator[bytes]:
    """
    The body, piece by piece, for as long as pieces come.

    Raises:
        FormUnreadable: nothing more came; what waits for it for ever costs a place.
    """
    pieces = request.stream().__aiter__()
    while True:
        try:
            piece = await asyncio.wait_for(anext(pieces), STALL_LIMIT_S)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise FormUnreadable(detail=mark("nothing more came")) from None
        yield piece


@contextmanager
def disk_says(folder: Path) -> Iterator[None]:
    """
    What the disk says, in the words of an operator.

    Raises:
        DataNotWritable: it is full, or broken.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        detail = "the disk is full" if full else str(error.strerror)
        raise DataNotWritable(path=folder, detail=detail) from error


class _Form:
    """The state of one form on its way in; the parser calls back for each piece."""

    def __init__(
        self,
        file: IO[bytes],
        max_bytes: int,
        too_large: CoreError,
        before_file: Callable[[Fields], None],
        reads_on: Callable[[Fields], bool] | None,
        upload: Upload,
        max_field_bytes: int = _MAX_FIELD_BYTES,
    ) -> None:
        self.upload = upload
        self.is_whole = False
        self.refused: CoreError | None = None
        self._file, self._max_bytes, self._too_large = file, max_bytes, too_large
        self._before_file, self._reads_on = before_file, reads_on
        self._max_field_bytes = max_field_bytes
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._name = ""
        self._in_file = False
        self._text = bytearray()
        self._waiting = bytearray()
        self._file_bytes = 0

    @property
    def waiting_bytes(self) -> int:
        return len(self._waiting)

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def flush(self, folder: Path) -> None:
        try:
            with disk_says(folder):
                self._file.write(self._waiting)
                self._file.flush()
        except DataNotWritable as error:
            self.refuse(error)
            self._stop_or_read_on()
        self._waiting.clear()

    def refuse(self, error: CoreError) -> None:
        """From now on the file is thrown away as it comes, and so is what came of it."""
        self.refused = self.refused or error
        self._waiting.clear()
        with suppress(OSError):
            self._file.truncate(0)

    def _stop_or_read_on(self) -> None:
        if self.refused and not (self._reads_on and self._reads_on(self.upload.fields)):
            raise self.refused

    def _part_begin(self) -> None:
        self._name, self._in_file = "", False
        self._text.clear()

    def _header_end(self) -> None:
        field_name, value = (bytes(part) for part in self._header)
        self._header[0].clear()
        self._header[1].clear()
        if field_name.lower() != b"content-disposition":
            return
        _, options = parse_options_header(value)
        self._name = options.get(b"name", b"").decode()
        if b"filename" in options:
            if self.upload.file_name or self.upload.file is not None:
                raise FormUnreadable(detail=mark("more than one file"))
            self._in_file = True
            self.upload.file_name = options[b"filename"].decode()
            try:
                self._before_file(self.upload.fields)
            except CoreError as error:
                self.refuse(error)
            self._stop_or_read_on()
            if not self.refused:
                self.upload.file = Path(self._file.name)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._file_bytes += end - start
            if self._file_bytes > self._max_bytes and not self.refused:
                self.refuse(self._too_large)
                self._stop_or_read_on()
            if self._file_bytes > _READ_ON_TIMES * self._max_bytes and self._max_bytes:
                raise self.refused or self._too_large
            if not self.refused:
                self._waiting += data[start:end]
        else:
            self._text += data[start:end]
            if len(self._text) > self._max_field_bytes:
                raise FormUnreadable(detail=mark("a field is too long"))

    def _part_end(self) -> None:
        if self._in_file:
            return
        if len(self.upload.fields) >= _MAX_FIELDS:
            raise FormUnreadable(detail=mark("too many fields"))
        self.upload.fields[self._name] = self._text.decode()

    def _end(self) -> None:
        self.is_whole = True


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise FormUnreadable(detail=_DAMAGED)
    return boundary


def _announces_more(request: Request, max_bytes: int) -> bool:
    """What says beforehand that it is too large does not have to come."""
    announced = request.headers.get("content-length", "")
    return announced.isdigit() and int(announced) > max_bytes + _MAX_FIELDS * _MAX_FIELD_BYTES
