"""``loa slot edit``: change a line that stands."""

from __future__ import annotations

from datetime import date, time

import click

from api.cli.options import DATE, TIME, acting, command
from api.cli.run import Run
from api.cli.slot import find_line, tell_line
from api.cli.slot_content import content_options, given
from scheduler import slots
from scheduler.errors import InputInvalid
from scheduler.programmes import CLASSES
from scheduler.slots import KINDS, notices_of
from scheduler.store.models import Slot


@command(
    "edit",
    "loa slot edit 3 --at 05:30 --by lan",
    'loa slot edit 3 --rule "FREQ=WEEKLY;BYDAY=MO,WE,FR" --until 31/03/2023 --by lan',
    "loa slot edit 3 --not station:dao-ly --by lan",
)
@click.argument("id", type=int)
@click.option("--title", help="As the schedule shows it.")
@content_options
@click.option("--at", "starts_at", type=TIME, metavar="HH:MM", help="Local time.")
@click.option("--to", "audience", multiple=True, metavar="unit:CODE|station:CODE",
              help="Who hears it, instead of who did.")  # fmt: skip
@click.option("--not", "exclude", multiple=True, metavar="unit:CODE|station:CODE",
              help="Who does not, besides those who did not before.")  # fmt: skip
@click.option("--all", "no_exceptions", is_flag=True, help="Nobody is left out any more.")
@click.option("--rule", "rrule", help="RFC 5545, or LUNAR;DAY=15.")
@click.option("--seconds", type=int, help="Its length.")
@click.option("--relay", "stream", metavar="ADDRESS",
              help="A live stream; the programme plays where it fails.")  # fmt: skip
@click.option("--no-relay", is_flag=True, help="No live stream any more.")
@click.option("--kind", type=click.Choice(KINDS), help="What sort of line it is.")
@click.option("--class", "programme_class", type=click.Choice(CLASSES), help="Of the bulletin.")
@click.option("--late-ok", "late_ok_s", type=int, metavar="SECONDS",
              help="May start this much late; 0: not at all.")  # fmt: skip
@click.option("--from", "valid_from", type=DATE, help="The first day, from which it is counted.")
@click.option("--until", "valid_to", type=DATE, help="The last day, included.")
@click.option("--no-end", is_flag=True, help="It has no last day any more.")
@acting
@click.pass_obj
def edit(
    run: Run, /, id: int, by: str, exclude: tuple[str, ...], audience: tuple[str, ...],
    no_exceptions: bool, no_end: bool, no_relay: bool,
    **wishes: str | int | time | date | tuple[str, ...] | None,
) -> None:  # fmt: skip
    """
    Change a line of the timetable.

    What is not given stays. What it has aired stays as it was; the day from which a rule is
    counted stays too. Refused, with proposals, like a new line. It is a
    draft until "loa timetable release".
    """
    changes: dict[str, object] = given(**wishes)
    if no_end and "valid_to" in changes:
        raise InputInvalid(problem="either a last day or none")
    if no_end:
        changes["valid_to"] = None
    if no_relay:
        changes["stream"] = None
    if audience:
        changes["audience"] = audience
    with run.hub() as hub:
        person = run.person(hub, by)
        with hub.database.read() as session:
            before = _excluded(find_line(slots.list_slots(session), id))
        if no_exceptions or exclude:
            kept = () if no_exceptions else before
            changes["exclude"] = (*kept, *(one for one in exclude if one not in kept))
        slots.edit_slot(hub, id, changes, by=person)
        with hub.database.read() as session:
            slot = find_line(slots.list_slots(session), id)
            notices = notices_of(hub, session, slot)
    tell_line(run, slot, notices)


def _excluded(slot: Slot) -> tuple[str, ...]:
    return slots.details_of(slot).exclude
