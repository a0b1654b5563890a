"""``loa station list`` and ``show``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from api.cli.documents import Document, delivery_document
from api.cli.options import command
from api.cli.run import Run
from api.cli.screen import Cell, Figures, Screen
from api.i18n import Translator
from api.i18n import mark as _
from api.stationwords import findings_sentence
from api.visitwords import ToldVisit, told_visits, took, visit_document
from scheduler.board import StationLine, station_board
from scheduler.jumps import jump_of
from scheduler.registry import find_station, unit_of
from scheduler.stationcard import coming_deliveries
from scheduler.store.models import Delivery, Link, Station
from scheduler.units import find_unit, unit_ids_below
from stations.hostkey import HostKey


@command("list", "loa station list", "loa station list --unit 353", "loa station list --json")
@click.option("--unit", metavar="CODE", help="Only stations of this unit and below it.")
@click.pass_obj
def list_(run: Run, unit: str | None) -> None:
    """Show all stations and how they stand."""
    with run.hub() as hub, hub.database.read() as session:
        on = hub.today()
        ids = unit_ids_below(session, find_unit(session, unit, on).id, on) if unit else None
        lines = station_board(session, run.clock.now(), on=on, unit_ids=ids)
    document = {"stations": [_line_document(line, run.translator) for line in lines]}
    run.tell(document, lambda screen: _show_list(screen, lines))


@command("show", "loa station show dao-ly", "loa station show dao-ly --json")
@click.argument("code")
@click.pass_obj
def show(run: Run, code: str) -> None:
    """Show everything about one station."""
    with run.hub() as hub, hub.database.read() as session:
        station = find_station(session, code)
        unit = unit_of(session, station, hub.today())
        deliveries = coming_deliveries(session, station, hub.today())
        jump = jump_of(session, station)
        link = session.get(Link, station.link_id) if station.link_id is not None else None
        visits = told_visits(run.translator, session, station)
    document = {
        **_station_document(station),
        "jump": jump.name if jump else None,
        "link": link.name if link else None,
        "unit": unit.name if unit else None,
        "unit_code": unit.code if unit else None,
        "deliveries": [delivery_document(one, run.translator) for one in deliveries],
        "visits": [visit_document(visit) for visit in visits],
    }

    def show_all(screen: Screen) -> None:
        _show_one(screen, station, document, deliveries)
        for visit in visits:
            _show_visit(screen, visit)

    run.tell(document, show_all)


def _station_document(station: Station) -> Document:
    columns = (
        "code", "name", "technology", "kind", "phone", "host", "port", "username", "root",
        "profile", "push_from", "push_until", "active", "last_seen_at", "clock_skew_s",
        "free_bytes", "player_version", "server", "key_number", "next_key_number",
        "key_changed_at", "audited_at", "audit",
    )  # fmt: skip
    return {
        **{name: getattr(station, name) for name in columns},
        "host_key": HostKey.parse(station.host_key).fingerprint if station.host_key else None,
    }


def _line_document(line: StationLine, translator: Translator) -> Document:
    return {
        **_station_document(line.station),
        "unit": line.unit.name if line.unit else None,
        "unit_code": line.unit.code if line.unit else None,
        "delivery": delivery_document(line.delivery, translator) if line.delivery else None,
        "next_airing_at": line.next_airing.planned_at if line.next_airing else None,
        "problem": translator.text(line.problem) if line.problem else None,
    }


def _show_list(screen: Screen, lines: Sequence[StationLine]) -> None:
    screen.table(
        [
            _("Station"),
            _("Code"),
            _("Unit"),
            _("Address"),
            _("Next day"),
            _("Next airing"),
            _("Last seen"),
            _("Last audit"),
            _("Problem"),
        ],
        [_list_row(screen, line) for line in lines],
    )


def _list_row(screen: Screen, line: StationLine) -> list[Cell]:
    station, delivery = line.station, line.delivery
    problem = screen.translator.text(line.problem) if line.problem else None
    if delivery is not None and delivery.error_code:
        problem = screen.translator.coded(delivery.error_code, delivery.error_fields)
    return [
        station.name,
        station.code,
        line.unit.name if line.unit else None,
        f"{station.host}:{station.port}" if station.host else None,
        screen.state(delivery.state) if delivery else None,
        screen.moment(line.next_airing.planned_at if line.next_airing else None),
        screen.moment(station.last_seen_at),
        screen.moment(station.audited_at),
        problem,
    ]


def _show_one(
    screen: Screen, station: Station, document: Document, deliveries: Sequence[Delivery]
) -> None:
    tr = screen.translator
    free = None if station.free_bytes is None else tr.size(station.free_bytes)
    window = f"{station.push_from:%H:%M}–{station.push_until:%H:%M}" if (
        station.push_from and station.push_until
    ) else None  # fmt: skip
    screen.facts(
        [
            (_("Station"), f"{station.name} ({station.code})"),
            (_("Unit"), document["unit"]),
            (_("Phone"), station.phone),
            (_("Address"), f"{station.host}:{station.port}" if station.host else None),
            (_("User and folder"), f"{station.username} {station.root}" if station.host else None),
            (_("Reached through"), document["jump"]),
            (_("Link"), document["link"]),
            (_("Host key"), document["host_key"]),
            (_("Sound profile"), station.profile),
            (_("Delivery window"), window),
            (_("Last seen"), screen.moment(station.last_seen_at)),
            (_("Clock off by (s)"), None if station.clock_skew_s is None
             else tr.number(station.clock_skew_s, 1)),
            (_("Free space"), free),
            (_("Player"), station.player_version),
            (_("Last audit"), screen.moment(station.audited_at)),
            (_("Found by it"), findings_sentence(tr, station.audit)),
            (_("Change of keys"), tr.text(_("given out, not seen at the box yet"))
             if station.next_key_number is not None else None),
        ]
    )  # fmt: skip
    screen.table(
        [_("Day"), _("State"), Figures(_("Tries")), _("Problem")],
        [
            (
                tr.day(one.for_date),
                screen.state(one.state),
                one.attempts,
                tr.coded(one.error_code, one.error_fields) if one.error_code else "",
            )
            for one in deliveries
        ],
    )


def _show_visit(screen: Screen, visit: ToldVisit) -> None:
    tr, row = screen.translator, visit.row
    when = f"{tr.moment(row.started_at)} ({took(tr, row.took_ms)})"
    screen.line(f"{when}: {visit.purpose}{f'. {visit.problem}' if visit.problem else ''}")
    screen.table(
        [_("Began"), Figures(_("Took")), _("Step"), _("Ended")],
        [
            (tr.exact_time(one.began_at), took(tr, one.ms), one.text, tr.text(one.word.text))
            for one in visit.steps
        ],
    )
