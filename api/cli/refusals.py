"""What went wrong, as one clear sentence and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy.exc import DBAPIError

from api.airwords import fix_in_words
from api.cli.errors import FileTrouble, UnexpectedHere, UnexpectedUnwritten
from api.cli.proposals import fix_command
from api.cli.run import FAILED, Run, language_of, print_json
from api.i18n import LoaError, Translator, mark, translator
from audio.errors import AudioError
from scheduler.clock import SystemClock
from scheduler.errors import (
    CoreError,
    DatabaseDown,
    DataNotWritable,
    FileRefused,
    SlotRefused,
)
from stations.errors import StationError

_FULL, _READ_ONLY = mark("the disk is full"), mark("it is read-only")
_DISK_TROUBLE = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EROFS: _READ_ONLY}
DETAILS = "errors.log"  # in the data folder


class Refusal(click.ClickException):
    """An error on its way to the person: every sentence of it, and how it looks in JSON."""

    exit_code = FAILED

    def __init__(self, error: LoaError, run: Run) -> None:
        self.error, self.run = error, run
        self.translator = _translator(run)
        super().__init__("\n".join(self.sentences()))

    def sentences(self) -> Iterator[str]:
        yield self.translator.error(self.error)
        if isinstance(self.error, FileRefused):
            for problem in self.error.problems:
                yield f"  {self.translator.error(problem)}"
        if isinstance(self.error, SlotRefused):
            for other in self.error.problems[1:]:
                yield f"  {self.translator.error(other)}"

    def proposals(self) -> list[dict[str, Any]]:
        """What would help, each with the command that does it."""
        if not isinstance(self.error, SlotRefused):
            return []
        return [
            {
                "kind": fix.kind,
                "sentence": fix_in_words(fix, self.translator),
                "command": fix_command(fix, self.run.words),
                "changes": dict(fix.changes),
            }
            for fix in self.error.fixes
        ]

    def show(self, file: IO[Any] | None = None) -> None:
        for sentence in self.message.splitlines():
            click.echo(_printable(sentence), err=True)
        for n, fix in enumerate(self.proposals(), start=1):
            head = mark("What would help:") if n == 1 else ""
            if head:
                click.echo(self.translator.text(head), err=True)
            click.echo(_printable(f"  {n}. {fix['sentence']}: {fix['command']}"), err=True)
        if self.run.as_json:
            print_json({"error": self.document()})

    def document(self) -> dict[str, Any]:
        first, *problems = self.sentences()
        document: dict[str, Any] = {
            "code": self.error.code,
            "sentence": first,
            "problems": [problem.strip() for problem in problems],
        }
        if isinstance(self.error, SlotRefused):
            document["fixes"] = self.proposals()
        return document


def refusal_of(error: Exception, ctx: click.Context) -> Refusal:
    """Make the refusal of any error; with ``LOA_DEBUG=1`` its traceback is shown at once."""
    if os.environ.get("LOA_DEBUG") == "1":
        traceback.print_exception(error)
    run = ctx.find_object(Run) or Run()
    return Refusal(_named(error, run), run)


def _named(error: Exception, run: Run) -> LoaError:
    if isinstance(error, DatabaseDown | DBAPIError):
        # SQLite says "unable to open" or "disk I/O error" of a disk that is full or read-only.
        return _disk_trouble(run.settings.paths.data) or _known(error) or _unexpected(error, run)
    if isinstance(error, OSError) and error.errno in _DISK_TROUBLE:
        path = error.filename or run.settings.paths.data
        return DataNotWritable(path=path, detail=_DISK_TROUBLE[error.errno])
    if isinstance(error, OSError) and error.filename is not None:
        return FileTrouble(path=error.filename, detail=error.strerror)
    return _known(error) or _unexpected(error, run)


def _known(error: Exception) -> LoaError | None:
    return error if isinstance(error, AudioError | CoreError | StationError) else None


def _disk_trouble(data: Path) -> LoaError | None:
    """What is wrong with the disk below the data folder, if anything."""
    try:
        disk = os.statvfs(data)
    except OSError:
        return None
    if disk.f_flag & os.ST_RDONLY:
        return DataNotWritable(path=data, detail=_DISK_TROUBLE[errno.EROFS])
    if disk.f_bavail == 0:
        return DataNotWritable(path=data, detail=_DISK_TROUBLE[errno.ENOSPC])
    return None


def _unexpected(error: Exception, run: Run) -> LoaError:
    kind = type(error).__name__
    try:
        path = run.settings.paths.data / DETAILS
        _write_down(path, error)
    except (OSError, CoreError):
        return UnexpectedUnwritten(kind=kind)
    return UnexpectedHere(kind=kind, path=path)


def _write_down(path: Path, error: Exception) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(f"{SystemClock().now():%Y-%m-%dT%H:%M:%SZ} {' '.join(sys.argv[1:3])}\n")
        file.writelines(traceback.format_exception(error))


def _translator(run: Run) -> Translator:
    # Not the run's own: the settings, with their zone, may be what went wrong.
    return translator(language_of(run), ZoneInfo("UTC"))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
