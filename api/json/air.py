"""Rules of the air for programs: when a unit lets something on air, and how much of it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.json.routes import program_routes
from api.pages.timetable import Planner
from scheduler import airrules
from scheduler.airrules import AirRules, RuleBook, read_window, rules_of
from scheduler.store.models import AirRule
from scheduler.units import find_unit

router = program_routes("/air", tag="timetable")

Unit = Annotated[str, Path(pattern="^[A-Za-z0-9]{1,20}$", description="code")]
_Window = Annotated[str, Field(pattern=r"^[0-2]\d:[0-5]\d-[0-2]\d:[0-5]\d(=[a-z]{1,20})?$")]


class AirIn(BaseModel):
    """What holds in a unit and below it; what is left out stays as the unit has it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "windows": ["05:00-06:00=province", "17:00-18:00=commune"],
                "session_minutes": 30,
                "quiet": "21:00-06:00",
            }
        },
    )

    windows: list[_Window] | None = Field(None, min_length=1, max_length=airrules.MOST_WINDOWS)
    session_minutes: int | None = Field(None, ge=1, le=airrules.MOST_MINUTES)
    sessions_a_day: int | None = Field(None, ge=1, le=airrules.MOST_SESSIONS)
    quiet: _Window | None = None
    valid_from: date | None = Field(None, description="today when not given")
    valid_to: date | None = Field(None, description="the last day; then what was before holds")

    def changes(self) -> dict[str, object]:
        """What was said, as the rules take it."""
        said: dict[str, object] = {
            name: value
            for name in ("session_minutes", "sessions_a_day")
            if (value := getattr(self, name)) is not None
        }
        if self.windows is not None:
            said["windows"] = tuple(read_window(one) for one in self.windows)
        if self.quiet is not None:
            window = read_window(self.quiet)
            said["quiet"] = (window.begin, window.end)
        return said


class AirOut(BaseModel):
    """What a unit says of its own; null: it says nothing about that."""

    unit: str
    windows: list[str] | None
    session_minutes: int | None
    sessions_a_day: int | None
    quiet: str | None
    valid_from: date
    valid_to: date | None

    @classmethod
    def of(cls, row: AirRule) -> Self:
        return cls(
            unit=row.unit.code, valid_from=row.valid_from, valid_to=row.valid_to,
            **_values(rules_of(row)),
        )  # fmt: skip


class HoldsOut(BaseModel):
    """What holds in a unit today, wherever it was said."""

    unit: str
    windows: list[str] | None
    session_minutes: int | None
    sessions_a_day: int | None
    quiet: str | None
    said_by: list[str] = Field(description="codes of the units, the nearest first")


@router.get("")
def list_air(request: Request, viewer: SignedIn) -> list[AirOut]:
    """What units say of their own, today or later."""
    hub = hub_of(request)
    with hub.database.read() as session:
        return [AirOut.of(row) for row in airrules.list_rules(session, hub.today())]


@router.get("/{unit}")
def get_air(request: Request, viewer: SignedIn, unit: Unit) -> HoldsOut:
    hub = hub_of(request)
    with hub.database.read() as session:
        found = find_unit(session, unit, hub.today())
        rules = RuleBook(session).at(found.id, hub.today())
        rows = airrules.rows_above(session, found.id, hub.today())
    said_by = [row.unit.code for row in rows]
    return HoldsOut(unit=found.code, said_by=said_by, **_values(rules))


@router.put("/{unit}")
def set_air(request: Request, viewer: Planner, unit: Unit, body: AirIn) -> AirOut:
    """From that day on; lines that stand already stay."""
    row = airrules.set_rules(
        hub_of(request), unit, body.changes(), by=viewer.person, valid_from=body.valid_from,
        valid_to=body.valid_to,
    )  # fmt: skip
    return AirOut.of(row)


@router.delete("/{unit}", status_code=204)
def remove_air(request: Request, viewer: Planner, unit: Unit) -> None:
    """The unit says nothing of its own any more; what holds above it holds again."""
    airrules.remove_rules(hub_of(request), unit, by=viewer.person)


def _values(rules: AirRules) -> dict[str, Any]:
    return {
        "windows": None if rules.windows is None else [str(one) for one in rules.windows],
        "session_minutes": rules.session_minutes,
        "sessions_a_day": rules.sessions_a_day,
        "quiet": str(rules.quiet_window()) if rules.quiet else None,
    }
