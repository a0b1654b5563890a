"""``loa urgent``: on air at once, by a named person, with a reason; and the drill of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from api.bulletinwords import bulletin_document, steps_of
from api.cli.options import acting, command, yes
from api.cli.run import FAILED, PARTLY, Run
from api.cli.screen import Figures, Screen
from api.i18n import mark as _
from api.words import word_of
from scheduler import bulletins, collect, programmes, urgent
from scheduler.bulletins import Order
from scheduler.hub import Hub
from scheduler.store.models import Bulletin
from scheduler.store.states import AiringState, DeliveryState

_LOOK_EVERY_S = 3
_OPEN = (DeliveryState.DUE, DeliveryState.LEASED, DeliveryState.DELIVERED)

_units = click.option(
    "--unit", "units", multiple=True, required=True, metavar="CODE",
    help="Where; with all below it. May be given several times.",
)  # fmt: skip
_reason = click.option("--reason", required=True, help="Why; it stands in the records.")
_minutes = click.option(
    "--minutes", type=click.IntRange(1, bulletins.MOST_MINUTES),
    help="What has not begun by then is not begun any more; as in the settings.",
)  # fmt: skip
_wait = click.option(
    "--wait", "wait_s", type=click.IntRange(0, 3600), metavar="SECONDS",
    help="How long to wait for the stations' receipts; as in the settings.",
)  # fmt: skip


@command(
    "send",
    'loa urgent send 7 --unit 35 --reason "Lũ lên nhanh, di dời ngay" --by hung',
    'loa urgent send 7 --unit 13579 --unit 13588 --reason "Vỡ đê" --minutes 30 --by hung --yes',
)
@click.argument("programme", type=int)
@_units
@_reason
@_minutes
@_wait
@yes
@acting
@click.pass_obj
def send(
    run: Run, programme: int, units: tuple[str, ...], reason: str, minutes: int | None,
    wait_s: int | None, yes: bool, by: str,
) -> None:  # fmt: skip
    """
    Put a recording on air at once.

    It interrupts what plays, also in quiet hours; the stations go on afterwards. Whoever brought
    the recording may not send it; sending approves it if nobody has yet.
    """
    order = Order(programme, units, reason, minutes)
    _issue(run, order, by, wait_s, _ask(run, yes))


@command(
    "drill",
    'loa urgent drill 7 --unit 35 --reason "Diễn tập quý IV" --by hung',
)
@click.argument("programme", type=int)
@_units
@_reason
@_minutes
@_wait
@acting
@click.pass_obj
def drill(
    run: Run, programme: int, units: tuple[str, ...], reason: str, minutes: int | None,
    wait_s: int | None, by: str,
) -> None:  # fmt: skip
    """Do all of it but play, and report the time of each station."""
    order = Order(programme, units, reason, minutes, is_drill=True)
    _issue(run, order, by, wait_s, lambda hub, person: None)


@command("list", "loa urgent list", "loa urgent list --json")
@click.pass_obj
def list_(run: Run) -> None:
    """Show the last bulletins and drills."""
    with run.hub() as hub, hub.database.read() as session:
        found = bulletins.list_bulletins(session)
    document = {"bulletins": [_head(one) for one in found]}
    run.tell(document, lambda screen: _show_list(screen, found))


@command("show", "loa urgent show 3")
@click.argument("id", type=int)
@click.pass_obj
def show(run: Run, id: int) -> None:
    """Show how one bulletin stands at each station."""
    with run.hub() as hub:
        _tell(run, hub, id)


@command("withdraw", 'loa urgent withdraw 3 --reason "Nước đã rút" --by hung --yes')
@click.argument("id", type=int)
@_reason
@_wait
@yes
@acting
@click.pass_obj
def withdraw(run: Run, id: int, reason: str, wait_s: int | None, yes: bool, by: str) -> None:
    """Take a bulletin back; where it plays it is stopped."""
    with run.hub() as hub:
        person = run.person(hub, by)
        with hub.database.read() as session:
            title = bulletins.get_bulletin(session, id).title
        run.confirm(_('Take the urgent "{title}" back everywhere?'), yes=yes, title=title)
        bulletins.withdraw(hub, id, by=person, reason=reason)
        _follow(run, hub, id, wait_s)
        _tell(run, hub, id)


def _ask(run: Run, yes: bool) -> Callable[[Hub, Order], None]:
    def ask(hub: Hub, order: Order) -> None:
        with hub.database.read() as session:
            title = programmes.get_programme(session, order.programme_id).title
        run.confirm(
            _('Put "{title}" on air NOW in {units}, interrupting what plays?'), yes=yes,
            title=title, units=", ".join(order.units),
        )  # fmt: skip

    return ask


def _issue(
    run: Run, order: Order, by: str, wait_s: int | None, ask: Callable[[Hub, Order], None]
) -> None:
    with run.hub() as hub:
        person = run.person(hub, by)
        with hub.database.read() as session:
            reach = bulletins.reach_of(hub, session, order.units, by=person)
        ask(hub, order)
        bulletin = bulletins.issue(hub, order, by=person)
        for station in reach.to_call:
            run.note(
                _("{station} cannot be interrupted by us. Call {phone}."),
                station=f"{station.code} ({station.name})", phone=station.phone or "?",
            )  # fmt: skip
        _follow(run, hub, bulletin.id, wait_s)
        told = _tell(run, hub, bulletin.id)
    states = {row.state for row in told.stations}
    if DeliveryState.VERIFIED not in states:
        run.end(FAILED)
    if states != {DeliveryState.VERIFIED} or reach.to_call:
        run.end(PARTLY)


def _follow(run: Run, hub: Hub, bulletin_id: int, wait_s: int | None) -> None:
    """Bring it, and read receipts until every station has checked it or the time is over."""
    wait_s = hub.settings.urgent.wait_s if wait_s is None else wait_s
    until = time.monotonic() + wait_s
    while True:
        urgent.push(hub)
        with hub.database.read() as session:
            rows = bulletins.get_bulletin(session, bulletin_id).stations
        brought = {row.station_id for row in rows if row.state is DeliveryState.DELIVERED}
        collect.collect(hub, stations=brought)
        with hub.database.read() as session:
            rows = bulletins.get_bulletin(session, bulletin_id).stations
        waiting = [row for row in rows if row.state in _OPEN]
        if not waiting or time.monotonic() >= until:
            return
        time.sleep(min(_LOOK_EVERY_S, max(0.0, until - time.monotonic())))


def _tell(run: Run, hub: Hub, bulletin_id: int) -> Bulletin:
    with hub.database.read() as session:
        bulletin = bulletins.get_bulletin(session, bulletin_id)
        airings = bulletins.airings_by_station(session, bulletin)
    document = bulletin_document(bulletin, airings, run.translator)
    run.tell(document, lambda screen: _show(screen, bulletin, document))
    return bulletin


def _show(screen: Screen, bulletin: Bulletin, document: dict[str, object]) -> None:
    screen.facts(
        [
            (_("Drill") if bulletin.is_drill else _("Urgent"), f"{bulletin.id}  {bulletin.title}"),
            (_("Reason"), bulletin.reason),
            (_("Ordered by"), bulletin.issuer.full_name),
            (_("Ordered at"), screen.moment(bulletin.issued_at)),
            (_("Expires"), screen.moment(bulletin.expires_at)),
            (_("Withdrawn"), screen.moment(bulletin.withdrawn_at) if bulletin.withdrawn_at else ""),
        ]
    )
    last = Figures("Would have played after") if bulletin.is_drill else "On air"
    screen.table(
        ["Station", "State", Figures("Brought after"), Figures("Checked after"), last, "Error"],
        (
            (
                f"{row.station.code} ({row.station.name})", screen.state(row.state),
                *(_seconds(screen, step) for step in steps_of(bulletin, row)[:2]),
                _on_air(screen, bulletin, document, number),
                screen.translator.coded(row.error_code, row.error_fields) if row.error_code else "",
            )
            for number, row in enumerate(bulletin.stations)
        ),
    )  # fmt: skip


def _on_air(screen: Screen, bulletin: Bulletin, document: dict[str, object], number: int) -> str:
    row = bulletin.stations[number]
    if bulletin.is_drill:
        return _seconds(screen, steps_of(bulletin, row)[2])
    stations = document["stations"]
    assert isinstance(stations, list)
    state = stations[number]["airing_state"]
    return screen.translator.text(word_of(AiringState(state)).text) if state else "–"


def _seconds(screen: Screen, seconds: float | None) -> str:
    return "–" if seconds is None else f"{screen.translator.number(seconds, 1)} s"


def _head(bulletin: Bulletin) -> dict[str, object]:
    return {
        "id": bulletin.id, "title": bulletin.title, "reason": bulletin.reason,
        "is_drill": bulletin.is_drill, "issued_by": bulletin.issuer.username,
        "issued_at": bulletin.issued_at, "expires_at": bulletin.expires_at,
        "withdrawn_at": bulletin.withdrawn_at, "stations": len(bulletin.stations),
        "verified": sum(row.state is DeliveryState.VERIFIED for row in bulletin.stations),
    }  # fmt: skip


def _show_list(screen: Screen, found: list[Bulletin]) -> None:
    screen.table(
        [Figures("No."), "Kind", "Title", "Reason", "Ordered by", "Ordered at", "Checked"],
        (
            (
                one.id, screen.translator.text(_("Drill") if one.is_drill else _("Urgent")),
                one.title, one.reason, one.issuer.full_name, screen.moment(one.issued_at),
                f"{sum(r.state is DeliveryState.VERIFIED for r in one.stations)}/"
                f"{len(one.stations)}",
            )
            for one in found
        ),
    )  # fmt: skip
