"""How a programme will sound on the pole: a short file, for whoever approves it."""

from __future__ import annotations

from pathlib import Path

from audio.facts import Facts
from audio.preview import preview
from scheduler.errors import InputInvalid, NotFound, said
from scheduler.hub import Hub
from scheduler.programmes import get_programme
from scheduler.store.models import Programme


def horn_preview(hub: Hub, programme_id: int, into: Path, *, start_s: float | None = None) -> Path:
    """
    Write at most twenty seconds of a programme as a horn makes them; ``into`` is an MP3.

    Without ``start_s`` it begins where the programme does, behind silence and what was cut off.

    Raises:
        NotFound: there is no such programme, or its master is gone.
        InputInvalid: it ends before that.
        RenderFailed, TookTooLong: what ffmpeg said.
    """
    with hub.database.read() as session:
        programme = get_programme(session, programme_id)
    master = hub.master_path(programme)
    if not master.exists():
        raise NotFound(what="programme", key=programme.title)
    length_s = (programme.ms or 0) / 1000
    begin_s = _begin_ms(programme) / 1000 if start_s is None else start_s
    if not 0 <= begin_s < length_s:
        raise InputInvalid(problem=said("it is only {seconds} s long", seconds=round(length_s)))
    return preview(master, into, start_s=begin_s)


def _begin_ms(programme: Programme) -> int:
    if programme.trim_start_ms:
        return programme.trim_start_ms
    silences = Facts.from_json(programme.facts).silences if programme.facts else ()
    return silences[0].end_ms if silences and silences[0].start_ms == 0 else 0
