"""The airing log for programs, in keyset pages."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self

from fastapi import Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.fields import MAX_ID
from api.json.routes import program_routes
from api.pages.airings import check_days, cursor_from, cursor_text
from api.pages.render import translator_of
from api.pages.why import seen_station
from api.scope import scope_of
from api.whywords import story_document
from scheduler.airing_log import LogFilter, airing_log
from scheduler.airings import confirm_airing, confirm_airings, object_to_airing
from scheduler.errors import NotFound
from scheduler.logrows import AnyAiring
from scheduler.registry import find_station
from scheduler.store.models import Airing, Objection
from scheduler.store.states import AiringState, Grade
from scheduler.why import Mark, find_airing, why

router = program_routes("/airings", tag="airings")


class ObjectionOut(BaseModel):
    """A named person says of an airing that a log has proved: it was otherwise."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "heard": False,
                "who": "Phạm Thị Lan",
                "at": "2022-03-13T02:10:00Z",
                "reason": "Tăng âm hỏng, dân không nghe thấy gì.",
            }
        }
    )

    heard: bool
    who: str
    at: AwareDatetime
    reason: str

    @classmethod
    def of(cls, one: Objection) -> Self:
        return cls(heard=one.heard, who=one.person.full_name, at=one.at, reason=one.reason)


class AiringOut(BaseModel):
    """One programme, at one station, at one moment."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "station": "dao-ly",
                "planned_at": "2022-03-12T22:00:00Z",
                "broadcast_date": "2022-03-13",
                "slot_id": 3,
                "programme_id": 7,
                "programme_title": "Gương thoát nghèo: chị Lan nuôi bò",
                "programme_class": "normal",
                "theme": "Gương điển hình",
                "ms": 840000,
                "state": "aired",
                "grade": "A",
                "started_at": "2022-03-12T22:00:01Z",
                "played_ms": 840000,
                "reason": None,
                "objection": None,
            }
        }
    )

    station: str
    planned_at: AwareDatetime
    broadcast_date: date
    slot_id: int
    programme_id: int
    programme_title: str
    programme_class: str
    theme: str | None
    ms: int
    state: AiringState
    grade: Grade
    started_at: AwareDatetime | None
    played_ms: int | None
    reason: str | None
    objection: ObjectionOut | None  # a person's word against what a log has proved

    @classmethod
    def of(cls, airing: AnyAiring) -> Self:
        return cls(
            station=airing.station.code,
            planned_at=airing.planned_at,
            broadcast_date=airing.broadcast_date,
            slot_id=airing.slot_id,
            programme_id=airing.programme_id,
            programme_title=airing.programme.title,
            programme_class=airing.programme_class,
            theme=airing.programme.theme,
            ms=airing.ms,
            state=airing.state,
            grade=airing.grade,
            started_at=airing.started_at,
            played_ms=airing.played_ms,
            reason=airing.reason,
            objection=ObjectionOut.of(airing.objection) if airing.objection else None,
        )


class AiringPage(BaseModel):
    """Some rows of the log, newest first; ``next`` is the ``after`` of the following page."""

    airings: list[AiringOut]
    next: str | None


class ConfirmIn(BaseModel):
    """What a named person heard."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"aired": True, "note": "Nghe rõ ở cả hai cụm loa."}},
    )

    aired: bool
    note: str = Field("", max_length=500)


@router.get("")
def list_airings(
    request: Request,
    viewer: SignedIn,
    first: date,
    last: date,
    unit: Annotated[str, Query(max_length=20, description="code; with all below it")] = "",
    programme: Annotated[int | None, Query(ge=1, le=MAX_ID, description="its id")] = None,
    theme: Annotated[
        str, Query(max_length=80, description="that the programme is about; tones aside")
    ] = "",
    state: AiringState | None = None,
    grade: Grade | None = None,
    words: Annotated[
        str, Query(max_length=100, description="of programme, theme or station; tones aside")
    ] = "",
    contested: Annotated[
        bool, Query(description="only where a person's word stands against the player's log")
    ] = False,
    after: Annotated[str, Query(max_length=90, description="the ``next`` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> AiringPage:
    check_days(first, last)
    with hub_of(request).database.read() as session:
        scope = scope_of(session, viewer.person, last, unit)
        wanted = LogFilter(
            first, last, unit_ids=scope.unit_ids, programme_id=programme, theme=theme, state=state,
            grade=grade, words=words, contested=contested,
        )  # fmt: skip
        rows = airing_log(session, wanted, after=cursor_from(after), limit=limit + 1)
        shown = [AiringOut.of(row) for row in rows[:limit]]
    return AiringPage(
        airings=shown, next=cursor_text(rows[limit - 1]) if len(rows) > limit else None
    )


@router.post("/{station}/{planned_at}/confirm")
def confirm(
    request: Request, viewer: SignedIn, station: str, planned_at: AwareDatetime, body: ConfirmIn
) -> AiringOut:
    """A person's word (grade B) for an airing that no log has proved."""
    hub = hub_of(request)
    with hub.database.read() as session:
        station_id = find_station(session, station).id
    confirm_airing(hub, station_id, planned_at, by=viewer.person, aired=body.aired, note=body.note)
    with hub.database.read() as session:
        return AiringOut.of(session.get_one(Airing, (station_id, planned_at)))


class ObjectionIn(BaseModel):
    """What people at the place say, against the player's own log."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"heard": False, "reason": "Tăng âm hỏng, dân không nghe thấy gì."}
        },
    )

    heard: bool
    reason: str = Field(min_length=1, max_length=300)


@router.post("/{station}/{planned_at}/objections")
def contest(
    request: Request, viewer: SignedIn, station: str, planned_at: AwareDatetime, body: ObjectionIn
) -> AiringOut:
    """
    A person's word against what a log has proved (grade A): both stand, side by side.

    State and grade stay as they were proved. The other way round it takes back what was said
    before; each word is an entry of its own.
    """
    hub = hub_of(request)
    with hub.database.read() as session:
        station_id = find_station(session, station).id
    object_to_airing(
        hub, station_id, planned_at, by=viewer.person, heard=body.heard, reason=body.reason
    )
    with hub.database.read() as session:
        return AiringOut.of(session.get_one(Airing, (station_id, planned_at)))


class ConfirmManyIn(ConfirmIn):
    """What a named person heard of everything that waits for a word in these days."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "first": "2022-03-01", "last": "2022-03-07", "unit": "13579", "aired": True,
                "note": "Cán bộ xã nghe đủ cả tuần.",
            }
        },
    )  # fmt: skip

    first: date
    last: date
    unit: str = Field("", max_length=20, description="code; with all below it")
    programme: int | None = Field(None, ge=1, le=MAX_ID)
    theme: str = Field("", max_length=80)
    words: str = Field("", max_length=100)


class ConfirmedOut(BaseModel):
    """For how many airings the word was written down."""

    model_config = ConfigDict(json_schema_extra={"example": {"confirmed": 42}})

    confirmed: int


@router.post("/confirm")
def confirm_many(request: Request, viewer: SignedIn, body: ConfirmManyIn) -> ConfirmedOut:
    """
    A person's word (grade B) for all airings of a choice that are over and that nothing has told
    of; each gets its own entry in the ledger.
    """
    hub = hub_of(request)
    check_days(body.first, body.last)
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, body.last, body.unit)
    wanted = LogFilter(
        body.first, body.last, unit_ids=scope.unit_ids, programme_id=body.programme,
        theme=body.theme, words=body.words,
    )  # fmt: skip
    told = confirm_airings(hub, wanted, by=viewer.person, aired=body.aired, note=body.note)
    return ConfirmedOut(confirmed=told)


class DetailOut(BaseModel):
    """A dated line below a link: a try, a line of the player's log."""

    at: AwareDatetime
    code: str
    sentence: str
    facts: dict[str, Any]


class LinkOut(BaseModel):
    """One link of the chain: what was done, by whom, when, and whether it held."""

    name: str = Field(description="slot release programme rendition delivery receipt log result")
    mark: Mark
    code: str
    at: AwareDatetime | None
    who: str | None
    sentence: str
    facts: dict[str, Any]
    details: list[DetailOut]


class EntryOut(BaseModel):
    """What was written into the ledger about it."""

    seq: int
    at: AwareDatetime
    who: str
    what: str
    sentence: str


class StoryOut(BaseModel):
    """Why an airing went as it did; ``broken`` names the first link that did not hold."""

    station: str
    planned_at: AwareDatetime
    broadcast_date: date
    state: AiringState
    grade: Grade
    verdict: str
    broken: str | None
    next_step: str | None
    links: list[LinkOut]
    ledger: list[EntryOut]


@router.get("/{station}/{planned_at}/why")
def tell_why(
    request: Request, viewer: SignedIn, station: str, planned_at: AwareDatetime
) -> StoryOut:
    """The chain that led to an airing, or where it broke."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = seen_station(hub, session, viewer, station, planned_at)
        airing = find_airing(session, found, planned_at)
        if airing is None:
            raise NotFound(what="airing", key=f"{found.code} {planned_at:%d/%m/%Y %H:%M}")
        story = why(hub, session, airing)
    return StoryOut.model_validate(story_document(story, translator_of(request)))
