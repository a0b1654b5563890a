"""CAP alerts of others: the file is taken in, heard by a person, and put on air by a person."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.auth import Viewer, check_form_token, hub_of
from api.errors import status_of
from api.fields import MAX_ID, PathId
from api.i18n import LoaError
from api.json.alerts import Allowed
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.uploads import receive
from audio.errors import AudioError
from scheduler import alerts, bulletins
from scheduler.alerts import PAGE, Imported, minutes_left
from scheduler.cap import MAX_BYTES, parse_cap
from scheduler.errors import CoreError, InputInvalid, said
from scheduler.store.models import ForeignAlert, Programme
from scheduler.units import units_on

router = page_routes("/alerts")


@router.get("")
def show_all(
    request: Request, viewer: Allowed, before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None
) -> Response:
    return _list_page(request, viewer, before=before)


@router.post("")
async def bring(request: Request, viewer: Allowed) -> Response:
    """Take in the file of an alert; nothing goes on air by it."""
    hub, tr = hub_of(request), translator_of(request)

    def ours(fields: dict[str, str]) -> None:
        check_form_token(viewer, fields.get("form_token", ""))

    def read() -> Imported:
        if form.file is None:
            ours(form.fields)
            raise InputInvalid(problem="choose the file of the alert")
        cap = parse_cap(form.file.read_bytes())
        return alerts.import_alert(hub, cap, by=viewer.person)

    try:
        async with receive(
            request, hub.tmp, max_bytes=MAX_BYTES, before_file=ours,
            too_large=InputInvalid(
                problem=said("the file of an alert has {limit} at most", limit=tr.size(MAX_BYTES))
            ),
        ) as form:  # fmt: skip
            result = await run_in_threadpool(read)
    except (CoreError, AudioError) as error:
        return await run_in_threadpool(_list_page, request, viewer, error)
    return redirect(f"/alerts/{result.alert.id}", done="alert" if result.is_new else "alert_known")


@router.get("/{alert_id}")
def show(request: Request, viewer: Allowed, alert_id: PathId) -> Response:
    """What it says, where it holds on our map, and the way to put it on air."""
    hub = hub_of(request)
    with hub.database.read() as session:
        alert = alerts.get_alert(session, alert_id)
        names = {unit.code: unit.name for unit in units_on(session, hub.today())}
        draft = session.get(Programme, alert.programme_id) if alert.programme_id else None
    left = minutes_left(alert, hub.clock.now(), bulletins.MOST_MINUTES)
    return page(
        request, "alert.html", viewer=viewer, alert=alert, draft=draft, minutes=left,
        units=[(code, names.get(code, code)) for code in alert.units],
        may_order=viewer.may(*hub.settings.urgent.roles),
        is_own=draft is not None and draft.uploaded_by == viewer.person.id,
    )  # fmt: skip


def _list_page(
    request: Request, viewer: Viewer, error: LoaError | None = None, before: int | None = None
) -> Response:
    hub, tr = hub_of(request), translator_of(request)
    with hub.database.read() as session:
        found: list[ForeignAlert] = alerts.list_alerts(session, PAGE + 1, before=before)
    return page(
        request, "alerts.html", status=status_of(error) if error else 200, viewer=viewer,
        alerts=found[:PAGE], before=before,
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        error=tr.error(error) if error else None, limit=tr.size(MAX_BYTES),
        may_order=viewer.may(*hub.settings.urgent.roles),
    )  # fmt: skip
