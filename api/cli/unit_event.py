"""``loa unit event`` and ``events``: why the map changed, and by which decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import click

from api.cli.documents import Document
from api.cli.options import DATE, command, recorded
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from api.unitwords import EVENT_WORDS
from scheduler.store.models import UnitEvent
from scheduler.unitevents import KINDS, after_of, before_of, list_events, record_event


@command(
    "event",
    'loa unit event merged 01/07/2025 --before 13579 --before 13588 --after 13579 --basis "NQ …"',
    'loa unit event abolished 01/07/2025 --before 353 --basis "NQ …"',
)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("on", type=DATE)
@click.option("--before", multiple=True, metavar="CODE", help="As on the day before.")
@click.option("--after", multiple=True, metavar="CODE", help="As from that day on.")
@click.option("--basis", required=True, help="Number of the decision, and who made it.")
@recorded
@click.pass_obj
def event(
    run: Run, kind: str, on: date, before: Sequence[str], after: Sequence[str], basis: str,
    by: str | None,
) -> None:  # fmt: skip
    """
    Write down why the map changed on a day.

    The units themselves come with their table (loa unit import); here it is said what became of
    what, and by which decision.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            made = record_event(
                session, on=on, kind=kind, basis=basis, before=before, after=after, by=who,
                now=run.clock.now(),
            )  # fmt: skip
            document = _document(made)
    run.tell(document, lambda screen: screen.say(_("The event of the map is written down.")))


@command("events", "loa unit events", "loa unit events --json")
@click.pass_obj
def events(run: Run) -> None:
    """Show why the map changed, the latest first."""
    with run.hub() as hub, hub.database.read() as session:
        found = list_events(session)
    document = {"events": [_document(one) for one in found]}
    run.tell(document, lambda screen: _show(screen, found))


def _document(one: UnitEvent) -> Document:
    return {
        "on": one.on_day,
        "kind": one.kind,
        "before": [unit.code for unit in before_of(one)],
        "after": [unit.code for unit in after_of(one)],
        "basis": one.basis,
        "by": one.recorded_by,
    }


def _show(screen: Screen, found: Sequence[UnitEvent]) -> None:
    tr = screen.translator
    screen.table(
        [_("Day"), _("What became of them"), _("Before"), _("After"), _("Basis")],
        [
            (
                tr.day(one.on_day),
                tr.text(EVENT_WORDS[one.kind]),
                ", ".join(f"{unit.name} ({unit.code})" for unit in before_of(one)),
                ", ".join(f"{unit.name} ({unit.code})" for unit in after_of(one)),
                one.basis,
            )
            for one in found
        ],
    )
