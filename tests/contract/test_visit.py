"""What a visit promises, whatever stands at the other end."""

from __future__ import annotations

import dataclasses
import time
from datetime import date

import pytest

from stations.disk import FLUSH_EVERY_BYTES
from stations.errors import FileTooLong, RenditionDamaged, StationFull
from stations.layout import AUDIO_DIR, DayFiles, audio_path, manifest_path
from stations.visit import STEPS, Sent
from tests.contract.conftest import LIMITS, Site
from tests.faults.harness.renditions import RenditionMaker

MB = 1_000_000
DAY = DayFiles(
    date(2022, 10, 17),
    b'{"v": 1, "station": "HN-13579"}',
    {"in/2022-10-17/0500.m3u8": b"#EXTM3U\n", "in/LICH_PHAT.txt": "05:00 Thời sự\n".encode()},
)


class StoppedError(Exception):
    """Raised by a progress callback, as the core does when it lost its lease."""


def test_a_rendition_arrives_whole_under_its_final_name(
    site: Site, make_rendition: RenditionMaker
) -> None:
    """What lies at the station is, byte for byte, what was sent; no part is left."""
    file = make_rendition(3 * MB)

    with site.visit() as visit:
        sent = visit.put_rendition(file)

    assert sent == Sent(bytes_sent=3 * MB, resumed_from=0, was_there=False)
    assert site.files() == {audio_path(file.name)}
    assert (site.root / audio_path(file.name)).read_bytes() == file.path.read_bytes()


@pytest.mark.parametrize("size", [0, 1, 32_768, 65_280, FLUSH_EVERY_BYTES, FLUSH_EVERY_BYTES + 1])
def test_any_length_arrives(site: Site, make_rendition: RenditionMaker, size: int) -> None:
    """The lengths at which blocks, requests and flushes end are nothing special."""
    file = make_rendition(size)

    with site.visit() as visit:
        visit.put_rendition(file)

    assert (site.root / audio_path(file.name)).read_bytes() == file.path.read_bytes()


def test_pushing_the_same_night_again_sends_almost_nothing(
    site: Site, make_rendition: RenditionMaker
) -> None:
    """A finished file is recognised by a look at its bytes and costs only the questions."""
    files = [make_rendition(2 * MB, seed) for seed in range(3)]
    with site.visit() as visit:
        for file in files:
            visit.put_rendition(file)
        visit.commit_day(DAY)

    with site.visit() as visit:
        again = [visit.put_rendition(file) for file in files]
        visit.commit_day(DAY)
        sent = visit.bytes_sent

    assert again == [Sent(0, 0, was_there=True)] * 3
    assert sent < 12_000


def test_an_unfinished_part_of_ours_is_resumed(site: Site, make_rendition: RenditionMaker) -> None:
    """Of what arrived before a cut, only the stretch that may not be on the disk goes again."""
    file = make_rendition(4 * MB)
    content = file.path.read_bytes()
    part = site.root / f"{audio_path(file.name)}.part"
    part.write_bytes(content[: 3 * MB])

    with site.visit() as visit:
        sent = visit.put_rendition(file)

    assert 3 * MB - sent.resumed_from <= FLUSH_EVERY_BYTES or not site.keeps_parts
    assert sent.bytes_sent == 4 * MB - sent.resumed_from
    assert (site.root / audio_path(file.name)).read_bytes() == content
    assert not part.exists()


@pytest.mark.parametrize("kind", ["another programme", "longer", "bad end", "zeros"])
def test_a_part_that_is_not_ours_is_thrown_away(
    site: Site, make_rendition: RenditionMaker, kind: str
) -> None:
    """A part is resumed only when what is there was looked at and is a beginning of this file."""
    file = make_rendition(2 * MB)
    content = file.path.read_bytes()
    seeds = {
        "another programme": make_rendition(MB, seed=9).path.read_bytes(),
        "longer": content + b"more",
        "bad end": content[: MB - 100] + bytes(100),
        "zeros": bytes(MB),
    }
    (site.root / f"{audio_path(file.name)}.part").write_bytes(seeds[kind])

    with site.visit() as visit:
        sent = visit.put_rendition(file)

    assert sent.resumed_from == 0
    assert site.files() == {audio_path(file.name)}
    assert (site.root / audio_path(file.name)).read_bytes() == content


@pytest.mark.parametrize("kind", ["empty", "short", "same size, bad end", "same size, zeros"])
def test_a_wrong_file_under_a_final_name_is_replaced(
    site: Site, make_rendition: RenditionMaker, kind: str
) -> None:
    """A file is not trusted because it exists, nor because its size is right."""
    file = make_rendition(2 * MB)
    content = file.path.read_bytes()
    wrong = {
        "empty": b"",
        "short": content[:MB],
        "same size, bad end": content[:-1] + bytes([content[-1] ^ 1]),
        "same size, zeros": bytes(2 * MB),
    }
    final = site.root / audio_path(file.name)
    final.write_bytes(wrong[kind])

    with site.visit() as visit:
        sent = visit.put_rendition(file)

    assert not sent.was_there
    assert final.read_bytes() == content
    assert site.files() == {audio_path(file.name)}


def test_progress_counts_acknowledged_bytes_and_may_stop_the_visit(
    site: Site, make_rendition: RenditionMaker
) -> None:
    """A worker that lost its lease stops in the middle; nothing final is left, the next resumes."""
    file = make_rendition(4 * MB)
    seen: list[int] = []

    def stop_at_half(acknowledged: int) -> None:
        seen.append(acknowledged)
        if acknowledged > 2 * MB:
            raise StoppedError

    with pytest.raises(StoppedError), site.visit() as visit:
        visit.put_rendition(file, stop_at_half)

    assert seen == sorted(seen)
    assert not (site.root / audio_path(file.name)).exists()
    with site.visit() as visit:
        assert visit.put_rendition(file).resumed_from > MB or not site.keeps_parts
    assert (site.root / audio_path(file.name)).read_bytes() == file.path.read_bytes()


def test_the_manifest_comes_last(site: Site, make_rendition: RenditionMaker) -> None:
    """When the manifest is live, everything it speaks of is; the steps come in their order."""
    seen: list[tuple[str, bool]] = []
    manifest = site.root / manifest_path(DAY.for_date)

    with site.visit(step=lambda name: seen.append((name, manifest.exists()))) as visit:
        visit.put_rendition(make_rendition(MB))
        visit.commit_day(DAY)

    assert [name for name, _ in seen] == list(STEPS)
    assert [name for name, is_live in seen if is_live] == ["manifest_live"]
    assert manifest.read_bytes() == DAY.manifest
    for path, content in DAY.side_files.items():
        assert (site.root / path).read_bytes() == content


def test_a_new_manifest_takes_the_place_of_the_old_one(site: Site) -> None:
    """The same day planned anew replaces the plan; no part and no old one stay behind."""
    with site.visit() as visit:
        visit.commit_day(DAY)
        visit.commit_day(dataclasses.replace(DAY, manifest=b"anew"))

    assert (site.root / manifest_path(DAY.for_date)).read_bytes() == b"anew"
    assert site.files() == {manifest_path(DAY.for_date), *DAY.side_files}


def test_a_damaged_rendition_of_ours_is_not_sent(
    site: Site, make_rendition: RenditionMaker
) -> None:
    """Our own disk may rot too: bytes that are not what their name says stay here."""
    file = make_rendition(MB)
    content = bytearray(file.path.read_bytes())
    content[MB // 2] ^= 1
    file.path.write_bytes(content)

    with site.visit() as visit, pytest.raises(RenditionDamaged):
        visit.put_rendition(file)

    assert site.files() == set()


def test_room_is_asked_for_before_anything_is_sent(
    site: Site, make_rendition: RenditionMaker
) -> None:
    """A rendition that does not fit is refused here, with the figures; a manifest still goes."""
    file = make_rendition(MB)
    limits = dataclasses.replace(LIMITS, reserve_bytes=1 << 60)

    with site.visit(limits) as visit:
        if visit.free_bytes() is None:  # the server cannot tell: nothing is refused beforehand
            assert not visit.put_rendition(file).was_there
            return
        with pytest.raises(StationFull) as refused:
            visit.put_rendition(file)
        visit.commit_day(DAY)

    assert refused.value.fields["needed_bytes"] >= 1 << 60
    assert refused.value.fields["free_bytes"] > 0
    assert not any(path.startswith(AUDIO_DIR) for path in site.files())


def test_missing_folders_are_made(site: Site, make_rendition: RenditionMaker) -> None:
    """A fresh account needs nothing but its root."""
    for folder in sorted(site.root.rglob("*"), reverse=True):
        folder.rmdir()
    file = make_rendition(1000)

    with site.visit() as visit:
        assert visit.list_audio() == {}
        visit.put_rendition(file)
        visit.commit_day(DAY)

    assert (site.root / audio_path(file.name)).exists()


def test_what_the_station_wrote_is_read_within_a_limit(site: Site) -> None:
    """Nothing is None, a file is its bytes, and a station cannot fill our memory."""
    log = bytes(range(256)) * 1000
    (site.root / "out/receipt.json").write_bytes(log)

    with site.visit() as visit:
        assert visit.read_file("out/asrun/2022-10-17.jsonl", 1 << 20) is None
        assert visit.read_file("out/receipt.json", len(log)) == log
        with pytest.raises(FileTooLong):
            visit.read_file("out/receipt.json", len(log) - 1)


def test_only_renditions_are_listed_and_removed(site: Site, make_rendition: RenditionMaker) -> None:
    """Names that are no content hash are not ours: neither counted nor ever removed."""
    keep, drop = make_rendition(1000, 1), make_rendition(2000, 2)
    stray = site.root / AUDIO_DIR / "Nhạc nền.mp3"
    stray.write_bytes(b"theirs")
    with site.visit() as visit:
        visit.put_rendition(keep)
        visit.put_rendition(drop)

        assert visit.list_audio() == {keep.name: 1000, drop.name: 2000}
        visit.remove_audio([drop.name, drop.name])
        assert visit.list_audio() == {keep.name: 1000}
        with pytest.raises(ValueError, match="not the name of a rendition"):
            visit.remove_audio(["../manifest/2022-10-17.signed"])
    assert stray.exists()


def test_unfinished_strays_are_swept(site: Site, make_rendition: RenditionMaker) -> None:
    """Parts that nobody will finish go; the part of what is still due stays."""
    due, stray = make_rendition(1000, 1), make_rendition(2000, 2)
    for file in (due, stray):
        (site.root / f"{audio_path(file.name)}.part").write_bytes(b"begun")
    (site.root / "in/manifest/2022-10-16.signed.part").write_bytes(b"begun")

    with site.visit() as visit:
        visit.sweep_parts(keep=[due.name])

    assert site.files() == {f"{audio_path(due.name)}.part"}


def test_the_clock_of_the_station_is_measured(site: Site) -> None:
    """Within the second that SFTP can tell; nothing is left of the look."""
    with site.visit() as visit:
        skew = visit.clock_skew_s(time.time())
        ahead = visit.clock_skew_s(time.time() - 3600)

    assert skew is not None
    assert abs(skew) < 2
    assert ahead is not None
    assert abs(ahead - 3600) < 2
    assert site.files() == set()
