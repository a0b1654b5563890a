"""
Five broken ways to deliver, kept for ever: a harness that does not catch them is no harness.

Each is ours with one guarantee taken out, as people write it in a hurry.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import paramiko

from stations.disk import Flight, fly
from stations.layout import RenditionFile, audio_path
from stations.login import open_channel
from stations.placing import Content, Placer
from stations.sftp import SftpDisk, open_visit
from stations.visit import Address, Progress, Sent, Step, Visit, VisitLimits
from tests.faults.harness.night import Night

LIMITS = VisitLimits(connect_s=10, idle_s=10, reserve_bytes=0)

Open = Callable[[Address, Path | paramiko.PKey, Step], Visit]


def ours(address: Address, key: Path | paramiko.PKey, step: Step) -> Visit:
    """The delivery that ships."""
    return open_visit(address, key, LIMITS, step=step)


class NoTempName(Visit):
    """Writes straight to the final name, as most scripts do."""

    def put_rendition(
        self, file: RenditionFile, progress: Progress | None = None, *, is_distrusted: bool = False
    ) -> Sent:
        final = audio_path(file.name)
        with file.path.open("rb") as source, self.disk.open_part(final) as remote:
            self._step("part_opened")
            arrived = 0

            def acknowledged(count: int) -> None:
                nonlocal arrived
                is_past_half = arrived >= file.size_bytes // 2
                arrived += count
                if not is_past_half and arrived >= file.size_bytes // 2:
                    self._step("half_sent")

            remote.write(source, 0, acknowledged)
            self._step("all_sent")
            remote.flush()
        return Sent(file.size_bytes, 0, was_there=False)


class DiskWithoutFsync(SftpDisk):
    """Never asks the station to flush."""

    def offers(self, extension: str) -> bool:
        return extension != "fsync@openssh.com" and super().offers(extension)


class DeliveredBeforeRename(Visit):
    """Calls a night delivered when its parts are there, and renames them afterwards."""

    def put_rendition(
        self, file: RenditionFile, progress: Progress | None = None, *, is_distrusted: bool = False
    ) -> Sent:
        self._late = [*getattr(self, "_late", []), file]
        with file.path.open("rb") as source:
            content = Content(source, file.size_bytes, file.sha256)
            part = f"{audio_path(file.name)}.part"
            fly(self._placer.write_part(part, content, 0, progress, self._step))
        return Sent(file.size_bytes, 0, was_there=False)

    def rename_late(self) -> None:
        for file in getattr(self, "_late", []):
            self.disk.replace(f"{audio_path(file.name)}.part", audio_path(file.name))
            self._step("renamed")


class Unverifying(Placer):
    """Believes that what was acknowledged is what lies there."""

    @staticmethod
    def _is_same(*_: object) -> bool:
        return True


class Trusting(Placer):
    """Believes every file that exists."""

    def put(self, final: str, *rest: Any, **more: Any) -> Flight[int | None]:
        if self._disk.stat(final) is not None:
            return None
        return (yield from super().put(final, *rest, **more))


def _visit(kind: type[Visit], disk: type[SftpDisk] = SftpDisk) -> Open:
    def open_mutant(address: Address, key: Path | paramiko.PKey, step: Step) -> Visit:
        connection, channel = open_channel(address, key, LIMITS)
        step("connected")
        return kind(disk(connection, channel, address.root, LIMITS), LIMITS, step)

    return open_mutant


def _placer(kind: type[Placer]) -> Open:
    def open_mutant(address: Address, key: Path | paramiko.PKey, step: Step) -> Visit:
        visit = ours(address, key, step)
        visit._placer = kind(visit.disk, LIMITS)
        return visit

    return open_mutant


MUTANTS: dict[str, Open] = {
    "no temp name": _visit(NoTempName),
    "no fsync": _visit(Visit, DiskWithoutFsync),
    "delivered before rename": _visit(DeliveredBeforeRename),
    "no verify": _placer(Unverifying),
    "trusts what exists": _placer(Trusting),
}
VARIANTS: dict[str, Open] = {"ours": ours, **MUTANTS}


def deliver(
    variant: str, address: Address, key: Path | paramiko.PKey, night: Night, step: Step
) -> None:
    """Bring a night to a station, as ours does or as a mutant does."""
    with VARIANTS[variant](address, key, step) as visit:
        for file in night.files:
            visit.put_rendition(file)
        visit.commit_day(night.day)
        if isinstance(visit, DeliveredBeforeRename):
            visit.rename_late()
