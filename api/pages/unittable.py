"""Units as a table of complete maps: looked at unit by unit, then applied as it was seen."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, File, Form, Request, Response, UploadFile

from api.auth import Viewer, checked_form, hub_of, needs
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.pages.tables import NAME_LETTERS, as_shown, brought, unpack
from api.unitwords import COLUMN_WORDS, OUTCOME_WORDS
from scheduler.errors import CoreError, PreviewOutdated
from scheduler.unitimport import OUTCOMES, UNCHANGED, MapsPlan, import_units, plan_units
from scheduler.unitrows import UNIT_COLUMNS, unit_template_csv
from scheduler.units import own_units

router = page_routes("/units/import")

Administrator = Annotated[Viewer, Depends(needs("administrator"))]


@router.get("")
def form(request: Request, viewer: Administrator) -> Response:
    return _import_page(request, viewer)


@router.get("/template.csv")
def template(viewer: Administrator) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="don-vi-hanh-chinh.csv"'}
    # The mark makes Excel read it as UTF-8.
    return Response(f"\ufeff{unit_template_csv()}", headers=headers, media_type="text/csv")


@router.post("", dependencies=[Depends(checked_form)])
def preview(
    request: Request,
    viewer: Administrator,
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


@router.post("/apply", dependencies=[Depends(checked_form)])
def apply(
    request: Request,
    viewer: Administrator,
    table: Annotated[str, Form()] = "",
    name: Annotated[str, Form(max_length=NAME_LETTERS)] = "",
    seen: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Do what the preview showed, or show what it would be by now."""
    hub = hub_of(request)
    text = unpack(table)
    try:
        with hub.database.write() as session:
            import_units(
                session, text, name=name, now=hub.clock.now(), by=viewer.person.username,
                seen=seen, root=own_root(request, viewer),
            )  # fmt: skip
    except PreviewOutdated as error:
        plan = _plan(request, viewer, name, text)
        return _import_page(request, viewer, plan=plan, text=text, error=error)
    except CoreError as error:
        return _import_page(request, viewer, error=error, pasted=text)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()  # stations may serve other units by now
    return redirect("/units", done="imported")


def own_root(request: Request, viewer: Viewer) -> str | None:
    """The province whose maps a person may bring; none: any."""
    unit, hub = viewer.person.unit, hub_of(request)
    if unit is None:
        return None
    with hub.database.read() as session:
        own = own_units(session, unit.id, hub.today())
    return own[0].code if len(own) == 1 else unit.code


def _plan(request: Request, viewer: Viewer, name: str, text: str) -> MapsPlan:
    with hub_of(request).database.read() as session:
        return plan_units(session, text, name=name, root=own_root(request, viewer))


def _import_page(
    request: Request,
    viewer: Viewer,
    *,
    plan: MapsPlan | None = None,
    text: str = "",
    pasted: str = "",
    error: CoreError | None = None,
) -> Response:
    units = {
        outcome: [one for one in plan.units if one.outcome == outcome] if plan else []
        for outcome in OUTCOMES
        if outcome != UNCHANGED
    }
    return page(
        request, "unit_import.html", viewer=viewer, plan=plan, units=units,
        columns=UNIT_COLUMNS, fields=COLUMN_WORDS, outcomes=OUTCOME_WORDS,
        **as_shown(translator_of(request), text if plan else None, pasted, error),
    )  # fmt: skip
