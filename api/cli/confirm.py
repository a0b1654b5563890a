"""``loa confirm``: a person's word for all airings of a choice that nothing has told of."""

from __future__ import annotations

from datetime import date

import click

from api.cli.options import DATE, acting, command, yes
from api.cli.run import Run
from api.i18n import mark as _
from scheduler.airing_log import LogFilter
from scheduler.airings import confirm_airings, waiting_for_a_word
from scheduler.registry import find_station
from scheduler.units import find_unit, unit_ids_below


@command(
    "confirm",
    "loa confirm --from 01/10/2022 --to 07/10/2022 --unit 13579 --heard --by lan",
    "loa confirm --to 07/10/2022 --from 07/10/2022 --station dao-ly --not-heard --by dao --yes",
)
@click.option("--from", "first", type=DATE, required=True, help="The first day.")
@click.option("--to", "last", type=DATE, required=True, help="The last day, included.")
@click.option("--station", "code", metavar="CODE", help="Only this station.")
@click.option("--unit", metavar="CODE", help="Only stations of this unit and below it.")
@click.option("--heard/--not-heard", "aired", required=True, default=None, help="What it was.")
@click.option("--note", default="", metavar="TEXT", help="How it is known.")
@yes
@acting
@click.pass_obj
def confirm(
    run: Run, first: date, last: date, code: str | None, unit: str | None, aired: bool, note: str,
    yes: bool, by: str,
) -> None:  # fmt: skip
    """
    Tell of all airings that are over and wait for a person's word (grade B).

    What a log or a person has told already stays. Each airing gets an entry in the ledger.
    """
    with run.hub() as hub:
        person = run.person(hub, by)
        with hub.database.read() as session:
            units = (
                unit_ids_below(session, find_unit(session, unit, last).id, last) if unit else None
            )
            station_id = find_station(session, code).id if code else None
            wanted = LogFilter(first, last, unit_ids=units, station_id=station_id)
            count = waiting_for_a_word(session, wanted, hub.clock.now(), by=person).total()
        if count:
            run.confirm(_("Give your word for {count} airings?"), yes=yes, count=count)
        told = confirm_airings(hub, wanted, by=person, aired=aired, note=note)
    document = {"from": first, "to": last, "aired": aired, "confirmed": told}
    run.tell(document, lambda screen: screen.say(_("{count} airings confirmed"), count=told))
