"""The timetable as a calendar file: to take along, and brought back after a look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, File, Form, Query, Request, Response, UploadFile

from api.auth import SignedIn, Viewer, checked_form, hub_of
from api.errors import NoCalendar
from api.i18n import mark
from api.pages.calendars import MEDIA_TYPE
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.pages.tables import NAME_LETTERS, as_shown, file_name_of, unpack
from api.pages.timetable import Planner, plan_again
from api.programmepick import programmes_to_pick
from scheduler.csvrows import MAX_BYTES
from scheduler.errors import CoreError, InputInvalid, PreviewOutdated, said
from scheduler.units import own_units, units_on

if TYPE_CHECKING:
    from api.ics.bring import Brought

router = page_routes("/timetable")

_Code = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True)
class Typed:
    """What the events of somebody else's calendar do not say."""

    unit: str = ""
    programme_id: str = ""


def _typed(
    unit: Annotated[str, Form(max_length=20)] = "",
    programme_id: Annotated[str, Form(pattern=r"^\d{0,9}$")] = "",
) -> Typed:
    return Typed(unit.strip(), programme_id)


@dataclass(frozen=True)
class Preview:
    """What a calendar would do."""

    name: str
    events: list[Brought]
    digest: str

    def of(self, what: str) -> list[Brought]:
        return [one for one in self.events if one.what == what]


@router.get("/export.ics")
def export(request: Request, viewer: SignedIn, unit: _Code = "", station: _Code = "") -> Response:
    from api.ics.export import export_calendar  # 3 MB of icalendar

    hub = hub_of(request)
    with hub.database.read() as session:
        made = export_calendar(
            hub, session, translator_of(request), unit_code=unit, station_code=station
        )
    headers = {"Content-Disposition": 'attachment; filename="lich-phat.ics"'}
    return Response(made.content, media_type=MEDIA_TYPE, headers=headers)


@router.get("/import")
def form(request: Request, viewer: Planner) -> Response:
    return _page(request, viewer, Typed(_own_unit(request, viewer)))


@router.post("/import", dependencies=[Depends(checked_form)])
def preview(
    request: Request,
    viewer: Planner,
    typed: Annotated[Typed, Depends(_typed)],
    file: Annotated[UploadFile | None, File()] = None,
    pasted: Annotated[str, Form()] = "",
) -> Response:
    """Show what a calendar would do; nothing is changed."""
    try:
        name, text = _brought(file, pasted)
        found = _bring(request, viewer, name, text, typed, dry_run=True)
    except CoreError as error:
        return _page(request, viewer, typed, error=error, pasted=pasted)
    return _page(request, viewer, typed, found=found, text=text)


@router.post("/import/apply", dependencies=[Depends(checked_form)])
def apply(
    request: Request,
    viewer: Planner,
    typed: Annotated[Typed, Depends(_typed)],
    table: Annotated[str, Form()] = "",
    name: Annotated[str, Form(max_length=NAME_LETTERS)] = "",
    seen: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Do what the preview showed, or show what it would be by now."""
    text = unpack(table)
    try:
        _bring(request, viewer, name, text, typed, seen=seen)
    except PreviewOutdated as error:
        found = _bring(request, viewer, name, text, typed, dry_run=True)
        return _page(request, viewer, typed, found=found, text=text, error=error)
    except CoreError as error:
        return _page(request, viewer, typed, error=error, pasted=text)
    plan_again(request)
    return redirect("/timetable/changes", done="calendar_brought")


def _brought(file: UploadFile | None, pasted: str) -> tuple[str, str]:
    """
    The name and the text of the calendar that came with a form.

    Raises:
        InputInvalid: nothing came.
        NoCalendar: it is no text; of one that is too large the reader says so.
    """
    if file is None or not file.filename:
        if not pasted.strip():
            raise InputInvalid(problem="choose a calendar file, or paste its text")
        return mark("the pasted text"), pasted
    name = file_name_of(file)
    try:
        return name, file.file.read(MAX_BYTES + 1).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NoCalendar(name=name, detail=said("it is no text in UTF-8")) from error


def _bring(
    request: Request, viewer: Viewer, name: str, text: str, typed: Typed, *,
    dry_run: bool = False, seen: str = "",
) -> Preview:  # fmt: skip
    from api.ics.bring import Defaults, bring, digest
    from api.ics.write import desk_of

    hub = hub_of(request)
    programme_id = int(typed.programme_id) if typed.programme_id else None
    found = bring(
        hub, text.encode(), name, desk_of(hub, translator_of(request)), by=viewer.person,
        defaults=Defaults(typed.unit or None, (), programme_id), dry_run=dry_run, seen=seen,
    )  # fmt: skip
    return Preview(name, found, digest(found))


def _own_unit(request: Request, viewer: Viewer) -> str:
    """The code of the person's own unit, or of the province where there is one."""
    hub = hub_of(request)
    with hub.database.read() as session:
        if viewer.person.unit_id is not None:
            own = own_units(session, viewer.person.unit_id, hub.today())
        else:
            own = [one for one in units_on(session, hub.today()) if one.parent_id is None]
    return own[0].code if len(own) == 1 else ""


def _page(
    request: Request,
    viewer: Viewer,
    typed: Typed,
    *,
    found: Preview | None = None,
    text: str = "",
    pasted: str = "",
    error: CoreError | None = None,
) -> Response:
    from api.ics.bring import WHAT

    with hub_of(request).database.read() as session:
        programmes = programmes_to_pick(session, chosen=[typed.programme_id])
    shown: dict[str, Any] = dict(
        as_shown(translator_of(request), text if found else None, pasted, error)
    )
    return page(
        request, "slot_import.html", viewer=viewer, plan=found, typed=typed, kinds=WHAT,
        programmes=programmes, **shown,
    )  # fmt: skip
