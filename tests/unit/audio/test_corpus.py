"""Everything that people bring: accepted with its right length, or refused with its sentence."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from audio.errors import AudioError, FormatRefused
from audio.facts import Facts
from audio.ffmpeg import Limits
from audio.judge import LONGEST_S
from audio.measure import measure
from tests.unit.audio.conftest import MakeSound

SPEECH_MS = 12_000
TONE = "sine=f=440:d=3:r=48000,volume=-6dB"
LIMITS = Limits(memory_bytes=512 << 20, wall_s=60, cpu_s=60)


def findings(facts: Facts) -> set[str]:
    return {finding.code for finding in facts.findings}


ACCEPTED = {
    "8 bit": ("a.wav", ["-c:a", "pcm_u8"]),
    "24 bit": ("a.wav", ["-c:a", "pcm_s24le"]),
    "float": ("a.wav", ["-c:a", "pcm_f32le"]),
    "double": ("a.wav", ["-c:a", "pcm_f64le"]),
    "A-law": ("a.wav", ["-c:a", "pcm_alaw"]),
    "IMA ADPCM": ("a.wav", ["-c:a", "adpcm_ima_wav"]),
    "Microsoft ADPCM": ("a.wav", ["-c:a", "adpcm_ms"]),
    "96 kHz": ("a.wav", ["-ar", "96000"]),
    "768 kHz": ("a.wav", ["-ar", "768000"]),
    "six channels": ("a.wav", ["-ac", "6"]),
    "RF64": ("a.wav", ["-rf64", "always"]),
    "AIFF": ("a.aiff", []),
    "AU": ("a.au", []),
    "Vorbis": ("a.ogg", ["-c:a", "libvorbis"]),
    "Opus": ("a.opus", []),
    "AAC": ("a.aac", []),
    "M4A": ("a.m4a", []),
    "WMA": ("a.wma", []),
    "Matroska": ("a.mka", []),
    "MP2": ("a.mp2", ["-f", "mp2"]),
    "VBR MP3 without a header": ("a.mp3", ["-q:a", "6", "-write_xing", "0"]),
    "MP3 called WAV": ("a.wav", ["-f", "mp3"]),
    "WAV called MP3": ("a.mp3", ["-f", "wav"]),
    "FLAC without an extension": ("programme", ["-f", "flac"]),
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_sound_of_every_kind_is_accepted_with_its_length(make: MakeSound, kind: str):
    """What a recorder, a telephone or an old archive writes can be aired."""
    name, options = ACCEPTED[kind]

    facts = measure(make(name, *options), limits=LIMITS)

    assert not facts.is_refused, facts.findings
    assert facts.ms == pytest.approx(SPEECH_MS, abs=150)
    assert facts.lufs is not None


def test_gsm_of_an_old_voice_recorder_is_accepted(tmp_path: Path):
    """A telephone's codec is a narrow sound, and a sound; made by hand, few can still write it."""
    path, chance = tmp_path / "a.gsm", random.Random(1)
    frames = (bytes([0xD0 | chance.randrange(16)]) + chance.randbytes(32) for _ in range(150))
    path.write_bytes(b"".join(frames))  # 20 ms each

    facts = measure(path)

    assert facts.ms == pytest.approx(3000, abs=50)
    assert "low_rate" in findings(facts)


def patched_wav(source: Path, target: Path, size: int) -> Path:
    """The WAV with another size in its data chunk and its RIFF header."""
    data = bytearray(source.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    data[4:8] = struct.pack("<I", min(size + 36, 0xFFFFFFFF))
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_wav_of_a_recorder_that_never_wrote_its_size_is_accepted(speech, tmp_path, size):
    """Headers that claim 0, 2 or 4 GB claim nothing."""
    facts = measure(patched_wav(speech, tmp_path / "a.wav", size))

    assert not facts.is_refused
    assert facts.ms == SPEECH_MS


def test_header_of_45_minutes_on_two_seconds_is_refused(generate, tmp_path):
    """The number in a header is not the length of the sound."""
    two_seconds = generate("a.wav", "sine=f=440:d=2:r=22050")

    facts = measure(patched_wav(two_seconds, tmp_path / "b.wav", 45 * 60 * 22050 * 2))

    assert facts.ms == 2000
    assert facts.is_refused and "truncated" in findings(facts)


def test_two_mp3_joined_are_one_programme(make, tmp_path):
    """What a reporter glued with a copy command is heard to its end."""
    once = make("a.mp3", "-write_xing", "0").read_bytes()
    (tmp_path / "twice.mp3").write_bytes(once + once)

    facts = measure(tmp_path / "twice.mp3")

    assert facts.ms == pytest.approx(2 * SPEECH_MS, abs=200)


def test_garbage_before_the_first_frame_is_skipped(make, tmp_path):
    """A recovered file starts with leftovers, and its sound still counts."""
    sound = make("a.mp3").read_bytes()
    (tmp_path / "b.mp3").write_bytes(b"\x00leftover" * 200 + sound)

    assert measure(tmp_path / "b.mp3").ms == pytest.approx(SPEECH_MS, abs=200)


def test_huge_cover_is_dropped(make, generate):
    """A picture of many megabytes in the tag costs no memory and is not a video."""
    cover = generate("cover.png", "nullsrc=s=1500x1500,geq=random(1)*255:128:128", "-frames:v", "1")
    assert cover.stat().st_size > 2_000_000
    covered = make("a.mp3", "-i", str(cover), "-map", "0:a", "-map", "1:v", "-c:v", "copy")

    facts = measure(covered, limits=LIMITS)

    assert facts.ms == pytest.approx(SPEECH_MS, abs=100)
    assert not facts.is_refused


def test_samples_that_are_not_numbers_are_refused_and_do_no_harm(tmp_path):
    """As whole numbers they would be bangs at full scale; no fact of ours becomes NaN."""
    odd = struct.pack("<f", float("nan")) * 7900 + struct.pack("<f", float("-inf")) * 100
    samples = odd + struct.pack("<f", 0.25) * 8000
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 3, 1, 8000, 32000, 4, 32),
        *(b"data", len(samples)),
    )
    path = tmp_path / "nan.wav"
    path.write_bytes(header + samples)

    facts = measure(path)

    numbers = [v for v in facts.to_json().values() if isinstance(v, float)]
    assert all(number == number for number in numbers)
    assert facts.ms == 2000
    assert [(f.severity, f.number) for f in facts.findings if f.code == "not_numbers"] == [
        ("refuse", 8000)
    ]


def test_coding_that_nobody_here_brings_is_refused_by_its_name(generate):
    """Fifty decoders of games and telephones are fifty ways in for a crafted file."""
    odd = generate("a.mka", "sine=d=3:r=8000", "-c:a", "real_144", "-strict", "-2")

    with pytest.raises(FormatRefused, match="ra_144"):
        measure(odd)


def test_no_picture_is_decoded_and_none_counts_as_damage(make, generate):
    """A film's sound is accepted without a look at its pictures."""
    film = generate("film.mkv", "testsrc=d=3:s=320x240", "-f", "lavfi", "-i", "sine=d=3")

    facts = measure(film)

    assert facts.ms == pytest.approx(3000, abs=50)
    assert "damaged" not in findings(facts)


def test_hours_of_silence_in_little_space_end_at_the_bound(generate, monkeypatch):
    """Ten hours in less than 5 MB are decoded to the bound and refused, within their limits."""
    assert LONGEST_S == 4 * 3600
    for user in ("audio.measure", "audio.judge"):  # four hours would take most of a minute
        monkeypatch.setattr(f"{user}.LONGEST_S", 1800)
    bomb = generate("bomb.flac", "anullsrc=r=8000:cl=mono:d=36000", "-frame_size", "16384")
    assert bomb.stat().st_size < 5_000_000

    facts = measure(bomb, limits=Limits(memory_bytes=512 << 20, wall_s=60, cpu_s=15))

    assert findings(facts) >= {"too_long", "silent"}
    assert facts.ms == 1_800_000


def test_sound_too_short_to_be_a_programme_is_refused(generate):
    """A click is a mistake of the mouse."""
    assert findings(measure(generate("a.wav", "sine=d=0.2"))) == {"too_short"}


def test_recording_on_a_bad_cable_is_told(make):
    """Mains hum, noise and a shifted zero line are named."""
    hum = make(
        "hum.wav", "-f", "lavfi", "-i", "sine=f=50:r=22050:d=12",
        "-filter_complex", "[1]volume=-22dB[h];[0][h]amix=normalize=0:duration=first",
    )  # fmt: skip
    noise = make(
        "noise.wav", "-f", "lavfi", "-i", "anoisesrc=a=0.05:r=22050:d=12",
        "-filter_complex", "[0][1]amix=normalize=0:duration=first",
    )  # fmt: skip
    shifted = make("dc.wav", "-af", "dcshift=0.1")

    assert "hum" in findings(measure(hum))
    assert "noisy" in findings(measure(noise))
    assert "dc_offset" in findings(measure(shifted))


def test_what_is_not_speech_is_told(generate):
    """A tone or a roar for a programme is worth a note."""
    assert "little_speech" in findings(measure(generate("a.wav", "anoisesrc=a=0.3:d=12")))


def flip(data: bytes, seed: int) -> bytes:
    damaged = bytearray(data)
    for index in range(200, len(damaged), 997 + seed):
        damaged[index] ^= 0xA5
    return bytes(damaged)


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.m4a", "a.ogg", "a.wav"])
def test_damaged_file_never_harms_us(make: MakeSound, tmp_path: Path, name: str):
    """Bytes turned over anywhere end in facts or in a sentence, never in anything else."""
    whole = make(name).read_bytes()
    path = tmp_path / f"damaged-{name}"
    for seed in range(3):
        path.write_bytes(flip(whole, seed))
        try:
            facts = measure(path, limits=LIMITS)
        except AudioError as refused:
            assert "{" not in str(refused)
        else:
            assert 0 <= facts.ms < 10 * SPEECH_MS


def test_no_other_file_is_read(make: MakeSound, tmp_path: Path, monkeypatch):
    """A movie that refers to another file for its samples does not get them."""
    secret = make("secret.mov", "-c:a", "pcm_s16le").rename(tmp_path / "secret.mov")
    data = bytearray(make("outside.mov", "-c:a", "pcm_s16le").read_bytes())
    at = data.index(b"url ")
    data[at + 4 : at + 8] = b"\0\0\0\0"  # "the samples are elsewhere"
    path = tmp_path / "outside.mov"
    path.write_bytes(data)
    os.truncate(secret, 0)

    judged: Callable[[Path], Facts] = measure
    assert judged(path).ms in range(SPEECH_MS + 1)
