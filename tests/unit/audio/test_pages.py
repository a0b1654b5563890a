"""What the pages show and play: outlines, a horn, a voice."""

from __future__ import annotations

import os

import pytest

from audio.errors import EngineMissing, ProgramFailed, RenderFailed
from audio.measure import measure
from audio.peaks import peaks
from audio.preview import preview
from audio.speech import Engine, hum, speak

CAT = Engine("recorder", "/bin/sh", ("-c", 'cat > /dev/null; cp "$0" "$1"', "{voice}", "{output}"))


def test_outline_follows_the_sound(generate):
    """Quiet in the first half, loud in the second, never above one."""
    graph = "aevalsrc='(0.1+0.8*gt(t,5))*sin(2*PI*300*t)':s=16000:d=10"

    outline = peaks(generate("a.wav", graph), points=100)

    assert len(outline) == 100
    assert outline[10] == pytest.approx(0.1, abs=0.02)
    assert outline[90] == pytest.approx(0.9, abs=0.02)
    assert max(outline) <= 1.0


def test_outline_of_a_short_sound_has_fewer_points(generate):
    """Nothing is invented between what was heard."""
    assert len(peaks(generate("a.wav", "sine=d=1"), points=800)) == 50


def test_preview_is_a_short_file_of_a_horn(tmp_path, make):
    """Twenty seconds at most, with neither bass nor treble, and nothing else is left."""
    loud = make("loud.wav", "-af", "volume=12dB")
    out = tmp_path / "page"

    made = preview(loud, out / "horn.mp3")

    heard = measure(made)
    assert heard.ms == pytest.approx(12_000, abs=500)
    assert heard.lufs is not None and heard.lufs > -35
    assert os.listdir(out) == ["horn.mp3"]


def test_preview_of_a_text_leaves_nothing(tmp_path):
    """What cannot be read makes no file."""
    (tmp_path / "a.mp3").write_text("not sound" * 100)

    with pytest.raises(RenderFailed):
        preview(tmp_path / "a.mp3", tmp_path / "page" / "horn.mp3")

    assert os.listdir(tmp_path / "page") == []


def test_hum_is_the_same_for_a_seed_and_sounds_like_speech(tmp_path, speech, speech_facts):
    """The stand-in for a voice passes the quality check and can be made again."""
    assert speech_facts.ms == 12_000
    assert speech_facts.findings == ()
    assert hum(tmp_path / "a.wav", 12, seed=5).read_bytes() == speech.read_bytes()
    assert hum(tmp_path / "b.wav", 12, seed=4).read_bytes() != speech.read_bytes()


def test_engine_that_is_not_installed_is_named(tmp_path):
    """A missing engine is the installation's matter, not a crash."""
    with pytest.raises(EngineMissing, match="parrot"):
        speak("Xin chào", tmp_path / "a.wav", engine=Engine("parrot", "no-such-parrot", ()))


def test_any_program_can_be_an_engine(tmp_path, speech):
    """An engine is a list of arguments from the configuration."""
    spoken = speak("Kính thưa bà con", tmp_path / "-a b.wav", voice=str(speech), engine=CAT)

    assert measure(spoken).ms == 12_000


def test_engine_that_fails_is_quoted(tmp_path):
    """Its own words reach the person."""
    broken = Engine("broken", "/bin/sh", ("-c", "echo no voice >&2; exit 1"))

    with pytest.raises(ProgramFailed, match="no voice"):
        speak("Xin chào", tmp_path / "a.wav", engine=broken)


@pytest.mark.parametrize("text", ["", "  \n", "x" * 20_001])
def test_nothing_and_a_novel_are_not_read_aloud(tmp_path, text):
    """Bounds before a process is started."""
    with pytest.raises(ValueError):
        speak(text, tmp_path / "a.wav")
