"""Rules of the air and proposals as sentences, for pages and commands."""

from __future__ import annotations

from collections.abc import Iterator

from api.i18n import Translator, mark
from api.rulewords import days_in_words
from scheduler.airrules import LEVELS, AirRules, Window
from scheduler.errors import Said
from scheduler.slotfixes import Fix

# What the rules call the levels; marked here for the catalogue.
_LEVELS = (mark("provincial level"), mark("district level"), mark("commune level"))


def rules_in_words(rules: AirRules, tr: Translator) -> Iterator[str]:
    """``phát trong khung 05:00-06:00; mỗi buổi tối đa 30 phút``."""
    if rules.windows is not None:
        windows = ", ".join(_window(one, tr) for one in rules.windows)
        yield tr.text(mark("on air: {windows}"), windows=windows)
    if rules.session_minutes is not None:
        yield tr.text(mark("a session lasts {n} minutes at most"), n=rules.session_minutes)
    if rules.sessions_a_day is not None:
        yield tr.text(mark("{n} sessions a day at most"), n=rules.sessions_a_day)
    if rules.quiet is not None:
        yield tr.text(mark("quiet hours {window}"), window=str(rules.quiet_window()))


def _window(window: Window, tr: Translator) -> str:
    times = f"{window.begin:%H:%M}-{window.end:%H:%M}"
    if window.level is None:
        return times
    return f"{times} ({tr.text(LEVELS[window.level])})"


def fix_in_words(fix: Fix, tr: Translator) -> str:
    """``bắt đầu lúc 05:30``; weekdays by their names."""
    said = fix.sentence
    if fix.kind == "other_days":
        days = days_in_words(str(said.fields["days"]).split(","), tr)
        said = Said(said.msgid, {"days": days})
    return tr.text(said.msgid, **said.fields)
