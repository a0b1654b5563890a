"""``loa slot change``, ``days`` and ``restore``: one day of a line, and its rule stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time

import click

from api.cli.documents import Document
from api.cli.options import DATE, TIME, acting, command
from api.cli.run import Run
from api.cli.screen import Screen
from api.daywords import becomes
from api.i18n import mark as _
from scheduler.exceptions import Decision, decide, place_of, take_back
from scheduler.slots import find_slot
from scheduler.store.models import SlotException


@command(
    "change",
    'loa slot change 3 17/10/2022 --reason "Mất điện theo lịch" --by lan',
    'loa slot change 3 17/10/2022 --to 18/10/2022 --at 17:00 --reason "Họp dân" --by lan',
    'loa slot change 3 17/10/2022 --programme 9 --reason "Tin bão" --by lan',
    'loa slot change 3 17/10/2022 --minutes 30 --reason "Họp Hội đồng nhân dân" --by lan',
    'loa slot change 3 17/10/2022 --where station:dao-ly --reason "Mất điện" --by lan',
)
@click.argument("id", type=int)
@click.argument("day", type=DATE)
@click.option("--to", "moved_on", type=DATE, help="Move it to this day.")
@click.option("--at", "moved_at", type=TIME, metavar="HH:MM", help="And to this local time.")
@click.option("--programme", "programme_id", type=int, metavar="ID", help="Play this instead.")
@click.option("--minutes", type=click.IntRange(1, 1440), help="How long it lasts on that day.")
@click.option("--where", "place", metavar="PLACE", help="Only at unit:CODE or station:CODE.")
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
    minutes: int | None,
    place: str | None,
    reason: str,
    by: str,
) -> None:
    """
    Skip, move or replace one day of a line, or give it another length.

    Without --to, --programme and --minutes the day is skipped. --minutes also goes with the other
    two. With --where only that unit or station differs, and what is decided for it counts before
    what is decided for more. Run "loa plan" after it.
    """
    seconds = None if minutes is None else minutes * 60
    decision = Decision(day, reason, moved_on, moved_at, programme_id, place, seconds)
    with run.hub() as hub:
        made = decide(hub, id, decision, by=run.person(hub, by))
    sentence = {
        "skip": _("It does not air on {day}."),
        "move": _("It airs on {moved_on} at {moved_at} instead of {day}."),
        "replace": _("Another programme airs on {day}."),
        "length": _("It lasts {length} on {day}."),
    }[made.kind]
    tr = run.translator
    fields = {
        "day": tr.day(day),
        "moved_on": tr.day(moved_on) if moved_on else "",
        "moved_at": tr.time(moved_at) if moved_at else "",
        "length": tr.minutes((made.seconds or 0) * 1000),
    }
    run.tell(_document(made), lambda screen: _show(screen, sentence, fields, place))


def _show(screen: Screen, sentence: str, fields: dict[str, str], place: str | None) -> None:
    screen.say(sentence, **fields)
    if place:
        screen.say(_("This holds only at {place}."), place=place)


@command(
    "restore",
    "loa slot restore 3 17/10/2022 --by lan",
    "loa slot restore 3 17/10/2022 --where station:dao-ly --by lan",
)
@click.argument("id", type=int)
@click.argument("day", type=DATE)
@click.option("--where", "place", metavar="PLACE", help="What was decided for unit:CODE alone.")
@acting
@click.pass_obj
def restore(run: Run, id: int, day: date, place: str | None, by: str) -> None:
    """
    Let one day of a line follow its rule again.

    Refused when something else airs at that time by now. Run "loa plan" after it.
    """
    with run.hub() as hub:
        gone = take_back(hub, id, day, by=run.person(hub, by), place=place)
    shown = run.translator.day(day)
    run.tell(
        {"restored": _document(gone)},
        lambda screen: screen.say(_("{day} follows the rule again."), day=shown),
    )


@command("days", "loa slot days 3", "loa slot days 3 --from 01/10/2022 --json")
@click.argument("id", type=int)
@click.option("--from", "first", type=DATE, help="From this day on; today when not given.")
@click.pass_obj
def days(run: Run, id: int, first: date | None) -> None:
    """
    Show the days of a line that differ from its rule: where, how, and why.

    At a station the nearest decision counts: its own before that of its unit.
    """
    with run.hub() as hub, hub.database.read() as session:
        begin = first or hub.today()
        found = [one for one in find_slot(session, id).exceptions if one.on >= begin]
    document = {"days": [_document(one) for one in found]}
    run.tell(document, lambda screen: _show_days(screen, found))


def _show_days(screen: Screen, found: Sequence[SlotException]) -> None:
    tr = screen.translator
    if not found:
        screen.say(_("Every day follows the rule."))
        return
    screen.table(
        [_("Day"), _("Where"), _("What was done"), _("Why")],
        [(tr.day(one.on), place_of(one) or "", becomes(tr, one), one.reason) for one in found],
    )


def _document(one: SlotException) -> Document:
    columns = ("slot_id", "on", "kind", "moved_on", "moved_at", "programme_id", "seconds",
               "reason")  # fmt: skip
    return {**{name: getattr(one, name) for name in columns}, "place": place_of(one)}
