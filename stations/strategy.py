"""From what a probe found: how files are brought to a station, the safest way that it can do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from stations.limits import VisitLimits
from stations.probe import ServerFacts

# Below this a second look at every byte would cost the night of a thin line.
_WHOLE_FROM_KBPS = 1000


class Check(StrEnum):
    """How it is known that what was sent lies there."""

    RECEIPT = "receipt"  # samples at once; then the player reads every byte and signs for it
    WHOLE = "whole"  # every byte is read back
    SAMPLES = "samples"  # the ends and some by chance, others each night


class Flush(StrEnum):
    """What survives a power cut right after a visit."""

    NAMES = "names"  # bytes and final names
    BYTES = "bytes"  # bytes; the last names may be missing, and "delivered" is checked again
    NOTHING = "nothing"  # only what the box wrote out by itself


class Replace(StrEnum):
    """How a new file takes the name of an old one."""

    AT_ONCE = "at_once"
    STEP_ASIDE = "step_aside"  # the old one steps aside first: never a half file under the name


@dataclass(frozen=True)
class Strategy:
    """How a station is dealt with; every part of it can be told to a person with its reason."""

    check: Check
    flush: Flush
    replace: Replace
    resumes: bool  # an unfinished file is gone on with; else it is begun again
    asks_for_room: bool  # before anything is sent

    def limits(self, base: VisitLimits) -> VisitLimits:
        """The same patience, this strategy's thoroughness."""
        return replace(
            base,
            reads_back_all=self.check is Check.WHOLE,
            verify_budget_bytes=0 if self.check is Check.RECEIPT else base.verify_budget_bytes,
            flushes_folders=self.flush is Flush.NAMES,
        )


def choose(facts: ServerFacts | None, *, sends_receipts: bool, kbps: int | None = None) -> Strategy:
    """
    Pick the safest strategy; of a server that was never probed everything is tried.

    ``sends_receipts``: our player runs there. ``kbps``: of the line, where it is known.
    """
    if sends_receipts:
        check = Check.RECEIPT
    else:
        check = Check.WHOLE if kbps is None or kbps >= _WHOLE_FROM_KBPS else Check.SAMPLES
    if facts is None:
        return Strategy(check, Flush.NAMES, Replace.AT_ONCE, resumes=True, asks_for_room=True)
    flush = Flush.NOTHING
    if facts.flushes:
        flush = Flush.NAMES if facts.flushes_folders else Flush.BYTES
    return Strategy(
        check,
        flush,
        Replace.AT_ONCE if facts.renames_over else Replace.STEP_ASIDE,
        resumes=facts.keeps_parts,
        asks_for_room=facts.free_bytes is not None,
    )
