"""``loa object``: a person's word beside what a player's log has proved."""

from __future__ import annotations

import click

from api.cli.documents import airing_document
from api.cli.options import acting, command
from api.cli.run import Run
from api.i18n import mark as _
from api.moments import moment_of
from api.words import objection_sentence
from scheduler.airings import object_to_airing
from scheduler.errors import NotFound
from scheduler.registry import find_station
from scheduler.why import find_airing


@command(
    "object",
    'loa object dao-ly "25/11 05:00" --not-heard --reason "Tăng âm hỏng" --by lan',
    'loa object dao-ly "25/11 05:00" --heard --reason "Đã hỏi lại: có nghe" --by lan',
)
@click.argument("station")
@click.argument("time", nargs=-1, required=True)
@click.option("--heard/--not-heard", "heard", required=True, default=None, help="What people say.")
@click.option("--reason", required=True, metavar="TEXT", help="How it is known.")
@acting
@click.pass_obj
def contest(
    run: Run, station: str, time: tuple[str, ...], heard: bool, reason: str, by: str
) -> None:
    """
    Say that an airing was otherwise than the player's own log (grade A) has it.

    State and grade stay as they were proved; the word stands beside them, with the name and the
    reason. The other way round it takes back what was said before.
    """
    with run.hub() as hub:
        person = run.person(hub, by)
        at = moment_of(" ".join(time), hub)
        with hub.database.read() as session:
            found = find_station(session, station)
            airing = find_airing(session, found, at)
        if airing is None:
            raise NotFound(what="airing", key=f"{found.code} {at:%d/%m/%Y %H:%M}")
        object_to_airing(hub, found.id, airing.planned_at, by=person, heard=heard, reason=reason)
        with hub.database.read() as session:
            told = find_airing(session, found, at)
    assert told is not None
    tr, stands = run.translator, told.objection
    said = _("It stands beside the log: {told}") if stands else _("What was said is taken back.")
    run.tell(
        airing_document(told),
        lambda screen: screen.say(said, told=objection_sentence(tr, stands) if stands else ""),
    )
