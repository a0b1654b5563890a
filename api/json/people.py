"""People for programs: invited, given a role, closed, their sign-ins ended. For administrators."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api.auth import Viewer, hub_of
from api.errors import ProgramGivesNoAdministrator
from api.fields import Handle, IfMatch, UnitCode, version_in
from api.json.account import PersonDetailOut, PersonOut, detail_of
from api.json.following import IN_PARTS, MOST_ROWS, Limit, name_next
from api.json.routes import program_routes
from api.pages.people import Administrator
from scheduler import invitations, people, second_factor
from scheduler.hub import Hub
from scheduler.peoplelist import people_after
from scheduler.store.models import Person, Unit
from scheduler.units import find_unit

router = program_routes("/people", tag="people")

Username = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9._-]{1,63}$")]
Role = Literal["administrator", "editor", "approver", "technician", "district", "commune"]
FullName = Annotated[str, Field(min_length=1, max_length=120)]


class PersonIn(BaseModel):
    """A new person; the answer holds the address that lets them choose a password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "username": "hoa",
                "full_name": "Lê Thị Hoa",
                "role": "district",
                "unit": "353",
            }
        },
    )

    username: str = Field(pattern="^[a-z0-9][a-z0-9._-]{1,63}$")
    full_name: FullName
    role: Role
    unit: UnitCode | None = Field(None, description="district and commune staff need one")


class RoleIn(BaseModel):
    """What a person is for from now on, and where."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"role": "approver", "unit": None}}
    )

    role: Role
    unit: UnitCode | None = None


class AccessIn(BaseModel):
    """Whether the person may sign in; closed, they stay in every record."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"is_open": False}})

    is_open: bool


class InvitationOut(BaseModel):
    """An address that lets one person choose a password, once. It is told only here."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "username": "hoa",
                "path": "/welcome/Vq7vM0o1Zc0Z3wJm2bFh9d4S6yT8uKxE",
                "expires_at": "2022-10-19T12:00:00Z",
            }
        }
    )

    username: str
    path: str = Field(description="below the address of this Loa")
    expires_at: AwareDatetime

    @classmethod
    def made(cls, hub: Hub, session: Session, person: Person, *, by: str) -> Self:
        now = hub.clock.now()
        text = invitations.invite(session, person, now=now, by=by)
        return cls(
            username=person.username, path=f"/welcome/{text}",
            expires_at=now + invitations.VALID_FOR,
        )  # fmt: skip


class SecretOut(BaseModel):
    """A secret for the first sign-in, to be read out; it is told only here."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"username": "hoa", "secret": "abcd-efgh-jkmn-pqrs"}}
    )

    username: str
    secret: str


@router.get("", responses=IN_PARTS)
def list_people(
    request: Request,
    response: Response,
    viewer: Administrator,
    after: Annotated[str, Query(max_length=64, description="user name of the last one seen")] = "",
    limit: Limit = MOST_ROWS,
) -> list[PersonOut]:
    """By their user names."""
    with hub_of(request).database.read() as session:
        found = people_after(session, after, limit + 1)
        shown = [PersonOut.of(one) for one in found[:limit]]
    if len(found) > limit:
        name_next(request, response, after=shown[-1].username)
    return shown


@router.post("", status_code=201)
def add_person(request: Request, viewer: Administrator, body: PersonIn) -> InvitationOut:
    """Add a person, and invite them."""
    hub, by = hub_of(request), viewer.person.username
    _refuse_administrator(viewer, body.role)
    with hub.database.write() as session:
        people.add_person(
            session, username=body.username, full_name=body.full_name, role=body.role,
            unit=_unit(hub, session, body.unit), now=hub.clock.now(), by=by,
        )  # fmt: skip
        person = people.find_person(session, body.username)
        return InvitationOut.made(hub, session, person, by=by)


@router.get("/{username}")
def get_person(
    request: Request, response: Response, viewer: Administrator, username: Username
) -> PersonDetailOut:
    """
    One person: where they are signed in, and who tried to be them.

    The ``ETag`` goes into the ``If-Match`` of another role.
    """
    return _tagged(request, response, username)


@router.post("/{username}/invitation", status_code=201)
def invite_person(request: Request, viewer: Administrator, username: Username) -> InvitationOut:
    """A new address for somebody who lost theirs; earlier ones end."""
    hub = hub_of(request)
    with hub.database.write() as session:
        person = people.find_person(session, username)
        _refuse_administrator(viewer, person.role)
        return InvitationOut.made(hub, session, person, by=viewer.person.username)


@router.post("/{username}/secret", status_code=201)
def renew_secret(request: Request, viewer: Administrator, username: Username) -> SecretOut:
    """For somebody who forgot the password; every sign-in of theirs ends."""
    hub = hub_of(request)
    with hub.database.write() as session:
        person = people.find_person(session, username)
        _refuse_administrator(viewer, person.role)
        secret = people.renew_secret(
            session, person, now=hub.clock.now(), by=viewer.person.username
        )
    return SecretOut(username=person.username, secret=secret)


@router.put("/{username}/role")
def change_role(
    request: Request, response: Response, viewer: Administrator, username: Username, body: RoleIn,
    if_match: IfMatch = None,
) -> PersonDetailOut:  # fmt: skip
    """
    Another role or another unit; every sign-in of theirs ends.

    With ``If-Match`` the change is refused with 412 ``person_moved_on`` where somebody else
    changed the person meanwhile: read it again, and send what is still wanted.
    """
    hub = hub_of(request)
    _refuse_administrator(viewer, body.role)
    with hub.database.write() as session:
        people.change_role(
            session, people.find_person(session, username), body.role,
            _unit(hub, session, body.unit), zone=hub.settings.zone, now=hub.clock.now(),
            by=viewer.person.username, expected=version_in(if_match),
        )  # fmt: skip
    return _tagged(request, response, username)


@router.put("/{username}/access")
def change_access(
    request: Request, viewer: Administrator, username: Username, body: AccessIn
) -> PersonDetailOut:
    """Close the access, which ends every sign-in and token of theirs; or open it again."""
    hub = hub_of(request)
    with hub.database.write() as session:
        people.set_active(
            session, people.find_person(session, username), body.is_open,
            now=hub.clock.now(), by=viewer.person.username,
        )  # fmt: skip
    return detail_of(request, username)


@router.delete("/{username}/second-factor", status_code=204)
def remove_second_factor(request: Request, viewer: Administrator, username: Username) -> None:
    """For a lost phone and lost paper: the password alone opens, until a new one is set up."""
    hub = hub_of(request)
    with hub.database.write() as session:
        person = people.find_person(session, username)
        _refuse_administrator(viewer, person.role)
        second_factor.remove(session, person, now=hub.clock.now(), by=viewer.person.username)


@router.delete("/{username}/sign-ins/{handle}", status_code=204)
def end_sign_in(
    request: Request, viewer: Administrator, username: Username, handle: Handle
) -> None:
    hub = hub_of(request)
    with hub.database.write() as session:
        person = people.find_person(session, username)
        people.end_sign_in(session, person, handle, now=hub.clock.now(), by=viewer.person.username)


def _tagged(request: Request, response: Response, username: str) -> PersonDetailOut:
    shown = detail_of(request, username)
    response.headers["ETag"] = f'"{shown.version}"'
    return shown


def _unit(hub: Hub, session: Session, code: str | None) -> Unit | None:
    return find_unit(session, code, hub.today()) if code else None


def _refuse_administrator(viewer: Viewer, role: str) -> None:
    """
    A token for people must not become a sign-in that may do everything.

    Raises:
        ProgramGivesNoAdministrator: a program without ``*:write`` asks for it.
    """
    program = viewer.program
    if role == "administrator" and program is not None and not program.may_everything:
        raise ProgramGivesNoAdministrator()
