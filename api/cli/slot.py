"""``loa slot``: the lines of the timetable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time

import click

from api.cli.documents import slot_document, targets_of
from api.cli.options import DATE, TIME, acting, command, yes
from api.cli.run import Run
from api.cli.screen import Figures, Screen
from api.cli.slot_content import content_options, given
from api.i18n import mark as _
from api.rulewords import describe, notice_sentences
from api.slotwords import content_in_words
from api.words import KIND_WORDS
from scheduler import slots
from scheduler.errors import NotFound
from scheduler.hearing import rule_of
from scheduler.programmes import CLASSES
from scheduler.relay import host_of
from scheduler.slots import KINDS, Notices, SlotDetails, notices_of
from scheduler.store.models import Slot


@command(
    "add",
    'loa slot add --title "Bản tin sáng" --programme 7 --at 05:30 --unit 35',
    'loa slot add --title "Nhà nông" --programme 8 --at 17:00 --unit 35 --to unit:353 \\',
    '    --rule "FREQ=WEEKLY;BYDAY=MO,WE,FR" --from 17/10/2022 --until 31/12/2022',
    'loa slot add --title "Họp dân" --programme 9 --at 11:00 --unit 13579 --to station:dao-ly',
    'loa slot add --title "Tiếp sóng tỉnh" --programme 4 --at 17:30 --unit 35 --seconds 1800 \\',
    "    --relay http://live.hanamtv.vn:8000/fm",
    'loa slot add --title "Nông thôn mới" --series "Nhà nông cần biết" --at 17:00 --unit 35 \\',
    "    --seconds 900 --filler 12",
    'loa slot add --title "Sáng nay" --at 05:00 --unit 35 --seconds 1800 --ident 3 --filler 12 \\',
    '    --list programme:7 --list "series:Nhà nông cần biết" --list "theme:Gương điển hình"',
)
@click.option("--title", required=True, help="As the schedule shows it.")
@content_options
@click.option("--at", "starts_at", type=TIME, required=True, metavar="HH:MM", help="Local time.")
@click.option("--unit", "unit_code", required=True, metavar="CODE", help="Who owns the line.")
@click.option("--to", "audience", multiple=True, metavar="unit:CODE|station:CODE",
              help="Who hears it; the whole unit that owns it when not given.")  # fmt: skip
@click.option("--not", "exclude", multiple=True, metavar="unit:CODE|station:CODE",
              help="Who of these does not.")  # fmt: skip
@click.option("--rule", "rrule", default="FREQ=DAILY", show_default=True,
              help="RFC 5545, for example FREQ=WEEKLY;BYDAY=MO,FR; or LUNAR;DAY=15.")  # fmt: skip
@click.option("--seconds", type=int, help="Its length; that of the programme when not given.")
@click.option("--kind", type=click.Choice(KINDS), default="programme", show_default=True,
              help="Our own, a relay, or an announcement.")  # fmt: skip
@click.option("--class", "programme_class", type=click.Choice(CLASSES), default="normal",
              show_default=True)  # fmt: skip
@click.option("--late-ok", "late_ok_s", type=int, default=600, show_default=True,
              metavar="SECONDS", help="May start this much late.")  # fmt: skip
@click.option("--relay", "stream", metavar="ADDRESS",
              help="A live stream; the programme plays where it fails.")  # fmt: skip
@click.option("--from", "valid_from", type=DATE, help="The first day; today when not given.")
@click.option("--until", "valid_to", type=DATE, help="The last day, included.")
@acting
@click.pass_obj
def add(
    run: Run,
    /,
    by: str,
    unit_code: str,
    audience: tuple[str, ...],
    **details: str | int | time | date | tuple[str, ...] | None,
) -> None:
    """
    Add a line to the timetable, as a draft.

    It airs a programme, a series, a theme or a list of these.

    Refused, with proposals, when something else airs at one of the stations at that time, or when
    the rules of the air there forbid it (loa air show). Run "loa timetable release" after it.
    """
    checked = SlotDetails(
        unit_code=unit_code,
        audience=audience or (f"unit:{unit_code}",),
        **{"programme_id": None, **given(**details)},
    )
    with run.hub() as hub:
        added = slots.add_slot(hub, checked, by=run.person(hub, by))
        with hub.database.read() as session:
            slot = find_line(slots.list_slots(session), added.id)
            notices = notices_of(hub, session, slot)
    tell_line(run, slot, notices)


@command("list", "loa slot list", "loa slot list --json")
@click.pass_obj
def list_(run: Run) -> None:
    """Show the timetable."""
    with run.hub() as hub, hub.database.read() as session:
        found = slots.list_slots(session)
    document = {"slots": [slot_document(slot, run.translator) for slot in found]}
    run.tell(document, lambda screen: _show_list(screen, found))


@command("remove", "loa slot remove 3 --by lan", "loa slot remove 3 --by lan --yes")
@click.argument("id", type=int)
@yes
@acting
@click.pass_obj
def remove(run: Run, id: int, yes: bool, by: str) -> None:
    """
    Take a line out of the timetable.

    It airs until the next "loa timetable release". What it has aired stays in the log.
    """
    with run.hub() as hub:
        person = run.person(hub, by)
        with hub.database.read() as session:
            slot = find_line(slots.list_slots(session), id)
        run.confirm(_('Take "{title}" out of the timetable?'), yes=yes, title=slot.title)
        slots.remove_slot(hub, id, by=person)
    run.tell(
        {"removed": slot_document(slot, run.translator)},
        lambda screen: screen.say(
            _('"{title}" is out of the timetable with the next release.'), title=slot.title
        ),
    )


def find_line(found: Sequence[Slot], slot_id: int) -> Slot:
    for slot in found:
        if slot.id == slot_id:
            return slot
    raise NotFound(what="slot", key=slot_id)


def tell_line(run: Run, slot: Slot, notices: Notices) -> None:
    """One line that was added or changed, with what a person should know about it."""
    warnings = list(notice_sentences(run.translator, notices))
    document = {**slot_document(slot, run.translator), "warnings": warnings}

    def show(screen: Screen) -> None:
        _show_list(screen, [slot])
        for sentence in warnings:
            screen.line(sentence)

    run.tell(document, show)


def _show_list(screen: Screen, found: Sequence[Slot]) -> None:
    tr = screen.translator
    screen.table(
        [
            Figures(_("No.")),
            _("When"),
            _("Slot"),
            _("Kind"),
            _("Programme"),
            Figures(_("Length")),
            _("Who hears it"),
            _("From"),
            _("Until"),
        ],
        [
            (
                str(slot.id),
                describe(rule_of(slot), tr),
                slot.title,
                tr.text(KIND_WORDS[slot.kind]),
                _what(screen, slot),
                tr.length(slot.seconds * 1000),
                _audience(screen, slot),
                tr.day(slot.valid_from),
                tr.day(slot.valid_to) if slot.valid_to else None,
            )
            for slot in found
        ],
    )


def _what(screen: Screen, slot: Slot) -> str:
    content = content_in_words(slot, screen.translator)
    if not slot.stream:
        return content
    relay = _("relay of {host}, else {title}")
    return screen.translator.text(relay, host=host_of(slot.stream), title=content)


def _audience(screen: Screen, slot: Slot) -> str:
    heard = ", ".join(targets_of(slot, excluded=False))
    left_out = ", ".join(targets_of(slot, excluded=True))
    if not left_out:
        return heard
    return screen.translator.text(_("{heard}, without {left_out}"), heard=heard, left_out=left_out)
