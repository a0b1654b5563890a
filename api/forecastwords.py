"""A forecast and what would help, as sentences for pages and commands."""

from __future__ import annotations

from collections.abc import Mapping

from api.i18n import Translator, mark
from scheduler.forecast import Choice
from scheduler.throughput import ASSUMED, MEASURED, OF_THE_LINK

BASIS: Mapping[str, str] = {
    MEASURED: mark("measured"),
    OF_THE_LINK: mark("its link; never measured"),
    ASSUMED: mark("assumed; never measured"),
}

_CHOICES: Mapping[str, str] = {
    "now": mark("send it now, whatever its window"),
    "window": mark("visit it from {time} on, every night"),
    "profile": mark("send the smaller {profile}"),
    "drop": mark('leave it out of "{title}", from now on'),
}


def outlook_in_words(basis: str, tr: Translator) -> str:
    return tr.text(BASIS[basis])


def choice_in_words(choice: Choice, tr: Translator) -> str:
    return tr.text(
        _CHOICES[choice.kind],
        time=tr.time(choice.push_from) if choice.push_from else "",
        profile=choice.profile or "",
        title=choice.slot_title or "",
    )
