"""What a slot airs, in the reader's words."""

from __future__ import annotations

from api.i18n import Translator
from api.i18n import mark as _
from scheduler.store.models import Slot


def content_in_words(slot: Slot, translator: Translator) -> str:
    """The title of its programme, or which series, theme or list it takes from."""
    if slot.programme is not None:
        return slot.programme.title
    if slot.series is not None:
        return translator.text(_("next episode of {series}"), series=slot.series.name)
    if slot.theme is not None:
        return translator.text(_("in rotation: {theme}"), theme=slot.theme.name)
    return translator.text(_("a list of {count}"), count=len(slot.items or ()))
