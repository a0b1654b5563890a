"""The folder of a demonstration or a rehearsal, and the bars that tell how far it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from api.cli.run import Run
from scheduler.errors import InputInvalid, said

if TYPE_CHECKING:
    from api.demo.night import Tell


@contextmanager
def work_folder(keep: Path | None, *, name: str, under: Path | None = None) -> Iterator[Path]:
    """
    A new folder: kept where the person wants it, else removed at the end.

    Raises:
        InputInvalid: the folder holds something already.
    """
    if keep is not None:
        if keep.exists() and any(keep.iterdir()):
            raise InputInvalid(problem=said('"{name}" is not empty', name=keep))
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix=name, dir=under))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def phase_bars(run: Run) -> Iterator[Tell]:
    """One bar a phase, on the standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with run.progress(*columns) as bars:
        yield _Phases(run, bars)


class _Phases:
    """Draws what is told: which phase, how much of it is done."""

    def __init__(self, run: Run, bars: Progress) -> None:
        self.run, self.bars = run, bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, phase: str, done: float, total: float) -> None:
        if phase not in self.tasks:
            self.tasks[phase] = self.bars.add_task(self.run.translator.text(phase), total=total)
        self.bars.update(self.tasks[phase], completed=done, total=total)
