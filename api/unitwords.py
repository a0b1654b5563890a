"""What is said of the events of the map, and of what a table would do to it."""

from __future__ import annotations

from collections.abc import Mapping

from api.i18n import mark
from api.words import Word

EVENT_WORDS: Mapping[str, str] = {
    "renamed": mark("renamed"),
    "merged": mark("merged"),
    "split": mark("split"),
    "moved": mark("moved below another unit"),
    "abolished": mark("abolished"),
    "founded": mark("founded"),
}

OUTCOME_WORDS: Mapping[str, Word] = {
    "new": Word(mark("new"), "send", "good"),
    "merged": Word(mark("merged"), "half", "wait"),
    "split": Word(mark("split"), "half", "wait"),
    "renamed": Word(mark("another name or level"), "draft", "wait"),
    "moved": Word(mark("moved below another unit"), "inbox", "wait"),
    "corrected": Word(mark("corrected in place"), "draft", "wait"),
    "ends": Word(mark("ends, nothing takes it in"), "cross", "bad"),
    "removed": Word(mark("removed: it never was"), "cross", "bad"),
    "unchanged": Word(mark("as it is"), "dash", "calm"),
}

COLUMN_WORDS: Mapping[str, str] = {
    "valid_from": mark("First day of the map: each map tells of all its units"),
    "code": mark("Code of the statistics office"),
    "name": mark("Name with its level"),
    "level": mark("Level: tỉnh, huyện, xã, phường …"),
    "parent_code": mark("Code of the unit above; empty for the province"),
    "made_of": mark("Codes of the day before of which it was made, with spaces between"),
    "basis": mark("Decision by which it was made of them: number, and who made it"),
}
