"""Why an airing is not ready, and what to do next; as sentences, for every face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.i18n import Translator, mark
from api.words import Word, delivery_error
from scheduler.readiness import Level, Readiness

LEVELS: Mapping[Level, Word] = {
    Level.READY: Word(mark("everything is there"), "check", "good"),
    Level.WAITING: Word(mark("not ready yet"), "clock", "wait"),
    Level.NOT_READY: Word(mark("not ready"), "cross", "bad"),
    Level.BY_HAND: Word(mark("no computer there"), "phone", "calm"),
}


@dataclass(frozen=True)
class Why:
    """A reason and the next step."""

    reason: str
    step: str


_SEND = mark("Send it again, or call the station.")
_WAIT = mark("It goes on by itself. Look again in some minutes.")
_REPLACE = mark("Put an approved programme into the slot.")
_ASK = mark("Call the station: is the box switched on?")

WHY: Mapping[str, Why] = {
    "ready": Why(mark("The station has read every file and found it right."), ""),
    "by_hand": Why(
        mark("Nobody but a person can say that it is there."),
        mark("Call before it airs, and confirm afterwards."),
    ),
    "programme_uploaded": Why(mark("The programme is not approved."), _REPLACE),
    "programme_measuring": Why(mark("The programme is not approved."), _REPLACE),
    "programme_ready": Why(mark("The programme is not approved."), _REPLACE),
    "programme_rejected": Why(mark("The programme was returned to its editor."), _REPLACE),
    "programme_withdrawn": Why(mark("The programme was withdrawn."), _REPLACE),
    "programme_expired": Why(mark("The programme has expired."), _REPLACE),
    "no_rendition": Why(
        mark("The programme was never encoded for the sound profile of this station."),
        mark("Add the profile to the settings, or give the station another one."),
    ),
    "encoding_failed": Why(
        mark("The programme could not be encoded."),
        mark("Look at the programme's page, and upload it anew if need be."),
    ),
    "being_encoded": Why(mark("The programme is still being encoded."), _WAIT),
    "no_host_key": Why(
        mark("The host key of the station was never accepted, so nothing is sent."),
        mark("The technician compares it: loa station probe"),
    ),
    "clock_wrong": Why(
        mark("The clock of the station is wrong by more than five minutes."),
        mark("Call the station and have the clock set."),
    ),
    "no_delivery": Why(
        mark("Nobody planned the delivery of this day."), mark("Plan the days again: loa plan")
    ),
    "failed": Why(mark("It could not be sent."), _SEND),
    "being_sent": Why(mark("It is being sent."), _WAIT),
    "waiting": Why(
        mark("It waits to be sent."),
        mark("It goes out in the station's window. Send it at once if that is too late."),
    ),
    "window_closed": Why(
        mark("It was not sent, and the station's window does not open again before."),
        mark("Send it at once, outside the window."),
    ),
    "changed": Why(
        mark("The day was changed after it was sent."), mark("Plan the days again: loa plan")
    ),
    "not_in_day": Why(
        mark("The programme does not stand in the day that was sent."),
        mark("Plan the days again: loa plan"),
    ),
    "wrong_there": Why(mark("The station found the file damaged or missing."), _SEND),
    "not_confirmed": Why(
        mark("It was sent, but the station has not said that it checked it."), _ASK
    ),
    "says_nothing": Why(
        mark("It was sent, but this kind of station confirms nothing."),
        mark("Call the station: does LICH_PHAT.txt show today's programmes?"),
    ),
    "silent": Why(
        mark("The station has the programme, but it has not been seen for a long time."), _ASK
    ),
}


def reason_of(tr: Translator, row: Readiness) -> str:
    """Why it stands so; an error of the delivery in its own sentence."""
    if row.code == "failed" and row.delivery is not None and row.delivery.error_code:
        return delivery_error(tr, row.delivery)
    return tr.text(WHY[row.code].reason)


def step_of(tr: Translator, row: Readiness) -> str:
    """What to do next; empty where nothing has to be done."""
    step = WHY[row.code].step
    return tr.text(step) if step else ""
