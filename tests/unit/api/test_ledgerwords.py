"""Every deed that is written down anywhere has a sentence for whoever reads the trail."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from api import ledgerwords
from api.i18n import Translator
from scheduler.store.models import LedgerEntry

ROOT = Path(__file__).parents[3]
RECORDERS = {"record", "record_change", "_record", "note", "_note"}


def recorded() -> Iterator[tuple[str, str]]:
    """What is given to the ledger, with its file; of a name in pieces only its beginning."""
    for room in ("scheduler", "api"):
        for path in sorted((ROOT / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
                name = getattr(call.func, "attr", getattr(call.func, "id", ""))
                if name in RECORDERS:
                    named = [word.value for word in call.keywords if word.arg == "what"]
                    for what in (*call.args, *named):
                        yield from ((one, path.name) for one in _texts(what, tree))


def _texts(what: ast.expr, tree: ast.Module) -> Iterator[str]:
    if isinstance(what, ast.Constant) and isinstance(what.value, str) and "_" in what.value:
        yield what.value
    elif isinstance(what, ast.IfExp):
        yield from _texts(what.body, tree)
        yield from _texts(what.orelse, tree)
    elif isinstance(what, ast.JoinedStr) and isinstance(what.values[0], ast.Constant):
        yield f"{what.values[0].value}*"
    elif isinstance(what, ast.Name) and what.id == "what":
        for node in ast.walk(tree):  # what = "…" if … else "…"
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "what":
                yield from _texts(node.value, tree)


def test_every_deed_has_a_sentence() -> None:
    """A deed that somebody adds fails here until it can be read."""
    found = dict(recorded())
    assert len(found) > 60
    whole = {one for one in found if not one.endswith("*")}
    begun = {one[:-1] for one in found if one.endswith("*") and one != "*"}
    assert whole - set(ledgerwords.DEEDS) == set(), found
    assert [one for one in begun if not any(d.startswith(one) for d in ledgerwords.DEEDS)] == []
    made = {"programme_rejected", "programme_withdrawn", "station_added", "station_changed"}
    assert made <= set(ledgerwords.DEEDS)


def test_what_is_written_down_with_a_deed_has_a_word() -> None:
    """Nobody reads the name of a column; what is spread from a mapping is not found here."""
    named = set()
    for room in ("scheduler", "api"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "ledger.record":
                    named |= {word.arg for word in call.keywords if word.arg}
    assert len(named) > 30
    assert named - {"at", "who", "what", "subject"} - set(ledgerwords._FIELDS) == set()


def test_no_sentence_outlives_its_deed() -> None:
    """What nobody does any more has no sentence; old entries show their word."""
    found = dict(recorded())
    begun = tuple(one[:-1] for one in found if one.endswith("*") and one != "*")
    assert [d for d in ledgerwords.DEEDS if d not in found and not d.startswith(begun)] == []


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_deed_names_who_and_what(language: str) -> None:
    """With the full name where it is known, and the thing in the reader's words."""
    tr = Translator(language, ZoneInfo("Asia/Ho_Chi_Minh"))
    entry = LedgerEntry(
        seq=1, at=datetime(2022, 10, 16, tzinfo=UTC), who="tuan", what="programme_approved",
        subject="programme 7", detail={"reason": "", "aired": True},
    )  # fmt: skip
    told = ledgerwords.deed(tr, entry, {"tuan": "Trần Anh Tuấn"})
    assert told == {
        "vi": "Trần Anh Tuấn duyệt chương trình 7", "en": "Trần Anh Tuấn approved programme 7"
    }[language]  # fmt: skip
    assert ledgerwords.address_of(entry) == "/programmes/7"
    entry.what = "something_of_tomorrow"
    assert "something of tomorrow" in ledgerwords.deed(tr, entry)
    assert "programme_approved" not in ledgerwords.kind(tr, "programme_approved")
