"""Announcements: a text becomes a programme, and nothing airs unheard."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from audio.errors import EngineMissing, ProgramFailed
from audio.folder import workshop
from audio.measure import measure
from audio.speech import has_speech
from scheduler import programmes
from scheduler.announce import announce
from scheduler.config import ConfigInvalid, SpeechSettings, load_settings
from scheduler.errors import FourEyes, InputInvalid, NotFound
from scheduler.hub import Hub
from scheduler.leftovers import remove_leftovers
from scheduler.preview import horn_preview
from scheduler.programmes import ProgrammeDetails
from scheduler.store.models import LedgerEntry
from scheduler.store.states import ProgrammeState
from tests.builders import someone
from tests.conftest import need
from tests.sounds import hum

TEXT = "Kính mời bà con đến họp thôn lúc mười chín giờ tối nay."
DETAILS = ProgrammeDetails("Mời họp thôn", programme_class="priority")


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Sound is at stake, not the database: both only where a test says so."""
    kind: str = request.param
    return kind


@pytest.fixture
def reader(hub: Hub, tmp_path: Path) -> Hub:
    """A hub whose settings name an engine: it copies a recording, and keeps what it was given."""
    hum(tmp_path / "voice.wav", seconds=4, seed=2)
    script = 'cat >"$2"; cp "$3" "$1"; echo "$4" >>"$2"'
    said, voice = str(tmp_path / "said"), str(tmp_path / "voice.wav")
    command = ("/bin/sh", "-c", script, "x", "{output}", said, voice, "{voice}")
    speech = {"engine": "ours", "engines": {"ours": {"command": command}}}
    speech["engines"] |= {
        "broken": {"command": ("/bin/sh", "-c", "echo no model >&2; exit 3", "{output}")},
        "mute": {"command": ("/bin/true", "{output}")},
        "gone": {"command": ("/opt/not/there", "{output}")},
    }  # type: ignore[operator]
    update = {"speech": SpeechSettings.model_validate(speech)}
    return replace(hub, settings=hub.settings.model_copy(update=update))


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
def test_a_text_becomes_a_programme_that_a_second_person_approves(
    reader: Hub, tmp_path: Path
) -> None:
    """Measured as every file; who wrote it may not let it on air; the ledger keeps the words."""
    made = announce(reader, TEXT, DETAILS, by=someone(reader, "approver"), voice='vi "; rm -r')

    assert (made.state, made.title, made.programme_class) == (
        ProgrammeState.READY, "Mời họp thôn", "priority",
    )  # fmt: skip
    assert made.ms == 4000
    assert (tmp_path / "said").read_text() == TEXT + 'vi "; rm -r\n'
    with pytest.raises(FourEyes):
        programmes.approve(reader, made.id, by=someone(reader, "approver"))
    with reader.database.read() as session:
        entry = session.scalars(
            select(LedgerEntry).where(LedgerEntry.what == "programme_spoken")
        ).one()
    assert (entry.detail["engine"], entry.detail["text"]) == ("ours", TEXT)
    assert list(reader.tmp.iterdir()) == []


@pytest.mark.parametrize(
    ("engine", "error", "words"),
    [
        ("broken", ProgramFailed, "no model"),
        ("mute", ProgramFailed, "no sound"),
        ("gone", EngineMissing, "gone"),
        ("nobody", NotFound, "nobody"),
    ],
)
def test_an_engine_that_fails_says_why_and_leaves_nothing(
    reader: Hub, engine: str, error: type[Exception], words: str
) -> None:
    """Its own text reaches whoever installed it."""
    with pytest.raises(error, match=words):
        announce(reader, TEXT, DETAILS, by=someone(reader, "editor"), engine=engine)

    assert list(reader.tmp.iterdir()) == []
    with reader.database.read() as session:
        assert programmes.list_programmes(session) == []


def test_nothing_and_far_too_much_are_not_read(reader: Hub) -> None:
    """Twenty minutes at most; and no programme without a name."""
    editor = someone(reader, "editor")
    for text in ("", " \n", "x" * 20_001):
        with pytest.raises(InputInvalid, match="20000"):
            announce(reader, text, DETAILS, by=editor)
    with pytest.raises(InputInvalid, match="title"):
        announce(reader, TEXT, ProgrammeDetails(), by=editor)


def test_vietnamese_is_read_by_espeak(hub: Hub) -> None:
    """The engine that works everywhere, as the shipped settings name it."""
    need("espeak-ng", has_speech() or None)

    made = announce(hub, TEXT, DETAILS, by=someone(hub, "editor"))

    assert made.state is ProgrammeState.READY
    assert 2500 < (made.ms or 0) < 12_000


@pytest.mark.parametrize(
    "command", ['["x"]', "[]", '["x", "{output}", "{home}"]', '["x", "{output"]', '"x {output}"']
)
def test_a_command_that_cannot_work_is_refused_with_the_settings(
    tmp_path: Path, command: str
) -> None:
    """Not at the first announcement in a flood."""
    config = tmp_path / "config.toml"
    config.write_text(f"[speech.engines.piper]\ncommand = {command}\n")

    with pytest.raises(ConfigInvalid, match=r"speech\.engines\.piper"):
        load_settings(config)


def test_a_preview_is_short_and_begins_where_the_programme_does(hub: Hub, tmp_path: Path) -> None:
    """Twenty seconds of sound that a phone plays, without the silence in front."""
    voice = hum(tmp_path / "long.wav", seconds=30, seed=6)
    made = programmes.add_programme(hub, voice, DETAILS, by=someone(hub, "editor"))

    heard = measure(horn_preview(hub, made.id, tmp_path / "horn.mp3"))
    rest = measure(horn_preview(hub, made.id, tmp_path / "rest.mp3", start_s=25))

    # The walls of the village answer after the last word.
    assert 19_900 < heard.ms < 20_500 and 4900 < rest.ms < 5500
    assert heard.codec == "mp3" and heard.peak_dbtp is not None and heard.peak_dbtp < 0
    for start_s in (30.0, -1.0, float("inf")):
        with pytest.raises(InputInvalid, match="30 s"):
            horn_preview(hub, made.id, tmp_path / "no.mp3", start_s=start_s)
    assert not (tmp_path / "no.mp3").exists()


def test_leftovers_of_killed_work_go_and_work_that_goes_on_stays(hub: Hub) -> None:
    """A dead render's folder at once, a temporary file after a day; the rest is nobody's."""
    dead = hub.renditions / "tmpdead.part"
    dead.mkdir()
    old, fresh = hub.tmp / "upload-old.part", hub.tmp / "upload-new.part"
    now = hub.clock.now()
    for path, age in ((old, timedelta(days=2)), (fresh, timedelta(hours=2))):
        path.write_bytes(b"half")
        os.utime(path, ((now - age).timestamp(),) * 2)

    with workshop(hub.renditions) as at_work:
        assert remove_leftovers(hub) == 2
        assert (at_work.exists(), fresh.exists()) == (True, True)
    assert (dead.exists(), old.exists()) == (False, False)
    assert remove_leftovers(hub) == 0
