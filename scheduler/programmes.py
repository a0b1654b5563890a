"""Programmes: brought, measured, approved by a second person, encoded for the stations."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from audio.errors import AudioError, BadProfile
from audio.findings import Finding
from audio.measure import Facts, measure
from audio.peaks import peaks
from audio.profiles import PROFILES, Profile
from audio.render import Rendition as RenderedFile
from audio.render import render
from audio.spelling import repair
from scheduler import people
from scheduler.config import Settings
from scheduler.errors import AlreadyExists, FourEyes, InputInvalid, NotFound, WrongState, said
from scheduler.hub import Hub
from scheduler.intake import Incoming, incoming
from scheduler.store import ledger
from scheduler.store.db import lock
from scheduler.store.models import Person, Programme, Rendition
from scheduler.store.states import ProgrammeState, RenditionState, move, moving
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

# A four-hour programme in three profiles takes under ten minutes; a silent builder is dead.
_BUILD_LEASE = timedelta(minutes=30)

Progress = Callable[[float], None]  # done, 0 to 1


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
        InputInvalid: no file, empty or too large.
        AlreadyExists: the same bytes are in the archive.
        AudioError: it is not sound at all. Nothing was kept.
    """
    people.require_role(by, *UPLOADERS)
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
        make_due(hub, session, programme)
        note(hub, session, "programme_approved", programme, by.username)
    return programme


def reject(hub: Hub, programme_id: int, *, by: Person, reason: str) -> Programme:
    """Send a programme back to its editor, with the reason."""
    people.require_role(by, "approver")
    return _leave(hub, programme_id, ProgrammeState.REJECTED, by, reason)


def resubmit(hub: Hub, programme_id: int, *, by: Person) -> Programme:
    """
    What was returned and mended waits for an approver again.

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
        programme.returned_reason = programme.returned_by = None
        make_due(hub, session, programme)
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
    """
    with hub.database.write() as session:
        programme = get_programme(session, programme_id, locked=True)
        _require_own(programme, by)
        _require_open(programme)
        if not details.title:
            raise InputInvalid(problem="a title has 1 to 200 letters, on one line")
        changed = {k: v for k, v in vars(details).items() if getattr(programme, k) != v}
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
        _make_anew(hub, session, programme)
        note(hub, session, "programme_trimmed", programme, by.username,
             start_ms=str(first), end_ms=str(last))  # fmt: skip
    return programme


def withdraw(hub: Hub, programme_id: int, *, by: Person, reason: str) -> Programme:
    """Take a programme off the air; the next planning takes it out of every future day."""
    people.require_role(by, "approver", "editor")
    return _leave(hub, programme_id, ProgrammeState.WITHDRAWN, by, reason)


def render_due(
    hub: Hub, programme_id: int | None = None, *, progress: Progress | None = None
) -> list[Rendition]:
    """
    Build the renditions that are due; one that fails carries its error and is tried next time.

    Two processes never build the same one: each claims its rows first.
    """
    built: list[Rendition] = []
    for claimed in _claim_renditions(hub, programme_id):
        built += _build(hub, claimed, progress)
    return built


def to_render(hub: Hub) -> list[int]:
    """Programmes with renditions that nobody builds: a message was lost, or a builder died."""
    stale = (Rendition.state == RenditionState.BUILDING) & (Rendition.lease_until < hub.clock.now())
    with hub.database.read() as session:
        return list(
            session.scalars(
                select(Rendition.programme_id)
                .where((Rendition.state == RenditionState.DUE) | stale)
                .distinct()
            )
        )


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


def profiles_of(settings: Settings) -> dict[str, Profile]:
    """
    The shipped sound profiles with the changes and additions of the settings.

    Raises:
        AudioError: a key or a value of the settings that no profile can have.
    """
    changed = {
        name: Profile.from_config(name, {**_as_table(name), **values})
        for name, values in settings.profiles.items()
    }
    jingles = settings.programmes
    return {
        name: replace(
            profile,
            ident=_either(profile.ident, jingles.ident),
            sign_off=_either(profile.sign_off, jingles.sign_off),
        )
        for name, profile in {**PROFILES, **changed}.items()
    }


def _either(own: str | None, common: Path | None) -> str:
    """A profile's own jingle, "" where it wants none, else that of all profiles."""
    return own if own is not None else str(common or "")


def _as_table(name: str) -> dict[str, Any]:
    base = PROFILES.get(name)
    return {key: value for key, value in asdict(base).items() if key != "name"} if base else {}


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


# ── Encoding ───────────────────────────────────────────────────────────────────────────────────


def _wanted_profiles(hub: Hub) -> Sequence[str]:
    known = profiles_of(hub.settings)
    unknown = [name for name in hub.settings.programmes.profiles if name not in known]
    if unknown:
        raise NotFound(what="profile", key=unknown[0])
    for profile in (known[name] for name in hub.settings.programmes.profiles):
        _refuse_missing_jingle(profile)
    return hub.settings.programmes.profiles


def _refuse_missing_jingle(profile: Profile) -> None:
    """Before anything is promised: a path in the settings may name nothing."""
    for field, path in (("ident", profile.ident), ("sign_off", profile.sign_off)):
        if path and not Path(path).is_file():
            raise BadProfile(profile=profile.name, field=field, reason=f"is not there: {path}")


def make_due(hub: Hub, session: Session, programme: Programme) -> None:
    """Have the missing encodings of the settings made; the approver hears one of them."""
    have = {rendition.profile for rendition in programme.renditions}
    for name in _wanted_profiles(hub):
        if name not in have:
            programme.renditions.append(Rendition(profile=name, state=RenditionState.DUE))
    session.flush()


def _make_anew(hub: Hub, session: Session, programme: Programme) -> None:
    """Forget encodings of what is no more kept; whoever still builds one finds its row gone."""
    for rendition in list(programme.renditions):
        session.delete(rendition)
    session.flush()
    session.expire(programme, ["renditions"])
    if programme.state is ProgrammeState.READY:
        make_due(hub, session, programme)


def _claim_renditions(hub: Hub, programme_id: int | None) -> list[list[Rendition]]:
    """What this process may build, by programme: one decoding serves all of its profiles."""
    now = hub.clock.now()
    with hub.database.write() as session:
        session.execute(
            moving(Rendition, RenditionState.DUE).where(
                Rendition.state == RenditionState.BUILDING, Rendition.lease_until < now
            )
        )
        statement = moving(Rendition, RenditionState.BUILDING).values(
            lease_until=now + _BUILD_LEASE, error=None
        )
        if programme_id is not None:
            statement = statement.where(Rendition.programme_id == programme_id)
        ids = session.scalars(statement.returning(Rendition.id)).all()
        claimed = session.scalars(
            select(Rendition)
            .where(Rendition.id.in_(ids))
            .options(selectinload(Rendition.programme))
            .order_by(Rendition.id)
        ).all()
    by_programme: dict[int, list[Rendition]] = defaultdict(list)
    for rendition in claimed:
        by_programme[rendition.programme_id].append(rendition)
    return list(by_programme.values())


def _build(hub: Hub, claimed: list[Rendition], progress: Progress | None) -> list[Rendition]:
    """One decoding for all that begin and end alike; profiles with other jingles come after it."""
    profiles = profiles_of(hub.settings)
    alike: dict[tuple[str | None, str | None], list[Rendition]] = defaultdict(list)
    for rendition in claimed:
        profile = profiles[rendition.profile]
        alike[profile.ident, profile.sign_off].append(rendition)
    return [
        built for group in alike.values() for built in _build_alike(hub, group, profiles, progress)
    ]


def _build_alike(
    hub: Hub,
    claimed: list[Rendition],
    profiles: Mapping[str, Profile],
    progress: Progress | None,
) -> list[Rendition]:
    programme, first = claimed[0].programme, profiles[claimed[0].profile]
    assert programme.facts is not None, "only measured programmes are approved"
    try:
        files = render(
            hub.master_path(programme),
            [profiles[rendition.profile] for rendition in claimed],
            hub.renditions,
            facts=Facts.from_json(programme.facts),
            ident=Path(first.ident) if first.ident else None,
            sign_off=Path(first.sign_off) if first.sign_off else None,
            kept_ms=(programme.trim_start_ms or 0, programme.trim_end_ms),
            tags=_tags(programme),
            progress=progress,
        )
    except AudioError as error:
        return _finish(hub, claimed, {}, str(error))
    except BaseException:  # a person's Ctrl-C, or what nobody foresaw: due at once, not in an hour
        _give_back(hub, claimed)
        raise
    return _finish(hub, claimed, {file.profile: file for file in files}, None)


def _give_back(hub: Hub, claimed: list[Rendition]) -> None:
    ids = [rendition.id for rendition in claimed]
    with hub.database.write() as session:
        session.execute(moving(Rendition, RenditionState.DUE).where(Rendition.id.in_(ids)))


def _tags(programme: Programme) -> dict[str, str]:
    """What a foreign player shows; only profiles that want tags carry it."""
    tags = {"title": programme.title, "genre": programme.genre, "language": programme.language}
    return {name: value for name, value in tags.items() if value}


def _finish(
    hub: Hub, claimed: list[Rendition], files: Mapping[str, RenderedFile], error: str | None
) -> list[Rendition]:
    with hub.database.write() as session:
        # A row that is gone was of a part that is no more kept.
        rows = [session.get(Rendition, rendition.id) for rendition in claimed]
        finished = [row for row in rows if row and row.state is RenditionState.BUILDING]
        for rendition in finished:
            file = files.get(rendition.profile)
            rendition.error, rendition.lease_until = error, None
            if file is None:
                move(rendition, RenditionState.FAILED)
                continue
            move(rendition, RenditionState.READY)
            rendition.sha256, rendition.extension = file.sha256, file.extension
            rendition.size_bytes, rendition.ms = file.size_bytes, file.ms
            rendition.lufs, rendition.peak_dbtp = file.lufs, file.peak_dbtp
    return finished
