from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from stations import player
from stations.errors import ManifestRefused
from stations.manifest import Manifest, file_sha256, open_signed, sign, station_key
from stations.sidefiles import overview_files, playlists
from tests.unit.stations.box import KEY, MONDAY, OTHER_KEY, at, day, item, sound

SOUND = sound()[0]
PLAN = day(item("05:00", SOUND, gain_db=-3.0), item("17:00", SOUND), files=[SOUND])


def test_a_signed_day_comes_back_as_it_was() -> None:
    """What the hub signs is what the station reads."""
    assert open_signed(sign(PLAN, KEY), KEY) == PLAN


def test_the_same_day_signed_twice_is_the_same_bytes() -> None:
    """Pushing an unchanged night again costs nothing, and a receipt can name it by its hash."""
    shuffled = replace(PLAN, items=PLAN.items[::-1])

    assert sign(PLAN, KEY) == sign(shuffled, KEY)
    assert file_sha256(sign(PLAN, KEY)) == hashlib.sha256(sign(PLAN, KEY)).hexdigest()


def test_each_station_has_a_key_of_its_own() -> None:
    """A stolen box opens no other box."""
    master = b"m" * 32

    assert station_key(master, "HN-1") != station_key(master, "HN-2")
    with pytest.raises(ManifestRefused, match="wrong_key"):
        open_signed(sign(PLAN, KEY), OTHER_KEY)


def test_while_keys_change_either_key_opens_it() -> None:
    """No station falls silent because it was told of the new key a day late."""
    data = sign(PLAN, KEY, next_key=OTHER_KEY)

    assert open_signed(data, KEY) == open_signed(data, OTHER_KEY) == PLAN


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (replace(PLAN, seq=2**63), "malformed"),
        (replace(PLAN, seq=0), "malformed"),
        (replace(PLAN, files=()), "malformed"),
        (replace(PLAN, items=(PLAN.items[0],) * 2), "malformed"),
        (replace(PLAN, items=(replace(PLAN.items[0], gain_db=float("nan")),)), "malformed"),
        (replace(PLAN, items=(replace(PLAN.items[0], id="../x"),)), "malformed"),
        (replace(PLAN, for_date=MONDAY + timedelta(days=3)), "other_date"),
        (replace(PLAN, critical=("teleport",)), "unknown_critical"),
        (replace(PLAN, generated_at=datetime(2022, 10, 16)), "no_time_zone"),
    ],
)
def test_the_hub_does_not_sign_what_a_station_would_refuse(broken: Manifest, reason: str) -> None:
    """A mistake of the planner is found at the hub, not at 05:00 in a hundred communes."""
    with pytest.raises(ManifestRefused, match=reason):
        sign(broken, KEY)


def test_the_station_sees_the_times_that_the_hub_meant() -> None:
    """05:00 in Việt Nam is 22:00 UTC of the day before, and the box needs no time zones for it."""
    seen = player.parse_manifest(player.authenticate(sign(PLAN, KEY), [KEY]))

    assert [entry.at for entry in seen.items] == [at("05:00").timestamp(), at("17:00").timestamp()]
    assert player.date_of(seen.items[0].at, seen.utc_offset_s) == "2022-10-17"


def test_checksums_can_be_checked_with_the_ordinary_tool() -> None:
    """A technician with a USB stick needs nothing of ours."""
    assert overview_files(PLAN)["in/SHA256SUMS"].decode() == (
        f"{SOUND.sha256}  audio/{SOUND.name}\n"
    )


def test_playlists_are_named_by_local_time_and_point_at_the_audio() -> None:
    """A box that can only play a playlist at a time plays the same programme."""
    files = playlists(PLAN)

    assert set(files) == {"in/2022-10-17/0500.m3u8", "in/2022-10-17/1700.m3u8"}
    assert files["in/2022-10-17/0500.m3u8"].decode().splitlines() == [
        "#EXTM3U",
        "#EXTINF:1800,Chương trình 05:00",
        f"../audio/{SOUND.name}",
    ]


def test_the_printed_timetable_is_vietnamese_and_holds_every_day_given() -> None:
    """A commune officer pins it to the wall: dd/mm/yyyy, 24 hours, the class in words."""
    tuesday = MONDAY + timedelta(days=1)
    urgent = item("11:00", SOUND, on=tuesday, bulletin_class="urgent", title="Lũ về\nđêm nay")
    second = replace(PLAN, for_date=tuesday, items=(urgent,))

    page = overview_files(second, PLAN)["in/LICH_PHAT.txt"].decode("utf-8-sig")

    assert page.split("\r\n") == [
        "LỊCH PHÁT THANH",
        "",
        "Đài: HN-13579",
        "Thứ Hai, ngày 17/10/2022",
        "",
        "Giờ    Dài      Loại          Chương trình",
        "05:00  30:00    thông thường  Chương trình 05:00",
        "17:00  30:00    thông thường  Chương trình 17:00",
        "",
        "Đài: HN-13579",
        "Thứ Ba, ngày 18/10/2022",
        "",
        "Giờ    Dài      Loại          Chương trình",
        "11:00  30:00    KHẨN CẤP      Lũ về đêm nay",
        "",
    ]
