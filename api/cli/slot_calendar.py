"""``loa slot export`` and ``loa slot import``: the timetable as a calendar file."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.documents import Document
from api.cli.options import acting, command
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from api.ics.bring import WHAT, Brought, Defaults, bring, count
from api.ics.export import export_calendar
from api.ics.write import desk_of


@command(
    "export",
    "loa slot export > lich.ics",
    "loa slot export --unit 13579 --out dao-ly.ics",
    "loa slot export --station dao-ly --out dao-ly.ics",
    "loa slot export --slot 3 --json",
)
@click.option("--unit", "code", metavar="CODE", help="Only what is heard in this unit.")
@click.option("--station", "station_code", metavar="CODE", help="Only what this station hears.")
@click.option("--slot", "slot_ids", type=int, multiple=True, metavar="ID", help="Only this line.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write it there instead of printing it.")  # fmt: skip
@click.pass_obj
def export(
    run: Run, code: str | None, station_code: str | None, slot_ids: tuple[int, ...],
    out: Path | None,
) -> None:  # fmt: skip
    """
    Write the timetable as a calendar (.ics).

    Telephones, Outlook and Google Calendar read it; "loa slot import" reads it back.
    """
    with run.hub() as hub, hub.database.read() as session:
        made = export_calendar(
            hub, session, run.translator, unit_code=code or "", station_code=station_code or "",
            slot_ids=slot_ids,
        )  # fmt: skip
    if out is not None:
        out.write_bytes(made.content)
    document = {
        "slots": made.slots,
        "out": out,
        "calendar": None if out else made.content.decode(),
    }

    def show(screen: Screen) -> None:
        if out is None:
            click.echo(made.content, nl=False)
        else:
            screen.say(_("{n} lines stand in {path}."), n=made.slots, path=str(out))

    run.tell(document, show)


@command(
    "import",
    "loa slot import lich.ics --dry-run --by lan",
    "loa slot import hop-dan.ics --unit 13579 --programme 9 --by lan",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Tell what would change, and change nothing.")
@click.option("--unit", "unit_code", metavar="CODE", help="Who owns lines that do not say it.")
@click.option("--to", "audience", multiple=True, metavar="unit:CODE|station:CODE",
              help="Who hears these; the owning unit when not given.")  # fmt: skip
@click.option("--programme", "programme_id", type=int, metavar="ID",
              help="What airs in lines that do not say it.")  # fmt: skip
@acting
@click.pass_obj
def import_(
    run: Run, file: Path, dry_run: bool, unit_code: str | None, audience: tuple[str, ...],
    programme_id: int | None, by: str,
) -> None:  # fmt: skip
    """
    Bring the timetable to what a calendar (.ics) says.

    Events are known by their UID: what was exported and changed elsewhere comes back as a change.
    Lines that it does not name stay. Either every event is taken, or none: all that are refused are
    told at once.
    """
    defaults = Defaults(unit_code, audience, programme_id)
    with run.hub() as hub:
        found = bring(
            hub, file.read_bytes(), file.name, desk_of(hub, run.translator),
            by=run.person(hub, by), defaults=defaults, dry_run=dry_run,
        )  # fmt: skip
    document = {
        **{what: count(found, what) for what in WHAT},
        "dry_run": dry_run,
        "events": [_document(one) for one in found],
    }
    run.tell(document, lambda screen: _show(screen, found, dry_run))


def _document(one: Brought) -> Document:
    return {
        "uid": one.uid,
        "title": one.title,
        "what": one.what,
        "slot_id": one.slot_id,
        "changes": {name: [old, new] for name, (old, new) in one.changes.items()},
        "days": list(one.days),
    }


def _show(screen: Screen, found: list[Brought], dry_run: bool) -> None:
    tr = screen.translator
    screen.table(
        [_("Slot"), _("What becomes of it"), _("Details")],
        [(one.title, tr.text(WHAT[one.what]), _details(screen, one)) for one in found],
    )
    if dry_run:
        screen.say(_("This was a rehearsal: nothing was changed."))


def _details(screen: Screen, one: Brought) -> str:
    changed = [f"{label}: {old} → {new}" for label, old, new in one.told if old]
    return "; ".join([*changed, *map(screen.translator.day, one.days)])
