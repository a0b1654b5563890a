"""What a WAV header claims: ffmpeg takes the file's own end for the end of the sound."""

from __future__ import annotations

import os
import struct

from audio.source import Source
from audio.units import Milliseconds

CHUNKS_READ = 64
# Recorders that cannot seek back write 0 or about 2 or 4 GiB, which claims nothing.
_UNKNOWN_FROM = 0x7FFF_0000


def claimed_ms(source: Source) -> Milliseconds | None:
    """
    The length that the ``data`` chunk promises, or None where the header promises nothing.

    Only the header is read; a chunk that lies about its size ends the search.
    """
    if os.pread(source.fd, 4, 0) != b"RIFF" or os.pread(source.fd, 4, 8) != b"WAVE":
        return None
    offset, bytes_per_s = 12, 0
    for _ in range(CHUNKS_READ):
        header = os.pread(source.fd, 8, offset)
        if len(header) < 8:
            return None
        name, size = struct.unpack("<4sI", header)
        if name == b"fmt ":
            bytes_per_s = _bytes_per_s(source, offset + 8)
        if name == b"data":
            return _length(size, bytes_per_s)
        offset += 8 + size + size % 2
    return None


def _bytes_per_s(source: Source, offset: int) -> int:
    body = os.pread(source.fd, 16, offset)
    return int(struct.unpack("<8xI4x", body)[0]) if len(body) == 16 else 0


def _length(size: int, bytes_per_s: int) -> Milliseconds | None:
    if size == 0 or size >= _UNKNOWN_FROM or bytes_per_s == 0:
        return None
    return Milliseconds(size * 1000 // bytes_per_s)
