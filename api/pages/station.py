"""A station's card: how it is reached, how it stood for a month, and how to set it up."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Request, Response

from api.auth import SignedIn, Viewer, checked_form, hub_of
from api.errors import status_of
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.pages.stations import RETRIERS
from api.pages.wall import seen_station
from api.stationforms import CHANGERS, Changer
from api.stationwords import (
    FIELD_WORDS,
    HISTORY_WORDS,
    findings_sentence,
    strategy_words,
)
from api.visitwords import told_visits, took
from scheduler.errors import CoreError
from scheduler.pinning import pin_host_key, seen_host_key
from scheduler.probing import strategy_of
from scheduler.stationcard import station_card
from scheduler.stationedit import history_of
from scheduler.store.models import Station
from scheduler.trail import full_names
from stations.errors import StationError
from stations.hostkey import HostKey

router = page_routes("/stations/{code}")


@router.get("")
def card(request: Request, viewer: SignedIn, code: str) -> Response:
    return _card_page(request, viewer, code)


@router.post("/host-key", dependencies=[Depends(checked_form)])
def accept_host_key(
    request: Request,
    viewer: Changer,
    code: str,
    fingerprint: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Pin the key that answers now, if it is the one that the person read from the box."""
    hub = hub_of(request)
    try:
        with hub.database.read() as session:
            station, _ = seen_station(session, viewer, code, hub.today())
        seen = seen_host_key(hub, station)
        pin_host_key(hub, station, seen, expected=fingerprint, by=viewer.person.username)
    except (CoreError, StationError) as error:
        return _card_page(request, viewer, code, error=error, typed=fingerprint)
    return redirect(f"/stations/{code}", done="host_key")


def _card_page(
    request: Request,
    viewer: Viewer,
    code: str,
    *,
    error: CoreError | StationError | None = None,
    typed: str = "",
) -> Response:
    hub, tr = hub_of(request), translator_of(request)
    with hub.database.read() as session:
        station, scope = seen_station(session, viewer, code, hub.today())
        shown = station_card(hub, session, station)
        visits = told_visits(tr, session, station)
        history = history_of(session, station) if viewer.may(*CHANGERS) else ()
        names = full_names(session) if history else {}
    key = HostKey.parse(station.host_key).fingerprint if station.host_key else None
    strategy = strategy_of(station, shown.link.kbps if shown.link else None)
    is_key_waiting = any(one.error_code == "host_key_changed" for one in shown.coming)
    return page(
        request, "station.html", viewer=viewer, station=station, card=shown, scope=scope,
        host_key=key, is_key_waiting=is_key_waiting, strategy=strategy_words(strategy),
        audited=findings_sentence(tr, station.audit), hub_key=hub.public_key(), typed=typed,
        may_change=viewer.may(*CHANGERS), history=history, history_words=HISTORY_WORDS, names=names,
        visits=visits, took=took, fields=FIELD_WORDS,
        may_retry=viewer.may(*RETRIERS), window=_window(request, station),
        status=status_of(error) if error else 200, error=tr.error(error) if error else None,
    )  # fmt: skip


def _window(request: Request, station: Station) -> str:
    push = hub_of(request).settings.push
    begin = station.push_from or push.window_from
    return f"{begin:%H:%M}–{station.push_until or push.window_until:%H:%M}"
