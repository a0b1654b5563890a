"""
A real SFTP server over a folder, with faults on request: what a bad station does to a visit.

It is paramiko's server side, so that the very client that goes to a commune can be tried here
without one. What a power cut takes is kept apart: bytes that were never flushed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)
from paramiko.message import Message
from paramiko.sftp import (
    CMD_EXTENDED,
    CMD_EXTENDED_REPLY,
    CMD_INIT,
    CMD_VERSION,
    SFTP_FAILURE,
    SFTP_NO_SUCH_FILE,
    SFTP_OK,
    SFTP_PERMISSION_DENIED,
    SFTPError,
)
from paramiko.sftp_attr import SFTPAttributes

_Result = TypeVar("_Result")

_EXTENSIONS = {
    "posix-rename@openssh.com": "1",
    "statvfs@openssh.com": "2",
    "fsync@openssh.com": "1",
}


@dataclass
class Faults:
    """What is wrong with a station. May be changed while it runs."""

    refuses: bool = False  # hangs up on whoever calls
    cut_after_bytes: int | None = None  # received; once, then the line holds
    stall_after_bytes: int | None = None  # received; then it neither answers nor hangs up
    full_after_bytes: int | None = None  # received; then there is no room
    bytes_per_s: int | None = None  # of the line, when something is written
    lies: bool = False  # says yes and stores other bytes
    loses_names: bool = False  # says yes to a rename and loses the file
    clock_ahead_s: float = 0.0
    is_old: bool = False  # no extensions: no fsync, no rename over another file, no free space


@dataclass
class Durability:
    """Remembers from where on each file was never flushed: a power cut takes those bytes."""

    unflushed_from: dict[int, int] = field(default_factory=dict)  # by inode

    def wrote(self, inode: int, offset: int) -> None:
        self.unflushed_from[inode] = min(offset, self.unflushed_from.get(inode, offset))

    def flushed(self, inode: int) -> None:
        self.unflushed_from.pop(inode, None)

    def lose(self, root: Path, *, are_zeroed: bool) -> None:
        """As ext4 after an early rename: the name is there, the bytes are not."""
        for path in (found for found in root.rglob("*") if found.is_file()):
            stat = path.stat()
            kept = self.unflushed_from.get(stat.st_ino)
            if kept is not None:
                os.truncate(path, kept)
                if are_zeroed:
                    os.truncate(path, stat.st_size)
        self.unflushed_from.clear()


class StationState:
    """What all connections to one simulated station share."""

    def __init__(self, root: Path, allowed_key: str) -> None:
        self.root = root
        self.allowed_key = allowed_key  # 'ssh-ed25519 AAAA...'
        self.faults = Faults()
        self.durability = Durability()
        self.received_bytes = 0
        self.has_ended = threading.Event()
        self.connections: list[socket.socket] = []
        self.times_hung_up = 0

    def hang_up(self) -> None:
        """Drop every connection at once, as a cut line does."""
        self.times_hung_up += 1
        connections, self.connections = self.connections, []
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class KeyOnly(paramiko.ServerInterface):
    """Lets one key in, by any name, to SFTP and nothing else."""

    def __init__(self, state: StationState) -> None:
        self.state = state

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        is_ours = f"{key.get_name()} {key.get_base64()}" == self.state.allowed_key
        return AUTH_SUCCESSFUL if is_ours else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        is_session = kind == "session"
        return OPEN_SUCCEEDED if is_session else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class SimulatedSftp(paramiko.SFTPServer):
    """paramiko's SFTP server with the three extensions of OpenSSH that a visit uses."""

    server: SimulatedDisk

    def _send_server_version(self) -> int:
        kind, data = self._read_packet()  # type: ignore[attr-defined]
        if kind != CMD_INIT:
            raise SFTPError("not a client of SFTP")
        message = Message()
        message.add_int(3)
        if not self.server.state.faults.is_old:
            for name, version in _EXTENSIONS.items():
                message.add_string(name)
                message.add_string(version)
        self._send_packet(CMD_VERSION, message)  # type: ignore[attr-defined]
        return int(struct.unpack(">I", data[:4])[0])

    def _process(self, kind: int, number: int, message: Message) -> None:
        if kind == CMD_EXTENDED and not self.server.state.faults.is_old:
            start = message.get_so_far()
            tag = message.get_text()
            if tag == "fsync@openssh.com":
                self._send_status(number, self._fsync(message.get_binary()))  # type: ignore[attr-defined]
                return
            if tag == "statvfs@openssh.com":
                self._send_room(number)
                return
            message = Message(message.asbytes())
            message.get_bytes(len(start))
        super()._process(kind, number, message)  # type: ignore[misc]

    def _fsync(self, handle: bytes) -> int:
        file = self.file_table.get(handle)
        return file.fsync() if isinstance(file, SimulatedFile) else SFTP_FAILURE

    def _send_room(self, number: int) -> None:
        state = os.statvfs(self.server.state.root)
        free_blocks = self.server.free_bytes(state.f_bavail * state.f_frsize) // state.f_frsize
        reply = Message()
        reply.add_int(number)
        for value in (
            *(state.f_bsize, state.f_frsize, state.f_blocks, free_blocks, free_blocks),
            *(state.f_files, state.f_ffree, state.f_favail, 0, state.f_flag, state.f_namemax),
        ):
            reply.add_int64(value)
        self._send_packet(CMD_EXTENDED_REPLY, reply)  # type: ignore[attr-defined]


class SimulatedDisk(paramiko.SFTPServerInterface):
    """The folder of one station, as its SFTP server serves it."""

    def __init__(self, server: KeyOnly, *args: Any, **kwargs: Any) -> None:
        super().__init__(server, *args, **kwargs)
        self.state = server.state

    def free_bytes(self, really_free: int) -> int:
        limit = self.state.faults.full_after_bytes
        return really_free if limit is None else max(0, limit - self.state.received_bytes)

    def open(self, path: str, flags: int, attr: SFTPAttributes) -> paramiko.SFTPHandle | int:
        def really_open() -> paramiko.SFTPHandle:
            return SimulatedFile(self.state, os.open(self._at(path), flags, 0o644))

        return _answer(really_open)

    def list_folder(self, path: str) -> list[SFTPAttributes] | int:
        return _answer(
            lambda: [
                self._attributes(entry.stat(), entry.name) for entry in os.scandir(self._at(path))
            ]
        )

    def stat(self, path: str) -> SFTPAttributes | int:
        return _answer(lambda: self._attributes(self._at(path).stat()))

    def lstat(self, path: str) -> SFTPAttributes | int:
        return _answer(lambda: self._attributes(self._at(path).lstat()))

    def remove(self, path: str) -> int:
        def really_remove() -> int:
            self.state.durability.flushed(self._at(path).stat().st_ino)
            self._at(path).unlink()
            return SFTP_OK

        return _answer(really_remove)

    def rename(self, oldpath: str, newpath: str) -> int:
        if self._at(newpath).exists():
            return SFTP_FAILURE
        return self.posix_rename(oldpath, newpath)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        def really_rename() -> int:
            if self.state.faults.loses_names:
                self._at(oldpath).unlink()
            else:
                self._at(oldpath).replace(self._at(newpath))
            return SFTP_OK

        return _answer(really_rename)

    def mkdir(self, path: str, attr: SFTPAttributes) -> int:
        def really_make() -> int:
            self._at(path).mkdir()
            return SFTP_OK

        return _answer(really_make)

    def rmdir(self, path: str) -> int:
        def really_remove() -> int:
            self._at(path).rmdir()
            return SFTP_OK

        return _answer(really_remove)

    def _at(self, path: str) -> Path:
        """Nothing outside the folder can be named."""
        return self.state.root / posixpath.normpath("/" + path).lstrip("/")

    def _attributes(self, stat: os.stat_result, name: str | None = None) -> SFTPAttributes:
        attributes = SFTPAttributes.from_stat(stat, name)
        _set_clock(attributes, self.state)
        return attributes


class SimulatedFile(paramiko.SFTPHandle):
    """An open file of a station; the faults of its line and its disk happen here."""

    def __init__(self, state: StationState, descriptor: int) -> None:
        super().__init__()
        self._state = state
        self._descriptor = descriptor
        self._inode = os.fstat(descriptor).st_ino
        self._opened_in = state.times_hung_up

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def stat(self) -> SFTPAttributes | int:
        attributes = SFTPAttributes.from_stat(os.fstat(self._descriptor))
        _set_clock(attributes, self._state)
        return attributes

    def read(self, offset: int, length: int) -> bytes | int:
        return _answer(lambda: os.pread(self._descriptor, length, offset))

    def write(self, offset: int, data: Any) -> int:
        state, faults = self._state, self._state.faults
        self._wait_for_the_line(len(data))
        before = state.received_bytes
        state.received_bytes += len(data)
        if _is_passed(faults.stall_after_bytes, state):
            state.has_ended.wait()
        if _is_passed(faults.full_after_bytes, state):
            return SFTP_FAILURE
        if _is_passed(faults.cut_after_bytes, state):
            data = data[: max(0, (faults.cut_after_bytes or 0) - before)]
            faults.cut_after_bytes = None
            self._store(offset, data)
            state.hang_up()
            return SFTP_FAILURE
        return self._store(offset, bytes(255 - byte for byte in data) if faults.lies else data)

    def fsync(self) -> int:
        def really_flush() -> int:
            os.fsync(self._descriptor)
            self._state.durability.flushed(self._inode)
            return SFTP_OK

        return _answer(really_flush)

    def _store(self, offset: int, data: bytes) -> int:
        if self._opened_in != self._state.times_hung_up:
            return SFTP_FAILURE  # requests that were still queued when the line was cut

        def really_write() -> int:
            self._state.durability.wrote(self._inode, offset)
            os.pwrite(self._descriptor, data, offset)
            return SFTP_OK

        return _answer(really_write)

    def _wait_for_the_line(self, count: int) -> None:
        if self._state.faults.bytes_per_s:
            self._state.has_ended.wait(count / self._state.faults.bytes_per_s)


def _is_passed(limit: int | None, state: StationState) -> bool:
    return limit is not None and state.received_bytes > limit


def _set_clock(attributes: SFTPAttributes, state: StationState) -> None:
    assert attributes.st_mtime is not None
    attributes.st_mtime = int(attributes.st_mtime + state.faults.clock_ahead_s)


def _answer(work: Callable[[], _Result]) -> _Result | int:
    try:
        return work()
    except OSError as error:
        return _status_of(error)


def _status_of(error: OSError) -> int:
    if error.errno == errno.ENOENT:
        return int(SFTP_NO_SUCH_FILE)
    if error.errno in (errno.EACCES, errno.EPERM):
        return int(SFTP_PERMISSION_DENIED)
    return int(SFTP_FAILURE)
