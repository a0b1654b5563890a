"""What is said of a station: how files are brought to it, and what the last audit found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.i18n import Translator, mark
from stations.strategy import Check, Flush, Replace, Strategy

# What was chosen, and why: a sentence of the catalogue for each.
_CHECKED = {
    Check.RECEIPT: mark("samples at once; every byte by the player's signed receipt"),
    Check.WHOLE: mark("every byte is read back: no player signs for it here"),
    Check.SAMPLES: mark("samples, others each night: no player signs, and the line is thin"),
}
_FLUSHED = {
    Flush.NAMES: mark("files and names are flushed to its disk before they count"),
    Flush.BYTES: mark("files are flushed; names cannot be, so they are looked at again before air"),
    Flush.NOTHING: mark("it cannot flush: after a power cut all is looked at again"),
}
_REPLACED = {
    Replace.AT_ONCE: mark("a new file replaces an old one in one step"),
    Replace.STEP_ASIDE: mark("the old file steps aside first: it cannot rename over a file"),
}
_RESUMED = {
    True: mark("it goes on where the line broke"),
    False: mark("it begins again: the server empties what is opened to be written"),
}
_ROOM = {
    True: mark("asked for before anything is sent"),
    False: mark("not known: the server cannot tell"),
}


def strategy_words(strategy: Strategy) -> list[tuple[str, str]]:
    """How files are brought to a station, and why so: pairs of messages."""
    return [
        (mark("Checked by"), _CHECKED[strategy.check]),
        (mark("Power cut"), _FLUSHED[strategy.flush]),
        (mark("Replacing"), _REPLACED[strategy.replace]),
        (mark("After a cut"), _RESUMED[strategy.resumes]),
        (mark("Room"), _ROOM[strategy.asks_for_room]),
    ]


def findings_sentence(tr: Translator, findings: Mapping[str, Any] | None) -> str | None:
    """What the last look found, in one line; None when there was none."""
    if not findings:
        return None
    if findings["healed"]:
        return tr.text(
            mark("Files lost or damaged: {bad}, plans lost: {days}. Days sent again: {healed}."),
            bad=findings["bad"], days=len(findings["lost_days"]), healed=findings["healed"],
        )  # fmt: skip
    return tr.text(mark("All is there. Files looked at: {files}."), files=findings["files"])
