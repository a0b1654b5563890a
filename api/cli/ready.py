"""``loa ready``: whether what airs soon is really there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import click

from api.cli.documents import Document
from api.cli.options import command, recorded
from api.cli.run import PARTLY, Run
from api.cli.screen import Figures, Screen
from api.i18n import Translator
from api.i18n import mark as _
from api.moments import moment_of
from api.readywords import LEVELS, reason_of, step_of
from scheduler.dispatch import push
from scheduler.hub import Hub
from scheduler.readiness import Due, Level, Readiness, by_moment, readiness, worst
from scheduler.retries import retry
from scheduler.units import find_unit, unit_ids_below


@command(
    "ready",
    "loa ready",
    "loa ready --at 05:00 --unit 353",
    "loa ready --resend --by lan",
    "loa ready --json",
)
@click.option("--at", metavar="TIME", help="Only what airs at this time; the next 24 hours else.")
@click.option("--unit", metavar="CODE", help="Only stations of this unit and below it.")
@click.option("--resend", is_flag=True, help="Send again to the stations that are not ready.")
@recorded
@click.pass_obj
def ready(run: Run, at: str | None, unit: str | None, resend: bool, by: str | None) -> None:
    """
    Show whether what airs soon is there.

    A station is ready when its own receipt says that it read every file of its current day and
    found it right. Everything else is listed with its reason, the next step and the phone number.
    Exit code 3 when something is not ready.
    """
    with run.hub() as hub:
        rows = _rows(hub, at, unit)
        if resend:
            _send_again(hub, rows, by=run.actor(hub, by))
            rows = _rows(hub, at, unit)
    due = by_moment(rows)
    run.tell(_document(due, run.translator), lambda screen: _show(screen, due))
    if any(one.open for one in due):
        run.end(PARTLY)


def _rows(hub: Hub, at: str | None, unit: str | None) -> list[Readiness]:
    moment = moment_of(at, hub, is_ahead=True) if at else None
    with hub.database.read() as session:
        on = hub.today()
        ids = unit_ids_below(session, find_unit(session, unit, on).id, on) if unit else None
        return readiness(
            hub,
            session,
            first=moment,
            last=moment + timedelta(seconds=59) if moment else None,
            unit_ids=ids,
        )


def _send_again(hub: Hub, rows: Sequence[Readiness], *, by: str) -> None:
    """What failed or waits at these stations is sent now, whatever their windows."""
    stations = {row.station.id: row.station for row in rows if row.is_open}
    with hub.database.write() as session:
        for station in stations.values():
            retry(session, station, by=by, now=hub.clock.now())
    push(hub, stations=set(stations))


def _document(due: Sequence[Due], translator: Translator) -> Document:
    return {"moments": [moment_document(one, translator) for one in due]}


def moment_document(due: Due, translator: Translator) -> Document:
    """One slot at one moment, with every station."""
    return {
        "planned_at": due.planned_at,
        "broadcast_date": due.first.broadcast_date,
        "slot_id": due.first.slot_id,
        "title": due.first.slot.title,
        "total": due.total,
        "ready": due.count(Level.READY),
        "by_hand": due.count(Level.BY_HAND),
        "stations": [_row_document(row, translator) for row in due.rows],
    }


def _row_document(row: Readiness, translator: Translator) -> Document:
    return {
        "station": row.station.code,
        "name": row.station.name,
        "phone": row.station.phone,
        "level": row.level,
        "code": row.code,
        "reason": reason_of(translator, row),
        "next_step": step_of(translator, row) or None,
        "programme_id": row.airing.programme_id,
        "sha256": row.hash,
        "seq": row.delivery.seq if row.delivery else None,
        "last_seen_at": row.station.last_seen_at,
    }


def _show(screen: Screen, due: Sequence[Due]) -> None:
    tr = screen.translator
    screen.table(
        [_("Day"), _("Time"), _("Slot"), Figures(_("Ready")), Figures(_("Not ready"))],
        [
            (
                tr.day(one.first.broadcast_date),
                tr.time(one.planned_at),
                one.first.slot.title,
                f"{one.count(Level.READY)}/{one.total}",
                len(one.open),
            )
            for one in due
        ],
    )
    rows = [row for row in worst(row for one in due for row in one.rows).values() if row.is_open]
    if not due:
        return
    if not rows:
        screen.say(_("Every station that can say so has everything."))
        return
    screen.say(_("These stations are not ready:"))
    for row in rows:
        _show_row(screen, row)


def _show_row(screen: Screen, row: Readiness) -> None:
    tr = screen.translator
    level = tr.text(LEVELS[row.level].text)
    phone = row.station.phone or tr.text(_("no phone number"))
    screen.line(f"• {row.station.name} ({row.station.code}), {phone}: {level}")
    screen.line(f"  {reason_of(tr, row)}")
    if step_of(tr, row):
        screen.line(f"  → {step_of(tr, row)}")
