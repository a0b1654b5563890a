"""How patient, how fast and how thorough a visit is; from the settings of the hub."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VisitLimits:
    """How patient, how fast and how thorough a visit is."""

    connect_s: float = 20.0  # from the first packet to an open SFTP session, all together
    idle_s: float = 30.0  # the longest wait for any one answer
    window: int = 8  # requests under way at once
    chunk_bytes: int = 65_280  # of one write: fills two SSH packets of 32 KiB with its header
    bandwidth_kbps: int | None = None  # kilobits a second; None: what the link gives
    verify_budget_bytes: int = 1 << 20  # up to this size a file is read back in full
    sample_blocks: int = 4  # of 8 KiB, of anything larger: the ends, and two by chance
    sample_seed: int = 0  # another one looks at other blocks
    reads_back_all: bool = False  # for stations that send no receipt, where the link allows it
    flushes_folders: bool = True  # False where a probe found that it cannot be done
    reserve_bytes: int = 4 << 20  # left free for the station's own log
