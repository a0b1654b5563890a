"""What was decided about one day of a slot, in words."""

from __future__ import annotations

from api.i18n import Translator, mark
from scheduler.store.models import SlotException


def becomes(tr: Translator, one: SlotException) -> str:
    """What airs on that day, and how long where that differs too."""
    if one.kind == "skip":
        return tr.text(mark("It does not air."))
    length = tr.lasted((one.seconds or 0) * 1000)
    if one.kind == "length":
        return tr.text(mark("It lasts {length} on this day."), length=length)
    if one.moved_on is not None and one.moved_at is not None:
        said = tr.text(
            mark("It airs at {time} on {day} instead."),
            time=tr.time(one.moved_at), day=tr.day(one.moved_on),
        )  # fmt: skip
    else:
        title = one.programme.title if one.programme else "–"
        said = tr.text(mark("{title} airs instead."), title=title)
    if one.seconds is None:
        return said
    return f"{said} {tr.text(mark('It lasts {length} on this day.'), length=length)}"
