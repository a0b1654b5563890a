"""``loa why``: the chain that led to an airing, or where it broke."""

from __future__ import annotations

from collections.abc import Sequence

import click

from api.cli.documents import Document, airing_document
from api.cli.options import command
from api.cli.run import FAILED, Run
from api.cli.screen import Screen
from api.i18n import mark as _
from api.moments import moment_of
from api.whywords import (
    MARKS,
    NAMES,
    detail,
    sentence,
    step,
    story_document,
    verdict,
    written,
)
from scheduler.registry import find_station
from scheduler.store.models import Airing, Station
from scheduler.why import Story, find_airing, nearest_airings, why


@command(
    "why",
    "loa why dao-ly 05:00",
    'loa why dao-ly "hôm qua 05:00"',
    'loa why dao-ly "25/11/2026 05:00" --json',
)
@click.argument("station")
@click.argument("time", nargs=-1, required=True)
@click.pass_obj
def why_(run: Run, station: str, time: tuple[str, ...]) -> None:
    """
    Tell why an airing went as it did.

    Slot, programme and approval, encoding, each try to send it, the station's receipt, the lines
    of the player's log, the proof; or the first link that broke, with the next step. Where nothing
    was planned at that time the nearest airings are offered, with exit code 1.
    """
    with run.hub() as hub:
        at = moment_of(" ".join(time), hub)
        with hub.database.read() as session:
            found = find_station(session, station)
            airing = find_airing(session, found, at)
            story = why(hub, session, airing) if airing else None
            near = [] if airing else nearest_airings(session, found, at)
    if story is None:
        run.tell(
            {"station": found.code, "at": at, "nearest": [_near_document(one) for one in near]},
            lambda screen: _show_nearest(screen, found, screen.moment(at), near),
        )
        run.end(FAILED)
    run.tell(story_document(story, run.translator), lambda screen: _show(screen, story))


def _near_document(airing: Airing) -> Document:
    shown = airing_document(airing)
    return {"planned_at": shown["planned_at"], "title": airing.programme.title,
            "state": airing.state}  # fmt: skip


def _show_nearest(screen: Screen, station: Station, at: str, near: Sequence[Airing]) -> None:
    screen.say(_("Nothing was planned at {station} at {at}."), station=station.name, at=at)
    if not near:
        screen.say(_("Nothing at all is planned there."))
        return
    screen.say(_("The nearest:"))
    for airing in near:
        moment = screen.moment(airing.planned_at)
        word = screen.state(airing.state).plain
        screen.line(f"• {moment}  {airing.programme.title}  ({word})")


def _show(screen: Screen, story: Story) -> None:
    tr, airing = screen.translator, story.airing
    screen.line(f"{airing.station.name}, {tr.moment(airing.planned_at)}: {airing.programme.title}")
    screen.line(verdict(tr, story))
    broken = story.broken
    if broken is not None:
        word = tr.text(MARKS[broken.mark].text)
        screen.line(f"→ {tr.text(NAMES[broken.name])}, {word}: {sentence(tr, story, broken)}")
        if step(tr, broken):
            screen.line(f"→ {step(tr, broken)}")
    screen.line()
    for link in story.links:
        word = tr.text(MARKS[link.mark].text)
        screen.line(f"{tr.text(NAMES[link.name])} [{word}]")
        screen.line(f"  {sentence(tr, story, link)}")
        for one in link.details:
            screen.line(f"  · {tr.moment(one.at)}  {detail(tr, one)}")
    if story.ledger:
        screen.line(tr.text(_("What was written down:")))
        for entry in story.ledger:
            screen.line(f"  · {tr.moment(entry.at)}  {written(tr, entry)}")
