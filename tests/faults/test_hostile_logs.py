"""Everything that a station sends back, bent by hypothesis: nothing crashes, nothing is forged."""

from __future__ import annotations

import hmac
import json
import random
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stations import player
from stations.asrun import AsrunDay, airings_of, read_asrun
from stations.errors import BadReceipt, ManifestRefused
from stations.layout import asrun_path
from stations.manifest import open_signed
from stations.receipt import Receipt, read_receipt
from tests.unit.stations.box import KEY, MONDAY, STATION, Box, at, day, item, sound

SOUND = sound()
FUZZ = settings(max_examples=150, deadline=None, derandomize=True)
JUNK = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [b"\0" * 4096, b"\r", b"\r\n", b"\xff\xfe", b"=cmd|' /C calc'!A0", b"{" * 2000]
    ),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@cache
def genuine() -> tuple[bytes, bytes, bytes]:
    """A day's log, the receipt and the manifest of a box that really lived through it."""
    with TemporaryDirectory() as folder:
        box = Box(Path(folder))
        box.store(SOUND)
        manifest = box.deliver(
            day(
                item("05:00", SOUND[0]),
                item("11:00", SOUND[0], late_ok_s=0, files=(SOUND[0].name,) * 2),
                item("17:00", SOUND[0]),
                files=[SOUND[0]],
            )
        )
        box.boot(at("04:00")).run_until(at("05:10"))  # and then the power went
        box.boot(at("05:12")).run_until(at("10:00"))
        box.boot(at("12:00")).run_until(at("18:00"))
        log = (box.root / asrun_path(MONDAY)).read_bytes()
        return log, (box.root / "out/receipt.json").read_bytes(), manifest


def read(data: bytes) -> AsrunDay:
    return read_asrun(data, station=STATION, key=KEY, for_date=MONDAY, now=at("18:00"))


def sealed(fields: dict[str, Any], purpose: bytes) -> bytes:
    """Signed nonsense: what a stolen box could send. json.dumps may hold NaN and Infinity."""
    return player.seal(fields, KEY, purpose)


def test_the_genuine_log_tells_the_whole_story() -> None:
    """The material of this file is real, and unbent it is accepted to the last line."""
    told = read(genuine()[0])

    assert told.is_chained and not told.rejected
    outcomes = {name: airing.outcome for name, airing in airings_of(told.records).items()}
    assert outcomes == {"0500": "ended", "1100": "missed", "1700": "ended"}


@FUZZ
@given(st.binary(max_size=3000))
def test_bytes_of_any_kind_are_no_records(data: bytes) -> None:
    """Noise is rejected line by line and never raises."""
    assert read(data).records == ()


@FUZZ
@given(st.randoms(use_true_random=False), st.lists(JUNK, max_size=5), st.booleans())
def test_no_bending_of_the_log_forges_a_record(
    chance: random.Random, junk: list[bytes], has_flips: bool
) -> None:
    """Cut, doubled, mixed, spoilt: what is read is a part of what the station wrote."""
    lines = genuine()[0].splitlines()
    true = set(read(genuine()[0]).records)
    bent = chance.choices([*lines, *junk], k=chance.randint(0, 30))
    data = bytearray(b"\n".join(bent))
    for _ in range(chance.randint(1, 4) if has_flips and data else 0):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)

    told = read(bytes(data))

    assert set(told.records) <= true
    assert [r.line for r in told.records] == sorted(r.line for r in told.records)
    assert len(told.records) + len(told.rejected) <= data.count(b"\n") + 1


@FUZZ
@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_and_repetition_change_nothing(chance: random.Random, times: int) -> None:
    """Idempotent: a log fetched again, in pieces and in any order, is the same log."""
    lines = genuine()[0].splitlines() * times
    chance.shuffle(lines)

    told = read(b"\n".join(lines))

    assert told.records == read(genuine()[0]).records
    assert told.is_chained
    assert airings_of(told.records) == airings_of(read(genuine()[0]).records)


@FUZZ
@given(st.data())
def test_a_signed_line_with_any_field_spoilt_is_a_record_or_a_rejection(
    data: st.DataObject,
) -> None:
    """A stolen box has a key; what it signs is still checked field by field."""
    line = data.draw(st.sampled_from(genuine()[0].splitlines()))
    raw = json.loads(line)
    del raw["mac"]
    for name in data.draw(st.lists(st.sampled_from(sorted(raw)), max_size=3)):
        raw[name] = data.draw(JSON)
    try:
        spoilt = sealed(raw, player.PURPOSE_ASRUN)
    except UnicodeEncodeError:
        return  # half a surrogate pair cannot be written at all

    told = read(spoilt)

    assert len(told.records) + len(told.rejected) == 1
    for record in told.records:
        assert record.item_id is None or record.item_id.isascii()
        assert record.at.tzinfo is not None
        assert 0 <= record.played_ms <= 2 * 86_400_000


@FUZZ
@given(st.binary(max_size=500), st.integers(0, 10_000), st.integers(0, 7))
def test_a_bent_receipt_is_refused(junk: bytes, position: int, bit: int) -> None:
    """Nothing but the station's own bytes is a receipt."""
    true = genuine()[1].removesuffix(b"\n")
    position %= len(true)
    bent = true[:position] + bytes([true[position] ^ 1 << bit]) + true[position + 1 :]
    for data in (junk, bent, true + junk + b"}"):
        with pytest.raises(BadReceipt):
            read_receipt(data, station=STATION, key=KEY)


@FUZZ
@given(st.data())
def test_a_signed_receipt_with_any_field_spoilt_is_sound_or_refused(data: st.DataObject) -> None:
    """No field of a receipt reaches the hub without its type and its bounds."""
    raw = json.loads(genuine()[1])
    del raw["mac"]
    for name in data.draw(st.lists(st.sampled_from(sorted(raw)), min_size=1, max_size=3)):
        raw[name] = data.draw(JSON)
    try:
        told = read_receipt(sealed(raw, player.PURPOSE_RECEIPT), station=STATION, key=KEY)
    except (BadReceipt, UnicodeEncodeError):
        return
    assert isinstance(told, Receipt)
    assert told.at.tzinfo is not None
    assert 0 <= told.free_bytes <= 1 << 60


@FUZZ
@given(st.data())
def test_a_signed_manifest_with_any_field_spoilt_never_stops_the_player(
    data: st.DataObject,
) -> None:
    """A mistake of the hub is one refused file, not a box that needs a visit."""
    raw = json.loads(genuine()[2].split(b"\n", 1)[1])
    target = data.draw(st.sampled_from([raw, raw["items"][0], raw["files"][0]]))
    for name in data.draw(st.lists(st.sampled_from(sorted(target)), min_size=1, max_size=3)):
        target[name] = data.draw(JSON)
    body = json.dumps(raw).encode()
    mac = hmac.digest(KEY, body, "sha256").hex().encode()

    try:
        seen = player.parse_manifest(
            player.authenticate(b"loa-manifest-1 " + mac + b"\n" + body, [KEY])
        )
    except player.Refused as refused:
        assert refused.reason.islower()
        return
    assert len(seen.items) == len(raw["items"])
    assert isinstance(raw["items"], list)
    assert all(0 <= entry.late_ok_s <= 86400 and -60 <= entry.gain_db <= 20 for entry in seen.items)


@FUZZ
@given(st.binary(max_size=300), st.integers(0, 10_000), st.integers(0, 7))
def test_a_bent_manifest_is_refused_by_hub_and_box_alike(
    junk: bytes, position: int, bit: int
) -> None:
    """The hub reads back with the code that the station runs, so they never disagree."""
    true = genuine()[2]
    position %= len(true)
    bent = true[:position] + bytes([true[position] ^ 1 << bit]) + true[position + 1 :]
    for data in (junk, bent, true + junk + b"}"):
        with pytest.raises(ManifestRefused):
            open_signed(data, KEY)
