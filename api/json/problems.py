"""Errors as RFC 9457 problems: the code for programs, the sentence for people."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from api.airwords import fix_in_words
from api.errors import status_of
from api.i18n import LoaError, Translator
from api.pages.render import translator_of
from scheduler.errors import FileRefused, InputInvalid, SlotRefused, StationCellsInvalid

MEDIA_TYPE = "application/problem+json"
_MOST_PROBLEMS = 500


class FieldProblem(BaseModel):
    """One value that cannot be used."""

    field: str
    message: str


class FixOut(BaseModel):
    """A proposal that was tried: with these values the slot is not refused."""

    kind: str
    sentence: str
    changes: dict[str, Any]  # by the names of SlotIn; of one day by those of DayIn


class Problem(BaseModel):
    """Why a request was refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Conflict",
                "status": 409,
                "code": "slots_overlap",
                "detail": 'Khung giờ này trùng với "Bản tin sáng" tại Đài xã Đạo Lý ngày '
                "12/03/2022: 05:00-05:30. Hãy chọn giờ khác.",
            }
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    code: str  # stable: programs may rely on it
    detail: str  # in the language of the request
    problems: list[FieldProblem] | None = None
    fixes: list[FixOut] | None = None  # what would help a slot that cannot stand so


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "Refused; `code` says why.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
}


def problem_schemas() -> dict[str, Any]:
    """What ``PROBLEM_RESPONSES`` points to; the framework lists only models of good answers."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}


def problem(
    request: Request, error: LoaError, problems: list[FieldProblem] | None = None
) -> JSONResponse:
    status = status_of(error)
    body = Problem(
        title=status.phrase,
        status=status,
        code=error.code,
        detail=translator_of(request).error(error),
        problems=problems or _problems(request, error),
        fixes=_fixes(request, error),
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, media_type=MEDIA_TYPE)


def _problems(request: Request, error: LoaError) -> list[FieldProblem] | None:
    """What is wrong with each row of a table, or with each field of a station."""
    tr = translator_of(request)
    if isinstance(error, StationCellsInvalid):
        return [
            FieldProblem(field=one.column, message=tr.text(one.reason.msgid, **one.reason.fields))
            for one in error.problems
        ]
    if isinstance(error, FileRefused):
        return [
            FieldProblem(field=f"line {one.fields.get('line', '')}", message=tr.error(one))
            for one in error.problems[:_MOST_PROBLEMS]
        ]
    return None


def _fixes(request: Request, error: LoaError) -> list[FixOut] | None:
    if not isinstance(error, SlotRefused):
        return None
    return fixes_in_words(error, translator_of(request))


def fixes_in_words(error: SlotRefused, tr: Translator) -> list[FixOut]:
    return [
        FixOut(kind=fix.kind, sentence=fix_in_words(fix, tr), changes=jsonable_encoder(fix.changes))
        for fix in error.fixes
    ]


class FieldsInvalid(InputInvalid):
    """These values cannot be used: {fields}. Correct them and send it again."""

    code = "fields_invalid"


def fields_invalid(error: RequestValidationError) -> FieldsInvalid:
    """What the framework found wrong, as one sentence."""
    # In quotes: a name such as "on" is a word of the catalogue too.
    names = dict.fromkeys(f'"{_field(one)}"' for one in error.errors())
    return FieldsInvalid(fields=", ".join(names))


def validation_problem(request: Request, error: RequestValidationError) -> JSONResponse:
    """Every value that cannot be used, at once; what was sent is not repeated."""
    problems = [FieldProblem(field=_field(one), message=one["msg"]) for one in error.errors()]
    return problem(request, fields_invalid(error), problems)


def _field(one: dict[str, Any]) -> str:
    return ".".join(str(part) for part in one["loc"][1:])
