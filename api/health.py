"""``/health``: for the watcher outside; open to everybody, so it says little."""

from __future__ import annotations

from importlib.metadata import version
from typing import Literal

from fastapi import Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import text

from api.auth import hub_of
from api.routes import routes_from_here
from scheduler.errors import CoreError

router = routes_from_here(tags=["health"])


class Health(BaseModel):
    """Whether Loa can work."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "status": "ok",
                "database": "ok",
                "last_tick": "2022-03-12T22:00:00Z",
                "version": "0.1.0",
            }
        }
    )

    status: Literal["ok", "down"]
    database: Literal["ok", "down"]
    last_tick: AwareDatetime | None  # none: this process has no clock of its own
    version: str


@router.get("/health", responses={503: {"model": Health}})
def health(request: Request, response: Response) -> Health:
    """200 when the database answers, else 503."""
    answers = _database_answers(request)
    response.status_code = 200 if answers else 503
    response.headers["Cache-Control"] = "no-store"
    last_tick = request.app.state.last_tick
    word: Literal["ok", "down"] = "ok" if answers else "down"
    return Health(
        status=word,
        database=word,
        last_tick=last_tick() if last_tick else None,
        version=version("loa"),
    )


def _database_answers(request: Request) -> bool:
    try:
        with hub_of(request).database.read() as session:
            session.execute(text("SELECT 1"))
    except CoreError:
        return False
    return True
