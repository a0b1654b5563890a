"""One SFTP session, for its files and its disk: what the server offers, takes and refuses."""

from __future__ import annotations

import struct
from pathlib import PurePosixPath

from stations import channel as wire
from stations.channel import RefusedError, SftpChannel
from stations.errors import BadAnswer, NotWritable, StationError, StationFull
from stations.pace import Pace
from stations.visit import VisitLimits

FSYNC = "fsync@openssh.com"
STATVFS = "statvfs@openssh.com"

LEAST_WRITE_BYTES = 2_040
_DIRECT_WRITE_BYTES = 32_640  # what every server takes; larger only where the server is known to
_FIRST_WRITE_BYTES = 8_160  # grows while answers come fast, so that a thin link is felt early
_MOST_ROOM = 1 << 60

# What newer servers say in plain words and OpenSSH says as 'Failure'.
_NO_SPACE, _QUOTA = 14, 15


class SftpSession:
    """The channel, the limits and the pace of a visit, and how large its writes are just now."""

    def __init__(
        self, channel: SftpChannel, root: str, limits: VisitLimits, pace: Pace | None
    ) -> None:
        self.channel = channel
        self.limits = limits
        self.pace = pace
        self.chunk_bytes = min(_FIRST_WRITE_BYTES, self.largest_write_bytes)  # as the link bears it
        self._root = PurePosixPath(root)

    def offers(self, extension: str) -> bool:
        return extension in self.channel.extensions

    def free_bytes(self) -> int | None:
        if not self.offers(STATVFS):
            return None
        try:
            answer = self.channel.answer(self.channel.extended(STATVFS, self._path("")))
        except RefusedError:
            return None
        if answer.kind != wire.EXTENDED_REPLY:
            raise BadAnswer(detail="free space of another kind")
        _, fragment, _, _, available = struct.unpack(">5Q", answer.take(40))
        return min(int(fragment * available), _MOST_ROOM)  # a row holds 63 bits

    def failed(self, refused: RefusedError, path: str, needed_bytes: int = 0) -> StationError:
        """Say in our words what the server refused."""
        is_about_space = refused.code in (_NO_SPACE, _QUOTA)
        if is_about_space or (needed_bytes and refused.code == wire.FAILURE):
            free = self.free_bytes()
            return StationFull(needed_bytes=needed_bytes, free_bytes="?" if free is None else free)
        return NotWritable(path=path, detail=refused.text)

    @property
    def largest_write_bytes(self) -> int:
        """OpenSSH takes 256 KiB and says so by its extensions; others promise 32 KiB."""
        is_openssh = self.offers(STATVFS) or self.offers(FSYNC)
        most = self.limits.chunk_bytes if is_openssh else _DIRECT_WRITE_BYTES
        if self.pace is None:
            return most
        # A quarter of a second's worth: the visits of a thin link take turns, and none is silent
        # for longer than its lease.
        return min(most, max(LEAST_WRITE_BYTES, int(self.pace.bytes_per_s / 4)))

    def _path(self, path: str) -> bytes:
        return str(self._root / path).encode("utf-8", "surrogateescape")
