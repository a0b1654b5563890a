"""What several routes take: bounded before a database sees it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Path

# A larger number fits into no key of ours, and both databases answer it with an error of their own.
MAX_ID = 2**31 - 1

PathId = Annotated[int, Path(ge=1, le=MAX_ID)]
FormId = Annotated[int, Form(ge=1, le=MAX_ID)]
