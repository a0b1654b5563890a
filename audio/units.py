"""Units that must not be mixed with plain numbers and strings."""

from __future__ import annotations

from typing import NewType

Milliseconds = NewType("Milliseconds", int)
Sha256 = NewType("Sha256", str)  # 64 lower-case hex digits


def samples_to_ms(samples: int, sample_rate_hz: int) -> Milliseconds:
    """Round half up, in whole numbers: a float would drift over a night of sound."""
    return Milliseconds((samples * 2000 + sample_rate_hz) // (2 * sample_rate_hz))
