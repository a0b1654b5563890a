"""``loa forecast``: which stations will not have their next day in time, and what would help."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import click

from api.cli.documents import Document
from api.cli.options import command, stations
from api.cli.run import Run
from api.cli.screen import Figures, Screen
from api.forecastwords import choice_in_words, outlook_in_words
from api.i18n import mark as _
from scheduler.forecast import Choice, Outlook, choices, first_outlooks, look_ahead, read_book
from scheduler.registry import find_station
from scheduler.renditions import profiles_of


@command("forecast", "loa forecast", "loa forecast --all", "loa forecast --station dao-ly --json")
@click.option("--all", "everything", is_flag=True, help="Also the stations that will be in time.")
@stations
@click.pass_obj
def forecast(run: Run, everything: bool, codes: tuple[str, ...]) -> None:
    """
    Tell which stations will not have their next day in time.

    From the bytes that are still to send, the measured rate of each station, its window and the
    links that visits share; with what would help, each tried in a forecast of its own.
    """
    with run.hub() as hub:
        look_ahead(hub)  # the pages show the same
        with hub.database.read() as session:
            for code in codes:
                find_station(session, code)
            book = read_book(hub, session)
            found = [one for one in first_outlooks(book) if not codes or one.station.code in codes]
            late = [one for one in found if one.is_late]
            helpful = choices(session, book, late, profiles_of(hub.settings))
    shown = found if everything or codes else late
    document = {
        "waiting": len(found),
        "late": len(late),
        "stations": [_document(run, one, helpful.get(one.station.id, ())) for one in shown],
    }
    run.tell(document, lambda screen: _show(screen, found, shown, helpful))


def choice_command(choice: Choice) -> str:
    """The command that takes a choice."""
    words = {
        "now": ("push", "--station", choice.station_code),
        "window": ("station", "change", choice.station_code, "--push-from",
                   f"{choice.push_from:%H:%M}" if choice.push_from else ""),
        "profile": ("station", "change", choice.station_code, "--profile", choice.profile or ""),
        "drop": ("slot", "edit", str(choice.slot_id), "--not", f"station:{choice.station_code}"),
    }[choice.kind]  # fmt: skip
    return shlex.join(["loa", *words])


def _document(run: Run, one: Outlook, helpful: Sequence[Choice]) -> Document:
    return {
        "code": one.station.code,
        "name": one.station.name,
        "for_date": one.for_date,
        "needed_at": one.needed_at,
        "ready_at": one.ready_at,
        "late": one.is_late,
        "bytes_left": one.bytes_left,
        "kbps": round(one.rate.kbps),
        "basis": one.rate.basis,
        "choices": [
            {
                "kind": choice.kind,
                "sentence": choice_in_words(choice, run.translator),
                "command": choice_command(choice),
            }
            for choice in helpful
        ],
    }


def _show(
    screen: Screen,
    found: Sequence[Outlook],
    shown: Sequence[Outlook],
    helpful: Mapping[int, Sequence[Choice]],
) -> None:
    tr = screen.translator
    late = [one for one in found if one.is_late]
    if not found:
        screen.say(_("Every station has what is planned for it."))
    elif not late:
        screen.say(_("All {n} stations that still wait will be in time."), n=len(found))
    else:
        screen.say(_("{n} stations will not have their next day in time:"), n=len(late))
    if shown:
        screen.table(
            [_("Station"), _("Day"), _("Needed at"), _("Expected at"), Figures(_("Still to send")),
             Figures(_("kbit/s")), _("On what it stands")],
            [
                (
                    one.station.name,
                    tr.day(one.for_date),
                    tr.moment(one.needed_at),
                    tr.moment(one.ready_at) if one.ready_at else tr.text(_("not within a week")),
                    tr.size(one.bytes_left),
                    tr.number(one.rate.kbps),
                    outlook_in_words(one.rate.basis, tr),
                )
                for one in shown
            ],
        )  # fmt: skip
    for one in late:
        for choice in helpful.get(one.station.id, ()):
            screen.line(
                f"  {one.station.name}: {choice_in_words(choice, tr)}: {choice_command(choice)}"
            )
