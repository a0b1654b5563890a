#!/usr/bin/env python3
"""Keeps a box in step with a meeting place: for boxes that nobody can dial, and that dial out.

The hub brings a station's files to a folder of a server that both can reach (for the hub only
host and root differ); this program fetches them from there and brings receipt and log back. One
file, standard library only, Python 3.7 or newer, over the OpenSSH client of the box: copy it next
to the player. docs/station-setup.md tells how.

It keeps the hub's order: a plan goes live only after every sound that lay there with it, a final
name never holds half a file, and whatever was cut is resumed. It trusts nothing: sound is named by
its content, and whether a plan is obeyed the player decides by its seal.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

VERSION = "1.0"

SETTLED_S = 120  # sftp tells times to the minute: what is younger is fetched once more
KEEP_PLANS = 14  # the newest so many stay here whatever happens at the meeting place
SIDE_FILES = ("in/LICH_PHAT.txt", "in/SHA256SUMS")

_AUDIO = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{2,4}")
_PLAN = re.compile(r"\d{4}-\d{2}-\d{2}\.signed")
_LOG = re.compile(r"\d{4}-\d{2}-\d{2}\.jsonl")
_LINE = re.compile(r"-\S{9}\S*\s+\S+\s+\S+\s+\S+\s+(\d+)\s+(\S+\s+\S+\s+\S+)\s+(.+)")


class SyncFailed(Exception):
    """The line or the meeting place; the next round tries again."""


class Seen(NamedTuple):
    size_bytes: int
    look: str  # size and time as the server tells them


class Meeting:
    """The meeting place, asked in batches: each is one connection."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._root = options.remote.rstrip("/")
        ssh = ["BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"]
        ssh += ["ConnectTimeout=20", "ServerAliveInterval=10", "ServerAliveCountMax=3"]
        ssh += ["UserKnownHostsFile=" + options.known_hosts, "IdentityFile=" + options.identity]
        self._command = ["sftp", "-b", "-", "-P", str(options.port)]
        self._command += [word for one in ssh for word in ("-o", one)] + [options.at]

    def path(self, name: str) -> str:
        return quoted(self._root + "/" + name)

    def run(self, lines: Sequence[str]) -> str:
        done = subprocess.run(  # noqa: S603  our own list, names of hex digits and dates
            self._command, input="\n".join(lines) + "\n", stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise SyncFailed(" ".join(done.stderr.split())[-300:] or "sftp failed")
        return done.stdout

    def listed(self, output: str, folder: str) -> dict[str, Seen]:
        """What an ``ls -ln`` of a folder told; folders, links and strange lines do not count."""
        found = {}
        for line in output.splitlines():
            match = _LINE.fullmatch(line.strip())
            if match and os.path.dirname(match.group(3)) == self._root + "/" + folder:
                seen = Seen(int(match.group(1)), match.group(1) + " " + match.group(2))
                found[os.path.basename(match.group(3))] = seen
        return found


class Box:
    """The folder of this station, and what was fetched and brought already."""

    def __init__(self, root: str, memory: str) -> None:
        self.root, self._memory = root, memory
        self.fetched: dict[str, tuple[str, float]] = {}  # name -> look, when it was first seen
        self.brought: dict[str, list[int]] = {}  # name -> size and time of ours
        for folder in ("in/audio", "in/manifest"):
            os.makedirs(self.path(folder), exist_ok=True)
        try:
            with open(memory, encoding="ascii") as file:
                raw = json.load(file)
            self.fetched = {name: (str(a), float(b)) for name, (a, b) in raw["fetched"].items()}
            self.brought = dict(raw["brought"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # everything is fetched and brought once more

    def path(self, name: str) -> str:
        return os.path.join(self.root, name)

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(self.path(folder)))
        except OSError:
            return []

    def look(self, name: str) -> list[int]:
        try:
            seen = os.stat(self.path(name))
        except OSError:
            return []
        return [seen.st_size, seen.st_mtime_ns]

    def remember(self) -> None:
        write_file(
            self._memory,
            json.dumps({"fetched": self.fetched, "brought": self.brought}).encode("ascii"),
        )


def sync(box: Box, meeting: Meeting, now: float) -> str:
    """One round; says in a word what it did."""
    first = _words_to_bring(box, meeting)
    listing = ["-ls -ln " + meeting.path(name) for name in ("in/manifest", "in/audio", *SIDE_FILES)]
    output = meeting.run([line for _, lines in first for line in lines] + listing)
    for name, _ in first:
        box.brought[name] = box.look(name)
    plans = {n: s for n, s in meeting.listed(output, "in/manifest").items() if _PLAN.fullmatch(n)}
    sides = meeting.listed(output, "in")
    wanted = {"in/manifest/" + name: seen for name, seen in plans.items()}
    wanted.update({name: sides[name[3:]] for name in SIDE_FILES if name[3:] in sides})
    changed = {n: s for n, s in wanted.items() if _is_news(box, n, s, now)}
    if changed:
        # The sound is listed after the plans were fetched: all that they name lies there by then.
        output = meeting.run(
            ["-get " + meeting.path(n) + " " + quoted(box.path(n) + ".fetched") for n in changed]
            + ["-ls -ln " + meeting.path("in/audio")]
        )
    audio = {n: s for n, s in meeting.listed(output, "in/audio").items() if _AUDIO.fullmatch(n)}
    count = fetch_audio(box, meeting, audio)
    for name, seen in changed.items():
        _go_live(box, name, seen, now)
    _tidy(box, set(plans), set(audio))
    box.remember()
    return "fetched %d sounds, %d plans; brought %d" % (count, len(changed), len(first))


def _words_to_bring(box: Box, meeting: Meeting) -> list[tuple[str, list[str]]]:
    """Receipt and logs that changed, each under another name first."""
    names = ["out/asrun/" + name for name in box.names("out/asrun") if _LOG.fullmatch(name)]
    found = []
    for name in [*names, "out/receipt.json"]:
        if box.look(name) not in ([], box.brought.get(name)):
            part = meeting.path(name + ".part")
            put = "put " + quoted(box.path(name)) + " " + part
            found.append((name, [put, "rename " + part + " " + meeting.path(name)]))
    if found:
        makes = ["-mkdir " + meeting.path(folder) for folder in ("out", "out/asrun")]
        found[0] = (found[0][0], makes + found[0][1])
    return found


def _is_news(box: Box, name: str, seen: Seen, now: float) -> bool:
    look, since = box.fetched.get(name, ("", now))
    if look != seen.look:
        return True
    return now - since < SETTLED_S or not os.path.exists(box.path(name))


def _go_live(box: Box, name: str, seen: Seen, now: float) -> None:
    fetched = box.path(name) + ".fetched"
    try:
        with open(fetched, "rb") as file:
            data = file.read(1 << 21)
        os.remove(fetched)
    except OSError:
        return  # it went away between the listing and the fetching
    if data != read_file(box.path(name)):
        write_file(box.path(name), data)
    look, since = box.fetched.get(name, ("", now))
    box.fetched[name] = (seen.look, since if look == seen.look else now)


def fetch_audio(box: Box, meeting: Meeting, audio: dict[str, Seen]) -> int:
    """
    Fetch what is missing, or has another size; a part is resumed.

    Raises:
        SyncFailed: the line broke; what arrived is kept, and so are the plans of before.
    """
    for name in _found_wrong(box):
        _remove(box.path("in/audio/" + name))
    missing = [
        name for name, seen in sorted(audio.items())
        if (box.look("in/audio/" + name) or [-1])[0] != seen.size_bytes
    ]  # fmt: skip
    for name in missing:
        part = box.path("in/audio/" + name + ".part")
        if (os.path.getsize(part) if os.path.exists(part) else 0) >= audio[name].size_bytes:
            _remove(part)
        meeting.run(["reget " + meeting.path("in/audio/" + name) + " " + quoted(part)])
        if hash_of(part) != name.split(".")[0]:
            _remove(part)
            raise SyncFailed("what was fetched is not " + name)
        publish(part, box.path("in/audio/" + name))
    return len(missing)


def _found_wrong(box: Box) -> list[str]:
    """What the player of this box has read since it was fetched, and found to be wrong."""
    try:
        days = json.loads(read_file(box.path("out/receipt.json")).decode())["dates"].values()
        names = {name for day in days for name in day["wrong"] if _AUDIO.fullmatch(name)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    told_at = (box.look("out/receipt.json") or [0, 0])[1]
    return [name for name in names if 0 < (box.look("in/audio/" + name) or [0, 0])[1] < told_at]


def _tidy(box: Box, plans: set[str], audio: set[str]) -> None:
    """Remove what the hub has removed, unless a plan that lies here still names it."""
    here = [name for name in box.names("in/manifest") if _PLAN.fullmatch(name)]
    for name in here[:-KEEP_PLANS]:
        if name not in plans:
            _remove(box.path("in/manifest/" + name))
    named = b"".join(read_file(box.path("in/manifest/" + name)) for name in here)
    for name in box.names("in/audio"):
        is_ours = _AUDIO.fullmatch(name.replace(".part", ""))
        # An empty meeting place is a mistake, and no reason to empty the box.
        if is_ours and audio and name not in audio and name[:64].encode() not in named:
            _remove(box.path("in/audio/" + name))


def quoted(path: str) -> str:
    if '"' in path or "\n" in path or "\\" in path:
        raise ValueError("this path cannot be used: " + path)
    return '"' + path + '"'


def read_file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1 << 21)
    except OSError:
        return b""


def write_file(path: str, data: bytes) -> None:
    with open(path + ".part", "wb") as file:
        file.write(data)
    publish(path + ".part", path)


def publish(part: str, final: str) -> None:
    """Flush, rename, flush the name: the final name holds all of it, also after a power cut."""
    for step in (part, None, os.path.dirname(final) or "."):
        if step is None:
            os.replace(part, final)
            continue
        descriptor = os.open(step, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def hash_of(path: str) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for chunk in iter(lambda: file.read(1 << 20), b""):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(path)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Keeps a box in step with a folder of a server that box and hub can reach.",
        fromfile_prefix_chars="@",
    )
    parser.add_argument("--version", action="version", version="loa-rendezvous " + VERSION)
    parser.add_argument("--root", required=True, help="the folder of the station on this box")
    parser.add_argument("--at", required=True, metavar="USER@HOST", help="the meeting place")
    parser.add_argument("--port", type=int, default=22)
    parser.add_argument("--remote", required=True, metavar="FOLDER", help="of this station, there")
    parser.add_argument("--identity", required=True, metavar="FILE", help="made on this box")
    parser.add_argument("--known-hosts", required=True, metavar="FILE",
                        help="holds the key of the meeting place; no other counts")  # fmt: skip
    parser.add_argument("--memory", required=True, metavar="FILE", help="what was fetched")
    parser.add_argument("--every-s", type=float, metavar="SECONDS", help="for ever; else once")
    options = parser.parse_args(arguments)
    if options.at.startswith("-"):
        parser.error("--at is an account and a host")
    return options


def rounds(every_s: float | None) -> Iterator[None]:
    yield None
    while every_s is not None:
        time.sleep(every_s)
        yield None


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    meeting, code = Meeting(options), 0
    box = Box(options.root, options.memory)
    for _ in rounds(options.every_s):
        try:
            print(sync(box, meeting, time.time()), flush=True)
            code = 0
        except (SyncFailed, OSError) as error:
            print("loa-rendezvous: " + str(error), file=sys.stderr, flush=True)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
