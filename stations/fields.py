"""One field of what a station wrote. Signed or not, it may be nonsense: boxes get stolen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NoReturn

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# Starts with a letter or digit and holds no quote, comma, space or control code: such a word
# is harmless in a CSV, in HTML and on a terminal.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,79}", re.ASCII)


class MalformedField(ValueError):
    """A field is missing, of another type or out of its bounds; the argument is its name."""


Raw = Mapping[str, Any]


def whole(raw: Raw, name: str, low: int, high: int) -> int:
    value = raw.get(name)
    if type(value) is not int or not low <= value <= high:
        _refuse(name)
    return value


def word(raw: Raw, name: str, *, can_be_empty: bool = False) -> str:
    value = raw.get(name, "" if can_be_empty else None)
    if not isinstance(value, str) or not (_WORD.fullmatch(value) or (can_be_empty and not value)):
        _refuse(name)
    return value


def instant(raw: Raw, name: str) -> datetime:
    value = raw.get(name)
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        _refuse(name)
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        _refuse(name)


def day(raw: Raw, name: str) -> date:
    value = raw.get(name)
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        _refuse(name)
    try:
        return date.fromisoformat(value)
    except ValueError:
        _refuse(name)


def mapping(raw: Raw, name: str) -> Raw:
    value = raw.get(name)
    if not isinstance(value, dict):
        _refuse(name)
    return value


def listing(raw: Raw, name: str, most: int) -> list[Any]:
    value = raw.get(name)
    if not isinstance(value, list) or len(value) > most:
        _refuse(name)
    return value


def _refuse(name: str) -> NoReturn:
    raise MalformedField(name)
