"""``loa slot preview``: when a line of the timetable airs next, in plain words."""

from __future__ import annotations

from datetime import date, time

import click

from api.cli.documents import Document
from api.cli.options import DATE, TIME, command
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import Translator
from api.i18n import mark as _
from api.rulewords import describe
from scheduler.errors import InputInvalid, NotFound
from scheduler.hearing import changes_of, rule_of
from scheduler.hub import Hub
from scheduler.lunar import lunar_date
from scheduler.recurrence import check_rule
from scheduler.slots import list_slots
from scheduler.timetable import Changes, Occurrence, Rule, coming


@command(
    "preview",
    "loa slot preview 3",
    'loa slot preview --rule "FREQ=WEEKLY;BYDAY=MO,WE,FR" --at 05:00 --until 31/03/2023',
    'loa slot preview --rule "LUNAR;DAY=1,15" --at 05:30 --json',
)
@click.argument("id", type=int, required=False)
@click.option("--rule", "rrule", help="A rule that is still being thought about.")
@click.option("--at", "starts_at", type=TIME, metavar="HH:MM", help="Its local time.")
@click.option("--from", "first", type=DATE, help="The first day; today when not given.")
@click.option("--until", "valid_to", type=DATE, help="The last day, included.")
@click.option("--count", type=click.IntRange(1, 100), default=10, show_default=True,
              help="How many airings to show.")  # fmt: skip
@click.pass_obj
def preview(
    run: Run,
    id: int | None,
    rrule: str | None,
    starts_at: time | None,
    first: date | None,
    valid_to: date | None,
    count: int,
) -> None:
    """
    Show when a line of the timetable airs next.

    Of a line by its number, or of a rule with its time before it becomes a line.
    """
    with run.hub() as hub:
        begin = first or hub.today()
        rule, changes = _rule(hub, id, rrule, starts_at, begin, valid_to)
        found = coming(rule, begin, count, hub.settings.zone, changes)
    document = {
        "in_words": describe(rule, run.translator),
        "coming": [_document(one, run.translator) for one in found],
    }
    run.tell(document, lambda screen: _show(screen, document["in_words"], found))


def _rule(
    hub: Hub,
    slot_id: int | None,
    rrule: str | None,
    starts_at: time | None,
    begin: date,
    valid_to: date | None,
) -> tuple[Rule, Changes]:
    if slot_id is not None:
        with hub.database.read() as session:
            for slot in list_slots(session):
                if slot.id == slot_id:
                    return rule_of(slot), changes_of(slot)
        raise NotFound(what="slot", key=slot_id)
    if rrule is None or starts_at is None:
        raise InputInvalid(problem="give the number of a line, or a rule and its time")
    check_rule(rrule)
    return Rule(starts_at, 60, rrule, begin, valid_to), {}


def _document(one: Occurrence, tr: Translator) -> Document:
    moon = lunar_date(one.on)
    return {
        "broadcast_date": one.on,
        "planned_at": one.starts_at,
        "weekday": tr.weekday(one.on),
        "lunar_date": str(moon) if moon else None,
    }


def _show(screen: Screen, in_words: object, found: list[Occurrence]) -> None:
    tr = screen.translator
    if not found:
        screen.say(_("{rule}; it airs no more."), rule=in_words)
        return
    screen.say(_("{rule}; the next {n} airings:"), rule=in_words, n=len(found))
    screen.table(
        [_("Day"), _("Date"), _("Starts at"), _("By the moon")],
        [
            (
                tr.weekday(one.on),
                tr.day(one.on),
                tr.time(one.starts_at),
                str(lunar_date(one.on) or ""),
            )
            for one in found
        ],
    )
