"""What several routes take: bounded before a database sees it."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from fastapi import Form, Header, Path
from pydantic import Field, WithJsonSchema

# A larger number fits into no key of ours, and both databases answer it with an error of their own.
MAX_ID = 2**31 - 1

PathId = Annotated[int, Path(ge=1, le=MAX_ID)]
FormId = Annotated[int, Form(ge=1, le=MAX_ID)]

# Local and without a zone, so not the "time" of JSON Schema, which has one.
LocalTime = Annotated[
    time,
    WithJsonSchema(
        {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$",
         "examples": ["05:00"], "description": "local time of day"}
    ),
]  # fmt: skip

UnitCode = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,20}$")]  # inside of a body
Handle = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]  # what a page calls a sign-in

IfMatch = Annotated[
    str | None,
    Header(max_length=100, description="the ETag of what is changed, as it was read; * is any"),
]


def version_in(if_match: str | None) -> str | None:
    """The version in an ``If-Match``; "*" is whatever is there."""
    if if_match is None or if_match.strip() == "*":
        return None
    return if_match.strip().removeprefix("W/").strip('"')
