"""What the forms of stations share: who may change, and the fields as they were typed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from api.auth import Viewer, hub_of, needs
from scheduler.errors import InputInvalid, OutsideUnit
from scheduler.renditions import profiles_of
from scheduler.units import unit_ids_below

CHANGERS = ("technician",)
Changer = Annotated[Viewer, Depends(needs(*CHANGERS))]

_MAX_LETTERS = 1000  # of one field; each column has its own, smaller limit


async def typed_fields(request: Request) -> dict[str, str]:
    """
    The fields of a form by name, whatever they are; a file is none of them.

    Raises:
        InputInvalid: a field is longer than any of ours may be.
    """
    form = await request.form()
    typed = {name: value for name, value in form.items() if not isinstance(value, UploadFile)}
    if any(len(value) > _MAX_LETTERS for value in typed.values()):
        raise InputInvalid(problem="a field holds too much text")
    return typed


Typed = Annotated[dict[str, str], Depends(typed_fields)]


def own_unit_ids(request: Request, session: Session, viewer: Viewer) -> set[int] | None:
    """The units that a technician may change; ``None``: all."""
    return unit_ids_below(session, viewer.person.unit_id, hub_of(request).today())


def profile_names(request: Request) -> list[str]:
    return sorted(profiles_of(hub_of(request).settings))


def outside(viewer: Viewer) -> OutsideUnit:
    unit = viewer.person.unit
    return OutsideUnit(who=viewer.person.full_name, unit=unit.name if unit else "")
