"""``loa air``: when a unit lets something on air, whose time that is, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import click

from api.airwords import rules_in_words
from api.cli.documents import Document
from api.cli.options import DATE, acting, command
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from scheduler import airrules
from scheduler.airrules import AirRules, RuleBook, read_window, rules_of
from scheduler.store.models import AirRule
from scheduler.units import find_unit

_UNIT = click.argument("unit", metavar="UNIT")


@command("list", "loa air list", "loa air list --on 01/02/2023 --json")
@click.option("--on", type=DATE, help="What is said on this day or later; today when not given.")
@click.pass_obj
def list_(run: Run, on: date | None) -> None:
    """Show which units say something about their air."""
    with run.hub() as hub, hub.database.read() as session:
        found = airrules.list_rules(session, on or hub.today())
    document = {"rules": [_document(row) for row in found]}
    run.tell(document, lambda screen: _show_list(screen, found))


@command("show", "loa air show 13579", "loa air show 13579 --on 01/02/2023 --json")
@_UNIT
@click.option("--on", type=DATE, help="What holds on this day; today when not given.")
@click.pass_obj
def show(run: Run, unit: str, on: date | None) -> None:
    """
    Show what holds on the air of a unit.

    Also what was said further up the tree; the last line names by whom.
    """
    with run.hub() as hub, hub.database.read() as session:
        day = on or hub.today()
        found = find_unit(session, unit, day)
        rules = RuleBook(session).at(found.id, day)
        sources = [row.unit.code for row in airrules.rows_above(session, found.id, day)]
    document = {
        "unit": found.code, "name": found.name, "on": day, **_values(rules), "said_by": sources,
    }  # fmt: skip
    run.tell(document, lambda screen: _show_one(screen, found.name, day, rules, sources))


@command(
    "set",
    "loa air set 35 --window 05:00-06:00 --window 11:00-11:45 --window 17:00-18:00 --by lan",
    "loa air set 13579 --window 17:00-18:00=commune --window 05:00-06:00=province --by lan",
    "loa air set 35 --session 30 --sessions 3 --quiet 21:00-06:00 --by lan",
    "loa air set 35 --session 60 --from 20/01/2023 --until 26/01/2023 --by lan",
)
@_UNIT
@click.option("--window", "windows", multiple=True, metavar="HH:MM-HH:MM[=LEVEL]",
              help="Air time; it may belong to province, district or commune.")  # fmt: skip
@click.option("--session", "session_minutes", type=int, metavar="MINUTES",
              help="How long one session may last.")  # fmt: skip
@click.option("--sessions", "sessions_a_day", type=int, metavar="N",
              help="How many sessions a day.")  # fmt: skip
@click.option("--quiet", metavar="HH:MM-HH:MM", help="Quiet hours: a warning, never a refusal.")
@click.option("--from", "valid_from", type=DATE, help="The first day; today when not given.")
@click.option("--until", "valid_to", type=DATE,
              help="The last day, included; then what held before holds again.")  # fmt: skip
@acting
@click.pass_obj
def set_(
    run: Run, unit: str, windows: tuple[str, ...], session_minutes: int | None,
    sessions_a_day: int | None, quiet: str | None, valid_from: date | None, valid_to: date | None,
    by: str,
) -> None:  # fmt: skip
    """
    Say what holds on the air of a unit and of all below it.

    What is not given stays as the unit has it; what it leaves open holds from above. Lines that
    stand already stay: only what is added or changed later is held against it.
    """
    changes: dict[str, object] = {}
    if windows:
        changes["windows"] = tuple(read_window(one) for one in windows)
    if session_minutes is not None:
        changes["session_minutes"] = session_minutes
    if sessions_a_day is not None:
        changes["sessions_a_day"] = sessions_a_day
    if quiet:
        window = read_window(quiet)
        changes["quiet"] = (window.begin, window.end)
    with run.hub() as hub:
        row = airrules.set_rules(
            hub, unit, changes, by=run.person(hub, by), valid_from=valid_from, valid_to=valid_to
        )
    run.tell(_document(row), lambda screen: _show_list(screen, [row]))


@command("remove", "loa air remove 13579 --by lan")
@_UNIT
@acting
@click.pass_obj
def remove(run: Run, unit: str, by: str) -> None:
    """Let a unit say nothing of its own: what holds above it holds again."""
    with run.hub() as hub:
        row = airrules.remove_rules(hub, unit, by=run.person(hub, by))
    run.tell(
        {"removed": _document(row)},
        lambda screen: screen.say(
            _("{unit} says nothing of its own any more."), unit=row.unit.name
        ),
    )


def _document(row: AirRule) -> Document:
    return {
        "unit": row.unit.code,
        "name": row.unit.name,
        **_values(rules_of(row)),
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
    }


def _values(rules: AirRules) -> Document:
    windows = rules.windows
    return {
        "windows": None if windows is None else [str(one) for one in windows],
        "session_minutes": rules.session_minutes,
        "sessions_a_day": rules.sessions_a_day,
        "quiet": str(rules.quiet_window()) if rules.quiet else None,
    }


def _show_list(screen: Screen, found: Sequence[AirRule]) -> None:
    if not found:
        screen.say(_("No unit says anything about its air yet."))
        return
    tr = screen.translator
    screen.table(
        [_("Unit"), _("On air"), _("From"), _("Until")],
        [
            (
                f"{row.unit.name} ({row.unit.code})",
                "; ".join(rules_in_words(rules_of(row), tr)),
                tr.day(row.valid_from),
                tr.day(row.valid_to) if row.valid_to else None,
            )
            for row in found
        ],
    )


def _show_one(
    screen: Screen, name: str, day: date, rules: AirRules, sources: Sequence[str]
) -> None:
    tr = screen.translator
    screen.say(_("On the air of {unit} on {day}:"), unit=name, day=tr.day(day))
    for sentence in rules_in_words(rules, tr):
        screen.line(f"  {sentence}")
    if sources:
        screen.say(_("Said by: {units}"), units=", ".join(sources))
    else:
        screen.say(_("Nobody says anything: it may air at any time."))
