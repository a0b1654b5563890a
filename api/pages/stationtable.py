"""Stations as a table: uploaded or pasted, looked at row by row, then applied as it was seen."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, File, Form, Request, Response, UploadFile

from api.auth import Viewer, checked_form, hub_of
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.pages.tables import NAME_LETTERS, as_shown, brought, unpack
from api.stationforms import Changer, own_unit_ids, profile_names
from api.stationwords import FIELD_WORDS, OUTCOME_WORDS
from scheduler.errors import CoreError, PreviewOutdated
from scheduler.stationimport import OUTCOMES, ImportPlan, import_stations, plan_import
from scheduler.stationrows import STATION_COLUMNS, template_csv

router = page_routes()


@router.get("/import")
def form(request: Request, viewer: Changer) -> Response:
    return _import_page(request, viewer)


@router.get("/import/template.csv")
def template(viewer: Changer) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="dai-truyen-thanh.csv"'}
    # The mark makes Excel read it as UTF-8.
    return Response(f"\ufeff{template_csv()}", headers=headers, media_type="text/csv")


@router.post("/import", dependencies=[Depends(checked_form)])
def preview(
    request: Request,
    viewer: Changer,
    file: Annotated[UploadFile | None, File()] = None,
    pasted: Annotated[str, Form()] = "",
) -> Response:
    """Show what a table would do; nothing is changed."""
    try:
        name, text = brought(file, pasted)
        plan = _plan(request, viewer, name, text)
    except CoreError as error:
        return _import_page(request, viewer, error=error, pasted=pasted)
    return _import_page(request, viewer, plan=plan, text=text)


@router.post("/import/apply", dependencies=[Depends(checked_form)])
def apply(
    request: Request,
    viewer: Changer,
    table: Annotated[str, Form()] = "",
    name: Annotated[str, Form(max_length=NAME_LETTERS)] = "",
    seen: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Do what the preview showed, or show what it would be by now."""
    hub = hub_of(request)
    text = unpack(table)
    try:
        with hub.database.write() as session:
            import_stations(
                session, text, name=name, now=hub.clock.now(), by=viewer.person.username,
                on=hub.today(), profiles=profile_names(request), seen=seen,
                unit_ids=own_unit_ids(request, session, viewer),
            )  # fmt: skip
    except PreviewOutdated as error:
        plan = _plan(request, viewer, name, text)
        return _import_page(request, viewer, plan=plan, text=text, error=error)
    except CoreError as error:
        return _import_page(request, viewer, error=error, pasted=text)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return redirect("/stations", done="imported")


def _plan(request: Request, viewer: Viewer, name: str, text: str) -> ImportPlan:
    hub = hub_of(request)
    with hub.database.read() as session:
        return plan_import(
            session, text, name=name, on=hub.today(), profiles=profile_names(request),
            unit_ids=own_unit_ids(request, session, viewer),
        )  # fmt: skip


def _import_page(
    request: Request,
    viewer: Viewer,
    *,
    plan: ImportPlan | None = None,
    text: str = "",
    pasted: str = "",
    error: CoreError | None = None,
) -> Response:
    rows = {
        outcome: [row for row in plan.rows if row.outcome == outcome] if plan else []
        for outcome in OUTCOMES
    }
    return page(
        request, "station_import.html", viewer=viewer, plan=plan, rows=rows,
        columns=STATION_COLUMNS, fields=FIELD_WORDS, outcomes=OUTCOME_WORDS,
        **as_shown(translator_of(request), text if plan else None, pasted, error),
    )  # fmt: skip
