"""Speech from text, for announcements; and speech-like sound where no engine is installed."""

from __future__ import annotations

import math
import random
import shutil
import wave
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audio import ffmpeg
from audio.errors import EngineMissing, ProgramFailed

TEXT_MAX_CHARS = 20_000  # twenty minutes read aloud
# An engine may be a neural network, which takes its memory, or speak with a host.
LIMITS = ffmpeg.Limits(
    wall_s=120, cpu_s=240, memory_bytes=8 << 30, file_bytes=500 << 20, open_files=256, network=True
)


@dataclass(frozen=True)
class Engine:
    """
    A program that reads text on its standard input and writes a WAV file.

    ``arguments`` may hold ``{voice}``, ``{words_per_minute}`` and ``{output}``.
    """

    name: str
    program: str
    arguments: Sequence[str]

    def argv(self, voice: str, words_per_minute: int, output: Path) -> list[str]:
        found = shutil.which(self.program)
        if found is None:
            raise EngineMissing(engine=self.name)
        fields = {"voice": voice, "words_per_minute": words_per_minute, "output": output}
        return [found, *(argument.format_map(fields) for argument in self.arguments)]


ESPEAK = Engine(
    "espeak-ng",
    "espeak-ng",
    ("-b", "1", "-v", "{voice}", "-s", "{words_per_minute}", "-w", "{output}", "--stdin"),
)


def has_speech(engine: Engine = ESPEAK) -> bool:
    """Whether the engine is installed here."""
    return shutil.which(engine.program) is not None


def speak(
    text: str,
    into: Path,
    *,
    voice: str = "vi",
    words_per_minute: int = 150,
    engine: Engine = ESPEAK,
    limits: ffmpeg.Limits = LIMITS,
) -> Path:
    """
    Read a text aloud into a WAV file, which then goes the way of every programme.

    Raises:
        EngineMissing: it is not installed.
        ProgramFailed, TookTooLong: what the engine itself said.
        ValueError: there is nothing to say, or far too much.
    """
    if not text.strip() or len(text) > TEXT_MAX_CHARS:
        raise ValueError(f"between 1 and {TEXT_MAX_CHARS} characters can be read aloud")
    into = into.absolute()
    argv = engine.argv(voice, words_per_minute, into)
    said = ffmpeg.run(argv, limits=limits, stdin=text.encode(), stdout_bytes=0)
    if not into.exists() or into.stat().st_size == 0:
        detail = " ".join(said.log.split()[-40:]) or "it wrote no sound"
        raise ProgramFailed(program=engine.name, detail=detail, log=said.log)
    return into


HUM_RATE_HZ = 22_050
SYLLABLES = 24
SYLLABLES_IN_A_PHRASE = 14


def hum(into: Path, seconds: float, seed: int) -> Path:
    """
    Write speech-like sound: voiced syllables with pauses between phrases, the same for a seed.

    Not a word can be understood, but levels, pauses and peaks are those of a person speaking.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable is what is wanted
    bank = [_syllable(chance) for _ in range(SYLLABLES)]
    left = round(seconds * HUM_RATE_HZ)
    with wave.open(str(into), "wb") as file:
        file.setparams((1, 2, HUM_RATE_HZ, 0, "NONE", ""))
        while left > 0:
            phrase = b"".join(chance.choice(bank) for _ in range(SYLLABLES_IN_A_PHRASE))
            phrase += bytes(2 * round(chance.uniform(0.25, 0.6) * HUM_RATE_HZ))
            phrase = phrase[: 2 * left]
            file.writeframes(phrase)
            left -= len(phrase) // 2
    return into


def _syllable(chance: random.Random) -> bytes:
    """A gliding voice with two formants, a hiss at its beginning, and a short rest."""
    length = round(chance.uniform(0.14, 0.24) * HUM_RATE_HZ)
    pitch, glide = chance.uniform(110, 180), chance.uniform(-0.25, 0.35)
    formants = chance.uniform(350, 800), chance.uniform(1100, 2300)
    loud = chance.uniform(0.35, 0.8)
    hiss_until = length * chance.uniform(0.05, 0.25)
    samples = array("h")
    phase = 0.0
    for index in range(length):
        at = index / length
        phase += 2 * math.pi * pitch * (1 + glide * at) / HUM_RATE_HZ
        voice = _voice(phase, pitch, formants)
        noise = chance.uniform(-0.5, 0.5) if index < hiss_until else 0.0
        samples.append(round(12_000 * loud * math.sin(math.pi * at) ** 0.5 * (voice + noise)))
    return samples.tobytes() + bytes(2 * round(0.03 * HUM_RATE_HZ))


def _voice(phase: float, pitch: float, formants: tuple[float, float]) -> float:
    """Harmonics of a voice, louder the nearer they lie to a formant."""
    total = 0.0
    for harmonic in range(1, 18):
        distance = min(abs(harmonic * pitch - formant) for formant in formants)
        total += math.sin(harmonic * phase) / (1 + (distance / 150) ** 2)
    return total / 2
