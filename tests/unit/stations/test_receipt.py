from __future__ import annotations

from typing import Any

import pytest

from stations import player
from stations.errors import BadReceipt
from stations.manifest import file_sha256
from stations.receipt import Receipt, read_receipt
from tests.unit.stations.box import KEY, MONDAY, OTHER_KEY, STATION, Box, at, day, item, sound

SOUND = sound()
NAME = SOUND[0].name
DAY = {
    "seq": 1,
    "sha256": "a" * 64,
    "content": "b" * 64,
    "ok": [NAME],
    "missing": [],
    "wrong": [],
    "unchecked": [],
}
RECEIPT = {
    "v": 1,
    "station": STATION,
    "at": "2022-10-16T22:00:00.000Z",
    "clock": "ok",
    "player": "1.0",
    "free_bytes": 10**9,
    "floor": 0,
    "dates": {"2022-10-17": DAY},
    "refusals": [],
    "asrun": {"line": 3, "head": "c" * 64, "failure": ""},
}


def sealed(key: bytes = KEY, **fields: Any) -> bytes:
    return player.seal({**RECEIPT, **fields}, key, player.PURPOSE_RECEIPT)


def read(data: bytes) -> Receipt:
    return read_receipt(data, station=STATION, key=KEY)


def test_a_players_receipt_names_the_manifest_that_the_hub_sent(box: Box) -> None:
    """'Verified' means: these very bytes were accepted and every file was read to its end."""
    box.store(SOUND)
    sent = box.deliver(day(item("05:00", SOUND[0]), files=[SOUND[0]], seq=7))

    box.boot(at("04:00")).check()

    told = box.receipt().days[MONDAY]
    assert (told.seq, told.manifest_sha256) == (7, file_sha256(sent))
    assert told.is_complete
    assert box.receipt().clock_ok


def test_a_receipt_says_how_far_the_log_has_come(box: Box) -> None:
    """The hub sees from the receipt alone whether it has fetched the whole log."""
    box.boot(at("04:00")).run_until(at("04:10"))

    told = box.receipt()
    assert (told.asrun_line, told.asrun_head) == (1, box.asrun().head)


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "unsigned"),
        (b"{}", "unsigned"),
        (b"\0" * 500, "unsigned"),
        (b"x" * ((1 << 20) + 1), "too_big"),
        (sealed(OTHER_KEY), "wrong_key"),
        (sealed().replace(b'"free_bytes":1', b'"free_bytes":9'), "wrong_key"),
        (player.seal(RECEIPT, KEY, player.PURPOSE_ASRUN), "wrong_key"),
        (sealed(station="HN-13588"), "wrong_station"),
        (sealed(free_bytes=-1), "malformed"),
        (sealed(free_bytes="9"), "malformed"),
        (sealed(dates=[]), "malformed"),
        (sealed(dates={"2022-13-17": DAY}), "malformed"),
        (sealed(dates={"2022-10-17": {**DAY, "ok": ["../x.mp3"]}}), "malformed"),
        (sealed(dates={"2022-10-17": {**DAY, "ok": [[]]}}), "malformed"),
        (sealed(dates={"2022-10-17": {**DAY, "seq": 2**60}}), "malformed"),
        (sealed(dates={str(number): DAY for number in range(65)}), "malformed"),
        (sealed(refusals=[5]), "malformed"),
        (sealed(refusals=[{"file": "<b>", "reason": "x", "at": RECEIPT["at"]}]), "malformed"),
        (sealed(asrun=None), "malformed"),
        (sealed(clock="<script>"), "malformed"),
    ],
)
def test_a_receipt_that_is_not_the_stations_own_word_is_refused(data: bytes, detail: str) -> None:
    """Nothing turns green on a forged, broken or foreign receipt."""
    assert read(sealed()).asrun_line == 3

    with pytest.raises(BadReceipt, match=detail):
        read(data)
