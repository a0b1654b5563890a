"""Tokens for programs: one's own; the administrator sees and ends everybody's."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.fields import PathId
from api.json import parts
from api.json.following import IN_PARTS, MOST_ROWS, LastSeen, Limit, name_next
from api.json.routes import program_routes
from scheduler.store.models import ApiToken
from scheduler.tokens import MAX_DAYS, issue_token, list_tokens, revoke_token

router = program_routes("/tokens", tag="tokens")


class TokenIn(BaseModel):
    """A part of what the person may do, for a program of theirs, until a day."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"name": "Cổng thông tin", "scopes": ["airings:read"], "days": 90}
        },
    )

    name: str = Field(min_length=1, max_length=80, description="which program it is for")
    scopes: list[Annotated[str, Field(pattern=r"^(\*|[a-z-]{1,40}):(read|write)$")]] = Field(
        min_length=1, max_length=60
    )
    days: int = Field(30, ge=1, le=MAX_DAYS)


class TokenOut(BaseModel):
    """A token that was not ended; nobody can read its text again."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 3,
                "username": "lan",
                "name": "Cổng thông tin",
                "scopes": ["airings:read"],
                "created_at": "2022-10-16T12:00:00Z",
                "expires_at": "2023-01-14T12:00:00Z",
                "last_used_at": None,
            }
        }
    )

    id: int
    username: str
    name: str
    scopes: list[str]
    created_at: AwareDatetime
    expires_at: AwareDatetime
    last_used_at: AwareDatetime | None

    @classmethod
    def of(cls, row: ApiToken) -> Self:
        return cls(**token_fields(row))


class IssuedOut(TokenOut):
    token: str = Field(description="told only here")


def token_fields(row: ApiToken) -> dict[str, object]:
    columns = ("id", "name", "scopes", "created_at", "expires_at", "last_used_at")
    return {"username": row.person.username} | {name: getattr(row, name) for name in columns}


@router.get("", responses=IN_PARTS)
def list_own_tokens(
    request: Request, response: Response, viewer: SignedIn, before: LastSeen = None,
    limit: Limit = MOST_ROWS,
) -> list[TokenOut]:  # fmt: skip
    """Newest first."""
    whose = None if viewer.is_administrator else viewer.person
    with hub_of(request).database.read() as session:
        found = list_tokens(session, whose, before=before, limit=limit + 1)
        shown = [TokenOut.of(one) for one in found[:limit]]
    if len(found) > limit:
        name_next(request, response, before=shown[-1].id)
    return shown


@router.post("", status_code=201)
def issue(request: Request, viewer: SignedIn, body: TokenIn) -> IssuedOut:
    """A new token of one's own; a program gives no more than it has, and for no longer."""
    hub = hub_of(request)
    with hub.database.write() as session:
        issued = issue_token(
            session, viewer.person, name=body.name, scopes=body.scopes, days=body.days,
            parts=parts(), now=hub.clock.now(), by=viewer.person.username, within=viewer.program,
        )  # fmt: skip
        row = session.get_one(ApiToken, issued.row.id)
        return IssuedOut.model_validate(token_fields(row) | {"token": issued.text})


@router.delete("/{token_id}", status_code=204)
def end_token(request: Request, viewer: SignedIn, token_id: PathId) -> None:
    """What asks with it is refused from now on."""
    hub = hub_of(request)
    with hub.database.write() as session:
        revoke_token(
            session, token_id, of=None if viewer.is_administrator else viewer.person,
            now=hub.clock.now(), by=viewer.person.username,
        )  # fmt: skip
