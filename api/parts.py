"""A long list on a page: one numbered part of it at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Form, Query

T = TypeVar("T")

_MOST_PAGES = 100_000
PageNumber = Annotated[int, Query(alias="page", ge=1, le=_MOST_PAGES)]
FormPageNumber = Annotated[int, Form(alias="page", ge=1, le=_MOST_PAGES)]


@dataclass(frozen=True)
class Part(Generic[T]):
    """The rows of one page."""

    rows: Sequence[T]
    total: int  # rows on all pages
    page: int
    pages: int


def part_of(rows: Sequence[T], number: int, size: int) -> Part[T]:
    """That page; behind the last one is the last one."""
    pages = max(1, -(-len(rows) // size))
    page = min(number, pages)
    return Part(rows[(page - 1) * size : page * size], len(rows), page, pages)
