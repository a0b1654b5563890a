"""The encodings of a programme: which are wanted, who builds them, what became of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from audio.errors import AudioError, BadProfile
from audio.measure import Facts
from audio.profiles import PROFILES, Profile
from audio.render import Rendition as RenderedFile
from audio.render import render
from scheduler.config import Settings
from scheduler.errors import NotFound
from scheduler.hub import Hub
from scheduler.store.models import Programme, Rendition
from scheduler.store.states import ProgrammeState, RenditionState, move, moving

# A four-hour programme in three profiles takes under ten minutes; a silent builder is dead.
_BUILD_LEASE = timedelta(minutes=30)

Progress = Callable[[float], None]  # done, 0 to 1


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


def make_due(hub: Hub, session: Session, programme: Programme) -> None:
    """Have the missing encodings of the settings made; the approver hears one of them."""
    have = {rendition.profile for rendition in programme.renditions}
    for name in _wanted_profiles(hub):
        if name not in have:
            programme.renditions.append(Rendition(profile=name, state=RenditionState.DUE))
    session.flush()


def make_anew(hub: Hub, session: Session, programme: Programme) -> None:
    """Forget encodings of what is no more kept; whoever still builds one finds its row gone."""
    for rendition in list(programme.renditions):
        session.delete(rendition)
    session.flush()
    session.expire(programme, ["renditions"])
    if programme.state is ProgrammeState.READY:
        make_due(hub, session, programme)


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


def _either(own: str | None, common: Path | None) -> str:
    """A profile's own jingle, "" where it wants none, else that of all profiles."""
    return own if own is not None else str(common or "")


def _as_table(name: str) -> dict[str, Any]:
    base = PROFILES.get(name)
    return {key: value for key, value in asdict(base).items() if key != "name"} if base else {}


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
