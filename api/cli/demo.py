"""``loa demo``: a whole night on simulated stations, with real sound, real SFTP, real faults."""

from __future__ import annotations

import time
from pathlib import Path

import click

from api.cli.logs import only_errors
from api.cli.options import command
from api.cli.run import FAILED, Run
from api.cli.workfolder import phase_bars, work_folder
from api.demo import report
from api.demo.night import Demo, Outcome


@command(
    "demo",
    "loa demo",
    "loa demo --stations 30 --programme phong-su.mp3 --nights 2",
    "loa demo --json > night.json",
    "loa demo --keep ./night --serve",
)
@click.option(
    "--stations", "count", type=click.IntRange(1, 109), default=12, show_default=True,
    help="How many communes of Hà Nam take part.",
)  # fmt: skip
@click.option(
    "--programme", "files", multiple=True, metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A sound file of your own; may be given several times. Two are made when none is given.",
)  # fmt: skip
@click.option(
    "--nights", type=click.IntRange(1, 30), default=1, show_default=True,
    help="How many nights pass; faults come in the first.",
)  # fmt: skip
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Keep everything in this new folder; otherwise it is removed at the end.",
)  # fmt: skip
@click.option("--serve", is_flag=True, help="Then keep the web pages up on the night's data.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8730, show_default=True, help="For --serve."
)
@click.pass_obj
def demo(
    run: Run,
    count: int,
    files: tuple[Path, ...],
    nights: int,
    keep: Path | None,
    serve: bool,
    port: int,
) -> None:
    """Show a whole night on simulated stations: from a programme file to the proof of airing.

    Makes a province of communes below one folder, each with a real SFTP server and the player that
    ships, then lets a night pass in seconds. Some stations fail on purpose; the exit code is 0 only
    if the airing log tells of each of them what really happened.
    """
    only_errors()
    began = time.monotonic()
    with work_folder(keep, name="loa-demo-") as folder:
        with phase_bars(run) as tell, Demo(folder, count=count, nights=nights, tell=tell) as night:
            outcome = night.run(files)
        seconds = time.monotonic() - began
        run.tell(
            report.document(outcome, seconds), lambda screen: report.show(screen, outcome, seconds)
        )
        if keep:
            run.note("Everything lies in {folder}.", folder=folder)
        if serve:
            _serve(run, night, port)
        night.hub.database.close()
    _end(run, outcome)


def _serve(run: Run, night: Demo, port: int) -> None:
    """Keep the pages up until Ctrl-C; the clock stands where the demonstration ended."""
    from api.app import create_app
    from api.cli.web import listen, serve_until_stopped

    with listen("127.0.0.1", port) as door:
        run.note("The pages are at http://127.0.0.1:{port}/ (Ctrl-C ends).", port=port)
        people = {"admin": night.administrator.one_time_secret, **night.secrets}
        for username, secret in people.items():
            run.note("Sign in as {username} with {secret}", username=username, secret=secret)
        serve_until_stopped(create_app(night.hub), door)


def _end(run: Run, outcome: Outcome) -> None:
    if not outcome.is_as_expected:
        run.end(FAILED)
