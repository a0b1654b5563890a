"""The same promises, kept by every way of reaching a station and every server we could find."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from stations.folder import open_folder
from stations.layout import FOLDERS
from stations.sftp import open_visit
from stations.simulator import Fleet
from stations.visit import Address, Step, Visit, VisitLimits
from tests.conftest import need
from tests.contract.servers import OTHERS, MissingError
from tests.faults.harness.renditions import RenditionMaker
from tests.faults.harness.sshd import Sshd, make_key, sshd_path

LIMITS = VisitLimits(connect_s=20, idle_s=20, reserve_bytes=0)


@dataclass
class Site:
    """One station as a test sees it: the folder behind it, and the way to it."""

    kind: str
    root: Path
    way: Callable[[VisitLimits, Step], Visit]
    address: Address | None = None

    @property
    def keeps_parts(self) -> bool:
        """Rclone empties every file that it opens to write: nothing is resumed there."""
        return self.kind != "rclone"

    def visit(self, limits: VisitLimits = LIMITS, step: Step = lambda name: None) -> Visit:
        return self.way(limits, step)

    def files(self) -> set[str]:
        """Every file that lies at the station, by its path."""
        return {str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()}


def need_sshd() -> None:
    """Locally a missing sshd is a reason to skip; where CI runs it is a failure."""
    need("sshd (apt-get install openssh-server)", sshd_path())


@pytest.fixture(scope="session")
def private_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hub's key for this run."""
    return make_key(tmp_path_factory.mktemp("keys") / "hub")


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory, private_key: Path) -> Iterator[Sshd]:
    """One OpenSSH server for the run; every test gets a folder of its own behind it."""
    need_sshd()
    folder = tmp_path_factory.mktemp("sshd")
    with Sshd(folder / "server", folder / "root", private_key) as server:
        yield server


def folder_site(root: Path) -> Site:
    return Site("folder", root, lambda limits, step: open_folder(root, limits, step=step))


def simulated_site(root: Path, private_key: Path, stack: ExitStack, *, is_old: bool) -> Site:
    public = private_key.with_suffix(".pub").read_text()
    fleet = stack.enter_context(Fleet(root.parent, [root.name], public))
    station = fleet[root.name]
    station.faults.is_old = is_old
    return Site(
        "old_simulator" if is_old else "simulator",
        root,
        lambda limits, step: open_visit(station.address, private_key, limits, step=step),
        station.address,
    )


@pytest.fixture(scope="session")
def others(
    tmp_path_factory: pytest.TempPathFactory, private_key: Path
) -> Iterator[Callable[[str], Address]]:
    """Start other people's servers when they are first asked for; skip what is not installed."""
    running: dict[str, Address] = {}
    with ExitStack() as stack:

        def address_of(kind: str) -> Address:
            if kind not in running:
                folder = tmp_path_factory.mktemp(kind)
                try:
                    running[kind] = stack.enter_context(OTHERS[kind](folder, private_key))
                except MissingError as missing:
                    need(str(missing), found=False)
            return running[kind]

        yield address_of


def server_site(kind: str, root: Path, private_key: Path, server: Address) -> Site:
    address = dataclasses.replace(server, root=str(root))
    return Site(
        kind,
        root,
        lambda limits, step: open_visit(address, private_key, limits, step=step),
        address,
    )


@pytest.fixture(params=["simulator", "old_simulator", "openssh", "folder", *OTHERS])
def site(request: pytest.FixtureRequest, tmp_path: Path, private_key: Path) -> Iterator[Site]:
    """A station, once for each way of reaching one. The old one offers no extension at all."""
    root = tmp_path / "HN-13579"
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    with ExitStack() as stack:
        if request.param == "openssh":
            yield server_site(
                "openssh", root, private_key, request.getfixturevalue("sshd").address()
            )
        elif request.param in OTHERS:
            address = request.getfixturevalue("others")(request.param)
            yield server_site(request.param, root, private_key, address)
        elif request.param == "folder":
            yield folder_site(root)
        else:
            is_old = request.param == "old_simulator"
            yield simulated_site(root, private_key, stack, is_old=is_old)


@pytest.fixture
def make_rendition(tmp_path: Path) -> RenditionMaker:
    """Make renditions of any length in a folder of this test."""
    return RenditionMaker(tmp_path / "renditions")
