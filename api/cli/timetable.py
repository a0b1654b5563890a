"""``loa timetable``: what changed in the draft, releases, and the way back."""

from __future__ import annotations

from collections.abc import Sequence

import click

from api.cli.documents import Document
from api.cli.options import acting, command, yes
from api.cli.run import Run
from api.cli.screen import Figures, Screen
from api.i18n import mark as _
from api.releasewords import ChangeShown, change_document, shown_changes
from scheduler import releases
from scheduler.store.db import Database
from scheduler.store.models import Release


@command("diff", "loa timetable diff", "loa timetable diff --json")
@click.pass_obj
def diff(run: Run) -> None:
    """
    Show what the draft would change, and for whom, before it is released.

    The airings are those of the days that are planned ahead.
    """
    with run.hub() as hub, hub.database.read() as session:
        version = releases.last_version(session)
        shown = shown_changes(hub, session, run.translator, releases.pending(session))
    document = {"version": version, "changes": [change_document(one) for one in shown]}
    run.tell(document, lambda screen: _show(screen, shown))


@command(
    "release",
    "loa timetable release --by lan",
    'loa timetable release --note "Giờ mùa đông" --by lan',
    "loa timetable release --slot 3 --by lan",
)
@click.option("--slot", "slot_ids", type=int, multiple=True, metavar="ID",
              help="Only this one; may be given several times.")  # fmt: skip
@click.option("--note", default="", help="Why; it stands in the list of releases.")
@acting
@click.pass_obj
def release(run: Run, slot_ids: tuple[int, ...], note: str, by: str) -> None:
    """
    Let the draft air from the next planning on.

    Everything that the person may change is released, as one version. Run "loa plan" after it.
    """
    with run.hub() as hub:
        made = releases.release(hub, by=run.person(hub, by), note=note, slot_ids=slot_ids or None)
        document = _document(_found(hub.database, made))
    run.tell(document, lambda screen: screen.say(_("Release {version} airs from the next planning "
             "on: {count} slots changed."), version=made.version,
             count=len(made.changes)))  # fmt: skip


@command("releases", "loa timetable releases", "loa timetable releases --json")
@click.pass_obj
def releases_(run: Run) -> None:
    """Show the releases, the newest first: who, when, and how many slots changed."""
    with run.hub() as hub, hub.database.read() as session:
        found = releases.list_releases(session)
    document = {"releases": [_document(one) for one in found]}
    run.tell(document, lambda screen: _show_releases(screen, found))


@command(
    "restore",
    "loa timetable restore --by lan",
    'loa timetable restore 4 --note "Sai giờ" --by lan --yes',
)
@click.argument("version", type=int, required=False)
@click.option("--note", default="", help="Why; it stands in the list of releases.")
@yes
@acting
@click.pass_obj
def restore(run: Run, version: int | None, note: str, yes: bool, by: str) -> None:
    """
    Return to an earlier release in one step; to the one before the last when none is named.

    It becomes a new version. Drafts that nobody has released stay. Run "loa plan" after it.
    """
    with run.hub() as hub:
        person = run.person(hub, by)
        with hub.database.read() as session:
            wanted = releases.last_version(session) - 1 if version is None else version
        run.confirm(_("Return to release {version}?"), yes=yes, version=wanted)
        made = releases.restore(hub, wanted, by=person, note=note)
        document = _document(_found(hub.database, made))
    run.tell(document, lambda screen: screen.say(_("Release {version} airs from the next planning "
             "on: as release {wanted} was."), version=made.version, wanted=wanted))  # fmt: skip


@command("discard", "loa timetable discard 3 --by lan")
@click.argument("id", type=int)
@acting
@click.pass_obj
def discard(run: Run, id: int, by: str) -> None:
    """Throw the draft of a slot away: it is again as it airs."""
    with run.hub() as hub:
        releases.discard(hub, id, by=run.person(hub, by))
    run.tell({"discarded": id}, lambda screen: screen.say(_("Slot {id} is as it airs."), id=id))


def _found(database: Database, made: Release) -> Release:
    """With its names, which a row that was just made has not loaded."""
    with database.read() as session:
        return next(one for one in releases.list_releases(session) if one.version == made.version)


def _document(one: Release) -> Document:
    return {
        "version": one.version,
        "at": one.at,
        "by": one.person.username,
        "note": one.note,
        "restores": one.restores,
        "slots": [change.slot_id for change in one.changes],
    }


def _show(screen: Screen, shown: Sequence[ChangeShown]) -> None:
    if not shown:
        screen.say(_("Nothing has changed since the last release."))
    for one in shown:
        screen.line(f"{one.slot_id}. {one.title}: {one.kind}")
        for name, before, after in one.fields:
            screen.line(f"    {name}: {before} → {after}")
        screen.line(f"    {one.effect}")
        screen.line(f"    {one.whom}")
    if shown:
        screen.say(_("To let it air: loa timetable release"))


def _show_releases(screen: Screen, found: Sequence[Release]) -> None:
    tr = screen.translator
    screen.table(
        [Figures(_("Release")), _("When"), _("Who"), Figures(_("Slots")), _("Note")],
        [
            (
                str(one.version), tr.moment(one.at), one.person.full_name, str(len(one.changes)),
                one.note or (tr.text(_("as release {version}"), version=one.restores)
                             if one.restores else None),
            )
            for one in found
        ],
    )  # fmt: skip
