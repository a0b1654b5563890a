"""``loa rehearse``: a month of a province on a virtual clock, and whether its books balance."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import click

from api.cli.logs import only_errors
from api.cli.options import command
from api.cli.run import FAILED, Run
from api.cli.workfolder import phase_bars, work_folder
from api.rehearsal import report
from api.rehearsal.faults import MIXED, Fault
from api.rehearsal.rehearsal import Order, rehearse

# A month writes 30,000 small files and flushes each: in memory, where there is room for them.
_MEMORY = Path("/dev/shm")  # noqa: S108
_ROOM_BYTES = 1 << 30


class FaultsType(click.ParamType[tuple[Fault, ...]]):
    name = "faults"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Fault, ...]:
        if isinstance(value, tuple):
            return value
        words = {"none": (), "mixed": MIXED}
        if str(value) in words:
            return words[str(value)]
        try:
            return tuple(Fault(word.strip()) for word in str(value).split(","))
        except ValueError:
            choices = ", ".join(["none", "mixed", *(fault.value for fault in MIXED)])
            self.fail(f'"{value}": one of {choices}, or several with commas', param, ctx)


@command(
    "rehearse",
    "loa rehearse --nights 30 --stations 115 --faults mixed",
    "loa rehearse --nights 7 --stations 20 --faults power_cut,log_lost --seed 4",
    "loa rehearse --json > rehearsal.json",
)
@click.option(
    "--nights", type=click.IntRange(3, 366), default=30, show_default=True,
    help="How many nights pass.",
)  # fmt: skip
@click.option(
    "--stations", type=click.IntRange(1, 2000), default=115, show_default=True,
    help="How many stations there are; 115 is one in every unit of Hà Nam.",
)  # fmt: skip
@click.option(
    "--faults", type=FaultsType(), default="mixed", show_default=True,
    help="none, mixed, or names of faults with commas between them.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 1 << 31), default=1, show_default=True,
    help="Another number: other stations fail on other nights.",
)  # fmt: skip
@click.option(
    "--processes", type=click.IntRange(1, 16), default=2, show_default=True,
    help="Workers that visit the stations, each a process of its own.",
)  # fmt: skip
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Keep everything in this new folder; otherwise it is removed at the end.",
)  # fmt: skip
@click.pass_obj
def rehearse_(
    run: Run,
    nights: int,
    stations: int,
    faults: tuple[Fault, ...],
    seed: int,
    processes: int,
    keep: Path | None,
) -> None:
    """Let many nights pass on a virtual clock, with faults, and balance the books afterwards.

    The planner, the dispatcher with its leases, the collector and the player are the real ones;
    only time, the lines and the loudspeakers are not. At the end every slot that was due must
    have ended in exactly one of aired, late, partial, missed, cancelled and unknown, and what the
    log claims must be what the loudspeakers gave. Otherwise the exit code is not 0.
    """
    only_errors()
    began = time.monotonic()
    order = Order(nights, stations, faults, seed, min(processes, stations))
    with work_folder(keep, name="loa-rehearsal-", under=_roomy()) as folder:
        with phase_bars(run) as tell:
            outcome = rehearse(folder, order, tell=tell)
        seconds = time.monotonic() - began
        run.tell(
            report.document(outcome, seconds), lambda screen: report.show(screen, outcome, seconds)
        )
        if keep:
            run.note("Everything lies in {folder}.", folder=folder)
    if not outcome.is_as_expected:
        run.end(FAILED)


def _roomy() -> Path | None:
    """Where the folder is made: none is the system's own choice."""
    try:
        return _MEMORY if shutil.disk_usage(_MEMORY).free > _ROOM_BYTES else None
    except OSError:
        return None
