"""The timetable of a unit for calendar programs, behind an address that is a secret."""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated

from fastapi import Path, Request, Response

from api.auth import hub_of
from api.errors import PageMissing
from api.pages.render import translator_of
from api.pages.routes import page_routes
from scheduler import feeds
from scheduler.hearing import audience_ids
from scheduler.lines import lines_heard
from scheduler.store.models import Slot
from scheduler.units import stations_by_unit

router = page_routes()

MEDIA_TYPE = "text/calendar; charset=utf-8"
_CACHE = "private, max-age=900"


@router.get("/feeds/{token}.ics")
def read_feed(
    request: Request, token: Annotated[str, Path(min_length=20, max_length=64)]
) -> Response:
    """One unit's timetable; without a sign-in, because no calendar program can."""
    from api.ics.write import desk_of, write_calendar  # 3 MB of icalendar

    hub = hub_of(request)
    with hub.database.read() as session:
        feed = feeds.feed_of(session, token)
        if feed is None:
            raise PageMissing()
        inside = stations_by_unit(session, hub.today())
        here = inside.get(feed.unit_id, set())
        found = [
            slot
            for slot in lines_heard(session, [inside], here, released=True)
            if audience_ids(slot.targets, inside) & here
        ]
        desk = desk_of(hub, translator_of(request)).at(here, inside)
        content = write_calendar(found, feed.unit.name, desk)
    feeds.note_read(hub, feed)
    return _answer(request, content, last_change(found, feed.created_at))


def _answer(request: Request, content: bytes, changed_at: datetime) -> Response:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "ETag": etag,
        "Last-Modified": format_datetime(changed_at, usegmt=True),
        "Cache-Control": _CACHE,
        "Content-Disposition": 'inline; filename="loa.ics"',
    }
    if _is_known(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=MEDIA_TYPE, headers=headers)


def _is_known(request: Request, etag: str) -> bool:
    """The bytes decide; a date alone cannot, for a line that was taken out has none."""
    tags = request.headers.get("if-none-match", "")
    return etag in (tag.strip().removeprefix("W/") for tag in tags.split(","))


def last_change(slots: list[Slot], created_at: datetime) -> datetime:
    """When the newest of the lines and decisions was made."""
    moments = [created_at]
    for slot in slots:
        moments += [slot.created_at, *(one.created_at for one in slot.exceptions)]
    return max(moments).replace(microsecond=0)
