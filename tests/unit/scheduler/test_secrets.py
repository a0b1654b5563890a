"""Secrets are files that nobody else can read, made once and never replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.errors import SecretExposed, SecretMissing
from scheduler.secrets import (
    CREDENTIAL,
    MASTER,
    SSH_KEY,
    are_made,
    derived_key,
    make_secrets,
    read_master,
    read_secret,
)
from stations.login import load_key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_secrets(tmp_path / "secret")
    return tmp_path / "secret"


def test_they_are_made_for_the_owner_alone(folder: Path) -> None:
    """Also in a folder of their own that nobody else can list."""
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}

    assert folder.stat().st_mode & 0o777 == 0o700
    assert modes.pop(f"{SSH_KEY}.pub") & 0o022 == 0
    assert set(modes.values()) == {0o600}
    assert len(read_master(folder)) == 32
    assert load_key(folder / SSH_KEY).get_name() == "ssh-ed25519"


def test_a_second_making_never_replaces_what_the_stations_know(folder: Path) -> None:
    """Every box in the province would refuse every manifest."""
    before = read_master(folder)

    with pytest.raises(FileExistsError):
        make_secrets(folder)

    assert read_master(folder) == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_secret_that_others_can_read_is_no_secret(folder: Path, mode: int) -> None:
    """It is not used until somebody has put it right; the sentence says how."""
    (folder / MASTER).chmod(mode)

    with pytest.raises(SecretExposed) as refused:
        read_secret(folder / MASTER)

    assert f"chmod 600 {folder / MASTER}" in str(refused.value)


def test_a_credential_of_systemd_goes_before_the_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LoadCredential=loa-master:… : the file need not lie in the data folder at all."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / CREDENTIAL).write_text("ab" * 32 + "\n")
    (folder / MASTER).unlink()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))

    assert read_master(folder) == bytes.fromhex("ab" * 32)
    assert are_made(folder)

    (tmp_path / "credentials" / CREDENTIAL).write_text("")
    with pytest.raises(SecretMissing, match="credentials"):
        read_master(folder)


def test_a_missing_secret_is_said_with_its_path(folder: Path) -> None:
    """Never made anew in silence."""
    (folder / MASTER).unlink()

    with pytest.raises(SecretMissing) as refused:
        read_secret(folder / MASTER)

    assert str(folder / MASTER) in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"00" * 31, b"zz" * 32, b"\xff" * 64])
def test_half_a_master_secret_signs_nothing(folder: Path, content: bytes) -> None:
    """A power cut may leave an empty file, and an empty key signs as willingly as any."""
    (folder / MASTER).write_bytes(content)

    with pytest.raises(SecretMissing):
        read_master(folder)


def test_keys_of_two_purposes_are_two_keys() -> None:
    """Who learns the key of the queue cannot sign a manifest."""
    keys = {derived_key(b"m" * 32, purpose) for purpose in ("queue", "cookie")}

    assert len(keys) == 2
    assert all(len(key) == 32 for key in keys)
