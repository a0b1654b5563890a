"""``loa plan``: the timetable becomes airings and deliveries."""

from __future__ import annotations

from datetime import date

import click

from api.cli.options import DATE, command, recorded
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from scheduler.forecast import look_ahead
from scheduler.planner import PlanResult
from scheduler.planner import plan as plan_days


@command("plan", "loa plan", "loa plan --from 17/10/2022 --days 7")
@click.option("--from", "first", type=DATE, help="The first day; tomorrow when not given.")
@click.option("--days", type=click.IntRange(1, 366), help="How many; as in the settings.")
@recorded
@click.pass_obj
def plan(run: Run, first: date | None, days: int | None, by: str | None) -> None:
    """
    Turn the timetable into airings and deliveries.

    May be run as often as one likes: without a change in the timetable it changes nothing. What
    has begun is history and stays.
    """
    with run.hub() as hub:
        result = plan_days(hub, first=first, days=days, by=run.actor(hub, by))
        late = look_ahead(hub)
    document = {
        "days": result.days,
        "airings_added": result.airings_added,
        "airings_changed": result.airings_changed,
        "airings_cancelled": result.airings_cancelled,
        "deliveries_new": result.deliveries_new,
        "deliveries_superseded": result.deliveries_superseded,
        "waiting": list(result.waiting),
        "warnings": [run.translator.text(one.msgid, **one.fields) for one in result.warnings],
        "drafts": result.drafts,
        "late_stations": [one.station.code for one in late],
    }

    def show(screen: Screen) -> None:
        _show(screen, result)
        if late:
            screen.say(
                _("{n} stations will not have their next day in time: loa forecast"), n=len(late)
            )

    run.tell(document, show)


def _show(screen: Screen, result: PlanResult) -> None:
    screen.facts(
        [
            (_("Days"), str(result.days)),
            (_("Airings added"), str(result.airings_added)),
            (_("Airings changed"), str(result.airings_changed)),
            (_("Airings cancelled"), str(result.airings_cancelled)),
            (_("Deliveries to make"), str(result.deliveries_new)),
        ]
    )
    for title in result.waiting:
        screen.say(_('"{title}" is not encoded for every station yet.'), title=title)
    for warning in result.warnings:
        screen.say(warning.msgid, **warning.fields)
    if result.drafts:
        screen.say(
            _("{count} slots have changes that nobody has released: loa timetable diff"),
            count=result.drafts,
        )
