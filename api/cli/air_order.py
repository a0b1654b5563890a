"""``loa air clashes`` and ``loa air order``: priority slots that collide, and who comes first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import click

from api.cli.documents import Document
from api.cli.options import DATE, acting, command
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from scheduler.errors import InputInvalid
from scheduler.precedence import Collision, collisions, decide_order
from scheduler.units import find_unit, unit_ids_below

_MOST_DAYS = 31


@command("clashes", "loa air clashes", "loa air clashes --unit 13579 --on 17/10/2022 --json")
@click.option("--unit", "code", metavar="CODE", help="Only in this unit and below it.")
@click.option("--on", "first", type=DATE, help="The first day; today when not given.")
@click.option("--days", type=click.IntRange(1, _MOST_DAYS), default=7, show_default=True)
@click.pass_obj
def clashes(run: Run, code: str | None, first: date | None, days: int) -> None:
    """
    Show where priority slots collide.

    And in which order they will air: as somebody decided, or the earlier one first.
    """
    with run.hub() as hub, hub.database.read() as session:
        begin = first or hub.today()
        found: list[Collision] = []
        for day in (begin + timedelta(days=n) for n in range(days)):
            unit_ids = (
                unit_ids_below(session, find_unit(session, code, day).id, day) if code else None
            )
            found += collisions(session, day, hub.settings.zone, unit_ids)
    document = {"clashes": [_document(one) for one in found]}
    run.tell(document, lambda screen: _show(screen, found))


@command(
    "order",
    "loa air order 13579 17/10/2022 12 7 --by dao",
    "loa air order 13579 17/10/2022 12 7 --until 23/10/2022 --by dao",
)
@click.argument("unit", metavar="UNIT")
@click.argument("day", type=DATE)
@click.argument("slot_ids", type=int, nargs=-1, required=True, metavar="SLOT…")
@click.option("--until", type=DATE, help="The same order up to this day, included.")
@acting
@click.pass_obj
def order(
    run: Run, unit: str, day: date, slot_ids: tuple[int, ...], until: date | None, by: str
) -> None:
    """
    Say which of the priority slots airs first.

    Of those that collide in a unit on a day: they air one after another from the first start on.
    Run "loa plan" after it.
    """
    last = until or day
    if not day <= last <= day + timedelta(days=_MOST_DAYS):
        raise InputInvalid(problem="the last day lies before the first, or more than a month later")
    with run.hub() as hub:
        person = run.person(hub, by)
        wanted = [day + timedelta(days=n) for n in range((last - day).days + 1)]
        days = decide_order(hub, unit, wanted, slot_ids, by=person)
    document = {"unit": unit, "days": days, "slot_ids": list(slot_ids)}
    run.tell(document, lambda screen: screen.say(_("The order is written down.")))


def _document(one: Collision) -> Document:
    return {
        "unit": one.unit.code,
        "name": one.unit.name,
        "on": one.on,
        "stations": len(one.stations),
        "decided_by": one.decided.person.username if one.decided else None,
        "order": [
            {
                "slot_id": slot.id,
                "title": slot.title,
                "starts_at": occurrence.starts_at,
                "airs_at": at,
            }
            for (slot, occurrence), at in zip(one.items, one.starts, strict=True)
        ],
    }


def _show(screen: Screen, found: Sequence[Collision]) -> None:
    if not found:
        screen.say(_("No priority slots collide."))
        return
    tr = screen.translator
    screen.table(
        [_("Unit"), _("Day"), _("Order"), _("Decided by")],
        [
            (
                f"{one.unit.name} ({one.unit.code})",
                tr.day(one.on),
                ", ".join(
                    f"{tr.time(at)} {slot.title} ({slot.id})"
                    for (slot, _one), at in zip(one.items, one.starts, strict=True)
                ),
                one.decided.person.full_name if one.decided else tr.text(_("nobody yet")),
            )
            for one in found
        ],
    )
