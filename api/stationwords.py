"""What is said of a station: how files are brought to it, and what the last audit found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.i18n import Translator, mark
from api.words import Word
from scheduler.errors import Said, said
from scheduler.stationlist import Standing
from scheduler.stationrows import CellProblem
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


# ── How a station stands, in a word ────────────────────────────────────────────────────────────

STANDING_WORDS: Mapping[Standing, Word] = {
    Standing.NEEDS: Word(mark("to look at"), "warn", "bad"),
    Standing.WAITING: Word(mark("on the way"), "clock", "calm"),
    Standing.SENT: Word(mark("sent, not confirmed yet"), "inbox", "wait"),
    Standing.READY: Word(mark("all there"), "check", "good"),
    Standing.NOTHING: Word(mark("nothing to send"), "dash", "calm"),
    Standing.PERSON: Word(mark("looked after by a person"), "person", "calm"),
    Standing.CLOSED: Word(mark("closed"), "cross", "calm"),
}

SORT_WORDS: Mapping[str, str] = {
    "standing": mark("who needs somebody first"),
    "name": mark("by name"),
    "unit": mark("by unit"),
    "seen": mark("not seen for the longest time first"),
    "space": mark("least free space first"),
    "clock": mark("clock furthest off first"),
}

# ── The form of a station ──────────────────────────────────────────────────────────────────────

FIELD_WORDS: Mapping[str, str] = {
    "code": mark("Short name (code)"),
    "name": mark("Name of the station"),
    "unit_code": mark("Unit that it serves"),
    "technology": mark("Technology"),
    "kind": mark("What stands there"),
    "host": mark("Address"),
    "port": mark("SFTP port"),
    "username": mark("SFTP user"),
    "root": mark("Folder at the station"),
    "host_key": mark("Host key"),
    "profile": mark("Sound profile"),
    "phone": mark("Phone of the person to call"),
    "push_from": mark("Delivery window from"),
    "push_until": mark("Delivery window until"),
    "languages": mark("Languages (ISO 639, the first one first)"),
    "jump": mark("Jump host"),
    "link": mark("Shared link"),
    "lat": mark("Latitude"),
    "lon": mark("Longitude"),
    "notes": mark("Notes for the next technician"),
}

BOX_WORDS: Mapping[str, str] = {
    "player": mark("a box with our player: it proves what aired"),
    "folder": mark("a box of another make: files only"),
    "person": mark("no computer: a person brings and confirms"),
}

OUTCOME_WORDS: Mapping[str, Word] = {
    "refused": Word(mark("refused"), "cross", "bad"),
    "added": Word(mark("new"), "send", "good"),
    "changed": Word(mark("changed"), "half", "wait"),
    "unchanged": Word(mark("as it is"), "dash", "calm"),
}

# What the ledger says of a station, for the card.
HISTORY_WORDS: Mapping[str, str] = {
    "station_added": mark("added"),
    "station_changed": mark("changed"),
    "station_closed": mark("closed"),
    "station_opened": mark("opened again"),
    "station_installed": mark("box set up"),
    "host_key_accepted": mark("host key accepted"),
    "station_key_given_out": mark("key given out"),
    "station_key_rotation_begun": mark("change of keys begun"),
    "station_key_rotated": mark("change of keys finished: the box has the new key"),
    "station_key_rotation_given_up": mark("change of keys given up"),
    "delivery_retried": mark("sent again"),
    "delivery_postponed": mark("left in peace for a while"),
    "station_swept": mark("old files removed there"),
}


def problem_sentence(tr: Translator, problem: CellProblem) -> str:
    """What is wrong with a field of the form; the column is called as its label is."""
    reason: Said = problem.reason
    if "column" in reason.fields:
        label = tr.text(FIELD_WORDS[problem.column])
        reason = said(reason.msgid, **{**reason.fields, "column": label})
    return tr.text(reason.msgid, **reason.fields)
