"""What docs/commands.md says of each command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from tests.unit.cli.conftest import ROOT

_HEADING = re.compile(r"^### (?:`loa ([a-z -]+)`|(An? [a-z]+))$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_OBJECT = re.compile(r"\(#(an?-[a-z]+)\)")
# Below these the keys are data, or stand in docs elsewhere.
_MAPS = ("by_state", "by_grade", "settings")


@lru_cache
def sections() -> dict[str, str]:
    """Each command and each object (``a-station``) with the text below its heading."""
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    _, *parts = _HEADING.split(text)
    names = [command or thing.lower().replace(" ", "-") for command, thing in _pairs(parts)]
    return dict(zip(names, parts[2::3], strict=True))


def documented_keys(name: str) -> set[str]:
    """The words that stand as code in the section of a command or of what it refers to."""
    text = sections()[name]
    keys = {*_CODE.findall(text), "error", "code", "sentence", "problems"}
    return keys.union(*(documented_keys(thing) for thing in _OBJECT.findall(text)))


def keys_of(document: Any) -> Iterator[str]:
    """Every key of a document, at any depth."""
    if isinstance(document, list):
        for one in document:
            yield from keys_of(one)
    if isinstance(document, dict):
        for key, value in document.items():
            yield key
            if key not in _MAPS:
                yield from keys_of(value)


def _pairs(parts: list[str]) -> list[tuple[str, str]]:
    return list(zip(parts[0::3], parts[1::3], strict=True))
