"""``loa station deliveries``, ``retry`` and ``postpone``: what waits, why, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import click
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from api.cli.documents import Document, delivery_document
from api.cli.options import command, recorded
from api.cli.run import Run
from api.cli.screen import Figures, Screen
from api.i18n import Translator
from api.i18n import mark as _
from api.words import delivery_error, outcome
from scheduler.errors import InputInvalid
from scheduler.registry import find_station
from scheduler.retries import postpone as put_off
from scheduler.retries import retry as send_again
from scheduler.store.models import Attempt, Delivery, Station
from scheduler.store.states import OPEN_DELIVERIES, DeliveryState

_SHOWN = (*OPEN_DELIVERIES, DeliveryState.FAILED)
_AT = "%Y-%m-%dT%H:%M"


@command(
    "deliveries", "loa station deliveries", "loa station deliveries dao-ly",
    "loa station deliveries --json",
)  # fmt: skip
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@click.option("--tries", "with_tries", is_flag=True, help="Each try by itself, and what it met.")
@click.pass_obj
def deliveries(run: Run, codes: tuple[str, ...], with_tries: bool) -> None:
    """
    Show what waits to be sent, why, and until when.

    Every day that is not at its station yet, in the order in which it will be sent: how often it
    was tried, what stood in the way, and when the next try is.
    """
    with run.hub() as hub, hub.database.read() as session:
        ids = [find_station(session, code).id for code in codes]
        found = _waiting(session, ids, hub.clock.now())
    document = {"deliveries": [_document(one, run.translator) for one in found]}
    run.tell(document, lambda screen: _show(screen, found, with_tries))


@command(
    "retry", "loa station retry dao-ly", "loa station retry dao-ly && loa push --station dao-ly"
)
@click.argument("code")
@recorded
@click.pass_obj
def retry(run: Run, code: str, by: str | None) -> None:
    """
    Send again what failed or waits.

    What failed for good, or waits after a failed try, is due at once. Loa sends it by itself in
    the station's window; "loa push" sends it now.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            station = find_station(session, code)
            count = send_again(session, station, by=who, now=run.clock.now())
    run.tell(
        {"station": code, "due": count},
        lambda screen: screen.say(_("Days that are due again for {station}: {count}."), count=count,
                                  station=station.name),
    )  # fmt: skip


@command(
    "postpone",
    "loa station postpone dao-ly --minutes 120    # the technician is on the mast",
    "loa station postpone dao-ly --until 2022-10-17T03:00",
)
@click.argument("code")
@click.option("--minutes", type=click.IntRange(1, 7 * 1440), help="From now on.")
@click.option("--until", metavar="YYYY-MM-DDTHH:MM", help="A local time.")
@recorded
@click.pass_obj
def postpone(run: Run, code: str, minutes: int | None, until: str | None, by: str | None) -> None:
    """
    Let a station in peace until a time.

    What waits for it now is not tried before, whatever the back-off says; what is being sent goes
    on, and what is planned later goes as usual. "loa station retry" ends the pause.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        at = _moment(run, minutes, until)
        with hub.database.write() as session:
            station = find_station(session, code)
            found = put_off(session, station, until=at, by=who, now=run.clock.now())
    document = {"station": code, "until": at, "postponed": found.postponed, "too_late": found.late}
    run.tell(document, lambda screen: _show_pause(screen, station, at, found.postponed, found.late))


def _moment(run: Run, minutes: int | None, until: str | None) -> datetime:
    if (minutes is None) == (until is None):
        raise InputInvalid(problem="give either --minutes or --until")
    now = run.clock.now()
    if minutes is not None:
        return now + timedelta(minutes=minutes)
    try:
        at = datetime.strptime(until or "", _AT).replace(tzinfo=run.settings.zone)
    except ValueError:
        raise InputInvalid(problem="--until is a local time like 2022-10-17T03:00") from None
    if at <= now:
        raise InputInvalid(problem="that time is over already")
    return at


def _waiting(session: Session, ids: Sequence[int], now: datetime) -> list[tuple[Delivery, Station]]:
    statement = (
        select(Delivery, Station)
        .join(Station)
        .where(Delivery.state.in_(_SHOWN), Delivery.last_air_at > now)
        .order_by(Delivery.first_air_at, Station.code)
        .options(selectinload(Delivery.tries))
    )
    if ids:
        statement = statement.where(Delivery.station_id.in_(ids))
    return [(row.Delivery, row.Station) for row in session.execute(statement)]


def _document(found: tuple[Delivery, Station], translator: Translator) -> Document:
    delivery, station = found
    return {
        "station": station.code,
        **delivery_document(delivery, translator),
        "first_air_at": delivery.first_air_at,
        "lease_until": delivery.lease_until,
        "worker": delivery.worker,
        "tries": [_try(one, translator) for one in _in_order(delivery)],
    }


def _in_order(delivery: Delivery) -> list[Attempt]:
    return sorted(delivery.tries, key=lambda one: one.number)


def _try(one: Attempt, translator: Translator) -> Document:
    return {
        "number": one.number,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
        "outcome": one.outcome,
        "sentence": outcome(translator, one),
        "bytes_sent": one.bytes_sent,
        "bytes_resumed": one.bytes_resumed,
    }


def _show(
    screen: Screen, found: Sequence[tuple[Delivery, Station]], with_tries: bool = False
) -> None:
    if not found:
        screen.say(_("Nothing waits: every station has its days."))
        return
    tr = screen.translator
    screen.table(
        [_("Station"), _("Day"), _("State"), Figures(_("Tries")), _("Next try"), _("Airs first"),
         _("Problem")],
        [
            (
                station.code,
                tr.day(one.for_date),
                screen.state(one.state),
                one.attempts,
                screen.moment(one.next_try_at) if one.state is DeliveryState.DUE else None,
                screen.moment(one.first_air_at),
                delivery_error(tr, one) if one.error_code else "",
            )
            for one, station in found
        ],
    )  # fmt: skip
    if with_tries:
        _show_tries(screen, found)


def _show_tries(screen: Screen, found: Sequence[tuple[Delivery, Station]]) -> None:
    tr = screen.translator
    screen.table(
        [_("Station"), _("Day"), Figures(_("Try")), _("Began"), _("Sent"), _("Ended")],
        [
            (
                station.code,
                tr.day(delivery.for_date),
                one.number,
                screen.moment(one.started_at),
                tr.size(one.bytes_sent) if one.bytes_sent else "0",
                outcome(tr, one),
            )
            for delivery, station in found
            for one in _in_order(delivery)
        ],
    )


def _show_pause(screen: Screen, station: Station, at: datetime, count: int, late: int) -> None:
    screen.say(
        _("Days of {station} that wait until {moment}: {count}."), station=station.name,
        moment=screen.moment(at), count=count,
    )  # fmt: skip
    if late:
        screen.say(_("Days whose first airing is before that: {count}."), count=late)
