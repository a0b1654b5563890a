"""One's own account for programs: who asks, and where that person is signed in."""

from __future__ import annotations

from typing import Self

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.fields import Handle
from api.json.routes import program_routes
from scheduler import people
from scheduler.store.models import LoginSession, Person, SignInTry

router = program_routes("/account", tag="account")


class SignInOut(BaseModel):
    """One sign-in that is open."""

    handle: str = Field(description="to end it with; nobody can sign in with it")
    created_at: AwareDatetime
    expires_at: AwareDatetime
    address: str | None
    agent: str | None
    waits_for_code: bool

    @classmethod
    def of(cls, one: LoginSession) -> Self:
        columns = {
            name: getattr(one, name) for name in cls.model_fields if name != "handle"
        }  # fmt: skip
        return cls(handle=people.handle_of(one), **columns)


class TryOut(BaseModel):
    """One try to sign in, good or not."""

    model_config = ConfigDict(from_attributes=True)

    at: AwareDatetime
    outcome: str = Field(description="opened password code locked")
    address: str | None
    agent: str | None


class PersonOut(BaseModel):
    """Somebody who may sign in; never a secret."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "username": "lan",
                "full_name": "Đỗ Thị Lan",
                "role": "district",
                "unit": "353",
                "is_open": True,
                "has_second_factor": False,
                "must_change_password": False,
                "locked_until": None,
                "version": "4f0c2a9be11d07c3",
            }
        }
    )

    username: str
    full_name: str
    role: str
    unit: str | None = Field(description="code; null: everywhere")
    is_open: bool
    has_second_factor: bool
    must_change_password: bool
    locked_until: AwareDatetime | None
    version: str = Field(description="changes with the role, the unit and the access")

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(**person_fields(person))


class PersonDetailOut(PersonOut):
    """One person with sign-ins and tries."""

    sign_ins: list[SignInOut]
    tries: list[TryOut]


def person_fields(person: Person) -> dict[str, object]:
    """What is told of a person everywhere."""
    return {
        "username": person.username,
        "full_name": person.full_name,
        "role": person.role,
        "unit": person.unit.code if person.unit else None,
        "is_open": person.active,
        "has_second_factor": person.totp_secret is not None,
        "must_change_password": person.must_change_password,
        "locked_until": person.locked_until,
        "version": people.version_of(person),
    }


def detail_of(request: Request, username: str) -> PersonDetailOut:
    """
    Raises:
        NotFound: nobody has that name.
    """
    hub = hub_of(request)
    with hub.database.read() as session:
        person = people.find_person(session, username)
        sign_ins: list[LoginSession] = people.sign_ins_of(
            session, person, hub.clock.now(), rows=people.MOST_SHOWN
        )
        tries: list[SignInTry] = people.tries_of(session, person.username)
        return PersonDetailOut.model_validate(
            person_fields(person)
            | {
                "sign_ins": [SignInOut.of(one) for one in sign_ins],
                "tries": [TryOut.model_validate(one) for one in tries],
            }
        )


@router.get("")
def get_account(request: Request, viewer: SignedIn) -> PersonDetailOut:
    """Who asks; of a program: whose it is."""
    return detail_of(request, viewer.person.username)


@router.delete("/sign-ins/{handle}", status_code=204)
def end_own_sign_in(request: Request, viewer: SignedIn, handle: Handle) -> None:
    """A telephone that was lent or lost: its sign-in ends."""
    hub = hub_of(request)
    with hub.database.write() as session:
        people.end_sign_in(
            session, viewer.person, handle, now=hub.clock.now(), by=viewer.person.username
        )
