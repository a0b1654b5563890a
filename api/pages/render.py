"""How a page is drawn: templates, the language of the request, the menu."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api import aside, words
from api.auth import Viewer, hub_of, token_for
from api.i18n import LANGUAGES, Translator, mark, translator
from scheduler.hub import Hub
from scheduler.people import ROLES

LANGUAGE_COOKIE = "loa_language"

_API = Path(__file__).parent.parent
_EVERYBODY = ROLES
_ABOUT_STATIONS = ("/map", "/units", "/links", "/import", "/new-station")
_PROVINCE = ("administrator", "editor", "approver")


@dataclass(frozen=True)
class MenuEntry:
    path: str
    label: str
    roles: tuple[str, ...]
    below: tuple[str, ...] = ()  # further pages that belong to it

    def leads_to(self, path: str) -> bool:
        """Whether a page lies in this part of Loa; exactly one entry says so of it."""
        if self.path == "/":
            return path == "/"
        return path.startswith((self.path, *self.below))


MENU = (
    MenuEntry("/", mark("Today"), _EVERYBODY),
    MenuEntry("/ready", mark("Readiness"), _EVERYBODY, ("/why",)),
    MenuEntry("/stations", mark("Stations"), _EVERYBODY, _ABOUT_STATIONS),
    MenuEntry("/airings", mark("Log"), _EVERYBODY),
    MenuEntry("/programmes", mark("Programmes"), _EVERYBODY, ("/alerts",)),
    MenuEntry("/approve", mark("To approve"), ("administrator", "approver")),
    MenuEntry("/timetable", mark("Timetable"), _EVERYBODY, ("/clashes",)),
    MenuEntry("/urgent", mark("Urgent"), ("administrator", "approver")),
    MenuEntry("/people", mark("People"), ("administrator",)),
    MenuEntry("/ledger", mark("Audit trail"), ("administrator",)),
)

# What a page says after something was done; its name stands in the address behind "?done=".
DONE: Mapping[str, str] = {
    "password": mark("Your password was changed."),
    "contested": mark("Your word stands beside the log now, with your name."),
    "confirmed": mark("Thank you. What you confirmed was written down with your name."),
    "uploaded": mark("The file is here. It is checked now; you may leave this page."),
    "discarded": mark("The unfinished upload was discarded."),
    "changed": mark("What you wrote about the programme was saved."),
    "trimmed": mark("Only the chosen part will air. The master stays whole."),
    "resubmitted": mark("The programme waits for an approver again."),
    "approved": mark("The programme is approved. It is now encoded for the stations."),
    "rejected": mark("The programme was returned to its editor."),
    "withdrawn": mark("The programme was withdrawn. It will not air any more."),
    "slot_added": mark("The slot was added. It airs when the changes are released."),
    "slot_changed": mark("The slot was changed. It airs so when the changes are released."),
    "slot_theirs": mark("You took the other version. Here it is; nothing of it was changed."),
    "slot_removed": mark("The slot airs until the changes are released; what aired stays."),
    "calendar_brought": mark(
        "The calendar was brought in. Look at what it changes, then release it."
    ),
    "timetable_released": mark("The changes are released. They air from the next planning on."),
    "timetable_restored": mark("The timetable is again as it was in that release."),
    "ordered": mark("The order is written down."),
    "retried": mark("It is sent again as soon as a worker is free."),
    "host_key": mark("The host key is accepted. What waited for it is sent now."),
    "station_added": mark("The station is added. Next: its key, and the host key of its box."),
    "station_changed": mark("The station is changed."),
    "station_closed": mark("The station is closed. Nothing is sent there any more."),
    "station_opened": mark("The station is open again."),
    "key_begun": mark("The change of keys has begun. What to do at the station stands below."),
    "key_kept": mark("The change of keys is given up."),
    "link_saved": mark("The link is saved."),
    "link_removed": mark("The link is removed."),
    "imported": mark("The table is imported, as it was shown."),
    "event_recorded": mark("The event of the map is written down."),
    "day": mark("That day is changed. It is planned at once."),
    "published": mark("The programme is on the public page."),
    "unpublished": mark("The programme was taken off the public page."),
    "urgent_sent": mark("It is on its way to the stations. Look again in half a minute."),
    "alert": mark("The alert was taken in. Nothing is on air by it."),
    "alert_known": mark("This alert was imported before. Nothing was changed."),
    "urgent_withdrawn": mark("It is being taken back at the stations."),
    "token_revoked": mark("The token was ended; what asks with it is refused from now on."),
    "feed_revoked": mark("The address was closed; it opens nothing any more."),
    "role": mark("The role was changed, and every sign-in of this person ended."),
    "closed": mark("The access was closed and every sign-in of this person ended."),
    "ended": mark("That sign-in ended."),
    "factor_removed": mark("The second factor was removed. The password alone opens again."),
    "opened": mark("The access was opened again."),
}


def language_of(request: Request) -> str:
    """What the reader chose, else what the settings say: phones here often speak English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else hub_of(request).settings.ui.language


def translator_of(request: Request) -> Translator:
    return translator(language_of(request), hub_of(request).settings.zone)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    viewer: Viewer | None = None,
    **context: Any,
) -> HTMLResponse:
    """A page in the language of its reader."""
    content = draw(
        request, template, viewer=viewer,
        menu=[entry for entry in MENU if viewer and viewer.person.role in entry.roles],
        path=request.url.path,
        here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        done=DONE.get(request.query_params.get("done", "")),
        form_token=token_for(request, viewer) if viewer else secrets.token_hex(8),
        is_typed_kept=aside.is_waiting(request),
        **context,
    )  # fmt: skip
    if viewer and request.method == "GET" and aside.is_waiting(request):

        def note_on(kept: aside.Aside) -> str:
            return draw(request, "kept_note.html", file_name=kept.file_name)

        content = aside.refilled(request, viewer.person.id, content, note_on) or content
    return HTMLResponse(content, status)


def draw(request: Request, template: str, **context: Any) -> str:
    """A part of a page in the language of its reader; it knows of nobody but whom it is given."""
    return draw_in(translator_of(request), hub_of(request), template, **context)


def draw_in(tr: Translator, hub: Hub, template: str, **context: Any) -> str:
    """The same for who has no request."""
    return environment().get_template(template).render(
        tr=tr, _=tr.text, now=hub.clock.now(), today=hub.today(), **context
    )  # fmt: skip


def redirect(path: str, **query: str) -> RedirectResponse:
    """After a form: the browser fetches the next page, so that a reload sends nothing twice."""
    filled = {key: value for key, value in query.items() if value}
    return RedirectResponse(f"{path}?{urlencode(filled)}" if filled else path, 303)


def local_path(wanted: str) -> str:
    """A path of ours to go on to; anything that could lead elsewhere becomes the first page."""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_ours and wanted.isprintable() else "/"


@lru_cache
def environment() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(_API / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(asset=asset, lib=lib, words=words)
    return templates


@lru_cache
def asset(name: str) -> str:
    """The address of a static file; it changes with the content, so it may be kept for a year."""
    content = (_API / "static" / name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:10]}"


def lib(name: str) -> str | None:
    """The address of a foreign script or style; none where the front-end build brought nothing."""
    return asset(f"lib/{name}") if (_API / "static" / "lib" / name).is_file() else None
