"""Programmes: brought, measured, approved by a second person, encoded for the stations."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from audio.findings import Finding
from audio.measure import Facts, measure
from audio.peaks import peaks
from audio.spelling import repair
from scheduler import people, renditions
from scheduler.errors import AlreadyExists, FourEyes, InputInvalid, NotFound, WrongState, said
from scheduler.hub import Hub
from scheduler.intake import Incoming, incoming
from scheduler.renditions import Progress
from scheduler.store import ledger
from scheduler.store.db import lock
from scheduler.store.models import Person, Programme
from scheduler.store.states import ProgrammeState, move
from scheduler.text import has_words, one_line

CLASSES = ("normal", "priority", "urgent")
PLAN_GROUPS = ("communication", "information")

# What may still be changed: nobody has let it on air.
OPEN_PROGRAMMES = (
    ProgrammeState.UPLOADED,
    ProgrammeState.MEASURING,
    ProgrammeState.READY,
    ProgrammeState.REJECTED,
)
UPLOADERS = ("editor", "approver", "commune", "district")
_ARCHIVE_LOCK = 0x4D5354  # "MST": one file at a time enters the archive


@dataclass(frozen=True)
class ProgrammeDetails:
    """What a person says about a programme, checked; without a title the file's own is taken."""

    title: str = ""
    programme_class: str = "normal"
    language: str = "vi"
    theme: str | None = None
    genre: str | None = None
    plan_group: str = "communication"
    expires_on: date | None = None
    not_before: date | None = None  # the first day on which it may air

    def __post_init__(self) -> None:
        title = unicodedata.normalize("NFC", self.title).strip()
        object.__setattr__(self, "title", title)
        if len(title) > 200 or not title.isprintable():
            raise InputInvalid(problem="a title has 1 to 200 letters, on one line")
        if self.programme_class not in CLASSES:
            raise InputInvalid(
                problem=said("the class is one of {choices}", choices=", ".join(CLASSES))
            )
        if self.plan_group not in PLAN_GROUPS:
            raise InputInvalid(
                problem=said("the group is one of {choices}", choices=", ".join(PLAN_GROUPS))
            )
        if not (2 <= len(self.language) <= 8 and self.language.isalpha()):
            raise InputInvalid(problem="the language is a code like vi, or ISO 639-3 like tay")


def add_programme(
    hub: Hub,
    file: Path,
    details: ProgrammeDetails,
    *,
    by: Person,
    file_name: str | None = None,
    progress: Progress | None = None,
) -> Programme:
    """
    Bring a file into the archive and measure it to its end.

    The programme is ``ready`` for a second person, or ``rejected`` with findings that say why.

    Raises:
        InputInvalid: no file, empty, too large, or its last day is over.
        AlreadyExists: the same bytes are in the archive.
        AudioError: it is not sound at all. Nothing was kept.
    """
    people.require_role(by, *UPLOADERS)
    refuse_over(hub, details.expires_on)
    with incoming(file, hub.tmp, max_bytes=hub.settings.programmes.max_bytes) as brought:
        with hub.database.read() as session:
            refuse_duplicate(session, brought.sha256)
        facts = measure(brought.path, progress=progress)
        heights = peaks(brought.path)
        brought.keep_as(hub.masters / brought.sha256)
        with hub.database.write() as session:
            programme = remember(hub, session, brought, details, by, file_name or file.name)
            judged(hub, session, programme, facts, heights)
    return programme


def refuse_over(hub: Hub, last_day: date | None) -> None:
    """
    Raises:
        InputInvalid: that day is over: what may air until then would never air.
    """
    if last_day is not None and last_day < hub.today():
        raise InputInvalid(problem="the last day is over already")


def approve(hub: Hub, programme_id: int, *, by: Person) -> Programme:
    """
    A second person lets a programme on air; its renditions are due from now.

    Raises:
        FourEyes: the person who brought it may not.
        NotAllowed, WrongState, NotFound.
    """
    people.require_role(by, "approver")
    with hub.database.write() as session:
        programme = get_programme(session, programme_id, locked=True)
        if programme.uploaded_by == by.id:
            raise FourEyes(who=by.full_name)
        move(programme, ProgrammeState.APPROVED)
        programme.approved_by, programme.approved_at = by.id, hub.clock.now()
        renditions.make_due(hub, session, programme)
        note(hub, session, "programme_approved", programme, by.username)
    return programme


def reject(hub: Hub, programme_id: int, *, by: Person, reason: str) -> Programme:
    """Send a programme back to its editor, with the reason."""
    people.require_role(by, "approver")
    return _leave(hub, programme_id, ProgrammeState.REJECTED, by, reason)


def resubmit(hub: Hub, programme_id: int, *, by: Person) -> Programme:
    """
    What was returned and mended waits for an approver again, who reads what was wrong with it.

    Raises:
        InputInvalid: the sound itself cannot air, so it needs another file.
        NotAllowed: somebody else brought it, and this person is no editor.
    """
    with hub.database.write() as session:
        programme = get_programme(session, programme_id, locked=True)
        _require_own(programme, by)
        if programme.facts is None or Facts.from_json(programme.facts).is_refused:
            raise InputInvalid(problem="this sound cannot air; bring a corrected file")
        move(programme, ProgrammeState.READY)
        renditions.make_due(hub, session, programme)
        note(hub, session, "programme_resubmitted", programme, by.username)
    return programme


def change_details(
    hub: Hub, programme_id: int, details: ProgrammeDetails, *, by: Person
) -> Programme:
    """
    Say anew what a programme is; after its approval it stays as the approver heard of it.

    Raises:
        NotAllowed: somebody else brought it, and this person is no editor.
        WrongState: it is approved or gone.
        InputInvalid: its new last day is over already.
    """
    with hub.database.write() as session:
        programme = get_programme(session, programme_id, locked=True)
        _require_own(programme, by)
        _require_open(programme)
        if not details.title:
            raise InputInvalid(problem="a title has 1 to 200 letters, on one line")
        changed = {k: v for k, v in vars(details).items() if getattr(programme, k) != v}
        refuse_over(hub, changed.get("expires_on"))
        for name, value in changed.items():
            setattr(programme, name, value)
        if changed:
            note(hub, session, "programme_changed", programme, by.username,
                 fields=", ".join(changed))  # fmt: skip
    return programme


def trim(
    hub: Hub, programme_id: int, start_ms: int | None, end_ms: int | None, *, by: Person
) -> Programme:
    """
    Keep only a part of the master on air; the master itself stays whole.

    Raises:
        InputInvalid: nothing or less than a second would be left.
        NotAllowed, WrongState: as :func:`change_details`.
    """
    with hub.database.write() as session:
        programme = get_programme(session, programme_id, locked=True)
        _require_own(programme, by)
        _require_open(programme)
        end = programme.ms or 0
        first, last = start_ms or 0, end_ms if end_ms is not None else end
        if not 0 <= first <= last - 1000 <= end - 1000:
            raise InputInvalid(problem="what is kept must be a second or more, within the sound")
        programme.trim_start_ms = first or None
        programme.trim_end_ms = last if last < end else None
        renditions.make_anew(hub, session, programme)
        note(hub, session, "programme_trimmed", programme, by.username,
             start_ms=str(first), end_ms=str(last))  # fmt: skip
    return programme


def withdraw(hub: Hub, programme_id: int, *, by: Person, reason: str) -> Programme:
    """Take a programme off the air; the next planning takes it out of every future day."""
    people.require_role(by, "approver", "editor")
    return _leave(hub, programme_id, ProgrammeState.WITHDRAWN, by, reason)


def get_programme(session: Session, programme_id: int, *, locked: bool = False) -> Programme:
    """
    The programme; ``locked`` against another who decides about it (PostgreSQL).

    Raises:
        NotFound: there is none.
    """
    programme = session.get(Programme, programme_id, with_for_update=locked or None)
    if programme is None:
        raise NotFound(what="programme", key=programme_id)
    return programme


def of_upload(session: Session, upload_id: str) -> Programme | None:
    """What was made of an upload, if it was."""
    return session.scalar(select(Programme).where(Programme.upload_id == upload_id))


def title_of_file(name: str) -> str:
    """A title for want of a better one, in letters that can be read today."""
    return one_line(repair(Path(name).stem.replace("_", " ")), 200) or "?"


def list_programmes(
    session: Session, *, state: ProgrammeState | None = None, search: str | None = None
) -> list[Programme]:
    """Programmes, newest first; the search ignores tones and capitals."""
    statement = (
        select(Programme)
        .options(selectinload(Programme.renditions), selectinload(Programme.uploader))
        .order_by(Programme.id.desc())
    )
    if state is not None:
        statement = statement.where(Programme.state == state)
    found = list(session.scalars(statement))
    return [programme for programme in found if has_words([programme.title], search or "")]


# ── Bringing ───────────────────────────────────────────────────────────────────────────────────


def refuse_duplicate(session: Session, sha256: str) -> None:
    """
    Raises:
        AlreadyExists: the same bytes are in the archive, and were not returned.
    """
    lock(session, _ARCHIVE_LOCK)
    same = session.scalar(
        select(Programme).where(
            Programme.sha256 == sha256, Programme.state != ProgrammeState.REJECTED
        )
    )
    if same is not None:
        raise AlreadyExists(what="programme", key=same.title)


def remember(
    hub: Hub, session: Session, brought: Incoming, details: ProgrammeDetails, by: Person, name: str
) -> Programme:
    """The row of a file that came in and was not judged yet."""
    refuse_duplicate(session, brought.sha256)  # once more: two may bring it at the same moment
    programme = Programme(
        **{**vars(details), "title": details.title or title_of_file(name)},
        file_name=unicodedata.normalize("NFC", Path(name).name)[:255],
        sha256=brought.sha256,
        size_bytes=brought.size_bytes,
        state=ProgrammeState.UPLOADED,
        uploaded_by=by.id,
        uploaded_at=hub.clock.now(),
    )
    session.add(programme)
    session.flush()
    note(hub, session, "programme_added", programme, by.username, sha256=programme.sha256)
    return programme


def judged(
    hub: Hub, session: Session, programme: Programme, facts: Facts, heights: list[float]
) -> None:
    """What the check found decides whether it waits for a second person or for its editor."""
    too_long = facts.ms > hub.settings.programmes.max_minutes * 60_000
    facts = _compared(session, programme, facts)
    _guess(programme, facts.tags)
    programme.pcm_sha256 = None if facts.is_refused else facts.pcm_sha256
    programme.ms, programme.lufs = facts.ms, facts.lufs
    programme.facts, programme.peaks = facts.to_json(), list(heights)
    refused = facts.is_refused or too_long
    move(programme, ProgrammeState.REJECTED if refused else ProgrammeState.READY)


def _compared(session: Session, programme: Programme, facts: Facts) -> Facts:
    """A finding for the editor where other bytes hold the very same sound."""
    same = session.scalar(
        select(Programme.id)
        .where(
            Programme.pcm_sha256 == facts.pcm_sha256,
            Programme.id != programme.id,
            Programme.state.not_in((ProgrammeState.REJECTED, ProgrammeState.WITHDRAWN)),
        )
        .order_by(Programme.id)
        .limit(1)
    )
    if same is None or facts.is_refused:
        return facts
    return replace(facts, findings=(*facts.findings, Finding("same_sound", "warn", same)))


def _guess(programme: Programme, tags: Mapping[str, str]) -> None:
    """What the editor left empty is taken from the file's own tags."""
    is_named_by_us = programme.title == title_of_file(programme.file_name)
    if is_named_by_us and (title := one_line(tags.get("title", ""), 200)):
        programme.title = title
    programme.genre = programme.genre or (tags.get("genre") or "")[:80] or None


def _require_own(programme: Programme, by: Person) -> None:
    if programme.uploaded_by != by.id:
        people.require_role(by, "editor", "approver")


def _require_open(programme: Programme) -> None:
    if programme.state not in OPEN_PROGRAMMES:
        raise WrongState(what=f"programme {programme!s}", state=programme.state.value)


def _leave(
    hub: Hub, programme_id: int, state: ProgrammeState, by: Person, reason: str
) -> Programme:
    reason = one_line(reason, 500)
    if not reason:
        raise InputInvalid(problem="a reason is needed")
    with hub.database.write() as session:
        programme = get_programme(session, programme_id, locked=True)
        move(programme, state)
        if state is ProgrammeState.REJECTED:
            programme.returned_reason, programme.returned_by = reason, by.id
        note(hub, session, f"programme_{state.value}", programme, by.username, reason=reason)
    return programme


def note(
    hub: Hub, session: Session, what: str, programme: Programme, who: str, **detail: str
) -> None:
    ledger.record(
        session, at=hub.clock.now(), who=who, what=what, subject=f"programme {programme.id}",
        title=programme.title, **detail,
    )  # fmt: skip
