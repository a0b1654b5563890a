"""What the station says it did. Every byte is hostile until its seal and its fields are checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Literal

from stations import fields, player
from stations.layout import (
    ASRUN_MAX_BYTES,
    ASRUN_MAX_LINE_BYTES,
    ASRUN_MAX_LINES,
    ASRUN_MAX_REJECTED,
)

CLOCK_TRUSTED_S = 300  # a line further ahead of our clock than this has an untrusted time
CLOCK_BELIEVED_S = 86400  # and further than this it is not a record of anything

_DAY_MS = 86_400_000
_FAR_S = 1 << 40  # a clock may come back from the year 2099


@dataclass(frozen=True)
class AsrunRecord:
    """One authentic line."""

    line: int  # counted by the station over all days
    event: str  # boot started ended interrupted missed refused clock stopped, or a newer one
    at: datetime  # by the station's clock
    clock_ok: bool  # neither the station nor we have a reason to doubt that clock
    reason: str
    item_id: str | None = None
    for_date: date | None = None  # broadcast date of the item
    seq: int | None = None  # the manifest that asked for it
    planned_at: datetime | None = None
    offset_ms: int = 0  # where inside the item this stretch began
    played_ms: int = 0  # length of the stretch that ends here
    device: str = ""
    source: str = ""  # of a start: file or stream
    exit_code: int | None = None
    last_known_at: datetime | None = None  # after a power cut: it certainly played until here
    step_s: int = 0  # of a clock that was set: by how much


@dataclass(frozen=True)
class RejectedLine:
    """A line that is no record."""

    number: int  # in the file, from 1
    reason: str  # unsigned wrong_key malformed wrong_station other_day from_the_future …


@dataclass(frozen=True)
class AsrunDay:
    """One file of the log, read."""

    records: tuple[AsrunRecord, ...]  # in the order in which the station wrote them
    rejected: tuple[RejectedLine, ...]
    first_break: int | None  # number of the first record that does not follow the one before
    tail: str | None  # hash of the record before this file, as its first record names it
    head: str | None  # hash of the last record: what the next file must name
    is_truncated: bool  # there was more than a day can hold

    @property
    def is_chained(self) -> bool:
        return self.first_break is None


Outcome = Literal["ended", "interrupted", "missed", "open"]


@dataclass(frozen=True)
class AsrunAiring:
    """What became of one item, folded out of its records."""

    item_id: str
    outcome: Outcome  # interrupted: it began and did not come to its end, or not yet
    reason: str
    started_at: datetime | None
    ended_at: datetime | None
    played_ms: int  # all stretches together
    planned_at: datetime | None
    for_date: date | None
    device: str
    clock_ok: bool


def read_asrun(
    data: bytes,
    *,
    station: str,
    key: bytes,
    for_date: date,
    next_key: bytes | None = None,
    previous_key: bytes | None = None,
    now: datetime | None = None,
    previous_head: str | None = None,
) -> AsrunDay:
    """
    Read one day's file; a bad line costs that line and nothing else.

    Reading the same bytes again, or twice over in one file, gives the same records. ``now`` is our
    clock at the time of fetching; ``previous_head`` the head of the file before, where known.
    """
    keys = [one for one in (key, next_key, previous_key) if one is not None]
    reader = _Reader(station, keys, for_date, now)
    lines = list(islice(_lines(data[:ASRUN_MAX_BYTES]), ASRUN_MAX_LINES + 1))
    for number, line in enumerate(lines[:ASRUN_MAX_LINES], start=1):
        reader.take(number, line)
    links = sorted(reader.links, key=lambda link: link.record.line)
    return AsrunDay(
        records=tuple(link.record for link in links),
        rejected=tuple(reader.rejected),
        first_break=_first_break(links, previous_head),
        tail=links[0].prev if links else None,
        head=links[-1].digest if links else None,
        is_truncated=len(data) > ASRUN_MAX_BYTES or len(lines) > ASRUN_MAX_LINES,
    )


def airings_of(records: Iterable[AsrunRecord]) -> dict[str, AsrunAiring]:
    """Fold the records of one or more days, in their order, into what became of each item."""
    stories: dict[str, list[AsrunRecord]] = {}
    for record in _doubting_before_steps(records):
        if record.item_id is not None:
            stories.setdefault(record.item_id, []).append(record)
    return {item_id: _airing_of(item_id, story) for item_id, story in stories.items()}


def _doubting_before_steps(records: Iterable[AsrunRecord]) -> list[AsrunRecord]:
    """
    What was written before a clock was set has an untrusted time, back to the boot or to the
    setting before: nobody knows since when it had been wrong.
    """
    judged: list[AsrunRecord] = []
    is_doubted = False
    for record in reversed(list(records)):
        judged.append(replace(record, clock_ok=False) if is_doubted else record)
        if record.event == "boot":
            is_doubted = False
        elif record.step_s:
            is_doubted = abs(record.step_s) > CLOCK_TRUSTED_S
    return judged[::-1]


@dataclass(frozen=True)
class _Link:
    record: AsrunRecord
    prev: str
    digest: str


class _Reader:
    def __init__(
        self, station: str, keys: list[bytes], for_date: date, now: datetime | None
    ) -> None:
        self.links: list[_Link] = []
        self.rejected: list[RejectedLine] = []
        self._station = station
        self._keys = keys
        midnight = datetime.combine(for_date, time(), UTC)
        # A local day lies within 14 hours either way of the UTC day of the same name.
        self._earliest = midnight - timedelta(days=1)
        self._latest = midnight + timedelta(days=2)
        self._now = now
        self._seen: set[str] = set()

    def take(self, number: int, line: bytes) -> None:
        try:
            link = self._link_of(line)
        except player.Refused as refused:
            reason = refused.reason
        except (fields.MalformedField, ValueError, RecursionError):
            reason = "malformed"
        else:
            self.links.append(link)
            return
        if len(self.rejected) < ASRUN_MAX_REJECTED:
            self.rejected.append(RejectedLine(number, reason))

    def _link_of(self, line: bytes) -> _Link:
        if len(line) > ASRUN_MAX_LINE_BYTES:
            raise player.Refused("too_long")
        raw = json.loads(player.unseal(line, self._keys, player.PURPOSE_ASRUN))
        if raw.get("station") != self._station:
            raise player.Refused("wrong_station")
        digest = hashlib.sha256(line).hexdigest()
        if digest in self._seen:
            raise player.Refused("duplicate")
        record = _record_of(raw, is_future=self._is_future(fields.instant(raw, "at")))
        self._seen.add(digest)
        return _Link(record, fields.word(raw, "prev"), digest)

    def _is_future(self, at: datetime) -> bool:
        if not self._earliest <= at < self._latest:
            raise player.Refused("other_day")
        ahead_s = (at - self._now).total_seconds() if self._now else 0
        if ahead_s > CLOCK_BELIEVED_S:
            raise player.Refused("from_the_future")
        return ahead_s > CLOCK_TRUSTED_S


def _lines(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        if end > start:
            yield data[start:end]
        start = end + 1


def _record_of(raw: fields.Raw, *, is_future: bool) -> AsrunRecord:
    event = fields.word(raw, "event")
    record = AsrunRecord(
        line=fields.whole(raw, "line", 1, player.SEQ_MAX),
        event=event,
        at=fields.instant(raw, "at"),
        clock_ok=raw.get("clock") == "ok" and not is_future,
        reason=fields.word(raw, "reason", can_be_empty=True),
    )
    if event == "clock" and "step_s" in raw:
        return replace(record, step_s=fields.whole(raw, "step_s", -_FAR_S, _FAR_S))
    if "item" not in raw:
        return record
    ends = event in ("ended", "interrupted")
    return replace(
        record,
        item_id=fields.word(raw, "item"),
        for_date=fields.day(raw, "date"),
        seq=fields.whole(raw, "seq", 0, player.SEQ_MAX),
        planned_at=fields.instant(raw, "planned"),
        offset_ms=fields.whole(raw, "offset_ms", 0, _DAY_MS) if event == "started" else 0,
        played_ms=fields.whole(raw, "played_ms", 0, 2 * _DAY_MS) if ends else 0,
        device=fields.word(raw, "device", can_be_empty=True),
        source=fields.word(raw, "source", can_be_empty=True),
        exit_code=fields.whole(raw, "exit", -255, 255) if "exit" in raw else None,
        last_known_at=fields.instant(raw, "last_known_at") if "last_known_at" in raw else None,
    )


def _first_break(links: list[_Link], previous_head: str | None) -> int | None:
    if not links:
        return None
    first = links[0]
    expected = player.NO_LINE if first.record.line == 1 else previous_head
    if expected is not None and first.prev != expected:
        return first.record.line
    for before, after in pairwise(links):
        if after.record.line != before.record.line + 1 or after.prev != before.digest:
            return after.record.line
    return None


def _airing_of(item_id: str, story: list[AsrunRecord]) -> AsrunAiring:
    starts = [record for record in story if record.event == "started"]
    ends = [record for record in story if record.event in ("ended", "interrupted")]
    last = story[-1]
    return AsrunAiring(
        item_id=item_id,
        outcome=_outcome_of(last),
        reason=last.reason,
        started_at=starts[0].at if starts else None,
        ended_at=(ends[-1].last_known_at or ends[-1].at) if ends and last in ends else None,
        played_ms=sum(record.played_ms for record in ends),
        planned_at=last.planned_at,
        for_date=last.for_date,
        device=starts[-1].device if starts else "",
        clock_ok=all(record.clock_ok for record in story),
    )


def _outcome_of(last: AsrunRecord) -> Outcome:
    match last.event:
        case "ended":
            # Overran: the sound program hung and was ended; what it played, nobody knows.
            return "interrupted" if last.reason in ("partial", "overran") else "ended"
        case "interrupted":
            return "interrupted"
        case "missed":
            return "missed"
        case _:
            return "open"
