"""What can go wrong with sound, sorted by who must act next.

The docstring of a class is the sentence that an operator reads; its ``{fields}`` are filled from
the keyword arguments, and the message catalogues translate it whole.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar


class AudioError(Exception):
    """Something went wrong with the sound."""

    code: ClassVar[str] = "audio_error"
    retry: ClassVar[bool] = False

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        super().__init__(fields)

    def __str__(self) -> str:
        return (inspect.getdoc(type(self)) or "").format_map(self.fields)


# The installation must be mended.


class FfmpegMissing(AudioError):
    """ffmpeg was not found. Install it (apt install ffmpeg) or set LOA_FFMPEG to its path."""

    code = "ffmpeg_missing"


class EngineMissing(AudioError):
    """The speech engine {engine} is not installed here. Install it or choose another."""

    code = "engine_missing"


class ProgramFailed(AudioError):
    """{program} failed: {detail}"""

    code = "program_failed"


class TookTooLong(AudioError):
    """{program} was stopped after {wall_s} s. The file may be damaged, or the machine too busy."""

    code = "took_too_long"
    retry = True


class BadProfile(AudioError):
    """The profile {profile} cannot be used: {field} {reason}."""

    code = "bad_profile"


# The person who brought the file must bring another.


class NotAudio(AudioError):
    """The file holds no sound that can be read. Export it again as MP3 or WAV and upload that."""

    code = "not_audio"


class EmptyFile(NotAudio):
    """The file is empty. Copy it again from where it was made."""

    code = "empty_file"


class NotAFile(NotAudio):
    """{kind} was given instead of a sound file. Choose the file itself."""

    code = "not_a_file"


class IsPlaylist(NotAudio):
    """The file is a list of other files ({container}), not sound. Upload the sound file itself."""

    code = "is_playlist"


class FormatRefused(NotAudio):
    """Files of the kind {container} are not accepted. Export it as MP3 or WAV and upload that."""

    code = "format_refused"


class SilentFile(NotAudio):
    """The file holds video or pictures but no sound. Choose the file with the sound."""

    code = "no_sound_track"


class MasterChanged(AudioError):
    """The file is not the one that was checked: {was} before, {now} now. Check it again."""

    code = "master_changed"


class MasterRefused(AudioError):
    """The programme did not pass the quality check ({codes}), so nothing is made from it."""

    code = "master_refused"


# Loa itself, or its disk, must be looked at.


class RenderFailed(AudioError):
    """The profile {profile} could not be made: {detail}"""

    code = "render_failed"
    retry = True


class LoudnessMissed(AudioError):
    """The profile {profile} came out at {lufs} LUFS instead of {target_lufs}. It was not kept."""

    code = "loudness_missed"


class PeakMissed(AudioError):
    """The profile {profile} peaks at {peak_dbtp} dBTP, above {ceiling_dbtp}. It was not kept."""

    code = "peak_missed"


class LengthMissed(AudioError):
    """The profile {profile} is {ms} ms long instead of {expected_ms} ms. It was not kept."""

    code = "length_missed"
    retry = True


class DiskFull(AudioError):
    """The disk is full at {folder}. Make room first; nothing half-made was kept."""

    code = "disk_full"
    retry = True


class Cancelled(AudioError):
    """The work was stopped by a person. Nothing half-made was kept."""

    code = "cancelled"
