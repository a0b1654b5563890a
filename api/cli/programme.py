"""``loa programme add`` and ``list``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import click

from api.cli.documents import Document, findings_of, programme_document
from api.cli.options import DATE, acting, command
from api.cli.run import FAILED, Run
from api.cli.screen import Cell, Figures, Screen
from api.i18n import mark as _
from api.words import CLASS_WORDS
from scheduler import programmes
from scheduler.errors import ProgrammeRefused
from scheduler.hub import Hub
from scheduler.programmes import CLASSES, PLAN_GROUPS, ProgrammeDetails
from scheduler.store.models import Programme
from scheduler.store.states import ProgrammeState

_SEVERITIES = {"refuse": "✗", "warn": "!", "note": "·"}
_STATES = click.Choice([state.value for state in ProgrammeState])


_DETAILS = (
    click.option("--class", "programme_class", type=click.Choice(CLASSES), default="normal",
                 show_default=True, help="As Circular 39/2020 has them."),
    click.option("--language", default="vi", show_default=True,
                 help="vi, or ISO 639-3 like tay."),
    click.option("--theme", help="As in the list of themes."),
    click.option("--genre", help="News, report, ..."),
    click.option("--group", "plan_group", type=click.Choice(PLAN_GROUPS), default="communication",
                 show_default=True, help="Towards which group of the plan it counts."),
    click.option("--expires", "expires_on", type=DATE, help="The last day on which it may air."),
    click.option("--not-before", type=DATE, help="The first day on which it may air."),
)  # fmt: skip


def details_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a person says about a programme besides its title."""
    for option in reversed(_DETAILS):
        function = option(function)
    return function


@command(
    "add",
    'loa programme add chi-lan.wav --title "Gương thoát nghèo: chị Lan nuôi bò" --by lan',
    'loa programme add tin.mp3 --title "Bản tin sáng" --class priority --expires 20/10/2022',
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--title", default="", help="As people will read it; that of the file's tags, or "
              "its name, when not given.")  # fmt: skip
@details_options
@acting
@click.pass_obj
def add(run: Run, /, file: Path, by: str, **details: str | date | None) -> None:
    """
    Bring a sound file and check it to its end.

    The file is copied into the archive and decoded to its end. What the check finds is told in
    plain words; a file that would air the wrong thing is refused (exit code 1).
    """
    checked = ProgrammeDetails(**details)  # type: ignore[arg-type]
    with run.hub() as hub:
        person = run.person(hub, by)
        with bar(run, _("Checking the sound")) as progress:
            added = programmes.add_programme(hub, file, checked, by=person, progress=progress)
        tell_added(run, hub, added.id)


def tell_added(run: Run, hub: Hub, programme_id: int) -> None:
    """What came in and what the check found; refused, the command fails."""
    with hub.database.read() as session:
        programme = programmes.get_programme(session, programme_id)
        document = programme_document(programme, run.translator)
    run.tell(document, lambda screen: show_programme(screen, programme))
    if programme.state is ProgrammeState.REJECTED:
        _say_refused(run, document)
        run.end(FAILED)


@command("list", "loa programme list", "loa programme list --state ready", "loa programme list "
         "--search 'thoat ngheo'")  # fmt: skip
@click.option("--state", type=_STATES, help="Only programmes in this state.")
@click.option("--search", metavar="WORDS", help="Words of the title; tones do not matter.")
@click.pass_obj
def list_(run: Run, state: str | None, search: str | None) -> None:
    """Show the programmes, newest first."""
    wanted = ProgrammeState(state) if state else None
    with run.hub() as hub, hub.database.read() as session:
        found = programmes.list_programmes(session, state=wanted, search=search)
        document = {"programmes": [programme_document(one, run.translator) for one in found]}
        run.tell(document, lambda screen: _show_list(screen, found))


def show_programme(screen: Screen, programme: Programme) -> None:
    """What is known of one programme, with what the check found."""
    tr = screen.translator
    screen.facts(
        [
            (_("Programme"), f"{programme.id}  {programme.title}"),
            (_("State"), screen.state(programme.state)),
            (_("Length"), None if programme.ms is None else tr.length(programme.ms)),
            (
                _("Loudness (LUFS)"),
                None if programme.lufs is None else tr.number(programme.lufs, 1),
            ),
        ]
    )
    for finding in findings_of(programme, tr):
        screen.line(f"  {_SEVERITIES[finding['severity']]} {finding['sentence']}")


@contextmanager
def bar(run: Run, msgid: str) -> Iterator[Callable[[float], None]]:
    """A bar of one piece of work; its owner calls what it is given with 0 to 1."""
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    with run.progress(*columns, TimeRemainingColumn()) as bars:
        task = bars.add_task(run.translator.text(msgid), total=1.0)
        yield lambda done: bars.update(task, completed=done)


def _say_refused(run: Run, document: Document) -> None:
    reasons = [one["sentence"] for one in document["findings"] if one["severity"] == "refuse"]
    refused = ProgrammeRefused(title=document["title"], findings=" ".join(reasons))
    click.echo(run.translator.error(refused), err=True)


def _show_list(screen: Screen, found: list[Programme]) -> None:
    screen.table(
        [
            Figures(_("No.")),
            _("Title"),
            _("Class"),
            Figures(_("Length")),
            _("State"),
            _("Brought by"),
            _("On"),
            _("Sound"),
        ],
        [_list_row(screen, programme) for programme in found],
    )


def _list_row(screen: Screen, programme: Programme) -> list[Cell]:
    tr = screen.translator
    ready = [f"{one.profile}: {screen.state(one.state)}" for one in programme.renditions]
    return [
        str(programme.id),
        programme.title,
        tr.text(CLASS_WORDS[programme.programme_class]),
        None if programme.ms is None else tr.length(programme.ms),
        screen.state(programme.state),
        programme.uploader.full_name,
        tr.moment(programme.uploaded_at),
        ", ".join(ready),
    ]
