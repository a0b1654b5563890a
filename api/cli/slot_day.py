"""``loa slot change`` and ``loa slot restore``: one day of a line, and its rule stays."""

from __future__ import annotations

from datetime import date, time

import click

from api.cli.documents import Document
from api.cli.options import DATE, TIME, acting, command
from api.cli.run import Run
from api.i18n import mark as _
from scheduler.exceptions import Decision, decide, take_back
from scheduler.store.models import SlotException


@command(
    "change",
    'loa slot change 3 17/10/2022 --reason "Mất điện theo lịch" --by lan',
    'loa slot change 3 17/10/2022 --to 18/10/2022 --at 17:00 --reason "Họp dân" --by lan',
    'loa slot change 3 17/10/2022 --programme 9 --reason "Tin bão" --by lan',
)
@click.argument("id", type=int)
@click.argument("day", type=DATE)
@click.option("--to", "moved_on", type=DATE, help="Move it to this day.")
@click.option("--at", "moved_at", type=TIME, metavar="HH:MM", help="And to this local time.")
@click.option("--programme", "programme_id", type=int, metavar="ID", help="Play this instead.")
@click.option("--reason", required=True, help="It stands in the records.")
@acting
@click.pass_obj
def change(
    run: Run,
    id: int,
    day: date,
    moved_on: date | None,
    moved_at: time | None,
    programme_id: int | None,
    reason: str,
    by: str,
) -> None:
    """
    Skip, move or replace one day of a line.

    Without --to and --programme the day is skipped. Run "loa plan" after it.
    """
    decision = Decision(day, reason, moved_on, moved_at, programme_id)
    with run.hub() as hub:
        made = decide(hub, id, decision, by=run.person(hub, by))
    sentence = {
        "skip": _("It does not air on {day}."),
        "move": _("It airs on {moved_on} at {moved_at} instead of {day}."),
        "replace": _("Another programme airs on {day}."),
    }[made.kind]
    tr = run.translator
    fields = {
        "day": tr.day(day),
        "moved_on": tr.day(moved_on) if moved_on else "",
        "moved_at": tr.time(moved_at) if moved_at else "",
    }
    run.tell(_document(made), lambda screen: screen.say(sentence, **fields))


@command("restore", "loa slot restore 3 17/10/2022 --by lan")
@click.argument("id", type=int)
@click.argument("day", type=DATE)
@acting
@click.pass_obj
def restore(run: Run, id: int, day: date, by: str) -> None:
    """
    Let one day of a line follow its rule again.

    Refused when something else airs at that time by now. Run "loa plan" after it.
    """
    with run.hub() as hub:
        gone = take_back(hub, id, day, by=run.person(hub, by))
    shown = run.translator.day(day)
    run.tell(
        {"restored": _document(gone)},
        lambda screen: screen.say(_("{day} follows the rule again."), day=shown),
    )


def _document(one: SlotException) -> Document:
    columns = ("slot_id", "on", "kind", "moved_on", "moved_at", "programme_id", "reason")
    return {name: getattr(one, name) for name in columns}
