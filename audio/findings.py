"""What the quality check has to say about a master: a code, a number, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["refuse", "warn", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know before the programme airs."""

    code: str
    severity: Severity
    number: float = 0.0  # its unit stands in the sentence of the code
    at_ms: int | None = None  # where in the programme, when it is one place

    @property
    def sentence(self) -> str:
        """In English; the catalogue translates ``SENTENCES[code]`` and fills in the same fields."""
        return SENTENCES[self.code].format_map(self.fields)

    @property
    def fields(self) -> dict[str, str]:
        seconds = (self.at_ms or 0) // 1000
        return {"number": f"{self.number:.9g}", "at": f"{seconds // 60}:{seconds % 60:02d}"}


SENTENCES: dict[str, str] = {
    # refuse: airing it would air the wrong thing, or nothing
    "truncated": (
        "The file ends {number} s before its own header says. It was cut off while it was copied: "
        "copy it again."
    ),
    "silent": "Nothing can be heard in the file. Check the recording.",
    "not_numbers": (
        "{number} samples of the file are no numbers: the program that wrote it made a mistake, "
        "and they would sound like gunshots. Export it again as 16- or 24-bit WAV."
    ),
    "too_short": "The sound is only {number} s long. Check that the right file was chosen.",
    "too_long": "The sound is longer than {number} hours. Cut it into several programmes.",
    "too_many_channels": (
        "The file has {number} channels. Export it in mono or stereo and upload that."
    ),
    # warn: it can air, but somebody should listen first
    "damaged": "{number} places in the file could not be decoded. Listen to it before it airs.",
    "clipped": (
        "The recording is overloaded in {number} % of its length and sounds harsh. "
        "Record again with a lower level."
    ),
    "same_sound": (
        "The archive holds the same sound already, as programme No. {number}. "
        "Use that one, or say in the title what is new."
    ),
    "cancels_in_mono": (
        "Left and right cancel each other ({number} dB): a mono loudspeaker would be silent. "
        "Only one of the two channels is used."
    ),
    "quiet": "The recording is very quiet ({number} LUFS); raising it also raises its noise.",
    "long_silence": "There is a silence of {number} s at {at}. Check that nothing is missing.",
    "noisy": (
        "The noise behind the voice is only {number} dB below it. Record nearer to the microphone."
    ),
    "hum": "The mains hum at {number} dBFS. Check the cables, or record on battery.",
    # note: Loa mends it by itself, or it is only good to know
    "little_speech": "Only {number} % of this sounds like speech. Check that it is not music only.",
    "dead_channel": "One channel is empty; the other one is used for both.",
    "dc_offset": "The recording is shifted by {number} % (DC); this is filtered out.",
    "low_rate": "The recording has a telephone's range only ({number} Hz sampling).",
}
