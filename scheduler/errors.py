"""What the core refuses, sorted by who must act next.

As at the edges, the docstring of a class is the sentence that a person reads, its ``{fields}`` are
filled from the keyword arguments, and the message catalogues translate it whole.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Said:
    """A part of a sentence that has fields of its own; translated where it is shown."""

    msgid: str
    fields: Mapping[str, object]

    def __str__(self) -> str:
        return self.msgid.format_map(self.fields)


def said(msgid: str, **fields: object) -> Said:
    return Said(msgid, fields)


class CoreError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "core_error"
    retry: ClassVar[bool] = False

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        super().__init__(fields)

    def __str__(self) -> str:
        return (inspect.getdoc(type(self)) or "").format_map(self.fields)


def said_of(error: CoreError) -> Said:
    """An error as a part of another sentence."""
    return Said(" ".join((inspect.getdoc(type(error)) or "").split()), error.fields)


# ── The person who installed Loa acts ──────────────────────────────────────────────────────────


class RelayHostUnknown(CoreError):
    """Live relays may not come from {host}. Write it into [relay] hosts of the settings first."""

    code = "relay_host_unknown"


class ConfigInvalid(CoreError):
    """{path} cannot be used: {problems}"""

    code = "config_invalid"


class NotInitialised(CoreError):
    """There is no Loa in {data} yet. Run "loa init" first."""

    code = "not_initialised"


class AlreadyInitialised(CoreError):
    """{data} holds a Loa already. Nothing was changed."""

    code = "already_initialised"


class DatabaseDown(CoreError):
    """The database at {url} does not answer: {detail}. Start it, then try again."""

    code = "database_down"
    retry = True


class DatabaseDamaged(CoreError):
    """The database at {url} is damaged: {detail}. Stop Loa and restore the last backup."""

    code = "database_damaged"


class DatabaseBusy(CoreError):
    """The database is busy with another writer. Nothing was changed; try again."""

    code = "database_busy"
    retry = True


class SchemaDiffers(CoreError):
    """The database is at revision {found}, this program needs {needed}. Run: loa init --upgrade"""

    code = "schema_differs"


class DataNotWritable(CoreError):
    """{path} cannot be written: {detail}. Make room or change its rights, then try again."""

    code = "data_not_writable"


class SecretMissing(CoreError):
    """The secret file {path} is missing. Restore it from the backup: no station obeys without."""

    code = "secret_missing"


class SecretExposed(CoreError):
    """The secret file {path} can be read by others. Run: chmod 600 {path}"""

    code = "secret_exposed"


class PortInUse(CoreError):
    """Port {port} on {host} is used by another program. Stop it or choose another with --port."""

    code = "port_in_use"


# ── The next try acts ──────────────────────────────────────────────────────────────────────────


class LeaseLost(CoreError):
    """Another worker took over this delivery, or a newer plan replaced it. This one stops."""

    code = "lease_lost"
    retry = True


class Stopped(CoreError):
    """Loa was stopped while this was being sent. It goes on from there at the next start."""

    code = "stopped"
    retry = True


class DayOver(CoreError):
    """The day that was being sent is over. The days after it are sent next."""

    code = "day_over"
    retry = True


class RenditionMissing(CoreError):
    """The encoded file {name} is missing here. Restore it, or encode the programme again."""

    code = "rendition_missing"


class CapRefused(CoreError):
    """This alert cannot be taken in: {problem}."""

    code = "cap_refused"


# ── The person who gave the input acts ─────────────────────────────────────────────────────────


class InputInvalid(CoreError):
    """{problem}"""

    code = "input_invalid"


class KeyTaken(CoreError):
    """The idempotency key {key} was used for another request. Give each one a key of its own."""

    code = "key_taken"


class AnswerPending(CoreError):
    """The same request is being answered at this moment. Ask again in a few seconds."""

    code = "answer_pending"
    retry = True


class OtherFingerprint(CoreError):
    """{station} shows {seen}, not the fingerprint that was given. Nothing was accepted."""

    code = "other_fingerprint"


class NotFound(CoreError):
    """There is no {what} "{key}"."""

    code = "not_found"


class AlreadyExists(CoreError):
    """There is a {what} "{key}" already. Nothing was changed."""

    code = "already_exists"


class LinkInUse(CoreError):
    """The link {name} still carries {count} stations. Move them to another link first."""

    code = "link_in_use"


class JumpInUse(CoreError):
    """Behind the jump host {name} stand {count} stations still. Give them another way first."""

    code = "jump_in_use"


class RowProblem(CoreError):
    """Line {line}: {reason}"""

    code = "row_problem"


class FileRefused(CoreError):
    """There are {count} problems in {name}. Nothing was imported."""

    code = "file_refused"

    def __init__(self, *, name: str, problems: list[RowProblem]) -> None:
        self.problems = problems
        super().__init__(name=name, count=len(problems))


class PreviewOutdated(CoreError):
    """Something was changed meanwhile: it would do other things now. Look at it again."""

    code = "preview_outdated"


class StationMovedOn(CoreError):
    """Somebody else changed {station} while you were writing. Compare, choose and save again."""

    code = "station_moved_on"


class LinkMovedOn(CoreError):
    """Somebody else changed the link {name} meanwhile. Look at it again, then save."""

    code = "link_moved_on"


class PersonMovedOn(CoreError):
    """{person} was changed by {who} at {at} while you worked on it. Nothing of yours is saved."""

    code = "person_moved_on"


class StationCellsInvalid(CoreError):
    """{station} cannot be like this: {problem}"""

    code = "station_invalid"

    def __init__(self, *, station: str, problems: Collection[Any]) -> None:
        self.problems = tuple(problems)  # scheduler.stationrows.CellProblem
        super().__init__(station=station, problem=self.problems[0].reason)


class WrongEncoding(CoreError):
    """The file {name} is not UTF-8 (byte {position}). Save it as "CSV UTF-8" and try again."""

    code = "wrong_encoding"


class SlotRefused(CoreError):
    """This slot cannot stand so in the timetable."""

    code = "slot_refused"

    def __init__(self, *, stations: Collection[int] = (), **fields: Any) -> None:
        self.stations = frozenset(stations)  # where
        self.problems: tuple[SlotRefused, ...] = ()  # this one and what else stands in the way
        self.fixes: tuple[Any, ...] = ()  # scheduler.slotfixes.Fix: what would help
        super().__init__(**fields)


class SlotChanged(CoreError):
    """{slot} was changed by {who} at {at} while you worked on it. Nothing of yours is saved."""

    code = "slot_changed"


class SlotsOverlap(SlotRefused):
    """This slot overlaps "{other}" at {station} on {on}: {starts}-{ends}. Choose another time."""

    code = "slots_overlap"


class ReleaseOverlaps(SlotRefused):
    """Released, "{slot}" overlaps "{other}" on air at {station} on {on}: {starts}-{ends}."""

    code = "release_overlaps"


class ReleaseBreaksRules(SlotRefused):
    """Released, "{slot}" breaks a rule of the air beside what stays on air. {problem}"""

    code = "release_breaks_rules"


class OutsideWindow(SlotRefused):
    """At {station} programmes air only at {windows}; this would air on {on}: {starts}-{ends}."""

    code = "outside_window"


class WindowOfOthers(SlotRefused):
    """The time {window} at {station} belongs to the {level}, and this slot is of the {mine}."""

    code = "window_of_others"


class SessionTooLong(SlotRefused):
    """The session of {starts} on {on} at {station} would last {minutes} minutes; {limit} may."""

    code = "session_too_long"


class TooManySessions(SlotRefused):
    """At {station} there would be {count} sessions on {on}; {limit} a day are allowed."""

    code = "too_many_sessions"


class RuleInvalid(CoreError):
    """The rule "{rule}" cannot be used: {detail}."""

    code = "rule_invalid"


class FourEyes(CoreError):
    """{who} uploaded this programme, so another person must approve it."""

    code = "four_eyes"


class SealBroken(CoreError):
    """
    The second factor cannot be read: the master secret is not the one with which it was set up.

    Use a recovery code, or let an administrator remove the second factor (loa person factor-off).
    """

    code = "seal_broken"


class MustSetSecondFactor(CoreError):
    """Your role needs a second factor. Set it up on the page of your account first."""

    code = "must_set_second_factor"


class TokenTooWide(CoreError):
    """This token cannot give {scopes}: it does not have that itself. Make the token on the page."""

    code = "token_too_wide"


class NotAllowed(CoreError):
    """{who} may not do this: it needs the role {role}."""

    code = "not_allowed"


class WrongState(CoreError):
    """{what} is {state}: this cannot be done now."""

    code = "wrong_state"


class TooManyUploads(CoreError):
    """You have {count} unfinished uploads. Finish or discard one of them first."""

    code = "too_many_uploads"


class NoRoomForUpload(CoreError):
    """There is room for {free_mib} MiB, this file has {needed_mib}. Ask for room on the disk."""

    code = "no_room_for_upload"


class UploadUnfinished(CoreError):
    """Of {file_name} only {percent} % arrived. Pick the same file again and it goes on."""

    code = "upload_unfinished"


class CheckGaveUp(CoreError):
    """The check of this file broke off {tries} times. Bring it again, or ask the technician."""

    code = "check_gave_up"


class ProgrammeRefused(CoreError):
    """"{title}" was refused: {findings}"""  # fmt: skip

    code = "programme_refused"


# ── People ─────────────────────────────────────────────────────────────────────────────────────


class SignInRefused(CoreError):
    """The user name or the password is wrong. Look at both and try again."""

    code = "sign_in_refused"


class CodeRefused(CoreError):
    """This code is wrong, used already, or too old. Wait for the next one and type that."""

    code = "code_refused"


class InvitationOver(CoreError):
    """This invitation was used or is too old. Ask your administrator for a new one."""

    code = "invitation_over"


class TooManySignIns(CoreError):
    """Too many tries. Wait {minutes} minutes, or ask the administrator for a new secret."""

    code = "too_many_sign_ins"
    retry = True


class PasswordTooWeak(CoreError):
    """The new password needs {at_least} letters or more, and may not be the name or the old one."""

    code = "password_too_weak"


class OutsideUnit(CoreError):
    """{who} works for {unit}; this belongs to another place."""

    code = "outside_unit"


# ── Notices: the next try acts, or the person who set them up ──────────────────────────────────


class MailServerDown(CoreError):
    """The mail server {host}:{port} does not take the message now: {detail}. Loa tries again."""

    code = "mail_server_down"
    retry = True


class MailRefused(CoreError):
    """The mail server {host}:{port} refuses: {detail}. Look at [mail] and the address."""

    code = "mail_refused"


class WebhookDown(CoreError):
    """The address at {host} does not answer as it should: {detail}. Loa tries again."""

    code = "webhook_down"
    retry = True


class WebhookRefused(CoreError):
    """The address at {host} answers {status}. Look at the address in [notice]."""

    code = "webhook_refused"
