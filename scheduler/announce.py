"""An announcement from a text: read aloud, and from there on a programme like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from audio.speech import ESPEAK, TEXT_MAX_CHARS, Engine, speak
from scheduler import people, programmes
from scheduler.config import Settings
from scheduler.errors import InputInvalid, NotFound, said
from scheduler.hub import Hub
from scheduler.programmes import ProgrammeDetails
from scheduler.store.models import Person, Programme
from scheduler.text import one_line


def announce(
    hub: Hub,
    text: str,
    details: ProgrammeDetails,
    *,
    by: Person,
    engine: str | None = None,
    voice: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Programme:
    """
    Read a text aloud and bring the sound in: measured as every file, approved by a second person.

    ``engine`` and ``voice`` are those of the settings when not given. The text stands in the
    ledger: what was said can be asked for later.

    Raises:
        InputInvalid: there is nothing to say, far too much, or no title.
        NotFound, EngineMissing, ProgramFailed, TookTooLong: the engine; who installed Loa acts.
        AlreadyExists: the very same was announced before.
    """
    people.require_role(by, *programmes.UPLOADERS)
    if not details.title:
        raise InputInvalid(problem="an announcement needs a title")
    if not text.strip() or len(text) > TEXT_MAX_CHARS:
        limit = said("between 1 and {most} letters can be read aloud", most=TEXT_MAX_CHARS)
        raise InputInvalid(problem=limit)
    speech = hub.settings.speech
    chosen = find_engine(hub.settings, engine or speech.engine)
    with TemporaryDirectory(dir=hub.tmp, prefix="announce-") as folder:
        spoken = speak(
            text,
            Path(folder) / "announcement.wav",
            voice=voice or speech.voice,
            words_per_minute=speech.words_per_minute,
            engine=chosen,
        )
        programme = programmes.add_programme(hub, spoken, details, by=by, progress=progress)
    with hub.database.write() as session:
        programmes.note(
            hub, session, "programme_spoken", programme, by.username,
            engine=chosen.name, text=one_line(text, TEXT_MAX_CHARS),
        )  # fmt: skip
    return programme


def find_engine(settings: Settings, name: str) -> Engine:
    """
    The engine of that name: espeak-ng, or a command line of the settings.

    Raises:
        NotFound: there is none.
    """
    if name in settings.speech.engines:
        program, *arguments = settings.speech.engines[name].command
        return Engine(name, program, tuple(arguments))
    if name == ESPEAK.name:
        return ESPEAK
    raise NotFound(what="engine", key=name)
