#!/usr/bin/env python3
"""Loa's player: obeys the signed timetable that lies beside it and writes down what it aired.

One file, standard library only, Python 3.7 or newer: copy it to the box and start it.
Below --root lie three folders: in/ is written by the hub, out/ is read by the hub, state/ is the
player's own. docs/protocol.md explains every field. Three rules carry the rest:

* Only what the station's key has signed is obeyed, and only files with the signed hash are played.
* What was accepted is kept in state/, so nothing that happens to in/ afterwards changes the day.
* What happened is written before anything else happens: one sealed, flushed line an event.

In this order: seals and keys; files and clocks; the timetable (what should be on air); the library
(which files are right); the log (what was on air); devices and amplifier; the player; the command
line.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import hashlib
import hmac
import json
import math
import os
import re
import select
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from calendar import timegm
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from typing import IO, Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import urlsplit

VERSION = "1.0"

MANIFEST_MAX_BYTES = 1 << 20
ENTRIES_MAX = 4096  # names read in a folder that somebody may have flooded
MANIFESTS_MAX = 64  # files looked at in in/manifest: seven days, a week behind, and room
ASRUN_MAX_BYTES = 8 << 20
ITEMS_MAX = 500
SEQ_MAX = 1 << 53  # the largest number that every JSON reader keeps exact
CLOCK_TOLERANCE_S = 300  # a clock further behind than this may not start anything
VALIDITY_TOLERANCE_S = 86400  # a station's clock may be a day off before a manifest is refused
START_GRACE_S = 2  # late_ok_s = 0 means "on the second", as well as a box can
KEEP_DAYS = 8  # accepted manifests: a week of evidence about what should have aired
KEEP_ASRUN_DAYS = 60
RECHECK_S = 86400  # a file's hash is believed for a day while its size, times and inode stand still
HASH_STEP_BYTES = 8 << 20  # hashed between two looks at the clock: 0.3 s on a slow card
ATTEMPTS = 3  # how often a failing device is tried for one item
RETRY_S = 2
AMPLIFIER_COMMAND_S = 5  # its command is ended after this
AMPLIFIER_HOLD_S = 5  # it stays on this long, so that it does not click between two items
OVERRUN_S = 60  # a device that plays this much longer than the file hangs
REFUSALS_MAX = 50

RANKS = {"urgent": 0, "priority": 1, "normal": 2}
FIELDS = {  # every field that this player understands, at any depth
    *("v", "critical", "station", "tz", "utc_offset_s", "date", "seq", "generated_at"),
    *("not_before", "expires_at", "files", "sha256", "ext", "bytes", "ms"),
    *("items", "id", "at", "late_ok_s", "gain_db", "class", "title", "stream"),
    *("urgent", "drill"),
}
PURPOSE_ASRUN = b"loa-asrun-1\n"
PURPOSE_RECEIPT = b"loa-receipt-1\n"
URGENT = "urgent"  # stands where a date stands, for the one manifest that is of no day
NO_LINE = "0" * 64  # what the first line of a log names as the line before it

_HEADER = re.compile(rb"loa-manifest-1((?: [0-9a-f]{64}){1,2})\n")
_SEAL = re.compile(rb',"mac":"([0-9a-f]{64})"\}')
_SEAL_BYTES = 74
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MANIFEST_NAME = re.compile(r"(\d{4}-\d{2}-\d{2}|urgent)\.signed")
_ASRUN_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.jsonl")
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?Z"
)
_ITEM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_EXTENSION = re.compile(r"[a-z0-9]{2,4}")
# A plain host, so that nobody can read another one out of it than we do: no login, no brackets.
_ADDRESS = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:\d{1,5})?(/[!-~]{0,500})?")


@dataclass
class Settings:
    root: str
    station: str
    key_path: str = ""  # default: <root>/state/loa.key
    poll_s: float = 30  # how often in/ is looked at; a quiet look costs two system calls
    receipt_s: float = 600  # how often the receipt is renewed though nothing changed
    position_s: float = 5  # how often the position inside an item is written down
    utc_offset_s: int = 7 * 3600  # names the log's file until a manifest says better
    stream_hosts: Tuple[str, ...] = ()  # hosts of live relays; an item that names another plays
    # its local file instead. Only the owner of the box opens a host, never a manifest.
    when_stale: str = "silent"  # or "repeat": without a plan for today, the last known day again
    amplifier_on: Tuple[str, ...] = ()  # commands, as argument lists
    amplifier_off: Tuple[str, ...] = ()
    amplifier_lead_s: float = 2  # an amplifier needs this long before it can be heard
    is_durable: bool = True  # False only where a power cut cannot happen: in simulations


# ------------------------------------------------------------------ bytes that carry a signature


class PlayerError(Exception):
    """Something that the player lives with; the argument is the reason as one word."""

    @property
    def reason(self) -> str:
        return str(self.args[0])


class Refused(PlayerError):
    """Bytes that must not be obeyed."""


def seal(fields: Dict[str, Any], key: bytes, purpose: bytes) -> bytes:
    """One JSON object on one line whose last member, mac, signs exactly the bytes before it."""
    body = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    mac = hmac.new(key, purpose + body, "sha256").hexdigest()
    return body[:-1] + b',"mac":"' + mac.encode() + b'"}'


def unseal(line: bytes, keys: Sequence[bytes], purpose: bytes) -> bytes:
    """The JSON bytes of a sealed line. Nothing is parsed before its seal has been checked."""
    body, tail = line[:-_SEAL_BYTES] + b"}", _SEAL.fullmatch(line[-_SEAL_BYTES:])
    if tail is None:
        raise Refused("unsigned")
    if not _is_signed(body, [tail.group(1)], keys, purpose):
        raise Refused("wrong_key")
    return body


def authenticate(data: bytes, keys: Sequence[bytes]) -> bytes:
    """The JSON bytes of a manifest file, once one of its signatures is by one of our keys."""
    if len(data) > MANIFEST_MAX_BYTES:
        raise Refused("too_big")
    header = _HEADER.match(data)
    if header is None:
        raise Refused("unsigned")
    body = data[header.end() :]
    if not _is_signed(body, header.group(1).split(), keys, b""):
        raise Refused("wrong_key")
    return body


def _is_signed(body: bytes, macs: List[bytes], keys: Sequence[bytes], purpose: bytes) -> bool:
    ours = [hmac.new(key, purpose + body, "sha256").hexdigest().encode() for key in keys]
    return any(hmac.compare_digest(mac, own) for mac in macs for own in ours)


def read_keys(path: str) -> List[bytes]:
    """The station's keys: the first line signs, the second (if there is one) is accepted too."""
    with open(path, "r", encoding="ascii") as file:
        lines = file.read(1000).split()
    keys = [bytes.fromhex(line) for line in lines]
    if not 1 <= len(keys) <= 2 or any(len(key) < 32 for key in keys):
        raise ValueError("the key file holds one or two lines of at least 64 hex digits")
    return keys


# ------------------------------------------------------------------ small things about time, files


def instant_of(text: str) -> float:
    """Seconds since 1970 of '2022-10-16T22:00:00Z' (or with '.123Z')."""
    parts = _INSTANT.fullmatch(text)
    if parts is None:
        raise ValueError("not an instant: " + text)
    # strptime takes eight times as long, and a week has a hundred of them.
    year, month, day, hour, minute, second = map(int, parts.groups()[:-1])
    microsecond = int((parts.group(7) or "0").ljust(6, "0"))
    moment = datetime(year, month, day, hour, minute, second, microsecond, timezone.utc)
    return moment.timestamp()


def text_of(instant: float) -> str:
    seconds, ms = divmod(round(instant * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % ms


def date_of(instant: float, utc_offset_s: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(instant + utc_offset_s))


def midnight_of(date: str) -> int:
    """Midnight of a date as if it were in UTC."""
    return timegm(time.strptime(date, "%Y-%m-%d"))


def sync_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_file(path: str, data: bytes, is_durable: bool) -> None:
    """Put a whole file in place: the name holds the old bytes or the new ones, never a part."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(path + ".part", flags, 0o644), "wb") as file:
        file.write(data)
        file.flush()
        if is_durable:
            os.fsync(file.fileno())
    os.replace(path + ".part", path)
    if is_durable:
        sync_folder(os.path.dirname(path))


def read_file(path: str, limit: int) -> bytes:
    """At most ``limit`` bytes of a regular file; a link, a pipe or a folder is an OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(fd, "rb") as file:
        seen = os.fstat(fd)
        if not stat.S_ISREG(seen.st_mode):
            raise OSError("not a regular file: " + path)
        # read(n) sets n bytes aside whatever is there: 8 MiB for a log of 5 kB.
        return file.read(min(limit, seen.st_size + 1))


def free_bytes_of(path: str) -> int:
    try:
        room = os.statvfs(path)
    except OSError:
        return 0
    return room.f_bavail * room.f_frsize


def look_of(path: str) -> Optional[Tuple[int, ...]]:
    """What changes when a file or a folder's listing changes. The change time cannot be forged."""
    try:
        seen = os.lstat(path)
    except OSError:
        return None
    return (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino, seen.st_mode)


class Clock:
    """The clock of the box. ``wake_fd`` becomes readable when a signal arrives."""

    def __init__(self, wake_fd: Optional[int] = None) -> None:
        self._wake_fds = [] if wake_fd is None else [wake_fd]

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def is_live(self, is_playing: bool) -> bool:
        """Whether the world goes on while we wait, so that it is worth looking at in/."""
        return True

    def wait(self, seconds: float, is_playing: bool) -> None:
        """Wait, or less: until a child process ends or somebody wants us to stop."""
        if is_playing and not self._wake_fds:
            seconds = min(seconds, 0.02)
        ready, _, _ = select.select(self._wake_fds, [], [], max(0.0, seconds))
        for fd in ready:
            os.read(fd, 4096)


class RehearsalClock(Clock):
    """A virtual clock: idle time jumps, playing time passes ``rate`` times faster."""

    def __init__(self, start: datetime, rate: float = math.inf) -> None:
        super().__init__()
        self._now = start.timestamp()
        self._rate = rate

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def is_live(self, is_playing: bool) -> bool:
        return is_playing and not math.isinf(self._rate)

    def wait(self, seconds: float, is_playing: bool) -> None:
        if self.is_live(is_playing):
            time.sleep(max(0.0, seconds) / self._rate)
        self._now += max(0.0, seconds)


# ------------------------------------------------------------------ what should be on air


@dataclass(frozen=True)
class AudioFile:
    name: str  # <sha256>.<extension>
    size_bytes: int
    ms: int


class Item(NamedTuple):
    """One airing that the hub asks for."""

    key: Tuple[str, str]  # broadcast date, id
    at: float
    late_ok_s: int
    ms: int
    gain_db: float
    rank: int  # 0 urgent, 1 priority, 2 normal
    files: Tuple[AudioFile, ...]
    stream: str  # address of a live relay, or empty; the files are then what plays if it fails
    at_once: bool = False  # of the urgent manifest: due as soon as that is accepted
    is_drill: bool = False  # everything is done but play


@dataclass(frozen=True)
class Day:
    """One manifest that has been read."""

    station: str
    date: str
    utc_offset_s: int
    seq: int
    generated_at: float
    not_before: float
    expires_at: float
    items: Tuple[Item, ...]
    is_urgent: bool = False

    @property
    def name(self) -> str:
        """Under which it lies in in/manifest, without the end."""
        return URGENT if self.is_urgent else self.date


def parse_manifest(body: bytes) -> Day:
    """Read authenticated bytes; even a signed mistake must not bring the player down."""
    try:
        return _day_of(json.loads(body.decode("utf-8")))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        raise Refused("malformed") from None


def _day_of(raw: Dict[str, Any]) -> Day:
    if raw["v"] != 1:
        raise Refused("other_version")
    if not FIELDS.issuperset(_list(raw["critical"])):
        raise Refused("unknown_critical")
    date = _matching(_DATE, raw["date"])
    files = {file.name: file for file in map(_file_of, _list(raw["files"]))}
    items = tuple(_item_of(item, date, files) for item in _list(raw["items"]))
    utc_offset_s = _whole(raw["utc_offset_s"], -86400, 86400)
    is_urgent = _flag(raw, "urgent")
    if is_urgent:
        items = tuple(_at_once(item, utc_offset_s) for item in items)
    _check_items(items, None if is_urgent else midnight_of(date) - utc_offset_s)
    return Day(
        station=raw["station"],
        date=date,
        utc_offset_s=utc_offset_s,
        seq=_whole(raw["seq"], 1, SEQ_MAX),
        generated_at=instant_of(raw["generated_at"]),
        not_before=instant_of(raw["not_before"]),
        expires_at=instant_of(raw["expires_at"]),
        items=items,
        is_urgent=is_urgent,
    )


def _at_once(item: Item, utc_offset_s: int) -> Item:
    """An item of the urgent manifest belongs to the day on which it was ordered."""
    if item.rank != 0 or item.stream:
        raise Refused("malformed")
    return item._replace(key=(date_of(item.at, utc_offset_s), item.key[1]), at_once=True)


def _file_of(raw: Dict[str, Any]) -> AudioFile:
    name = _matching(_SHA256, raw["sha256"]) + "." + _matching(_EXTENSION, raw["ext"])
    return AudioFile(name, _whole(raw["bytes"], 1, 1 << 40), _whole(raw["ms"], 1, 86400000))


def _item_of(raw: Dict[str, Any], date: str, files: Dict[str, AudioFile]) -> Item:
    gain_db = float(raw["gain_db"])
    if not -60 <= gain_db <= 20 or not raw["files"]:
        raise Refused("malformed")
    return Item(
        key=(date, _matching(_ITEM_ID, raw["id"])),
        at=instant_of(raw["at"]),
        late_ok_s=_whole(raw["late_ok_s"], 0, 86400),
        ms=_whole(raw["ms"], 1, 86400000),
        gain_db=gain_db,
        rank=RANKS[raw["class"]],
        files=tuple(files[name] for name in _list(raw["files"])),
        stream=_stream_of(raw.get("stream", "")),
        is_drill=_flag(raw, "drill"),
    )


def _stream_of(address: str) -> str:
    return _matching(_ADDRESS, address) if address else ""


def host_of(address: str) -> str:
    return urlsplit(address).hostname or ""


def _check_items(items: Tuple[Item, ...], midnight: Optional[float]) -> None:
    if len(items) > ITEMS_MAX or len({item.key for item in items}) < len(items):
        raise Refused("malformed")
    if midnight is None:
        return
    # Three hours either way: a change of summer time moves midnight, never by more.
    if any(not -10800 <= item.at - midnight < 86400 + 10800 for item in items):
        raise Refused("other_date")


def _whole(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise Refused("malformed")
    return int(value)


def _flag(raw: Dict[str, Any], name: str) -> bool:
    value = raw.get(name, False)
    if not isinstance(value, bool):
        raise Refused("malformed")
    return value


def _list(value: Any) -> List[Any]:
    """An empty text or object is a mistake of the hub, and not a day on which nothing airs."""
    if not isinstance(value, list):
        raise Refused("malformed")
    return value


def _matching(pattern: "re.Pattern[str]", value: str) -> str:
    if pattern.fullmatch(value) is None:
        raise Refused("malformed")
    return value


class Timetable:
    """The days that were accepted, and the memory that stops an older one from coming back."""

    def __init__(self, settings: Settings, keys: List[bytes]) -> None:
        self._settings = settings
        self.keys = keys
        self._folder = os.path.join(settings.root, "in", "manifest")
        self._own = os.path.join(settings.root, "state", "manifest")
        self._seen_path = os.path.join(settings.root, "state", "seqs.json")
        self.days: Dict[str, Day] = {}
        self.newest = 0.0  # when the newest manifest was made: a time that has certainly been
        self.file_sha256: Dict[str, str] = {}
        self.seen: Dict[str, Tuple[int, str]] = {}  # date -> highest seq, hash of its content
        self.floor = 0  # the highest seq of all dates that are over
        self.refusals: Dict[str, Tuple[str, float]] = {}  # file -> reason, when
        self.news: List[Tuple[str, str]] = []  # refusals not yet written into the log
        self._judged: Dict[str, Tuple[int, ...]] = {}
        self._folder_look: Optional[Tuple[int, ...]] = None
        self._look_again = True

    @property
    def utc_offset_s(self) -> int:
        newest = max(self.days.values(), key=lambda day: day.seq, default=None)
        return self._settings.utc_offset_s if newest is None else newest.utc_offset_s

    def load(self) -> bool:
        """Take up what was accepted before. False: the memory of seen numbers was lost."""
        os.makedirs(self._own, exist_ok=True)
        is_known = self._load_seen()
        for name in sorted(os.listdir(self._own)):
            try:
                data = read_file(os.path.join(self._own, name), MANIFEST_MAX_BYTES + 1)
                body = authenticate(data, self.keys)
                day = parse_manifest(body)
            except (OSError, Refused):
                continue  # half a copy after a power cut: the one in in/ is judged anew
            seen = self.seen.setdefault(day.name, (day.seq, digest_of(body)))
            if day.station == self._settings.station and day.seq >= seen[0]:
                self._take(day, data, body)
        return is_known

    def recover_seen(self, seen: Dict[str, Any], floor: int) -> None:
        """Learn the numbers again from our own last receipt after state/ was lost."""
        for date, day in seen.items():
            self.seen.setdefault(date, (int(day["seq"]), str(day.get("content", ""))))
        self.floor = max(self.floor, floor)

    def scan(self, now: float, is_forced: bool = False) -> bool:
        """Judge what is new in in/manifest. True if the timetable changed."""
        look = look_of(self._folder)
        if look == self._folder_look and not self._look_again and not is_forced:
            return False
        # Once more after a change: two changes within one tick of the file system's clock
        # (4 ms on ext4) leave the same time on the folder.
        self._look_again = look != self._folder_look
        self._folder_look = look
        try:
            with os.scandir(self._folder) as listing:
                entries = [entry.name for entry in islice(listing, ENTRIES_MAX)]
        except OSError:
            return False
        names = sorted(filter(_MANIFEST_NAME.fullmatch, entries))
        self._judged = {name: self._judged[name] for name in names if name in self._judged}
        verdicts = [self._consider(name, now) for name in names[-MANIFESTS_MAX:]]
        return any(verdicts)

    def forget_judgements(self) -> None:
        """After the clock was set: what was too early or too late is looked at again."""
        self._judged.clear()
        self._look_again = True

    def prune(self, today: str) -> None:
        """Drop days that are long over; their numbers live on as the floor."""
        for date in [date for date in self.seen if date < today]:
            self.floor = max(self.floor, self.seen.pop(date)[0])
            self.days.pop(date, None)
            self.file_sha256.pop(date, None)
            self._save_seen()
            self._remove_own(date)
        urgent = self.days.get(URGENT)
        if urgent is not None and date_of(urgent.expires_at, urgent.utc_offset_s) < today:
            self.floor = max(self.floor, urgent.seq)  # and among the seen it stays for ever
            del self.days[URGENT], self.file_sha256[URGENT]
            self._save_seen()
            self._remove_own(URGENT)
        for name in [name for name in self.refusals if name not in self._judged]:
            del self.refusals[name]

    def day_of(self, item: Item) -> Optional[Day]:
        """The manifest that asks for an item."""
        urgent = self.days.get(URGENT)
        if urgent is not None and any(one.key == item.key for one in urgent.items):
            return urgent
        return self.days.get(item.key[0])

    def dates(self) -> List[str]:
        """The days that were accepted."""
        return [date for date in self.days if date != URGENT]

    def _remove_own(self, name: str) -> None:
        own = os.path.join(self._own, name + ".signed")
        if os.path.exists(own):
            os.remove(own)

    def _consider(self, name: str, now: float) -> bool:
        path = os.path.join(self._folder, name)
        look = look_of(path)
        if look is None or self._judged.get(name) == look:
            return False
        try:
            is_new = self._judge(path, name[: -len(".signed")], now)
        except Refused as error:
            self._refuse(name, error.reason, now)
            if error.reason != "not_yet_valid":
                self._judged[name] = look
            return False
        except OSError:
            self._refuse(name, "cannot_store", now)
            self._look_again = True  # a full disk may be emptied
            return False
        self._judged[name] = look
        self.refusals.pop(name, None)
        return is_new

    def _judge(self, path: str, name: str, now: float) -> bool:
        try:
            data = read_file(path, MANIFEST_MAX_BYTES + 1)
        except OSError:
            raise Refused("unreadable") from None
        body = authenticate(data, self.keys)
        day = parse_manifest(body)
        if day.station != self._settings.station:
            raise Refused("other_station")
        if day.name != name:
            raise Refused("other_date")
        self._check_time(day, now)
        self._check_seq(day, digest_of(body))
        if self.file_sha256.get(name) == digest_of(data):
            return False
        write_file(os.path.join(self._own, name + ".signed"), data, self._settings.is_durable)
        self._take(day, data, body)
        self._save_seen()
        return True

    def _check_time(self, day: Day, now: float) -> None:
        if now < day.generated_at - CLOCK_TOLERANCE_S:
            return  # our clock is wrong, not the manifest: its number alone must do
        tolerance_s = CLOCK_TOLERANCE_S if day.is_urgent else VALIDITY_TOLERANCE_S
        if now > day.expires_at + tolerance_s:
            raise Refused("expired")
        if now < day.not_before - VALIDITY_TOLERANCE_S:
            self._look_again = True
            raise Refused("not_yet_valid")

    def _check_seq(self, day: Day, content: str) -> None:
        seq, seen_content = self.seen.get(day.name, (self.floor + 1, ""))
        if day.seq < seq:
            raise Refused("replayed")
        if day.seq == seq and seen_content and seen_content != content:
            raise Refused("same_seq_other_content")

    def _take(self, day: Day, data: bytes, body: bytes) -> None:
        self.days[day.name] = day
        self.newest = max(self.newest, day.generated_at)
        self.file_sha256[day.name] = digest_of(data)
        self.seen[day.name] = (day.seq, digest_of(body))

    def _refuse(self, name: str, reason: str, now: float) -> None:
        if self.refusals.get(name, ("", 0.0))[0] != reason and len(self.refusals) < REFUSALS_MAX:
            self.refusals[name] = (reason, now)
            self.news.append((name, reason))

    def _load_seen(self) -> bool:
        try:
            raw = json.loads(read_file(self._seen_path, MANIFEST_MAX_BYTES).decode())
            self.seen = {date: (int(pair[0]), str(pair[1])) for date, pair in raw["dates"].items()}
            self.floor = int(raw["floor"])
        except (OSError, AttributeError, KeyError, TypeError, ValueError, IndexError):
            return False
        return True

    def _save_seen(self) -> None:
        text = json.dumps({"floor": self.floor, "dates": self.seen})
        write_file(self._seen_path, text.encode(), self._settings.is_durable)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Library:
    """The audio files: which of them have been read to the end and are what their name says."""

    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, "in", "audio")
        self._wanted: Dict[str, int] = {}
        self._known: Dict[str, Tuple[Tuple[int, ...], str, float]] = {}  # look, verdict, when
        self._queue: List[str] = []
        self._job: Optional[Iterator[int]] = None
        self._folder_look: Optional[Tuple[int, ...]] = None

    @property
    def is_busy(self) -> bool:
        return bool(self._queue) or self._job is not None

    def path_of(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def want(self, files: Dict[str, int]) -> None:
        """These names (with their sizes) will be played; all others are none of our business."""
        self._wanted = files
        self._known = {name: known for name, known in self._known.items() if name in files}
        self._folder_look = None

    def scan(self, now: float, is_forced: bool = False) -> bool:
        """Queue for hashing what changed. A quiet folder costs one system call."""
        look = look_of(self._folder)
        if look == self._folder_look and not is_forced:
            return False
        self._folder_look = look
        before = list(self._queue)
        self._queue = [name for name in self._wanted if self.verdict(name, now) == "unchecked"]
        return self._queue != before

    def verdict(self, name: str, now: float) -> str:
        """'ok', 'missing', 'wrong' or 'unchecked', without reading the file."""
        look = look_of(self.path_of(name))
        if look is None:
            return "missing"
        known = self._known.get(name)
        if known is None or known[0] != look or not 0 <= now - known[2] < RECHECK_S:
            return "unchecked"
        return known[1]

    def step(self, now: float) -> None:
        """Read some more of the next file: a 600 MB WAV must not make an item late."""
        if self._job is None and self._queue:
            self._job = self._check(self._queue.pop(0), now)
        for done_bytes in self._job or ():
            if done_bytes % HASH_STEP_BYTES == 0:
                return
        self._job = None

    def make_sure(self, name: str, now: float) -> str:
        """The verdict, now: the item is due."""
        if self.verdict(name, now) == "unchecked":
            for _ in self._check(name, now):
                pass
        return self.verdict(name, now)

    def _check(self, name: str, now: float) -> Iterator[int]:
        digest, done_bytes, path = hashlib.sha256(), 0, self.path_of(name)
        look = look_of(path)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(fd, "rb") as file:
                is_plausible = os.fstat(fd).st_size == self._wanted.get(name)
                for chunk in iter(lambda: file.read(1 << 20), b""):
                    if not is_plausible:
                        break
                    digest.update(chunk)
                    done_bytes += len(chunk)
                    yield done_bytes
        except OSError:
            is_plausible = False
        is_right = is_plausible and digest.hexdigest() == name.split(".")[0]
        if look is not None:
            self._known[name] = (look, "ok" if is_right else "wrong", now)


# ------------------------------------------------------------------ what was on air


class AsrunLog:
    """out/asrun: sealed, chained, flushed line by line. The log is also our own memory."""

    def __init__(self, settings: Settings, keys: List[bytes]) -> None:
        self._settings = settings
        self._folder = os.path.join(settings.root, "out", "asrun")
        self.keys = keys
        self.line = 0
        self.head = NO_LINE  # hash of the last line
        self.last_at = 0.0
        self._waiting: List[Tuple[str, Dict[str, Any]]] = []
        self._torn: Dict[str, bool] = {}  # file -> its last line may lack its end
        self.failure = ""

    def load(self, since: str) -> Iterator[Dict[str, Any]]:
        """Find the end of the chain and give back the authentic lines since a date, in order."""
        lines = [line for name in self._names() for line in self._read(name)]
        for fields, digest in sorted(lines, key=lambda pair: int(pair[0]["line"])):
            self.line, self.head = fields["line"], digest
            self.last_at = max(self.last_at, instant_of(fields["at"]))
            if fields.get("date", "") >= since:
                yield fields

    def write(self, at: float, utc_offset_s: int, event: str, **fields: Any) -> None:
        """One line; on a full disk it waits in memory, because playing on matters more."""
        fields.update(event=event, at=text_of(at))
        self.last_at = max(self.last_at, at)
        self._waiting.append((date_of(at, utc_offset_s) + ".jsonl", fields))
        del self._waiting[:-1000]
        self.flush()

    def flush(self) -> None:
        while self._waiting:
            name, fields = self._waiting[0]
            fields.update(v=1, station=self._settings.station, line=self.line + 1, prev=self.head)
            line = seal(fields, self.keys[0], PURPOSE_ASRUN)
            try:
                self._append(name, line)
            except OSError as error:
                self.failure = errno.errorcode.get(error.errno or 0, "error")
                return
            self.line, self.head, self.failure = self.line + 1, digest_of(line), ""
            self._waiting.pop(0)

    def prune(self, before: str) -> None:
        for name in self._names():
            if name[:10] < before:
                os.remove(os.path.join(self._folder, name))
                self._torn.pop(name, None)

    def _append(self, name: str, line: bytes) -> None:
        path = os.path.join(self._folder, name)
        is_new = not os.path.exists(path)
        mend = b"\n" if self._torn.get(name) else b""
        self._torn[name] = True
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        with open(os.open(path, flags, 0o644), "ab", buffering=0) as file:
            if file.write(mend + line + b"\n") != len(mend) + len(line) + 1:
                raise OSError(errno.ENOSPC, "the disk is full")
            if self._settings.is_durable:
                os.fsync(file.fileno())
        self._torn[name] = False
        if is_new and self._settings.is_durable:
            sync_folder(self._folder)

    def _names(self) -> List[str]:
        return sorted(filter(_ASRUN_NAME.fullmatch, os.listdir(self._folder)))

    def _read(self, name: str) -> Iterator[Tuple[Dict[str, Any], str]]:
        data = read_file(os.path.join(self._folder, name), ASRUN_MAX_BYTES)
        self._torn[name] = not data.endswith(b"\n") and data != b""
        for line in data.split(b"\n"):
            try:
                fields = json.loads(unseal(line, self.keys, PURPOSE_ASRUN).decode())
                instant_of(fields["at"])
            except (Refused, ValueError, KeyError, TypeError):
                continue  # torn by a power cut, or not ours
            yield fields, digest_of(line)


# ------------------------------------------------------------------ devices


class DeviceFailed(PlayerError):
    """This file cannot be put on air."""


class Playback:
    """One file on air."""

    def exit_code(self) -> Optional[int]:
        """None while it plays."""
        raise NotImplementedError

    def ends_at(self) -> float:
        """When (monotonic) it is worth looking again; infinite if the end wakes us by a signal."""
        return math.inf

    def stop(self) -> None:
        raise NotImplementedError


class Device:
    """Where sound goes."""

    name = "?"

    def play(self, path: str, file: AudioFile, offset_ms: int, gain_db: float) -> Playback:
        raise NotImplementedError

    def relay(self, address: str, gain_db: float) -> Playback:
        """A live stream, until somebody stops it."""
        raise NotImplementedError


class NullPlayback(Playback):
    def __init__(self, clock: Clock, ends_at: float) -> None:
        self._clock = clock
        self._ends_at = ends_at

    def exit_code(self) -> Optional[int]:
        return 0 if self._clock.monotonic() >= self._ends_at else None

    def ends_at(self) -> float:
        return self._ends_at

    def stop(self) -> None:
        self._ends_at = self._clock.monotonic()


class NullDevice(Device):
    """Silence of the right length, for rehearsals. Its lines say device: null."""

    name = "null"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def play(self, path: str, file: AudioFile, offset_ms: int, gain_db: float) -> Playback:
        return NullPlayback(self._clock, self._clock.monotonic() + (file.ms - offset_ms) / 1000)

    def relay(self, address: str, gain_db: float) -> Playback:
        return NullPlayback(self._clock, math.inf)


class ProgramPlayback(Playback):
    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def exit_code(self) -> Optional[int]:
        return self._process.poll()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _mpg123(source: str, offset_s: float, gain_db: float) -> Optional[List[str]]:
    # Outputs by name: left to itself, 1.31 spins for ever on a box without a sound card. A file
    # comes on standard input, already at the right byte: see ProgramDevice.play.
    scale = str(int(32768 * 10 ** (gain_db / 20)))
    return ["-q", "-o", "alsa,pulse,oss", "-f", scale, "-"] if not _is_stream(source) else None


def _aplay(source: str, offset_s: float, gain_db: float) -> Optional[List[str]]:
    can_play = offset_s == 0 and gain_db == 0 and not _is_stream(source)
    return ["-q", "--", source] if can_play else None


def _mpv(source: str, offset_s: float, gain_db: float) -> Optional[List[str]]:
    options = ["--no-config", "--no-video", "--no-terminal", "--network-timeout=10"]
    filters = "--af=lavfi=[volume=%.1fdB]" % gain_db
    return [*options, "--start=%.3f" % offset_s, filters, "--", source]


def _ffplay(source: str, offset_s: float, gain_db: float) -> Optional[List[str]]:
    options = ["-nodisp", "-autoexit", "-loglevel", "error", "-vn"]
    if _is_stream(source):
        options += ["-protocol_whitelist", "http,https,tcp,tls", "-rw_timeout", "10000000"]
    else:
        options += ["-protocol_whitelist", "file", "-ss", "%.3f" % offset_s]
    return [*options, "-af", "volume=%.1fdB" % gain_db, "-i", source]


def _is_stream(source: str) -> bool:
    return not source.startswith("/")


# In the order of how fast they start: mpg123 10 ms, mpv 250 ms, ffplay 700 ms until it ends.
PROGRAMS: Dict[str, Callable[[str, float, float], Optional[List[str]]]] = {
    "mpg123": _mpg123,
    "aplay": _aplay,
    "mpv": _mpv,
    "ffplay": _ffplay,
}
ONLY = {"mpg123": "mp3", "aplay": "wav"}  # the others play whatever there is


class ProgramDevice(Device):
    """A program of the box, started without a shell: the first that can do what is asked."""

    def __init__(self, names: Sequence[str]) -> None:
        paths = ((name, shutil.which(name)) for name in names)
        self._programs = [(name, path) for name, path in paths if path]

    def play(self, path: str, file: AudioFile, offset_ms: int, gain_db: float) -> Playback:
        command = self._command(os.path.abspath(path), file.name[65:], offset_ms, gain_db)
        try:
            with open(path, "rb", buffering=0) as sound:
                sound.seek(file.size_bytes * offset_ms // file.ms)
                return self._run(command, sound if command[-1] == "-" else None)
        except OSError:
            raise DeviceFailed("device_failed") from None

    def relay(self, address: str, gain_db: float) -> Playback:
        try:
            return self._run(self._command(address, "", 0, gain_db), None)
        except OSError:
            raise DeviceFailed("device_failed") from None

    def _command(self, source: str, kind: str, offset_ms: int, gain_db: float) -> List[str]:
        for name, program in self._programs:
            arguments = PROGRAMS[name](source, offset_ms / 1000, gain_db)
            if arguments is not None and ONLY.get(name, kind) == kind:
                self.name = name
                return [program, *arguments]
        raise DeviceFailed("no_device")

    def _run(self, command: List[str], stdin: Optional[IO[bytes]]) -> Playback:
        # Our own argument list, a path made of a hash, an address of an allowed host: there is
        # no shell and nothing to inject.
        return ProgramPlayback(
            subprocess.Popen(  # noqa: S603
                command, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        )


def device_named(name: str, clock: Clock) -> Device:
    if name == "null":
        return NullDevice(clock)
    return ProgramDevice(list(PROGRAMS) if name == "auto" else [name])


class Amplifier:
    """The relay of the amplifier: on a little before the first sound, off after the last."""

    def __init__(self, settings: Settings) -> None:
        self._commands = {True: list(settings.amplifier_on), False: list(settings.amplifier_off)}
        self.lead_s = settings.amplifier_lead_s if settings.amplifier_on else 0.0
        self._process: Optional["subprocess.Popen[bytes]"] = None
        self._has_failed = False
        self._is_on: Optional[bool] = None  # after a start nobody knows: the first rest says off
        self.warm_at = 0.0  # monotonic
        self.rest_at = 0.0

    def use(self, monotonic: float) -> bool:
        """Switch it on, or keep it on. True once it can be heard."""
        if not self._is_on:
            self.warm_at = monotonic + self.lead_s
            self._switch(True)
        self.rest_at = max(monotonic, self.warm_at) + AMPLIFIER_HOLD_S
        return monotonic >= self.warm_at

    def rest(self, monotonic: float) -> None:
        if self._is_on is not False and monotonic >= self.rest_at:
            self._switch(False)

    def next_look(self) -> float:
        """When (monotonic) there is something to do without anybody asking."""
        return math.inf if self._is_on is False else self.rest_at

    def take_failure(self) -> bool:
        """Whether a command ended badly since the last question."""
        if self._process is not None and self._process.poll() is not None:
            self.settle()
        has_failed, self._has_failed = self._has_failed, False
        return has_failed

    def settle(self) -> None:
        """Wait until the last command has ended: two at once could end in the wrong order."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(timeout=AMPLIFIER_COMMAND_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._has_failed = self._has_failed or process.returncode != 0

    def close(self) -> None:
        """Off, and wait for it: nobody comes to switch it off by hand."""
        if self._is_on is not False:
            self._switch(False)
        self.settle()

    def _switch(self, is_on: bool) -> None:
        self.settle()
        self._is_on = is_on
        if self._commands[is_on]:
            try:
                self._process = subprocess.Popen(self._commands[is_on])  # noqa: S603  the owner's
            except OSError:
                self._has_failed = True  # into an amplifier that may be on we play all the same


# ------------------------------------------------------------------ the player


class Airing:
    """How far one item has come."""

    __slots__ = ("attempts", "has_stream_failed", "obstacle", "offset_ms", "retry_at", "state")

    def __init__(self) -> None:
        self.state = "waiting"  # waiting, on_air, missed, done
        self.offset_ms = 0  # what was heard already
        self.attempts = 0
        self.retry_at = 0.0
        self.obstacle = "too_late"  # what keeps it from starting
        self.has_stream_failed = False


class OnAir:
    """One stretch of one item: from its start to its end, an interruption or a power cut."""

    def __init__(self, item: Item, offset_ms: int, started: float, is_stream: bool) -> None:
        self.item = item
        self.offset_ms = offset_ms
        self.started = started  # monotonic
        self.is_stream = is_stream
        self.file_index = 0
        self.playback: Optional[Playback] = None
        self.ends_by = 0.0  # monotonic; a file that still plays then hangs, a relay is over

    @property
    def left_ms(self) -> int:
        """What this stretch has to play: of a failed relay at most what its local files hold."""
        left_ms = self.item.ms - self.offset_ms
        if self.item.stream and not self.is_stream:
            return min(left_ms, sum(file.ms for file in self.item.files))
        return left_ms

    def played_ms(self, monotonic: float) -> int:
        return round((monotonic - self.started) * 1000)


class Player:
    """Plays the days that it was given, on the second, and says truthfully what came of it."""

    def __init__(
        self, settings: Settings, clock: Optional[Clock] = None, device: Optional[Device] = None
    ) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.device = device or device_named("auto", self.clock)
        self.key_path = settings.key_path or os.path.join(settings.root, "state", "loa.key")
        self._key_look = look_of(self.key_path)
        keys = read_keys(self.key_path)
        for folder in ("in/audio", "in/manifest", "out/asrun", "state"):
            os.makedirs(os.path.join(settings.root, folder), exist_ok=True)
        self.timetable = Timetable(settings, keys)
        self.library = Library(settings.root)
        self.log = AsrunLog(settings, keys)
        self.amplifier = Amplifier(settings)
        self._airings: Dict[Tuple[str, str], Airing] = {}
        self._agenda: List[Item] = []  # the next one last
        self._due: List[Item] = []
        self._drills: List[Item] = []  # to be told once their files are right
        self._drilled: Dict[str, str] = {}  # id -> when it would have played
        self._on_air: Optional[OnAir] = None
        self._next_poll = self._next_receipt = self._next_position = 0.0
        self._drift = self.clock.now() - self.clock.monotonic()
        self._today = ""
        self._clock_was = "ok"
        self._is_booted = False
        self.is_stopping = False
        self._position_path = os.path.join(settings.root, "state", "position")

    # -- life

    def run_until(self, instant: datetime) -> None:
        """Live until an instant of the player's clock; call again to live on."""
        self._boot()
        end = instant.timestamp()
        self._poll(self.clock.now(), is_forced=True)
        while not self.is_stopping:
            now = self.clock.now()
            self._tick(now)
            if now >= end and not self.library.is_busy:
                break
            self.clock.wait(min(self._next_look(now), end) - now, self._on_air is not None)
        self._save_position()

    def stop(self) -> None:
        """Ask for an end; safe in a signal handler."""
        self.is_stopping = True

    def close(self) -> None:
        """End in order: what is on air is interrupted and the log says so."""
        if self._is_booted:
            if self._on_air is not None:
                self._interrupt("stopped")
            self.amplifier.close()
            self._write("stopped")
            self.write_receipt()

    def check(self) -> None:
        """Judge manifests, hash files, write the receipt; play nothing."""
        self._load()
        now = self.clock.now()
        self._poll(now, is_forced=True)
        while self.library.is_busy:
            self.library.step(now)
        self.write_receipt()

    def _boot(self) -> None:
        if self._is_booted:
            return
        self._is_booted = True
        is_known, open_items = self._load()
        self._write("boot", reason="" if is_known else "state_lost", player=VERSION)
        for date, item_id, seq, planned in open_items:
            self._close_off(date, item_id, seq, planned)

    # -- memory

    def _load(self) -> Tuple[bool, List[Tuple[str, str, int, str]]]:
        """Read state/ and the log. Gives back whether we remember, and what a cut left open."""
        is_known = self.timetable.load()
        receipt = self._last_receipt()
        if not is_known and receipt:
            known = dict(receipt.get("dates", {}))
            known.update({URGENT: receipt[URGENT]} if URGENT in receipt else {})
            self.timetable.recover_seen(known, receipt.get("floor", 0))
        items = [item for day in self.timetable.days.values() for item in day.items]
        dates = [*self.timetable.dates(), *(item.key[0] for item in items)]
        since = min(dates, default="9999")
        open_items: Dict[Tuple[str, str], Tuple[str, str, int, str]] = {}
        for line in self.log.load(since):
            if "item" in line:
                key = (line["date"], line["item"])
                self._remember(key, line)
                open_items.pop(key, None)
                if line["event"] == "started":
                    open_items[key] = (*key, line["seq"], line["planned"])
        is_first_start = not receipt and self.log.line == 0
        return is_known or is_first_start, list(open_items.values())

    def _last_receipt(self) -> Dict[str, Any]:
        try:
            data = read_file(os.path.join(self.settings.root, "out", "receipt.json"), 1 << 20)
            body = unseal(data.rstrip(b"\n"), self.timetable.keys, PURPOSE_RECEIPT)
            receipt: Dict[str, Any] = json.loads(body.decode())
        except (OSError, Refused, ValueError):
            return {}
        return receipt

    def _remember(self, key: Tuple[str, str], line: Dict[str, Any]) -> None:
        if line["event"] == "drilled":
            self._drilled[key[1]] = line["at"]
            return
        airing = self._airings.setdefault(key, Airing())
        if line["event"] == "started":
            airing.state, airing.offset_ms = "on_air", line["offset_ms"]
        elif line["event"] == "interrupted":
            airing.state, airing.offset_ms = "waiting", airing.offset_ms + line["played_ms"]
        elif line["event"] in ("ended", "missed"):
            airing.state = "done" if line["event"] == "ended" else "missed"

    def _close_off(self, date: str, item_id: str, seq: int, planned: str) -> None:
        """A power cut left this item open: say how far it certainly came, and let it go on."""
        airing = self._airings[date, item_id]
        position, known_at = self._read_position(date, item_id)
        played_ms = max(0, position - airing.offset_ms)
        airing.state, airing.offset_ms = "waiting", airing.offset_ms + played_ms
        fields = {"date": date, "item": item_id, "seq": seq, "planned": planned}
        if known_at:
            fields["last_known_at"] = known_at
        self._write("interrupted", reason="power_cut", played_ms=played_ms, **fields)

    def _read_position(self, date: str, item_id: str) -> Tuple[int, str]:
        try:
            raw = json.loads(read_file(self._position_path, 512).decode())
            if (raw["date"], raw["item"]) == (date, item_id):
                return int(raw["ms"]), text_of(instant_of(raw["at"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass  # cut in the middle of writing it: the item starts over, if it is in time
        return 0, ""

    def _save_position(self) -> None:
        """Where we are inside the item: one block overwritten in place, kind to memory cards."""
        self._next_position = self.clock.now() + self.settings.position_s
        if self._on_air is None:
            return
        date, item_id = self._on_air.item.key
        position = self._on_air.offset_ms + self._on_air.played_ms(self.clock.monotonic())
        fields = {"date": date, "item": item_id, "ms": position, "at": text_of(self.clock.now())}
        try:
            with open(os.open(self._position_path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(json.dumps(fields).encode().ljust(512))
                file.flush()
                if self.settings.is_durable:
                    os.fdatasync(file.fileno())
        except OSError:
            pass  # a full disk does not end the programme

    # -- the loop

    def _tick(self, now: float) -> None:
        self._watch_clock(now)
        if now >= min(self._next_poll, self._next_receipt):
            self._poll(now)
        if self.library.is_busy:
            self.library.step(now)
            if not self.library.is_busy:
                self.write_receipt()
        if self._drills and not self.library.is_busy:
            self._drill(now)
        if self._on_air is not None:
            self._follow(self._on_air, now)
        while self._agenda and self._agenda[-1].at <= now:
            self._due.append(self._agenda.pop())
        if self._due and self._clock_state(now) != "behind_manifest":
            self._serve(now)
        self._tend_amplifier(now)

    def _next_look(self, now: float) -> float:
        """When something is to be done next."""
        if self.library.is_busy:
            return now
        on_air = self._on_air
        looks = [self._next_poll if self.clock.is_live(on_air is not None) else self._next_receipt]
        if self._agenda:
            warm_up_at = self._agenda[-1].at - self.amplifier.lead_s
            looks.append(warm_up_at if warm_up_at > now else self._agenda[-1].at)
        monotonic = self.clock.monotonic()
        if on_air is not None and on_air.playback is not None:
            ends_at = min(on_air.playback.ends_at(), on_air.ends_by)
            # In brackets: added first, two times of today lose the last bit, and a rehearsal would
            # for ever wait for an instant that rounds to now.
            looks += [now + (ends_at - monotonic), self._next_position]
        else:
            looks.append(now + (self.amplifier.next_look() - monotonic))
        if self._clock_state(now) != "behind_manifest":
            for item in self._due:
                looks.append(self._deadline_of(item))
                if on_air is None:
                    looks.append(self._airing_of(item).retry_at)
        return max(now, min(looks))

    def _tend_amplifier(self, now: float) -> None:
        monotonic = self.clock.monotonic()
        if self._on_air is not None or (
            self._agenda and self._agenda[-1].at - self.amplifier.lead_s <= now
        ):
            self.amplifier.use(monotonic)
        else:
            self.amplifier.rest(monotonic)
        if self.amplifier.take_failure():
            self._write("amplifier", reason="failed")

    def _poll(self, now: float, is_forced: bool = False) -> None:
        """Look whether the hub has brought something."""
        self._next_poll = now + self.settings.poll_s
        self._renew_keys()
        is_new_plan = self.timetable.scan(now, is_forced)
        if self._is_new_day(now) or is_new_plan:
            self._plan()
        is_new_audio = self.library.scan(now, is_forced or now >= self._next_receipt)
        if is_new_audio:
            for item in self._due:  # perhaps it is what one of them waits for
                self._airing_of(item).retry_at = 0.0
        for name, reason in self.timetable.news:
            self._write("refused", file=name, reason=reason)
        is_news = is_new_plan or is_new_audio or bool(self.timetable.news)
        self.timetable.news.clear()
        self.log.flush()
        # With hashing still to do, the receipt is written when that is done: see _tick.
        if (is_news or now >= self._next_receipt) and not self.library.is_busy:
            self.write_receipt()

    def _plan(self) -> None:
        """Draw up the agenda anew from the accepted days; what was heard stays heard."""
        items = {item.key: item for day in self.timetable.days.values() for item in day.items}
        items.update({item.key: item for item in self._repeats()})
        self.library.want({file.name: file.size_bytes for i in items.values() for file in i.files})
        if self._on_air is not None and self._on_air.item.key not in items:
            self._interrupt("withdrawn")
        now = self.clock.now()
        is_told = self._drilled
        self._drills = [i for i in items.values() if i.is_drill and i.key[1] not in is_told]
        items = {key: item for key, item in items.items() if not item.is_drill}
        for item in items.values():
            # Missed by a clock that was wrong, or by a plan that has moved it since.
            if self._airing_of(item).state == "missed" and now < self._deadline_of(item):
                self._airings[item.key] = Airing()
        waiting = [i for i in items.values() if self._airing_of(i).state == "waiting"]
        self._due = [item for item in waiting if item.at_once]
        agenda = [item for item in waiting if not item.at_once]
        self._agenda = sorted(agenda, key=lambda item: (item.at, item.rank), reverse=True)

    def _drill(self, now: float) -> None:
        """Say once that an urgent item would now have been put on air."""
        waiting = self._drills
        self._drills = []
        for item in waiting:
            is_over = now >= item.at + item.late_ok_s
            if not is_over and all(self.library.verdict(f.name, now) == "ok" for f in item.files):
                self._drilled[item.key[1]] = text_of(now)
                self._write_item("drilled", item)
                self._next_receipt = now
            elif not is_over:
                self._drills.append(item)

    def _repeats(self) -> List[Item]:
        """Without a plan for today, the last known day again, if the owner wants that."""
        dates = self.timetable.dates()
        earlier = max((date for date in dates if date < self._today), default="")
        is_stale = bool(earlier) and max(dates) < self._today
        if self.settings.when_stale != "repeat" or not is_stale:
            return []
        later_s = midnight_of(self._today) - midnight_of(earlier)
        return [
            item._replace(key=(self._today, "repeat:" + item.key[1][:50]), at=item.at + later_s)
            for item in self.timetable.days[earlier].items
            if item.rank > 0 and not item.stream
        ]

    def _airing_of(self, item: Item) -> Airing:
        return self._airings.setdefault(item.key, Airing())

    def _is_new_day(self, now: float) -> bool:
        """Once a day: forget what is long over."""
        offset_s = self.timetable.utc_offset_s
        today = date_of(now, offset_s)
        if today == self._today:
            return False
        # Counted from the newest manifest at most: a clock that jumped to 2099 deletes nothing.
        now = min(now, self.timetable.newest + KEEP_DAYS * 86400)
        oldest = date_of(now - KEEP_DAYS * 86400, offset_s)
        try:
            self.timetable.prune(oldest)
            self.log.prune(date_of(now - KEEP_ASRUN_DAYS * 86400, offset_s))
        except OSError:
            return False  # tried again at the next look
        self._today = today
        self._airings = {key: kept for key, kept in self._airings.items() if key[0] >= oldest}
        return True

    def _renew_keys(self) -> None:
        look = look_of(self.key_path)
        if look != self._key_look:
            self._key_look = look
            try:
                self.timetable.keys = self.log.keys = read_keys(self.key_path)
            except (OSError, ValueError):
                return  # half written; the keys that we know stay good
            self.timetable.forget_judgements()

    def _watch_clock(self, now: float) -> None:
        """A clock that was set (not one that drifts), or that cannot be right, is an event."""
        state = self._clock_state(now)
        if state != self._clock_was:
            self._clock_was = state
            self._write("clock", reason=state)
        drift = now - self.clock.monotonic()
        step_s, self._drift = drift - self._drift, drift
        if abs(step_s) < 30:
            return
        self._next_poll = self._next_receipt = now
        self.timetable.forget_judgements()
        self._plan()
        self._write("clock", reason="stepped", step_s=int(step_s))

    def _clock_state(self, now: float) -> str:
        newest, last_at = self.timetable.newest, self.log.last_at
        if now < newest - CLOCK_TOLERANCE_S:
            return "behind_manifest"
        # A line from beyond what the hub has planned was written by a clock that ran ahead.
        is_doubtful = now < last_at - CLOCK_TOLERANCE_S and last_at < newest + KEEP_DAYS * 86400
        return "behind_log" if is_doubtful else "ok"

    # -- on air

    def _serve(self, now: float) -> None:
        for item in sorted(self._due, key=lambda item: (item.rank, item.at)):
            airing = self._airing_of(item)
            if now >= self._deadline_of(item) or airing.attempts >= ATTEMPTS:
                self._give_up(item, airing)
            elif now >= airing.retry_at:
                self._start(item, airing, now)

    def _deadline_of(self, item: Item) -> float:
        """From when on it is too late, for the whole or for the rest that was not heard yet."""
        heard_s = self._airing_of(item).offset_ms / 1000
        return item.at + heard_s + item.late_ok_s + START_GRACE_S + self.amplifier.lead_s

    def _give_up(self, item: Item, airing: Airing) -> None:
        self._due.remove(item)
        if airing.offset_ms > 0:
            airing.state = "done"
            self._write_item("ended", item, reason="partial", played_ms=0)
        else:
            airing.state = "missed"
            self._write_item("missed", item, reason=airing.obstacle)

    def _start(self, item: Item, airing: Airing, now: float) -> None:
        other = self._on_air
        if other is not None and not item.rank == 0 < other.item.rank:
            airing.obstacle = "busy"
            return
        is_stream = self._can_relay(item, airing)
        if not is_stream and not self._has_files(item, airing, now):
            return
        monotonic = self.clock.monotonic()
        if not self.amplifier.use(monotonic):
            airing.retry_at = now + (self.amplifier.warm_at - monotonic)
            return
        if other is not None:
            self._interrupt("urgent")
        self._due.remove(item)
        on_air = OnAir(item, airing.offset_ms, self.clock.monotonic(), is_stream)
        try:
            self._play(on_air)
        except DeviceFailed as error:
            self._retry(item, airing, error.reason)
            return
        airing.state, self._on_air = "on_air", on_air
        source, device = "stream" if is_stream else "file", self.device.name
        self._write_item("started", item, offset_ms=airing.offset_ms, device=device, source=source)
        self._save_position()

    def _can_relay(self, item: Item, airing: Airing) -> bool:
        is_allowed = host_of(item.stream) in self.settings.stream_hosts
        return bool(item.stream) and is_allowed and not airing.has_stream_failed

    def _has_files(self, item: Item, airing: Airing, now: float) -> bool:
        for file in item.files:
            verdict = self.library.make_sure(file.name, now)
            if verdict != "ok":
                airing.obstacle, airing.retry_at = "file_" + verdict, math.inf  # see _poll
                return False
        return True

    def _play(self, on_air: OnAir) -> None:
        """Start what comes next: the relay, or the file at which the offset points."""
        item, monotonic = on_air.item, self.clock.monotonic()
        slot_ends = on_air.started + on_air.left_ms / 1000
        if on_air.is_stream:
            on_air.playback = self.device.relay(item.stream, item.gain_db)
            on_air.ends_by = slot_ends
            return
        # What a broken relay left over is filled with the local programme from its beginning.
        is_first = on_air.file_index == 0 and not item.stream
        offset_ms = on_air.offset_ms if is_first else 0
        while offset_ms >= item.files[on_air.file_index].ms and not self._is_last(on_air):
            offset_ms -= item.files[on_air.file_index].ms
            on_air.file_index += 1
        file = item.files[on_air.file_index]
        offset_ms = min(offset_ms, file.ms)
        path = self.library.path_of(file.name)
        on_air.playback = self.device.play(path, file, offset_ms, item.gain_db)
        on_air.ends_by = monotonic + (file.ms - offset_ms) / 1000 + OVERRUN_S
        if item.stream:
            on_air.ends_by = min(on_air.ends_by, slot_ends)

    def _is_last(self, on_air: OnAir) -> bool:
        return on_air.file_index == len(on_air.item.files) - 1

    def _follow(self, on_air: OnAir, now: float) -> None:
        assert on_air.playback is not None
        code = on_air.playback.exit_code()
        if code is not None:
            self._follow_up(on_air, code)
        elif self.clock.monotonic() >= on_air.ends_by:
            on_air.playback.stop()
            is_over = bool(on_air.item.stream)
            self._finish(on_air, "" if is_over else "overran", 0 if is_over else -1)
        elif now >= self._next_position:
            self._save_position()

    def _follow_up(self, on_air: OnAir, code: int) -> None:
        """A relay broke, a file of several is over, or the item is."""
        if on_air.is_stream:
            airing = self._airing_of(on_air.item)
            airing.has_stream_failed = True
            self._interrupt("stream_failed", exit=code)
        elif code == 0 and not self._is_last(on_air):
            on_air.file_index += 1
            try:
                self._play(on_air)
            except DeviceFailed as error:
                self._fail(on_air, error.reason, -1)
        else:
            played_ms = on_air.played_ms(self.clock.monotonic())
            short_ms = on_air.left_ms - played_ms
            # A program that ends well but early has not played the file, whatever it says:
            # ffplay without a sound card ends with 0 after a second.
            if code == 0 and short_ms <= max(2000, on_air.left_ms // 20):
                self._finish(on_air, "", code)
            else:
                self._fail(on_air, "device_failed", code)

    def _finish(self, on_air: OnAir, reason: str, code: int) -> None:
        self._on_air = None
        self.amplifier.use(self.clock.monotonic())  # its rest is counted from here
        self._airing_of(on_air.item).state = "done"
        played_ms = on_air.played_ms(self.clock.monotonic())
        self._write_item("ended", on_air.item, reason=reason, played_ms=played_ms, exit=code)

    def _fail(self, on_air: OnAir, reason: str, code: int) -> None:
        self._interrupt(reason, exit=code)
        self._retry(on_air.item, self._airing_of(on_air.item), reason)

    def _retry(self, item: Item, airing: Airing, reason: str) -> None:
        airing.state, airing.obstacle = "waiting", reason
        airing.attempts += 1
        airing.retry_at = self.clock.now() + RETRY_S
        if item not in self._due:
            self._due.append(item)

    def _interrupt(self, reason: str, **fields: Any) -> None:
        """Take the item off the air; the rest of it is due again at once, if that is in time."""
        on_air, self._on_air = self._on_air, None
        assert on_air is not None and on_air.playback is not None
        played_ms = on_air.played_ms(self.clock.monotonic())
        on_air.playback.stop()
        self.amplifier.use(self.clock.monotonic())
        airing = self._airing_of(on_air.item)
        airing.state, airing.offset_ms = "waiting", on_air.offset_ms + played_ms
        self._due.append(on_air.item)
        self._write_item("interrupted", on_air.item, reason=reason, played_ms=played_ms, **fields)

    # -- what we say

    def _write_item(self, event: str, item: Item, **fields: Any) -> None:
        date, item_id = item.key
        day = self.timetable.day_of(item)
        seq = 0 if day is None else day.seq
        planned = text_of(item.at)
        self._write(event, date=date, item=item_id, seq=seq, planned=planned, **fields)

    def _write(self, event: str, **fields: Any) -> None:
        now = self.clock.now()
        clock = self._clock_state(now)
        self.log.write(now, self.timetable.utc_offset_s, event, clock=clock, **fields)

    def write_receipt(self) -> None:
        """Tell the hub what we have and what we refused; on a full disk the old receipt stays."""
        now = self.clock.now()
        self._next_receipt = now + self.settings.receipt_s
        refusals = sorted(self.timetable.refusals.items())
        days, urgent = self._days_ahead(now), self.timetable.days.get(URGENT)
        # Seven days play much the same: each file is looked at once.
        told = [day for _, day in days] + ([urgent] if urgent is not None else [])
        names = {file.name for day in told for item in day.items for file in item.files}
        verdicts = {name: self.library.verdict(name, now) for name in sorted(names)}
        receipt = {
            "v": 1,
            "station": self.settings.station,
            "at": text_of(now),
            "clock": self._clock_state(now),
            "player": VERSION,
            "free_bytes": free_bytes_of(self.settings.root),
            "floor": self.timetable.floor,
            "dates": {date: self._receipt_of(day, verdicts) for date, day in days},
            "refusals": [
                {"file": name, "reason": reason, "at": text_of(at)}
                for name, (reason, at) in refusals
            ],
            "asrun": {"line": self.log.line, "head": self.log.head, "failure": self.log.failure},
        }
        if urgent is not None:
            drilled = {
                i.key[1]: self._drilled.get(i.key[1], "") for i in urgent.items if i.is_drill
            }
            receipt[URGENT] = dict(self._receipt_of(urgent, verdicts), drilled=drilled)
        data = seal(receipt, self.log.keys[0], PURPOSE_RECEIPT) + b"\n"
        path = os.path.join(self.settings.root, "out", "receipt.json")
        try:
            write_file(path, data, self.settings.is_durable)
        except OSError as error:
            print("cannot write the receipt:", error, file=sys.stderr)

    def _days_ahead(self, now: float) -> List[Tuple[str, Day]]:
        yesterday = date_of(now - 86400, self.timetable.utc_offset_s)
        return [(d, self.timetable.days[d]) for d in self.timetable.dates() if d >= yesterday]

    def _receipt_of(self, day: Day, verdicts: Dict[str, str]) -> Dict[str, Any]:
        files: Dict[str, List[str]] = {"ok": [], "missing": [], "wrong": [], "unchecked": []}
        for name in sorted({file.name for item in day.items for file in item.files}):
            files[verdicts[name]].append(name)
        content = self.timetable.seen[day.name][1]
        own = {"seq": day.seq, "sha256": self.timetable.file_sha256[day.name], "content": content}
        return dict(own, **files)


# ------------------------------------------------------------------ command line

EXAMPLES = """
examples:
  player.py --root /srv/loa --station HN-13579        play for ever
  player.py --root /srv/loa --station HN-13579 --once look at in/, write the receipt, end
  player.py @/etc/loa/player.args                     the same options, one a line, from a file
  player.py --selftest                                try the player itself and list sound programs
  player.py --root DIR --station HN-13579 --device null --rehearse 600 --start 2022-10-16T20:00:00Z
      a virtual clock; reads 'until 2022-10-16T23:10:00Z' from standard input, answers 'at ...'
"""


def parse_arguments(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Plays the signed timetable of one station and logs what it aired.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        fromfile_prefix_chars="@",
    )
    parser.add_argument("--version", action="version", version="loa-player " + VERSION)
    parser.add_argument("--root", help="the folder that holds in/, out/ and state/")
    parser.add_argument("--station", help="this station's code, as the hub writes it")
    parser.add_argument("--key", metavar="FILE", default="", help="default: ROOT/state/loa.key")
    parser.add_argument("--device", default="auto", choices=["auto", "null", *PROGRAMS])
    parser.add_argument("--poll-s", type=float, default=Settings.poll_s, metavar="SECONDS")
    parser.add_argument("--stream-host", action="append", default=[], metavar="HOST")
    parser.add_argument("--when-stale", default="silent", choices=["silent", "repeat"])
    parser.add_argument("--amplifier-on", type=shlex.split, default=(), metavar="COMMAND")
    parser.add_argument("--amplifier-off", type=shlex.split, default=(), metavar="COMMAND")
    parser.add_argument("--amplifier-lead-s", type=float, default=Settings.amplifier_lead_s)
    parser.add_argument("--once", action="store_true", help="check, write the receipt, end")
    parser.add_argument("--selftest", action="store_true")
    parser.add_argument("--rehearse", type=float, metavar="RATE", help="a number or inf")
    parser.add_argument("--start", type=instant_of, metavar="INSTANT")
    options = parser.parse_args(arguments)
    if not options.selftest and not (options.root and options.station):
        parser.error("--root and --station are needed")
    if (options.rehearse is None) != (options.start is None):
        parser.error("--rehearse and --start go together")
    if options.rehearse is not None and (options.device != "null" or not options.rehearse > 0):
        parser.error("--rehearse needs a positive rate and --device null: nothing may be heard")
    return options


def main(arguments: Optional[Sequence[str]] = None) -> int:
    options = parse_arguments(arguments)
    if options.selftest:
        return selftest()
    try:
        lock = lock_of(options.root)
        player = player_of(options)
    except BlockingIOError:
        return complain("another player runs in " + options.root)
    except (OSError, ValueError) as error:
        return complain(str(error))
    with lock:
        if options.once:
            player.check()
            return 0
        if options.rehearse is None:
            player.run_until(datetime.max.replace(tzinfo=timezone.utc))
        else:
            rehearse(player)
        player.close()
    return 0


def complain(sentence: str) -> int:
    print("loa-player: " + sentence, file=sys.stderr)
    return 2


def lock_of(root: str) -> IO[str]:
    """Two players on one folder would play everything twice."""
    os.makedirs(os.path.join(root, "state"), mode=0o700, exist_ok=True)
    lock = open(os.path.join(root, "state", "lock"), "w")  # noqa: SIM115  held until the end
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def player_of(options: argparse.Namespace) -> Player:
    settings = Settings(
        root=options.root,
        station=options.station,
        key_path=options.key,
        poll_s=options.poll_s,
        stream_hosts=tuple(options.stream_host),
        when_stale=options.when_stale,
        amplifier_on=tuple(options.amplifier_on),
        amplifier_off=tuple(options.amplifier_off),
        amplifier_lead_s=options.amplifier_lead_s,
    )
    if options.rehearse is None:
        clock = Clock(wake_on_signals())
    else:
        clock = RehearsalClock(
            datetime.fromtimestamp(options.start, timezone.utc), options.rehearse
        )
    player = Player(settings, clock, device_named(options.device, clock))
    if os.stat(player.key_path).st_mode & 0o077:
        print("loa-player: others can read " + player.key_path + ": chmod 600", file=sys.stderr)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: player.stop())
    return player


def wake_on_signals() -> int:
    """A file descriptor that every signal makes readable: also that of a sound program's end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # ignored signals wake nobody
    return reader


def rehearse(player: Player) -> None:
    """Obey 'until <instant>' lines from standard input, each answered by 'at <instant>'."""
    commands = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
    while not player.is_stopping:
        # A pause between two looks, so that SIGTERM ends a rehearsal that nobody speaks to.
        if not select.select([commands], [], [], 0.2)[0]:
            continue
        line = commands.readline().decode("ascii", "replace")
        if line.strip() in ("", "quit"):
            return
        try:
            verb, instant = line.split()
            end = datetime.fromtimestamp(instant_of(instant), timezone.utc)
            if verb != "until":
                raise ValueError(verb)
        except ValueError:
            print("? until 2022-10-16T23:10:00Z | quit", flush=True)
            continue
        player.run_until(end)
        print("at " + instant, flush=True)


def selftest() -> int:
    """Live through a signed hour in a temporary folder and check every line of its log."""
    key = os.urandom(32)
    with tempfile.TemporaryDirectory() as root:
        body = json.dumps(_selftest_day(root)).encode()
        mac = hmac.new(key, body, "sha256").hexdigest().encode()
        for name, data in (
            ("state/loa.key", key.hex().encode()),
            ("in/manifest/2022-10-17.signed", b"loa-manifest-1 " + mac + b"\n" + body),
        ):
            os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
            write_file(os.path.join(root, name), data, is_durable=True)
        clock = RehearsalClock(datetime(2022, 10, 16, 21, tzinfo=timezone.utc))
        player = Player(Settings(root, "SELFTEST"), clock, NullDevice(clock))
        player.run_until(datetime(2022, 10, 16, 23, tzinfo=timezone.utc))
        player.close()
        events = [line["event"] for line in AsrunLog(player.settings, [key]).load("")]
    is_good = events == ["boot", "started", "ended", "stopped"]
    print("python  ", sys.version.split()[0])
    print("programs", ", ".join(filter(shutil.which, PROGRAMS)) or "none: install mpv or mpg123")
    print("player  ", VERSION, "works" if is_good else "FAILED: %s" % events)
    return 0 if is_good else 1


def _selftest_day(root: str) -> Dict[str, Any]:
    os.makedirs(os.path.join(root, "in", "audio"))
    sound = b"not a sound, and long enough"
    name = hashlib.sha256(sound).hexdigest()
    write_file(os.path.join(root, "in", "audio", name + ".wav"), sound, is_durable=True)
    file = {"sha256": name, "ext": "wav", "bytes": len(sound), "ms": 60000}
    item = {"id": "1", "at": "2022-10-16T22:00:00Z", "late_ok_s": 0, "ms": 60000, "gain_db": 0}
    item.update({"class": "normal", "title": "selftest", "files": [name + ".wav"]})
    times = {"generated_at": "2022-10-16T05:00:00Z", "not_before": "2022-10-16T05:00:00Z"}
    day = {"v": 1, "critical": [], "station": "SELFTEST", "tz": "Asia/Ho_Chi_Minh", "seq": 1}
    day.update(times, utc_offset_s=25200, date="2022-10-17", expires_at="2022-10-18T05:00:00Z")
    return dict(day, files=[file], items=[item])


if __name__ == "__main__":
    sys.exit(main())
