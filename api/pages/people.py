"""People: for the administrator. A one-time secret is shown once, on the answer itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated

from fastapi import Depends, Form, Path, Query, Request, Response
from sqlalchemy.orm import Session

from api.auth import Viewer, checked_form, hub_of, needs
from api.errors import status_of
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.parts import PageNumber, part_of
from api.picker import NOTHING_PICKED, Picked, Picks, Places
from api.vietnamese import sort_key
from scheduler import invitations, people, second_factor
from scheduler.errors import CoreError, PersonMovedOn
from scheduler.peoplelist import find_names, people_named
from scheduler.store.models import Person, Unit
from scheduler.units import find_unit, own_units

router = page_routes()

_SHOWN = 50  # people at once

Administrator = Annotated[Viewer, Depends(needs("administrator"))]
Username = Annotated[str, Form(max_length=64)]
PathUsername = Annotated[str, Path(max_length=64)]


@router.get("/people")
def show(
    request: Request,
    viewer: Administrator,
    search: Annotated[str, Query(max_length=100)] = "",
    number: PageNumber = 1,
) -> Response:
    return _people_page(request, viewer, search=search, number=number)


@router.post("/people", dependencies=[Depends(checked_form)])
def add(
    request: Request,
    viewer: Administrator,
    picks: Picked,
    username: Username = "",
    full_name: Annotated[str, Form(max_length=200)] = "",
    role: Annotated[str, Form(max_length=20)] = "",
    unit: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    hub = hub_of(request)
    typed = {"username": username, "full_name": full_name, "role": role, "unit": unit}
    if picks.is_asked:
        return _people_page(request, viewer, typed=typed, picks=picks)
    try:
        with hub.database.write() as session:
            people.add_person(
                session, username=username, full_name=full_name, role=role,
                unit=find_unit(session, unit, hub.today()) if unit else None,
                now=hub.clock.now(), by=viewer.person.username,
            )  # fmt: skip
            invitation = invitations.invite(
                session, people.find_person(session, username), now=hub.clock.now(),
                by=viewer.person.username,
            )  # fmt: skip
    except CoreError as error:
        return _people_page(request, viewer, error=error, typed=typed)
    return _people_page(request, viewer, invitation=invitation, secret_of=username.strip().lower())


@router.get("/people/{username}")
def show_one(request: Request, viewer: Administrator, username: PathUsername) -> Response:
    """One person: where they are signed in, who tried to be them, the second factor."""
    return _person_page(request, viewer, username)


@router.post("/people/role", dependencies=[Depends(checked_form)])
def change_role(
    request: Request,
    viewer: Administrator,
    picks: Picked,
    username: Username,
    role: Annotated[str, Form(max_length=20)] = "",
    unit: Annotated[str, Form(max_length=20)] = "",
    version: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Where somebody else changed the person meanwhile, both are shown, and one is chosen."""
    hub = hub_of(request)
    if picks.is_asked:
        return _person_page(
            request, viewer, username, typed=(role, unit), picks=picks, version=version
        )
    try:
        with hub.database.write() as session:
            person = people.find_person(session, username)
            place = find_unit(session, unit, hub.today()) if unit else None
            # A form without a version is none of ours, and may not write over anybody unseen.
            people.change_role(
                session, person, role, place, zone=hub.settings.zone, now=hub.clock.now(),
                by=viewer.person.username, expected=version,
            )  # fmt: skip
    except PersonMovedOn as error:
        return _person_page(request, viewer, username, error, typed=(role, unit))
    except CoreError as error:
        return _person_page(request, viewer, username, error, typed=(role, unit), version=version)
    return redirect(f"/people/{person.username}", done="role")


@router.post("/people/invite", dependencies=[Depends(checked_form)])
def invite(request: Request, viewer: Administrator, username: Username) -> Response:
    """A new address for somebody who lost theirs, or who forgot the password."""
    hub = hub_of(request)
    with hub.database.write() as session:
        person = people.find_person(session, username)
        text = invitations.invite(session, person, now=hub.clock.now(), by=viewer.person.username)
    return _people_page(request, viewer, invitation=text, secret_of=person.username)


@router.post("/people/second-factor", dependencies=[Depends(checked_form)])
def remove_second_factor(request: Request, viewer: Administrator, username: Username) -> Response:
    """For a lost phone and lost paper."""
    hub = hub_of(request)
    with hub.database.write() as session:
        person = people.find_person(session, username)
        second_factor.remove(session, person, now=hub.clock.now(), by=viewer.person.username)
    return redirect(f"/people/{person.username}", done="factor_removed")


@router.post("/people/end", dependencies=[Depends(checked_form)])
def end_sign_in(
    request: Request,
    viewer: Administrator,
    username: Username,
    handle: Annotated[str, Form(max_length=16)] = "",
) -> Response:
    hub = hub_of(request)
    with hub.database.write() as session:
        person = people.find_person(session, username)
        people.end_sign_in(session, person, handle, now=hub.clock.now(), by=viewer.person.username)
    return redirect(f"/people/{person.username}", done="ended")


@router.post("/people/secret", dependencies=[Depends(checked_form)])
def renew_secret(request: Request, viewer: Administrator, username: Username) -> Response:
    hub = hub_of(request)
    with hub.database.write() as session:
        person = people.find_person(session, username)
        secret = people.renew_secret(
            session, person, now=hub.clock.now(), by=viewer.person.username
        )
    return _people_page(request, viewer, secret=secret, secret_of=person.username)


@router.post("/people/access", dependencies=[Depends(checked_form)])
def change_access(
    request: Request,
    viewer: Administrator,
    username: Username,
    active: Annotated[bool, Form()],
) -> Response:
    hub = hub_of(request)
    try:
        with hub.database.write() as session:
            person = people.find_person(session, username)
            people.set_active(
                session, person, active, now=hub.clock.now(), by=viewer.person.username
            )
    except CoreError as error:
        return _people_page(request, viewer, error=error)
    return redirect("/people", done="opened" if active else "closed")


def _person_page(
    request: Request,
    viewer: Viewer,
    username: str,
    error: CoreError | None = None,
    *,
    typed: tuple[str, str] | None = None,
    picks: Picks = NOTHING_PICKED,
    version: str = "",
) -> Response:
    """
    Args:
        version: what the form was drawn from; none: what is there now, and is shown beside it.
    """
    hub = hub_of(request)
    with hub.database.read() as session:
        person = people.find_person(session, username)
        unit = person.unit
        sign_ins = people.sign_ins_of(session, person, hub.clock.now(), rows=people.MOST_SHOWN)
        tries = people.tries_of(session, person.username)
        code_now = _code_now(session, unit, hub.today())
        role, unit_code = typed or (person.role, code_now)
        names = {code_now: unit.name} if unit else {}
        picker = Places(session, viewer.person, hub.today()).picker(
            "unit", [unit_code], picks, names=names
        )
        became = _became(session, [person], hub.today())
    return page(
        request, "person.html", status=status_of(error) if error else 200, viewer=viewer,
        version=version or people.version_of(person), is_compared=isinstance(error, PersonMovedOn),
        person=person, unit=unit, became=became, sign_ins=sign_ins, tries=tries,
        handle_of=people.handle_of, picker=picker, roles=people.ROLES, typed_role=role,
        is_demanded=second_factor.is_demanded(hub, person),
        error=translator_of(request).error(error) if error else None,
    )  # fmt: skip


def _code_now(session: Session, unit: Unit | None, today: date) -> str:
    """
    What the form says of a person's unit: the code of it, or of the one that it has become.

    By now the code of a unit that has ended may be another place's: that is never chosen here.
    """
    if unit is None:
        return ""
    own = own_units(session, unit.id, today)
    return own[0].code if len(own) == 1 else f"ended:{unit.code}"


def _became(session: Session, persons: Sequence[Person], today: date) -> dict[int, str]:
    """Of the units of these that have ended: what came of them, by name; empty: nothing did."""
    units = {one.unit.id: one.unit for one in persons if one.unit is not None}
    ended = [one for one in units.values() if one.valid_to is not None and one.valid_to <= today]
    return {
        one.id: ", ".join(unit.name for unit in own_units(session, one.id, today)) for one in ended
    }


def _people_page(
    request: Request,
    viewer: Viewer,
    *,
    error: CoreError | None = None,
    typed: Mapping[str, str] | None = None,
    secret: str | None = None,
    invitation: str | None = None,
    secret_of: str = "",
    picks: Picks = NOTHING_PICKED,
    search: str = "",
    number: int = 1,
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        names = find_names(session, search)
        names.sort(key=lambda one: sort_key(one.full_name))
        found = part_of(names, number, _SHOWN)
        shown = people_named(session, found.rows)
        places = Places(session, viewer.person, hub.today())
        picker = places.picker("unit", [(typed or {}).get("unit", "")], picks)
        became = _became(session, shown, hub.today())
    response = page(
        request, "people.html", status=status_of(error) if error else 200, viewer=viewer,
        people=shown, found=found, search=search, became=became, picker=picker,
        is_picking=picks.is_asked,
        roles=people.ROLES, typed=defaultdict(str, typed or {}),
        secret=secret, secret_of=secret_of,
        invitation=str(request.url_for("show_welcome", token=invitation)) if invitation else None,
        error=translator_of(request).error(error) if error else None,
    )  # fmt: skip
    if secret is not None or invitation is not None:
        response.headers["Cache-Control"] = "no-store"  # shown once means once
    return response
