"""What the station says it has: which manifests it accepted, which files it checked itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from stations import fields, player
from stations.errors import BadReceipt
from stations.layout import RECEIPT_MAX_BYTES, Sha256

_AUDIO_NAME = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{2,4}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MANIFEST_NAME = re.compile(r"(\d{4}-\d{2}-\d{2}|urgent)\.signed", re.ASCII)
_DAYS_MAX = 64
_FILES_MAX = 5000


@dataclass(frozen=True)
class ReceiptDay:
    """One broadcast date at the station; the files are names as in the manifest."""

    for_date: date
    seq: int
    manifest_sha256: Sha256  # of the whole manifest file: manifest.file_sha256
    ok: frozenset[str]  # read to the end by the station and found right
    missing: frozenset[str]
    wrong: frozenset[str]
    unchecked: frozenset[str]  # there, and still to be read

    @property
    def is_complete(self) -> bool:
        return not (self.missing or self.wrong or self.unchecked)


@dataclass(frozen=True)
class Refusal:
    """A manifest that the station did not obey."""

    file: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Receipt:
    """The state of a station at one moment, in its own signed words."""

    station: str
    at: datetime  # by the station's clock
    clock: str  # ok, behind_manifest (it starts nothing), behind_log
    player_version: str
    free_bytes: int
    days: dict[date, ReceiptDay]
    refusals: tuple[Refusal, ...]
    asrun_line: int  # number of the last line of the log
    asrun_head: str  # and its hash
    asrun_failure: str  # why lines wait in memory; empty if none do
    urgent: ReceiptDay | None = None  # the urgent manifest that it obeys, if there is one
    drilled: Mapping[str, datetime] = field(default_factory=dict)  # item → would have played then

    @property
    def clock_ok(self) -> bool:
        return self.clock == "ok"


def read_receipt(
    data: bytes, *, station: str, key: bytes, next_key: bytes | None = None
) -> Receipt:
    """
    Believe a receipt only if this station has sealed it and every field is in its bounds.

    Raises:
        BadReceipt: look at it again after the station's next; until then nothing is verified.
    """
    if len(data) > RECEIPT_MAX_BYTES:
        raise BadReceipt(detail="too_big")
    keys = [key] if next_key is None else [key, next_key]
    try:
        line = data.removesuffix(b"\n")
        raw = json.loads(player.unseal(line, keys, player.PURPOSE_RECEIPT))
        receipt = _receipt_of(raw)
    except player.Refused as refused:
        raise BadReceipt(detail=refused.reason) from None
    except (ValueError, RecursionError):
        raise BadReceipt(detail="malformed") from None
    if receipt.station != station:
        raise BadReceipt(detail="wrong_station")
    return receipt


def _receipt_of(raw: fields.Raw) -> Receipt:
    asrun = fields.mapping(raw, "asrun")
    days = fields.mapping(raw, "dates")
    if len(days) > _DAYS_MAX:
        raise fields.MalformedField("dates")
    read = [_day_of(text, fields.mapping(days, text)) for text in days]
    return Receipt(
        station=fields.word(raw, "station"),
        at=fields.instant(raw, "at"),
        clock=fields.word(raw, "clock"),
        player_version=fields.word(raw, "player"),
        free_bytes=fields.whole(raw, "free_bytes", 0, 1 << 60),
        days={day.for_date: day for day in read},
        refusals=tuple(map(_refusal_of, fields.listing(raw, "refusals", 50))),
        asrun_line=fields.whole(asrun, "line", 0, player.SEQ_MAX),
        asrun_head=_hash(asrun, "head"),
        asrun_failure=fields.word(asrun, "failure", can_be_empty=True),
        urgent=_urgent_of(raw),
        drilled=_drilled_of(raw),
    )


def _urgent_of(raw: fields.Raw) -> ReceiptDay | None:
    if "urgent" not in raw:
        return None
    return _day_of(f"{fields.instant(raw, 'at'):%Y-%m-%d}", fields.mapping(raw, "urgent"))


def _drilled_of(raw: fields.Raw) -> dict[str, datetime]:
    if "urgent" not in raw:
        return {}
    told = fields.mapping(fields.mapping(raw, "urgent"), "drilled")
    if len(told) > _DAYS_MAX:
        raise fields.MalformedField("drilled")
    return {str(item): fields.instant(told, item) for item in told if told[item]}


def _day_of(text: str, raw: fields.Raw) -> ReceiptDay:
    return ReceiptDay(
        for_date=fields.day({"date": text}, "date"),
        seq=fields.whole(raw, "seq", 1, player.SEQ_MAX),
        manifest_sha256=_hash(raw, "sha256"),
        ok=_names(raw, "ok"),
        missing=_names(raw, "missing"),
        wrong=_names(raw, "wrong"),
        unchecked=_names(raw, "unchecked"),
    )


def _refusal_of(raw: Any) -> Refusal:
    if not isinstance(raw, dict) or not _MANIFEST_NAME.fullmatch(str(raw.get("file"))):
        raise fields.MalformedField("refusals")
    return Refusal(raw["file"], fields.word(raw, "reason"), fields.instant(raw, "at"))


def _names(raw: fields.Raw, name: str) -> frozenset[str]:
    values = fields.listing(raw, name, _FILES_MAX)
    if not all(isinstance(value, str) and _AUDIO_NAME.fullmatch(value) for value in values):
        raise fields.MalformedField(name)
    return frozenset(values)


def _hash(raw: fields.Raw, name: str) -> Sha256:
    value = raw.get(name)
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise fields.MalformedField(name)
    return Sha256(value)
