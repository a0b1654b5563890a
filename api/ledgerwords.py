"""What stands in the ledger, in words: a sentence for each deed, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from api.i18n import Translator, mark
from api.words import ROLE_WORDS
from scheduler.store.models import LedgerEntry

# A test finds a deed that is recorded somewhere and has no sentence here.
DEEDS: Mapping[str, str] = {
    "air_rules_removed": mark("{who} took back what {subject} says of its air"),
    "air_rules_set": mark("{who} said when {subject} may be on air"),
    "airing_confirmed": mark("{who} said how it aired at {subject}"),
    "airing_contested": mark("{who} said otherwise than the player's log about {subject}"),
    "alert_cancelled": mark("{who} took in the cancellation of {subject}"),
    "alert_imported": mark("{who} took in {subject}"),
    "audit_found_loss": mark("{who} found something lost or changed on the disk of {subject}"),
    "days_planned": mark("{who} planned the days {subject}"),
    "delivery_postponed": mark("{who} postponed what was due for {subject}"),
    "delivery_retried": mark("{who} had it sent to {subject} again"),
    "draft_discarded": mark("{who} discarded the draft of {subject}"),
    "feed_added": mark("{who} made the secret address of {subject}"),
    "feed_revoked": mark("{who} closed the secret address of {subject}"),
    "host_key_accepted": mark("{who} accepted the host key of {subject}"),
    "jump_added": mark("{who} added the jump host {subject}"),
    "jump_key_accepted": mark("{who} accepted the host key of the jump host {subject}"),
    "jump_removed": mark("{who} removed the jump host {subject}"),
    "link_added": mark("{who} added the line {subject}"),
    "link_changed": mark("{who} changed the line {subject}"),
    "link_removed": mark("{who} removed the line {subject}"),
    "loa_initialised": mark("{who} began this Loa, with the administrator {subject}"),
    "log_collected": mark("{who} fetched the log of {subject}"),
    "notice_revived": mark("{who} had {subject} sent again"),
    "password_changed": mark("{who} changed the own password"),
    "password_chosen": mark("{who} chose a first password"),
    "person_added": mark("{who} added the person {subject}"),
    "person_closed": mark("{who} closed the access of {subject}"),
    "person_invited": mark("{who} invited {subject}"),
    "person_opened": mark("{who} opened the access of {subject} again"),
    "priority_ordered": mark("{who} decided the order of what collides in {subject}"),
    "programme_added": mark("{who} brought {subject}"),
    "programme_approved": mark("{who} approved {subject}"),
    "programme_changed": mark("{who} changed what {subject} is called or counted as"),
    "programme_checked": mark("{who} checked the sound of {subject}"),
    "programme_in_series": mark("{who} put {subject} into a series"),
    "programme_published": mark("{who} put {subject} on the public page"),
    "programme_rejected": mark("{who} returned {subject} to its editor"),
    "programme_resubmitted": mark("{who} handed in {subject} again"),
    "programme_spoken": mark("{who} had {subject} read by a voice"),
    "programme_trimmed": mark("{who} trimmed {subject}"),
    "programme_unpublished": mark("{who} took {subject} off the public page"),
    "programme_withdrawn": mark("{who} withdrew {subject}"),
    "recovery_code_used": mark("{subject} signed in with a recovery code"),
    "role_changed": mark("{who} gave {subject} another role or unit"),
    "second_factor_removed": mark("{who} removed the second factor of {subject}"),
    "second_factor_set": mark("{who} set up a second factor"),
    "secret_renewed": mark("{who} gave {subject} a new one-time secret"),
    "series_added": mark("{who} began the series {subject}"),
    "sign_in_ended": mark("{who} ended a sign-in of {subject}"),
    "sign_in_locked": mark(
        "Too many wrong passwords: the account {subject} was locked for a while"
    ),
    "slot_added": mark("{who} made {subject}"),
    "slot_day_changed": mark("{who} changed one day of {subject}"),
    "slot_day_restored": mark("{who} let a day of {subject} follow its rule again"),
    "slot_edited": mark("{who} changed {subject}"),
    "slot_removed": mark("{who} took {subject} out"),
    "station_added": mark("{who} added the station {subject}"),
    "station_closed": mark("{who} closed the station {subject}"),
    "station_opened": mark("{who} opened the station {subject} again"),
    "station_changed": mark("{who} changed the station {subject}"),
    "station_installed": mark("{who} installed the player at the station {subject}"),
    "station_key_given_out": mark("{who} took the key of the station {subject} out"),
    "station_key_rotated": mark("The station {subject} works with its new key"),
    "station_key_rotation_begun": mark("{who} began to change the key of the station {subject}"),
    "station_key_rotation_given_up": mark(
        "{who} gave up changing the key of the station {subject}"
    ),
    "station_swept": mark("{who} made room on the disk of {subject}"),
    "stations_imported": mark("{who} imported stations from {subject}"),
    "theme_added": mark("{who} added the theme {subject}"),
    "theme_ended": mark("{who} ended the theme {subject}"),
    "timetable_released": mark("{who} released the timetable: {subject}"),
    "timetable_restored": mark("{who} put the timetable back to an earlier release: {subject}"),
    "token_issued": mark("{who} made a token for a program of {subject}"),
    "token_revoked": mark("{who} ended a token of {subject}"),
    "unit_event_recorded": mark("{who} wrote down a change of the map of units: {subject}"),
    "units_imported": mark("{who} imported units from {subject}"),
    "urgent_drilled": mark("{who} ordered a drill: {subject}"),
    "urgent_issued": mark("{who} put on air at once: {subject}"),
    "urgent_withdrawn": mark("{who} took back {subject}"),
    "variant_said": mark("{who} said that {subject} is another language of a programme"),
}

# What the first word of a subject says that it is, and where it is looked at.
_THINGS: Mapping[str, str] = {
    "programme": mark("programme {id}"),
    "slot": mark("slot {id}"),
    "unit": mark("unit {id}"),
    "feed": mark("calendar {id}"),
    "release": mark("release {id}"),
    "notice": mark("notice {id}"),
    "bulletin": mark("urgent bulletin {id}"),
    "alert": mark("alert {id}"),
    "station": mark("station {id}"),
}
_PLACES = {"programme": "/programmes/{id}", "bulletin": "/urgent/{id}"}

_FIELDS: Mapping[str, str] = {
    "added": mark("added:"),
    "after": mark("after:"),
    "aired": mark("was heard:"),
    "before": mark("before:"),
    "cancelled": mark("cancelled:"),
    "changed": mark("changed:"),
    "count": mark("how many:"),
    "days": mark("days:"),
    "expires_at": mark("works until:"),
    "kind": mark("kind:"),
    "label": mark("for whom:"),
    "lines": mark("lines:"),
    "rejected": mark("unreadable lines:"),
    "minutes": mark("minutes:"),
    "name": mark("name:"),
    "note": mark("note:"),
    "on": mark("day:"),
    "order_by": mark("in the order of:"),
    "reason": mark("reason:"),
    "role": mark("role:"),
    "scopes": mark("may:"),
    "series": mark("series:"),
    "slots": mark("slots:"),
    "stations": mark("stations:"),
    "title": mark("title:"),
    "unit": mark("unit:"),
    "units": mark("units:"),
    "to_call": mark("to call:"),
    "valid_to": mark("last day:"),
    "episode": mark("episode:"),
    "to": mark("to:"),
    "of": mark("of:"),
    "starts_at": mark("starts at:"),
    "rrule": mark("rule:"),
    "programme": mark("programme:"),
    "text": mark("text:"),
    "ended": mark("ended:"),
    "engine": mark("voice:"),
    "headline": mark("headline:"),
    "sender": mark("sender:"),
    "until": mark("until:"),
    "freed_bytes": mark("bytes freed:"),
    "address": mark("address:"),
    "basis": mark("decision:"),
    "destination": mark("where:"),
    "events": mark("changes written down:"),
    "host_key": mark("host key:"),
    "is_chained": mark("the chain is whole:"),
    "is_next": mark("the next key:"),
    "kbps": mark("kbit/s:"),
    "max_sessions": mark("connections at once:"),
    "next_number": mark("number of the next key:"),
    "number": mark("number:"),
    "parts": mark("parts of files:"),
    "people": mark("people:"),
    "proved": mark("proved:"),
    "renditions": mark("renditions:"),
    "sha256": mark("SHA-256:"),
    "token": mark("token:"),
    "unknown": mark("places not found:"),
}
_LETTERS = 200  # of one value: a list of a hundred stations is counted, not shown


def deed(tr: Translator, entry: LedgerEntry, names: Mapping[str, str] = {}) -> str:
    """
    What was done, as a sentence.

    Args:
        names: of people, by their user names.
    """
    who = names.get(entry.who, "Loa" if entry.who == "loa" else entry.who)
    about = names.get(entry.subject, subject(tr, entry.subject))
    if entry.what not in DEEDS:  # of a newer or an older Loa
        told = {"what": entry.what.replace("_", " "), "subject": about}
        return tr.text(mark("{who}: {what}, {subject}"), who=who, **told)
    return tr.text(DEEDS[entry.what], who=who, subject=about)


def kind(tr: Translator, what: str) -> str:
    """What a deed is called in a list to choose from: its sentence without names."""
    if what not in DEEDS:
        return what.replace("_", " ")
    said = tr.text(DEEDS[what], who="", subject="…").strip()
    return said[:1].upper() + said[1:]


def noted(entry: LedgerEntry) -> str:
    """What the person wrote to it."""
    return str(entry.detail.get("note") or entry.detail.get("reason") or "")


def subject(tr: Translator, text: str) -> str:
    """``programme 7`` in the reader's words; a name stays what it is."""
    thing, _, number = text.partition(" ")
    return tr.text(_THINGS[thing], id=number) if thing in _THINGS and number else text


def address_of(entry: LedgerEntry) -> str | None:
    """The page of what it is about, where it has one of its own."""
    thing, _, number = entry.subject.partition(" ")
    place = _PLACES.get(thing)
    return place.format(id=quote(number)) if place and number.isdecimal() else None


def details(tr: Translator, entry: LedgerEntry) -> list[tuple[str, str]]:
    """What else was written down: its name in words, where it has one, and the value."""
    return [
        (tr.text(_FIELDS[name]) if name in _FIELDS else f"{name}:", _shown(tr, name, value))
        for name, value in entry.detail.items()
        if value not in (None, "", [], {})
    ]


def _shown(tr: Translator, name: str, value: Any) -> str:
    if name == "role" and value in ROLE_WORDS:
        return tr.text(ROLE_WORDS[value])
    if isinstance(value, bool):
        return tr.text(mark("it is so") if value else mark("it is not so"))
    if isinstance(value, list):
        value = ", ".join(str(one) for one in value)
    text = str(value)
    return text if len(text) <= _LETTERS else text[:_LETTERS] + " …"
