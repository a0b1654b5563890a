"""The files of a station over SFTP: a window of requests under way, every refusal in our words."""

from __future__ import annotations

import contextlib
from collections import deque
from pathlib import Path, PurePosixPath

import paramiko

from stations import channel as wire
from stations.channel import Answer, RefusedError, SftpChannel, harmless
from stations.diary import Diary
from stations.disk import WAITING, Flight, Later, Stat, fly_together
from stations.errors import BadAnswer, NotWritable
from stations.login import Connection, open_channel, scan_host_key
from stations.pace import Pace
from stations.sftpfile import SftpFile, handle_of, stat_of, take_stat
from stations.sftpsession import FSYNC, SftpSession
from stations.visit import Address, Step, Visit, VisitLimits

__all__ = ["SftpDisk", "SftpFile", "open_visit", "scan_host_key"]

_POSIX_RENAME = "posix-rename@openssh.com"
_LIMITS = "limits@openssh.com"

_READ, _WRITE, _CREATE, _TRUNCATE = 0x1, 0x2, 0x8, 0x10
_MOST_NAMES = 50_000  # in one folder; a station keeps a few hundred


def open_visit(
    address: Address,
    private_key: Path | paramiko.PKey,
    limits: VisitLimits | None = None,
    *,
    step: Step = lambda name: None,
    pace: Pace | None = None,
    diary: Diary | None = None,
) -> Visit:
    """
    Connect to a station and start a visit.

    Only the pinned host key is accepted; it is never learnt here. ``pace`` is shared by the
    visits that go over one link; without it ``limits.bandwidth_kbps`` holds for this one alone.
    ``diary`` hears of every step, also when none of them leads to a visit.

    Raises:
        Unreachable: nothing answers, or not in time.
        HostKeyUnknown, HostKeyChanged: a person decides. Nothing was sent.
        LoginRefused, NoCommonCipher: a person must act at the station.
    """
    limits = limits or VisitLimits()
    if pace is None and limits.bandwidth_kbps is not None:
        pace = Pace(limits.bandwidth_kbps)
    connection, channel = open_channel(address, private_key, limits, diary)
    step("connected")
    return Visit(SftpDisk(connection, channel, address.root, limits, pace), limits, step, diary)


class SftpDisk(SftpSession):
    """The station's disk as its SFTP server shows it."""

    def __init__(
        self,
        connection: Connection,
        channel: SftpChannel,
        root: str,
        limits: VisitLimits,
        pace: Pace | None = None,
    ) -> None:
        super().__init__(channel, root, limits, pace)
        self.connection = connection
        self._can_flush_folders = limits.flushes_folders  # until the server shows that it cannot

    @property
    def server(self) -> str:
        return harmless(self.connection.transport.remote_version)

    @property
    def bytes_sent(self) -> int:
        return self.channel.bytes_sent

    def end_within(self, seconds: float) -> None:
        self.connection.watchdog.end_within(seconds)

    def describe(self) -> dict[str, str]:
        transport, host_key = self.connection.transport, self.connection.host_key
        return {
            "server": self.server,
            "cipher": transport.local_cipher,
            "host_key": f"{host_key.type} {host_key.fingerprint}",
            "extensions": " ".join(sorted(self.channel.extensions)),
            "largest_packet_bytes": str(self._largest_packet_bytes() or "unknown"),
        }

    def stat(self, path: str) -> Stat | None:
        return self._stat_answered(path, self.channel.send(wire.STAT, self._path(path)))

    def _stat_answered(self, path: str, asked: int) -> Stat | None:
        try:
            return stat_of(self.channel.answer(asked))
        except RefusedError as refused:
            if refused.code == wire.NO_SUCH_FILE:
                return None
            raise self.failed(refused, path) from refused

    def list_folders(self, *paths: str) -> dict[str, dict[str, Stat]]:
        found = fly_together([self._list_folder(path) for path in paths])
        return dict(zip(paths, found, strict=True))

    def open_part(self, path: str) -> SftpFile:
        return self.begin_part(path)()

    def begin_part(self, path: str, *, is_emptied: bool = False) -> Later[SftpFile]:
        flags = _WRITE | _CREATE | (_TRUNCATE if is_emptied else 0)
        asked = self._ask_open(path, flags)

        def opened() -> SftpFile:
            try:
                return self._opened(path, asked)
            except RefusedError as refused:
                if refused.code != wire.NO_SUCH_FILE:
                    raise self.failed(refused, path) from refused
            self._make_folders(path)
            try:
                return self._opened(path, self._ask_open(path, flags))
            except RefusedError as refused:
                raise self.failed(refused, path) from refused

        return opened

    def open_read(self, path: str) -> SftpFile | None:
        return self.begin_read(path)()

    def begin_read(self, path: str) -> Later[SftpFile | None]:
        asked = self._ask_open(path, _READ)

        def opened() -> SftpFile | None:
            try:
                return self._opened(path, asked)
            except RefusedError as refused:
                if refused.code == wire.NO_SUCH_FILE:
                    return None
                raise self.failed(refused, path) from refused

        return opened

    def begin_folder(self, path: str) -> None:
        self.channel.forget(self.channel.send(wire.MKDIR, self._path(path), 0))

    def rename_over(self, source: str, target: str) -> bool:
        return self._is_renamed(self._ask_rename(source, target))

    def replace(self, source: str, target: str) -> None:
        if not self.rename_over(source, target):
            self._rename_around(source, target)

    def begin_replace(self, source: str, target: str) -> Later[Stat | None]:
        renaming = self._ask_rename(source, target)
        looking = self.channel.send(wire.STAT, self._path(target))

        def replaced() -> Stat | None:
            if self._is_renamed(renaming):
                return self._stat_answered(target, looking)
            self.channel.forget(looking)
            self._rename_around(source, target)
            return self.stat(target)

        return replaced

    def remove(self, path: str) -> None:
        try:
            self.channel.ask(wire.REMOVE, self._path(path))
        except RefusedError as refused:
            if refused.code != wire.NO_SUCH_FILE:
                raise self.failed(refused, path) from refused

    def remove_folder(self, path: str) -> None:
        with contextlib.suppress(RefusedError):
            self.channel.ask(wire.RMDIR, self._path(path))

    def flush_folder(self, path: str) -> Flight[bool]:
        """
        OpenSSH opens a folder like a file, and fsync then makes its names last.

        Without it a station that lost power just after a rename had the part, not the final name.
        """
        if not (self.offers(FSYNC) and self._can_flush_folders):
            return False
        asked = self._ask_open(path, _READ)
        yield WAITING
        try:
            sealed = self._opened(path, asked).begin_seal()
            yield WAITING
            self._can_flush_folders = sealed()
        except (RefusedError, NotWritable):
            self._can_flush_folders = False
        return self._can_flush_folders

    def forget_asked(self) -> None:
        self.channel.forget_all()

    def close(self) -> None:
        self.connection.close()

    def _largest_packet_bytes(self) -> int | None:
        if not self.offers(_LIMITS):
            return None
        try:
            return self.channel.answer(self.channel.extended(_LIMITS)).take_long()
        except RefusedError:
            return None

    def _ask_open(self, path: str, flags: int) -> int:
        return self.channel.send(wire.OPEN, self._path(path), flags, 0)

    def _opened(self, path: str, asked: int) -> SftpFile:
        return SftpFile(self, path, handle_of(self.channel.answer(asked)))

    def _ask_rename(self, source: str, target: str) -> int:
        names = (self._path(source), self._path(target))
        if self.offers(_POSIX_RENAME):
            return self.channel.extended(_POSIX_RENAME, *names)
        return self.channel.send(wire.RENAME, *names)

    def _is_renamed(self, asked: int) -> bool:
        try:
            self.channel.answer(asked)
        except RefusedError:
            return False
        return True

    def _list_folder(self, path: str) -> Flight[dict[str, Stat]]:
        asked = self.channel.send(wire.OPENDIR, self._path(path))
        yield WAITING
        try:
            folder = handle_of(self.channel.answer(asked))
        except RefusedError as refused:
            if refused.code == wire.NO_SUCH_FILE:
                return {}
            raise self.failed(refused, path) from refused
        found: dict[str, Stat] = {}
        count = 0
        # Two at a time: most folders end with the second answer.
        reading = deque(self.channel.send(wire.READDIR, folder) for _ in range(2))
        yield WAITING
        while (names := self._names(reading.popleft())) is not None:
            count += len(names)
            if count > _MOST_NAMES:  # counted, not collected: it may say one name for ever
                raise BadAnswer(detail=f"more than {_MOST_NAMES} names in {path}")
            found.update(names)
            reading.append(self.channel.send(wire.READDIR, folder))
        self.channel.forget(*reading, self.channel.send(wire.CLOSE, folder))
        return found

    def _names(self, asked: int) -> list[tuple[str, Stat]] | None:
        """One answer of a listing; None at its end."""
        try:
            answer = self.channel.answer(asked)
        except RefusedError as refused:
            # asyncssh opens a folder that is not there, and says so only here.
            if refused.code in (wire.EOF, wire.NO_SUCH_FILE):
                return None
            raise BadAnswer(detail=refused.text) from refused
        count = answer.take_int() if answer.kind == wire.NAME else 0
        if count == 0:
            raise BadAnswer(detail="a listing without names")
        return [self._take_name(answer) for _ in range(count)]

    @staticmethod
    def _take_name(answer: Answer) -> tuple[str, Stat]:
        name = answer.take_bytes()
        if not name or b"/" in name or b"\0" in name:  # no folder can hold it: it is a trap
            raise BadAnswer(detail="a listing with a name that is none")
        answer.take_bytes()  # the line of 'ls -l'
        return name.decode("utf-8", "surrogateescape"), take_stat(answer)

    def _make_folders(self, path: str) -> None:
        """Make what is missing between the root and a file. The root itself is a person's work."""
        parents = [str(parent) for parent in reversed(PurePosixPath(path).parents[:-1])]
        asked = [self.channel.send(wire.MKDIR, self._path(parent), 0) for parent in parents]
        for parent, number in zip(parents, asked, strict=True):
            try:
                self.channel.answer(number)
            except RefusedError as refused:
                # There already: servers say so with 'Failure' or, some, with a code of their own.
                if refused.code in (wire.NO_SUCH_FILE, wire.PERMISSION_DENIED):
                    raise self.failed(refused, parent) from refused

    def _rename_around(self, source: str, target: str) -> None:
        """
        Replace a file on a server that does not rename over another.

        The old file steps aside first, so that a crash in between leaves the new one verified
        under its part name and the old one under another: never a half one under the final name.
        """
        aside = f"{target}.old.part"
        self.remove(aside)
        self.rename_over(target, aside)
        if not self.rename_over(source, target):
            self.rename_over(aside, target)
            raise NotWritable(path=target, detail="it refuses to rename")
        self.remove(aside)
