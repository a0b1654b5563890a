"""What somebody who can write into a station's folder can make it play: nothing."""

from __future__ import annotations

import hmac
import json
import os
import shutil
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stations import player
from stations.errors import ManifestRefused
from stations.layout import manifest_path
from stations.manifest import Manifest, open_signed, sign
from tests.unit.stations.box import KEY, MONDAY, OTHER_KEY, Box, at, day, item, sound

GOOD, EVIL = sound("the good programme"), sound("the evil programme")
NEXT_KEY = OTHER_KEY
PATH = manifest_path(MONDAY)


def plan(name: str, seq: int) -> Manifest:
    """Monday with one item of this name; its file is the evil one unless said otherwise."""
    file = GOOD[0] if name == "good" else EVIL[0]
    return day(item("05:00", file, id=name), files=[file], seq=seq)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """An empty station."""
    return Box(tmp_path / "box")


@pytest.fixture
def victim(box: Box) -> Box:
    """A box that has accepted Monday as number 5, and that evil audio has been put on as well."""
    box.store(GOOD, EVIL)
    box.deliver(plan("good", 5))
    box.boot(at("03:00")).run_until(at("03:10"))
    assert box.receipt().days[MONDAY].seq == 5
    return box


def aired(box: Box) -> set[str | None]:
    """Live through the morning; which items were heard to their end?"""
    box.boot(at("04:00")).run_until(at("06:00"))
    return {record.item_id for record in box.events("ended")}


def refusals(box: Box) -> list[str]:
    return [refusal.reason for refusal in box.receipt().refusals]


def flipped(data: bytes, position: int, bit: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]


def resealed(manifest: Manifest, **changes: object) -> bytes:
    """Signed with the right key after changes that our own hub would refuse to sign."""
    raw = json.loads(sign(manifest, KEY).split(b"\n", 1)[1])
    body = json.dumps({**raw, **changes}).encode()
    mac = hmac.digest(KEY, body, "sha256").hex().encode()
    return b"loa-manifest-1 " + mac + b"\n" + body


def test_unsigned(victim: Box) -> None:
    """A manifest without a signature is not a manifest."""
    victim.put(PATH, sign(plan("evil", 6), KEY).split(b"\n", 1)[1])

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["unsigned"]


def test_wrong_key(victim: Box) -> None:
    """The key of another station, from a stolen box, opens nothing here."""
    victim.put(PATH, sign(plan("evil", 6), OTHER_KEY))

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["wrong_key"]


def test_one_bit_flipped(victim: Box) -> None:
    """No bit of the file can be changed, neither in the signature nor in what it signs."""
    data = sign(plan("evil", 6), KEY)

    for position in range(len(data)):
        with pytest.raises(ManifestRefused):
            open_signed(flipped(data, position, position % 8), KEY)
    victim.put(PATH, flipped(data, data.index(b"evil"), 0))

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["wrong_key"]


def test_replayed_older_serial(victim: Box) -> None:
    """Last week's version of the day, rightly signed, does not come back."""
    victim.put(PATH, sign(plan("evil", 4), KEY))

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["replayed"]


def test_replay_of_a_day_that_is_over_and_forgotten(box: Box) -> None:
    """With the clock set back to that day, its old plan is still old."""
    box.store(GOOD, EVIL)
    old, new = plan("evil", 4), plan("good", 5)
    box.deliver(old)
    box.boot(at("03:00")).run_until(at("04:00"))
    later = MONDAY + timedelta(days=12)
    shift = timedelta(days=12)
    box.deliver(
        replace(
            new,
            for_date=later,
            generated_at=new.generated_at + shift,
            not_before=new.not_before + shift,
            expires_at=new.expires_at + shift,
            items=(replace(new.items[0], starts_at=new.items[0].starts_at + shift),),
        )
    )
    (box.root / PATH).unlink()
    box.boot(at("03:00", later)).run_until(at("03:30", later))
    assert not (box.root / "state/manifest/2022-10-17.signed").exists()

    box.deliver(old)

    assert aired(box) == set()
    assert refusals(box) == ["replayed"]


def test_same_serial_other_content(victim: Box) -> None:
    """One number, one content: a second story under it is refused."""
    victim.put(PATH, sign(plan("evil", 5), KEY))

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["same_seq_other_content"]


def test_same_serial_same_content_is_no_attack(victim: Box) -> None:
    """The same night pushed again is accepted in silence."""
    victim.put(PATH, sign(plan("good", 5), KEY))

    assert aired(victim) == {"good"}
    assert refusals(victim) == []


def test_expired(victim: Box) -> None:
    """What was valid until the day before yesterday is not obeyed, whatever its number."""
    over = at("03:00") - timedelta(days=1, seconds=1)
    early = over - timedelta(days=1)
    victim.put(
        PATH,
        sign(replace(plan("evil", 6), generated_at=early, not_before=early, expires_at=over), KEY),
    )

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["expired"]


def test_not_yet_valid_waits_for_its_time(victim: Box) -> None:
    """It is refused, and obeyed without being sent again once its time has come."""
    begins = at("04:30") + timedelta(days=1)
    victim.put(PATH, sign(replace(plan("evil", 6), not_before=begins), KEY))
    living = victim.boot(at("04:00"))

    living.run_until(at("04:29"))
    assert refusals(victim) == ["not_yet_valid"]
    assert victim.receipt().days[MONDAY].seq == 5

    living.run_until(at("04:31"))
    assert refusals(victim) == []
    assert victim.receipt().days[MONDAY].seq == 6


def test_for_another_station(victim: Box) -> None:
    """Even under our own key, a day that names another station is not ours."""
    victim.put(PATH, sign(replace(plan("evil", 6), station="HN-13588"), KEY))

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["other_station"]


def test_under_the_name_of_another_date(victim: Box) -> None:
    """A manifest counts for the date that it signs, not for the name that it was given."""
    victim.put("in/manifest/2022-10-18.signed", sign(plan("evil", 6), KEY))

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["other_date"]


def test_file_listed_but_absent(victim: Box) -> None:
    """Nothing else is played in its place; the log says what was missing."""
    (victim.root / f"in/audio/{GOOD[0].name}").unlink()

    assert aired(victim) == set()
    assert [record.reason for record in victim.events("missed")] == ["file_missing"]
    assert victim.receipt().days[MONDAY].missing == {GOOD[0].name}


@pytest.mark.parametrize("moment", ["before the start of the player", "while it runs"])
def test_file_swapped_for_a_file_of_the_same_size(victim: Box, moment: str) -> None:
    """Same name, same size, same modification time, other sound: not one second is heard."""
    target = victim.root / f"in/audio/{GOOD[0].name}"
    living = victim.boot(at("04:00"))
    if moment == "while it runs":
        living.run_until(at("04:30"))
    before = target.stat()
    with target.open("r+b") as file:
        file.write(EVIL[1])
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert target.stat().st_ino == before.st_ino and target.stat().st_size == before.st_size

    living.run_until(at("06:00"))

    assert victim.events("started") == []
    assert [record.reason for record in victim.events("missed")] == ["file_wrong"]
    assert victim.receipt().days[MONDAY].wrong == {GOOD[0].name}


def test_audio_that_is_a_link_or_a_pipe_is_not_followed(victim: Box, tmp_path: Path) -> None:
    """The box opens no other file for anybody, and does not hang on a pipe."""
    target = victim.root / f"in/audio/{GOOD[0].name}"
    elsewhere = tmp_path / "elsewhere"
    target.rename(elsewhere)
    target.symlink_to(elsewhere)
    victim.boot(at("04:00")).check()
    assert victim.receipt().days[MONDAY].wrong == {GOOD[0].name}

    target.unlink()
    os.mkfifo(target)
    victim.boot(at("04:00")).check()
    assert victim.receipt().days[MONDAY].wrong == {GOOD[0].name}


def test_two_gigabyte_manifest(victim: Box) -> None:
    """It costs the box neither its memory nor its morning."""
    path = victim.root / PATH
    path.unlink()
    with path.open("wb") as file:
        file.truncate(2 << 30)

    tracemalloc.start()
    heard = aired(victim)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert heard == {"good"}
    assert refusals(victim) == ["too_big"]
    assert peak_bytes < 8 << 20


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_manifest_that_is_no_file(victim: Box, tmp_path: Path, kind: str) -> None:
    """A name that leads elsewhere, or nowhere, is refused without waiting for it."""
    path = victim.root / PATH
    path.unlink()
    if kind == "link":
        (tmp_path / "evil").write_bytes(sign(plan("evil", 6), KEY))
        path.symlink_to(tmp_path / "evil")
    else:
        os.mkfifo(path) if kind == "pipe" else path.mkdir()

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["unreadable"]


def test_unknown_fields_are_accepted(victim: Box) -> None:
    """A newer hub may say more than this player understands."""
    victim.put(PATH, resealed(plan("good", 6), mood="cheerful"))

    assert aired(victim) == {"good"}
    assert victim.receipt().days[MONDAY].seq == 6


def test_unknown_critical_fields_are_refused(victim: Box) -> None:
    """Unless the hub says that it must not be obeyed without them."""
    victim.put(PATH, resealed(plan("evil", 6), mood="cheerful", critical=["mood"]))

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["unknown_critical"]


def test_another_version_is_refused(victim: Box) -> None:
    """A format that means something else is not read as this one."""
    victim.put(PATH, resealed(plan("evil", 6), v=2))

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["other_version"]


@pytest.mark.parametrize(
    ("box_keys", "hub_keys", "is_obeyed"),
    [
        ([KEY], [KEY, NEXT_KEY], True),  # the hub has begun
        ([KEY, NEXT_KEY], [KEY, NEXT_KEY], True),  # the box knows
        ([NEXT_KEY], [KEY, NEXT_KEY], True),  # the box was quicker
        ([KEY, NEXT_KEY], [NEXT_KEY], True),  # the hub has ended
        ([NEXT_KEY], [KEY], False),  # the old key is dead on this box
        ([KEY], [NEXT_KEY], False),  # this box was forgotten: it keeps its last good day
    ],
)
def test_key_rotation_half_done(
    victim: Box, box_keys: list[bytes], hub_keys: list[bytes], is_obeyed: bool
) -> None:
    """At no step does a station fall silent, and a key that was taken away opens nothing."""
    victim.put(PATH, sign(plan("good", 5), KEY, next_key=NEXT_KEY))
    living = victim.boot(at("03:20"))
    living.run_until(at("03:30"))

    victim.put("state/loa.key", b"\n".join(key.hex().encode() for key in box_keys))
    newer = replace(plan("good", 6), items=(item("05:00", GOOD[0], id="newer"),))
    victim.put(PATH, sign(newer, *hub_keys))
    living.run_until(at("06:00"))

    victim.key = box_keys[0]
    assert {record.item_id for record in victim.events("ended")} == {
        "newer" if is_obeyed else "good"
    }


def test_a_broken_key_file_keeps_the_keys_that_are_known(victim: Box) -> None:
    """Half of a rotation on a full disk does not silence the village."""
    living = victim.boot(at("04:00"))
    living.run_until(at("04:10"))

    victim.put("state/loa.key", b"deadbe")
    living.run_until(at("06:00"))

    assert {record.item_id for record in victim.events("ended")} == {"good"}


def test_highest_serial_store_lost(victim: Box) -> None:
    """Without the numbers the accepted day itself still knows its own."""
    (victim.root / "state/seqs.json").unlink()
    victim.put(PATH, sign(plan("evil", 4), KEY))

    assert aired(victim) == {"good"}
    assert refusals(victim) == ["replayed"]


def test_whole_state_lost(victim: Box) -> None:
    """A new card: the last receipt, sealed by ourselves, still knows the number; and it is said."""
    shutil.rmtree(victim.root / "state/manifest")
    (victim.root / "state/seqs.json").unlink()
    victim.put(PATH, sign(plan("evil", 4), KEY))

    assert aired(victim) == set()
    assert refusals(victim) == ["replayed"]
    assert victim.events("boot")[-1].reason == "state_lost"


def test_fast_forward_serial(victim: Box) -> None:
    """A number that no later one could exceed is refused, so the next night still counts."""
    victim.put(PATH, resealed(plan("evil", 6), seq=2**63))
    assert aired(victim) == {"good"}
    assert refusals(victim) == ["malformed"]

    victim.deliver(plan("good", 6))
    victim.boot(at("07:00")).check()
    assert victim.receipt().days[MONDAY].seq == 6
    assert refusals(victim) == []


def test_a_flood_of_names_does_not_stop_the_day(victim: Box) -> None:
    """Ten thousand files in the folder: bounded work, a bounded list of refusals."""
    for number in range(10_000):
        (victim.root / f"in/manifest/{number:04}-01-01.signed").write_bytes(b"x")

    assert aired(victim) == {"good"}
    assert len(refusals(victim)) <= player.REFUSALS_MAX
    assert len(victim.events("refused")) <= player.REFUSALS_MAX


# Named once more, so that none of them is dropped unseen.
ATTACKS = (
    test_unsigned,
    test_wrong_key,
    test_one_bit_flipped,
    test_replayed_older_serial,
    test_same_serial_other_content,
    test_expired,
    test_not_yet_valid_waits_for_its_time,
    test_for_another_station,
    test_file_listed_but_absent,
    test_file_swapped_for_a_file_of_the_same_size,
    test_two_gigabyte_manifest,
    test_unknown_fields_are_accepted,
    test_unknown_critical_fields_are_refused,
    test_key_rotation_half_done,
    test_highest_serial_store_lost,
    test_fast_forward_serial,
)
