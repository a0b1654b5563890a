"""What the face itself refuses; as everywhere, the docstring is what a person reads."""

from __future__ import annotations

from http import HTTPStatus

from api.i18n import LoaError
from scheduler import errors as core
from scheduler.errors import CoreError, RowProblem


class NotSignedIn(CoreError):
    """Sign in first."""

    code = "not_signed_in"


class NoRoomToSignIn(CoreError):
    """Nobody new can sign in: {detail}. Whoever is signed in still reads everything. Ask the
    technician to make room on the server's disk, then sign in again."""

    code = "no_room_to_sign_in"
    retry = True


class MustChangePassword(CoreError):
    """Choose a password of your own first; the one-time secret works only once."""

    code = "must_change_password"


class TokenRefused(CoreError):
    """This token opens nothing: it is wrong, was revoked or is over. Ask for a new one."""

    code = "token_refused"


class TokenScope(CoreError):
    """This token is not for that: it needs the scope {scope}. Ask for a token that has it."""

    code = "token_scope"


class ProgramGivesNoAdministrator(CoreError):
    """Only a program that may do everything opens the way for an administrator. Use the page."""

    code = "program_gives_no_administrator"


class ForeignForm(CoreError):
    """This form is too old or comes from another page. Open the page again and send it anew."""

    code = "foreign_form"


class UploadTooLarge(CoreError):
    """The file is larger than {limit}. Export it as MP3 or FLAC and upload that."""

    code = "upload_too_large"


class UploadOffsetWrong(CoreError):
    """These bytes do not follow the {here} bytes that are here. Pick the same file again."""

    code = "upload_offset_wrong"
    retry = True


class UploadVersionUnknown(CoreError):
    """Uploads speak version {version} of tus here. Reload the page and pick the file again."""

    code = "upload_version_unknown"


class FormUnreadable(CoreError):
    """What was sent cannot be read: {detail}. Open the page again and send it once more."""

    code = "form_unreadable"


class FormTooLarge(CoreError):
    """This form holds more than {limit}. Shorten what you typed, or send it in parts."""

    code = "form_too_large"


class EventProblem(RowProblem):
    """{event}: {reason}"""

    code = "event_problem"


class SlotGone(CoreError):
    """This slot was taken out of the timetable meanwhile. What you typed is kept: add it anew."""

    code = "slot_gone"


class NoCalendar(CoreError):
    """{name} is no calendar (.ics) that can be read: {detail}."""

    code = "no_calendar"


class PageMissing(CoreError):
    """There is nothing at this address. It may have been mistyped or moved."""

    code = "page_missing"


class Unexpected(CoreError):
    """Something went wrong inside Loa. It was written down; nothing that you sent was lost."""

    code = "unexpected"


class NothingSaved(CoreError):
    """Nothing was saved: {detail}. What was saved before can still be read. Ask the technician to
    look at the server's disk, then go back with the browser's own button and send it again: what
    you typed still stands there."""

    code = core.DataNotWritable.code
    retry = True


class NothingRead(CoreError):
    """Loa cannot read its data now. The stations play on by themselves. Tell the technician, then
    open the page again."""

    code = core.DatabaseDown.code
    retry = True


class DataDamaged(NothingRead):
    """Loa's data is damaged. The stations play on by themselves. Tell the technician at once; what
    is in the last backup comes back."""

    code = core.DatabaseDamaged.code
    retry = False


def in_readers_words(error: LoaError) -> LoaError:
    """What is wrong with the server, without its paths, for who stands before a page."""
    if isinstance(error, core.DataNotWritable):
        return NothingSaved(detail=error.fields["detail"])
    if isinstance(error, core.DatabaseDown):
        return NothingRead()
    return DataDamaged() if isinstance(error, core.DatabaseDamaged) else error


_STATUS: dict[type[CoreError], HTTPStatus] = {
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    NoRoomToSignIn: HTTPStatus.SERVICE_UNAVAILABLE,
    MustChangePassword: HTTPStatus.FORBIDDEN,
    TokenRefused: HTTPStatus.UNAUTHORIZED,
    TokenScope: HTTPStatus.FORBIDDEN,
    ProgramGivesNoAdministrator: HTTPStatus.FORBIDDEN,
    ForeignForm: HTTPStatus.FORBIDDEN,
    UploadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UploadOffsetWrong: HTTPStatus.CONFLICT,
    UploadVersionUnknown: HTTPStatus.PRECONDITION_FAILED,
    FormTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    FormUnreadable: HTTPStatus.BAD_REQUEST,
    SlotGone: HTTPStatus.GONE,
    PageMissing: HTTPStatus.NOT_FOUND,
    Unexpected: HTTPStatus.INTERNAL_SERVER_ERROR,
    core.AlreadyExists: HTTPStatus.CONFLICT,
    core.AnswerPending: HTTPStatus.CONFLICT,
    core.KeyTaken: HTTPStatus.CONFLICT,
    core.DataNotWritable: HTTPStatus.INSUFFICIENT_STORAGE,
    core.DatabaseBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    core.DatabaseDamaged: HTTPStatus.SERVICE_UNAVAILABLE,
    core.DatabaseDown: HTTPStatus.SERVICE_UNAVAILABLE,
    core.FourEyes: HTTPStatus.FORBIDDEN,
    core.NoRoomForUpload: HTTPStatus.INSUFFICIENT_STORAGE,
    core.LinkMovedOn: HTTPStatus.CONFLICT,
    core.MustSetSecondFactor: HTTPStatus.FORBIDDEN,
    core.NotAllowed: HTTPStatus.FORBIDDEN,
    core.NotFound: HTTPStatus.NOT_FOUND,
    core.OutsideUnit: HTTPStatus.FORBIDDEN,
    core.PreviewOutdated: HTTPStatus.CONFLICT,
    core.SignInRefused: HTTPStatus.UNAUTHORIZED,
    core.SlotChanged: HTTPStatus.PRECONDITION_FAILED,
    core.PersonMovedOn: HTTPStatus.PRECONDITION_FAILED,
    core.SlotRefused: HTTPStatus.CONFLICT,
    core.StationMovedOn: HTTPStatus.CONFLICT,
    core.TokenTooWide: HTTPStatus.FORBIDDEN,
    core.TooManySignIns: HTTPStatus.TOO_MANY_REQUESTS,
    core.TooManyUploads: HTTPStatus.TOO_MANY_REQUESTS,
    core.UploadUnfinished: HTTPStatus.CONFLICT,
    core.WrongState: HTTPStatus.CONFLICT,
}


def status_of(error: Exception) -> HTTPStatus:
    """The HTTP status of an error; what a person typed or brought wrongly is 422."""
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return HTTPStatus.UNPROCESSABLE_ENTITY
