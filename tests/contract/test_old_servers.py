"""Servers that know only old methods: told in words; the client is not weakened."""

from __future__ import annotations

from pathlib import Path

import pytest

from stations.errors import NoCommonCipher
from stations.login import scan_host_key
from stations.sftp import open_visit
from tests.contract.conftest import LIMITS, need_sshd
from tests.faults.harness.sshd import Sshd

# What an old box has → the word by which its technician finds it.
OLD = {
    "Ciphers aes128-cbc,3des-cbc": "cipher",
    "MACs hmac-sha1,hmac-md5\nCiphers aes128-ctr": "MAC",
    "KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group1-sha1": "key exchange",
    "HostKeyAlgorithms ssh-rsa": "host key",
}


@pytest.mark.parametrize("old", OLD)
def test_an_old_server_is_told_in_words_and_nothing_is_sent(
    old: str, tmp_path: Path, private_key: Path
) -> None:
    """Which of its methods is too old, what it calls itself, and what to install there."""
    need_sshd()
    types = ("rsa",) if "ssh-rsa" in old else ("ed25519",)
    with Sshd(
        tmp_path / "server", tmp_path / "root", private_key, host_key_types=types, more=old
    ) as server:
        for look in (
            lambda: open_visit(server.address(), private_key, LIMITS),
            lambda: scan_host_key("127.0.0.1", server.port, LIMITS),
        ):
            with pytest.raises(NoCommonCipher) as refused:
                look()

            assert refused.value.retry is False
            assert refused.value.fields["detail"] == OLD[old]
            assert refused.value.fields["server"].startswith("SSH-2.0-OpenSSH")
            assert "OpenSSH 7.2" in str(refused.value)
    assert list((tmp_path / "root").rglob("*")) == []
