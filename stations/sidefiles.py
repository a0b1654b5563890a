"""The same day for boxes and people without our player: checksums, playlists, a printed page."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import groupby
from zoneinfo import ZoneInfo

from stations.layout import AUDIO_DIR, day_folder
from stations.manifest import Manifest, ManifestItem

SHA256SUMS = "in/SHA256SUMS"
TIMETABLE = "in/LICH_PHAT.txt"

_WEEKDAYS = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ nhật")
_CLASSES = {"normal": "thông thường", "priority": "ưu tiên", "urgent": "KHẨN CẤP"}
_RANKS = ("urgent", "priority", "normal")


def overview_files(*manifests: Manifest) -> dict[str, bytes]:
    """
    Path below the station's root → content of what tells of all the days that are coming.

    Of seven files of one name, one for each day, only the last would survive.
    """
    days = sorted(manifests, key=lambda manifest: manifest.for_date)
    return {SHA256SUMS: _checksums(days), TIMETABLE: _timetable(days)}


def _checksums(days: list[Manifest]) -> bytes:
    """For ``cd in && sha256sum -c SHA256SUMS``."""
    folder = AUDIO_DIR.removeprefix("in/")
    lines = {f"{file.sha256}  {folder}/{file.name}\n" for day in days for file in day.files}
    return "".join(sorted(lines)).encode()


def playlists(manifest: Manifest) -> dict[str, bytes]:
    """Path → one playlist for each minute at which something starts, named by the local time."""
    folder = day_folder(manifest.for_date)
    files = {}
    for name, items in groupby(_in_order(manifest), key=lambda item: _local(manifest, item, "")):
        lines = ["#EXTM3U"]
        for item in items:
            lines.append(f"#EXTINF:{round(item.ms / 1000)},{_one_line(item.title)}")
            lines += [f"../{AUDIO_DIR.removeprefix('in/')}/{file}" for file in item.files]
        files[f"{folder}/{name}.m3u8"] = ("\n".join(lines) + "\n").encode()
    return files


def _timetable(days: list[Manifest]) -> bytes:
    """A page to print. Windows line ends and a mark: Notepad of old machines needs both."""
    lines = ["LỊCH PHÁT THANH"]
    for day in days:
        weekday = _WEEKDAYS[day.for_date.weekday()]
        lines += ["", f"Đài: {_one_line(day.station)}"]
        lines += [f"{weekday}, ngày {day.for_date:%d/%m/%Y}", ""]
        lines.append(f"{'Giờ':<7}{'Dài':<9}{'Loại':<14}Chương trình")
        lines += [_row(day, item) for item in _in_order(day)] or ["(không có lượt phát nào)"]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")


def _row(manifest: Manifest, item: ManifestItem) -> str:
    minutes, seconds = divmod(round(item.ms / 1000), 60)
    starts = _local(manifest, item, ":")
    kind = _CLASSES[item.bulletin_class]
    return f"{starts:<7}{f'{minutes}:{seconds:02}':<9}{kind:<14}{_one_line(item.title)}"


def _in_order(manifest: Manifest) -> list[ManifestItem]:
    return sorted(
        manifest.items,
        key=lambda item: (item.starts_at, _RANKS.index(item.bulletin_class), item.id),
    )


def _local(manifest: Manifest, item: ManifestItem, separator: str) -> str:
    at = item.starts_at.astimezone(ZoneInfo(manifest.tz))
    return f"{at.hour:02}{separator}{at.minute:02}"


@lru_cache(4096)  # a title comes back every day, at every station
def _one_line(text: str) -> str:
    """A title must not be able to write a second line into a playlist."""
    text = unicodedata.normalize("NFC", text)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
