"""``loa programme announce`` and ``preview``: a text made sound, a sound made audible."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import IO

import click

from api.cli.options import acting, command
from api.cli.programme import bar, details_options, tell_added
from api.cli.run import Run
from api.i18n import mark as _
from scheduler import announce as announcing
from scheduler.errors import AlreadyExists, InputInvalid
from scheduler.preview import horn_preview
from scheduler.programmes import ProgrammeDetails


@command(
    "announce",
    'loa programme announce "Kính mời bà con họp thôn lúc 19 giờ tối nay." \\',
    '    --title "Mời họp thôn" --class priority --by lan',
    'loa programme announce --file thong-bao.txt --title "Thông báo" --by lan',
    'echo "Xin chào" | loa programme announce --file - --title "Thử" --engine piper --by lan',
)
@click.argument("text", required=False)
@click.option("--file", type=click.File("r", encoding="utf-8-sig"), metavar="FILE",
              help="Read the text from this file; - is the standard input.")  # fmt: skip
@click.option("--title", required=True, help="As people will read it.")
@click.option("--engine", help="espeak-ng, or one of [speech.engines] in the settings.")
@click.option("--voice", help="Of the engine; that of the settings when not given.")
@details_options
@acting
@click.pass_obj
def announce(
    run: Run,
    /,
    text: str | None,
    file: IO[str] | None,
    by: str,
    engine: str | None,
    voice: str | None,
    **details: str | date | None,
) -> None:
    """
    Make a programme from a text, read aloud by a speech engine.

    It is checked as every sound file, and a second person hears and approves it before it airs.
    """
    if (text is None) == (file is None):
        raise click.UsageError("Give either the text or --file.")
    checked = ProgrammeDetails(**details)  # type: ignore[arg-type]
    with run.hub() as hub:
        person = run.person(hub, by)
        words = text if file is None else _read(file)
        with bar(run, _("Checking the sound")) as progress:
            added = announcing.announce(
                hub, words or "", checked, by=person, engine=engine, voice=voice, progress=progress
            )
        tell_added(run, hub, added.id)


@command(
    "preview",
    "loa programme preview 7 --out horn.mp3",
    "loa programme preview 7 --out horn.mp3 --from 65",
)
@click.argument("id", type=int)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True,
              metavar="FILE", help="Write the sound to this new MP3 file.")  # fmt: skip
@click.option("--from", "start_s", type=float, metavar="SECONDS",
              help="Where it begins; with the first sound when not given.")  # fmt: skip
@click.pass_obj
def preview(run: Run, id: int, out: Path, start_s: float | None) -> None:
    """
    Write twenty seconds of it as a horn makes them.

    On a pole, fifty metres away: band limit, an amplifier turned up too far, damp air and the wall
    of the next house. What is hard to understand here is not understood in the village.
    """
    if out.exists():
        raise AlreadyExists(what="file", key=out)
    with run.hub() as hub:
        horn_preview(hub, id, out, start_s=start_s)
    document = {"programme": id, "out": out, "size_bytes": out.stat().st_size}
    run.tell(
        document,
        lambda screen: screen.say(_("It is in {path}: twenty seconds at most."), path=str(out)),
    )


def _read(file: IO[str]) -> str:
    try:
        return file.read(1 << 20)
    except UnicodeDecodeError as error:
        raise InputInvalid(problem="the text is not UTF-8: save it as UTF-8 first") from error
