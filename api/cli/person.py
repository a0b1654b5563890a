"""``loa person``: who works with Loa."""

from __future__ import annotations

import click

from api.cli.documents import person_document
from api.cli.options import command, recorded, yes
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from api.words import ROLE_WORDS
from scheduler import invitations, people, second_factor
from scheduler.store.models import Person
from scheduler.units import find_unit


@command(
    "add",
    'loa person add lan --name "Trần Thị Lan" --role editor',
    'loa person add hoa --name "Lê Thị Hoa" --role district --unit 353',
)
@click.argument("username")
@click.option("--name", "full_name", required=True, help="Full name.")
@click.option("--role", type=click.Choice(people.ROLES), required=True, help="What for.")
@click.option("--unit", metavar="CODE", help="Where; needed for district and commune.")
@recorded
@click.pass_obj
def add(
    run: Run, username: str, full_name: str, role: str, unit: str | None, by: str | None
) -> None:
    """
    Add a person; prints the one-time secret.

    The secret is shown once; the person changes it at the first sign-in.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            place = find_unit(session, unit, hub.today()) if unit else None
            secret = people.add_person(
                session, username=username, full_name=full_name, role=role, unit=place,
                now=run.clock.now(), by=who,
            )  # fmt: skip
            person = people.find_person(session, username)
            document = {**person_document(person), "one_time_secret": secret}
    run.tell(document, lambda screen: _show_secret(screen, person.username, secret))


@command("list", "loa person list", "loa person list --json")
@click.pass_obj
def list_(run: Run) -> None:
    """Show who may do what."""
    with run.hub() as hub, hub.database.read() as session:
        found = people.list_people(session)
    document = {"people": [person_document(person) for person in found]}
    run.tell(document, lambda screen: _show_list(screen, found))


@command("renew", "loa person renew lan", "loa person renew lan --yes --json")
@click.argument("username")
@yes
@recorded
@click.pass_obj
def renew(run: Run, username: str, yes: bool, by: str | None) -> None:
    """
    Give a new one-time secret.

    For somebody who forgot the password, or may have lost it to another: the old one stops
    working and every sign-in of the person ends.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.read() as session:
            person = people.find_person(session, username)
        run.confirm(_("End every sign-in of {name}?"), yes=yes, name=person.full_name)
        with hub.database.write() as session:
            person = people.find_person(session, username)
            secret = people.renew_secret(session, person, now=run.clock.now(), by=who)
    document = {"username": person.username, "one_time_secret": secret}
    run.tell(document, lambda screen: _show_secret(screen, person.username, secret))


@command("invite", "loa person invite hoa --by lan", "loa person invite hoa --json")
@click.argument("username")
@recorded
@click.pass_obj
def invite(run: Run, username: str, by: str | None) -> None:
    """
    Print the address that lets a person choose a password, once and for three days.

    Earlier invitations of this person end. The address is shown once.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            person = people.find_person(session, username)
            text = invitations.invite(session, person, now=run.clock.now(), by=who)
        base = hub.settings.public.address
    path = f"/welcome/{text}"
    document = {
        "username": person.username, "path": path, "address": f"{base}{path}" if base else None,
        "expires_at": run.clock.now() + invitations.VALID_FOR,
    }  # fmt: skip
    run.tell(document, lambda screen: _show_invitation(screen, person.username, base, path))


@command("role", "loa person role lan --role approver", "loa person role hoa --role district "
         "--unit 353")  # fmt: skip
@click.argument("username")
@click.option("--role", type=click.Choice(people.ROLES), required=True, help="What for.")
@click.option("--unit", metavar="CODE", help="Where; needed for district and commune.")
@recorded
@click.pass_obj
def role(run: Run, username: str, role: str, unit: str | None, by: str | None) -> None:
    """Give a person another role or another unit; every sign-in of theirs ends."""
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            person = people.find_person(session, username)
            place = find_unit(session, unit, hub.today()) if unit else None
            people.change_role(
                session, person, role, place, zone=hub.settings.zone, now=run.clock.now(), by=who
            )
            document = {"person": person_document(person)}
    run.tell(document, lambda screen: _show_list(screen, [person]))


@command("factor-off", "loa person factor-off lan", "loa person factor-off lan --yes --json")
@click.argument("username")
@yes
@recorded
@click.pass_obj
def factor_off(run: Run, username: str, yes: bool, by: str | None) -> None:
    """
    Remove the second factor of a person who lost the phone and the recovery codes.

    The password alone opens again, until the person sets up a new one. It stands in the records.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.read() as session:
            person = people.find_person(session, username)
        run.confirm(_("Remove the second factor of {name}?"), yes=yes, name=person.full_name)
        with hub.database.write() as session:
            person = people.find_person(session, username)
            second_factor.remove(session, person, now=run.clock.now(), by=who)
    run.tell(
        {"username": person.username, "has_second_factor": False},
        lambda screen: screen.say(
            _("The password of {name} alone opens again."), name=person.full_name
        ),
    )


def _show_secret(screen: Screen, username: str, secret: str) -> None:
    screen.facts([(_("User name"), username), (_("One-time secret"), secret)])
    screen.say(_("Write the secret down now: it is shown only once."))


def _show_list(screen: Screen, found: list[Person]) -> None:
    tr = screen.translator
    screen.table(
        [_("User name"), _("Name"), _("Role"), _("Unit"), _("Access")],
        [
            (
                person.username,
                person.full_name,
                tr.text(ROLE_WORDS[person.role]),
                person.unit.name if person.unit else None,
                tr.text(_("open") if person.active else _("closed")),
            )
            for person in found
        ],
    )


def _show_invitation(screen: Screen, username: str, base: str, path: str) -> None:
    screen.say(_("The invitation of {username}, for three days:"), username=username)
    screen.line(f"  {base}{path}")
    if not base:
        screen.say(_("Put the address of Loa before it. It is shown only this once."))
