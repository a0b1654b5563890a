"""A proposal as the command that takes it: what was typed, with one thing changed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import date, time

from scheduler.slotfixes import Fix


def fix_command(fix: Fix, words: Sequence[str]) -> str:
    """
    ``loa slot add … --at 05:30``: the later of two equal options counts.

    Without what was typed (a test, a page) only the options.
    """
    if fix.instead:
        return shlex.join(["loa", *fix.instead])
    typed = [word for word in words if word != "--json"]
    return shlex.join(["loa", *typed, *_options(fix)])


def _options(fix: Fix) -> Iterator[str]:
    for name, value in fix.changes.items():
        if name in ("starts_at", "moved_at"):
            assert isinstance(value, time)
            yield from ("--at", f"{value:%H:%M}")
        elif name == "moved_on":
            assert isinstance(value, date)
            yield from ("--to", f"{value:%d/%m/%Y}")
        elif name == "seconds" and fix.kind == "day_shorter":
            assert isinstance(value, int)
            yield from ("--minutes", str(value // 60))
        elif name == "seconds":
            yield from ("--seconds", str(value))
        elif name == "rrule":
            yield from ("--rule", str(value))
        elif name == "exclude":
            assert isinstance(value, tuple)
            for target in value:
                yield from ("--not", target)
