"""What everybody may hear, without a sign-in: a column a theme, a page each, RSS, and a frame."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response
from fastapi.responses import FileResponse

from api.auth import Viewer, checked_form, hub_of, needs
from api.errors import PageMissing
from api.fields import MAX_ID, PathId
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from scheduler.hub import Hub
from scheduler.publishing import (
    PAGE_ROWS,
    PUBLISHERS,
    find_published,
    public_rendition,
    public_themes,
    publish,
    published,
    unpublish,
)
from scheduler.store.models import Programme, Rendition

FEED_ROWS = 50

Publisher = Annotated[Viewer, Depends(needs(*PUBLISHERS))]
Theme = Annotated[str, Query(max_length=80)]


def only_if_open(request: Request) -> None:
    """
    A dependency: the public page is there only where the settings say so.

    Raises:
        PageMissing: they do not.
    """
    if not hub_of(request).settings.public.enabled:
        raise PageMissing()


router = page_routes()
open_to_all = page_routes("/listen", dependencies=[only_if_open])


@open_to_all.get("")
def column(
    request: Request,
    theme: Theme = "",
    words: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    return _column(request, "listen.html", theme, words, before)


@open_to_all.get("/frame")
def frame(request: Request, theme: Theme = "") -> Response:
    """The newest of a theme without our menu, for a frame in the portal of the province."""
    answer = _column(request, "listen_frame.html", theme, "", None)
    request.state.framed_by = hub_of(request).settings.public.framed_by
    return answer


@open_to_all.get("/feed.xml")
def feed(request: Request, theme: Theme = "") -> Response:
    """RSS 2.0 with the sound as enclosure."""
    hub, tr = hub_of(request), translator_of(request)
    address = public_address(request)
    from feedgen.feed import FeedGenerator  # 5 MB with lxml, for who has a public page

    made = FeedGenerator()
    made.id(f"{address}/listen")
    made.title(f"{hub.settings.public.name} – {theme}" if theme else hub.settings.public.name)
    made.description(tr.text("Programmes of the loudspeakers, to listen to"))
    made.link(href=f"{address}/listen/feed.xml{_query(theme=theme)}", rel="self")
    # The last one is the <link> of the channel: where people read, not the feed itself.
    made.link(href=f"{address}/listen{_query(theme=theme)}", rel="alternate")
    made.language("vi")
    for programme, rendition in _heard(hub, theme, limit=FEED_ROWS):
        entry = made.add_entry(order="append")
        entry.id(f"{address}/listen/{programme.id}")
        entry.guid(f"{address}/listen/{programme.id}", permalink=True)
        entry.title(programme.title)
        entry.description(programme.theme or programme.title)
        entry.link(href=f"{address}/listen/{programme.id}")
        entry.published(programme.published_at)
        sound = f"{address}{sound_path(programme, rendition)}"
        entry.enclosure(sound, str(rendition.size_bytes), media_type(rendition))
    return Response(made.rss_str(pretty=True), media_type="application/rss+xml; charset=utf-8")


@open_to_all.get("/{programme_id}")
def one(request: Request, programme_id: PathId) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        programme = find_published(session, programme_id, hub.today())
    rendition = public_rendition(programme, hub.settings.public.profile)
    return page(
        request, "listen_one.html", programme=programme, rendition=rendition,
        sound_path=sound_path, name=hub.settings.public.name,
    )  # fmt: skip


@open_to_all.get("/{programme_id}/sound.{extension}")
def sound(request: Request, programme_id: PathId, extension: str) -> Response:
    """The encoded file, in ranges."""
    hub = hub_of(request)
    with hub.database.read() as session:
        programme = find_published(session, programme_id, hub.today())
    rendition = public_rendition(programme, hub.settings.public.profile)
    if rendition is None or rendition.extension != extension:
        raise PageMissing()
    path = hub.rendition_path(rendition)
    if not path.exists():
        raise PageMissing()
    return FileResponse(
        path, media_type=media_type(rendition), headers={"Cache-Control": "public, max-age=3600"}
    )


@router.post("/programmes/{programme_id}/publish", dependencies=[Depends(checked_form)])
def put_up(request: Request, viewer: Publisher, programme_id: PathId) -> Response:
    publish(hub_of(request), programme_id, by=viewer.person)
    return redirect(f"/programmes/{programme_id}", done="published")


@router.post("/programmes/{programme_id}/unpublish", dependencies=[Depends(checked_form)])
def take_down(request: Request, viewer: Publisher, programme_id: PathId) -> Response:
    unpublish(hub_of(request), programme_id, by=viewer.person)
    return redirect(f"/programmes/{programme_id}", done="unpublished")


router.routes.extend(open_to_all.routes)


def public_address(request: Request) -> str:
    """Under which address the world knows us: as the settings say, else as it was asked."""
    return hub_of(request).settings.public.address or str(request.base_url).rstrip("/")


def sound_path(programme: Programme, rendition: Rendition) -> str:
    return f"/listen/{programme.id}/sound.{rendition.extension}"


def media_type(rendition: Rendition) -> str:
    kinds = {"mp3": "audio/mpeg", "opus": "audio/ogg", "wav": "audio/wav", "flac": "audio/flac"}
    return kinds.get(rendition.extension or "", "application/octet-stream")


def _heard(hub: Hub, theme: str, *, limit: int) -> list[tuple[Programme, Rendition]]:
    """What can be heard now; what is not encoded yet comes when it is."""
    with hub.database.read() as session:
        found = published(session, on=hub.today(), theme=theme, limit=limit)
    pairs = ((one, public_rendition(one, hub.settings.public.profile)) for one in found)
    return [(programme, rendition) for programme, rendition in pairs if rendition is not None]


def _column(
    request: Request, template: str, theme: str, words: str, before: int | None
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        found = published(
            session, on=hub.today(), theme=theme, words=words, before=before, limit=PAGE_ROWS + 1
        )
        themes = public_themes(session, hub.today())
    shown = found[:PAGE_ROWS]
    older = _query(theme=theme, words=words, before=shown[-1].id) if found[PAGE_ROWS:] else None
    profile = hub.settings.public.profile
    return page(
        request, template, name=hub.settings.public.name, theme=theme, wanted=words,
        themes=themes, programmes=[(one, public_rendition(one, profile)) for one in shown],
        older=older, sound_path=sound_path, feed=f"/listen/feed.xml{_query(theme=theme)}",
        query=_query,
    )  # fmt: skip


def _query(**values: str | int) -> str:
    filled = {name: value for name, value in values.items() if value}
    return f"?{urlencode(filled)}" if filled else ""
