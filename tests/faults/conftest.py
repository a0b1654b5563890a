"""What fault tests share: a key, a server, and clients that may be killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stations.layout import FOLDERS
from tests.contract.conftest import need_sshd
from tests.faults.harness.nursery import Nursery
from tests.faults.harness.sshd import Sshd, make_key


@pytest.fixture(scope="session")
def private_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hub's key for this run."""
    return make_key(tmp_path_factory.mktemp("keys") / "hub")


@pytest.fixture
def sshd(tmp_path: Path, private_key: Path) -> Iterator[Sshd]:
    """A throw-away OpenSSH server with the folders of one station."""
    need_sshd()
    with Sshd(tmp_path / "server", tmp_path / "HN-13579", private_key) as server:
        for folder in FOLDERS:
            (server.root / folder).mkdir(parents=True)
        yield server


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Clients that may be killed."""
    with Nursery() as running:
        yield running
