"""From an address to an open SFTP channel, with the one pinned host key and no other."""

from __future__ import annotations

import contextlib
import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import paramiko
from paramiko.ssh_exception import AuthenticationException, IncompatiblePeer

from stations.channel import SftpChannel, harmless
from stations.diary import Diary
from stations.errors import (
    BadAnswer,
    HostKeyChanged,
    HostKeyUnknown,
    LinkDown,
    LoginRefused,
    NoCommonCipher,
    StationError,
    Unreachable,
)
from stations.hostkey import HostKey
from stations.tunnel import Tunnel
from stations.visit import Address, VisitLimits
from stations.watchdog import Watchdog

# AES-GCM first: 0.8 of the processor time of paramiko's default. Nothing older than CTR with
# SHA-2: a server that has only CBC or SHA-1 gets an explanation, not a weaker client.
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
_MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)

_SCAN_LIMITS = VisitLimits(connect_s=10)

# It reports every lost connection with a traceback; here a lost connection is an error of ours.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class _Transport(paramiko.Transport):
    # How often the reading thread wakes up only to see that nothing came. paramiko's 0.1 s cost
    # 22 s of processor time with 115 sessions on slow links, 1 s cost 12 s.
    _active_check_timeout = 1.0


@dataclass
class Connection:
    """An SSH connection, guarded until it is closed."""

    address: Address
    sock: socket.socket | Tunnel
    transport: paramiko.Transport
    watchdog: Watchdog

    @property
    def host_key(self) -> HostKey:
        key = self.transport.get_remote_server_key()
        return HostKey(key.get_name(), key.asbytes())

    def close(self) -> None:
        """Leave nothing behind: no thread, no timer, no descriptor."""
        self.watchdog.stop()
        # Shut down first: closing alone lets the reading thread wait its second to the end.
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.transport.packetizer.complete_handshake()  # ends its timer
        self.transport.close()
        self.sock.close()
        if self.transport.is_alive():
            self.transport.join(timeout=2)


def scan_host_key(
    host: str,
    port: int,
    limits: VisitLimits = _SCAN_LIMITS,
    *,
    via: Address | None = None,
    private_key: Path | paramiko.PKey | None = None,
) -> HostKey:
    """
    Ask a server for its host key, for a person to compare with the label on the box.

    No login is tried there and nothing is remembered; ``via`` is the host through which it is
    reached, into which ``private_key`` opens.

    Raises:
        Unreachable: nothing answers there.
    """
    connection = _greet(Address(host, port, "", "", None, via), None, private_key, limits)
    with contextlib.closing(connection):
        return connection.host_key


def open_channel(
    address: Address,
    private_key: Path | paramiko.PKey,
    limits: VisitLimits,
    diary: Diary | None = None,
) -> tuple[Connection, SftpChannel]:
    """
    Connect, compare the host key, log in and start SFTP: all within ``connect_s``.

    Raises:
        HostKeyUnknown, HostKeyChanged: a person decides. Nothing was sent, no login was tried.
        LoginRefused: the station does not take our key.
        NoCommonCipher: the server is too old.
        Unreachable: anything else, in words.
    """
    diary = diary or Diary()
    if address.host_key is None:
        with diary.doing("host_key"):
            seen = scan_host_key(
                address.host, address.port, limits, via=address.via, private_key=private_key
            )
            raise HostKeyUnknown(host=address.host, port=address.port, seen=seen.fingerprint)
    pinned = HostKey.parse(address.host_key)
    connection = _greet(address, pinned, private_key, limits, diary)
    try:
        with diary.doing("sign_in"):
            return connection, _start_sftp(connection, _key_of(private_key), limits)
    except BaseException:
        connection.close()
        raise


def sign_in(address: Address, private_key: Path | paramiko.PKey, limits: VisitLimits) -> None:
    """
    See whether a host shows its pinned key and lets us in; ask nothing of it.

    Raises: as ``open_channel``.
    """
    assert address.host_key is not None
    connection = _greet(address, HostKey.parse(address.host_key), private_key, limits)
    with contextlib.closing(connection):
        try:
            if connection.transport.auth_publickey(address.username, _key_of(private_key)):
                raise _refused(address, "it wants more than a key")
        except AuthenticationException as error:
            raise _refused(address, str(error)) from error
        except (EOFError, OSError, paramiko.SSHException) as error:
            _explain(error, address, connection.watchdog, limits)


def load_key(path: Path) -> paramiko.PKey:
    """Read the private key with which the hub logs in."""
    return paramiko.PKey.from_path(path)


def _key_of(private_key: Path | paramiko.PKey) -> paramiko.PKey:
    return private_key if isinstance(private_key, paramiko.PKey) else load_key(private_key)


def _greet(
    address: Address,
    pinned: HostKey | None,
    private_key: Path | paramiko.PKey | None,
    limits: VisitLimits,
    diary: Diary | None = None,
) -> Connection:
    """Exchange keys and compare the host key; no word to this host about who we are yet."""
    diary = diary or Diary()
    with diary.doing("call"):
        if address.via is None:
            sock: socket.socket | Tunnel = _dial(address, limits)
        else:
            assert private_key is not None, "a jump host wants to know who we are"
            sock = _dial_through(address.via, address, private_key, limits)
    with diary.doing("host_key"):
        return _compare(address, sock, pinned, private_key, limits)


def _compare(
    address: Address,
    sock: socket.socket | Tunnel,
    pinned: HostKey | None,
    private_key: Path | paramiko.PKey | None,
    limits: VisitLimits,
) -> Connection:
    watchdog = Watchdog(sock)
    watchdog.allow(limits.connect_s)
    watchdog.start()
    connection = Connection(address, sock, _transport(sock, pinned, limits), watchdog)
    try:
        connection.transport.start_client()
        if pinned is not None and connection.host_key != pinned:
            raise _changed(address, pinned, connection.host_key)
    except BaseException as error:
        connection.close()
        if isinstance(error, IncompatiblePeer) and "host key" in str(error) and pinned is not None:
            # It has no key of the pinned type: another look shows a person what it has.
            seen = scan_host_key(
                address.host, address.port, limits, via=address.via, private_key=private_key
            )
            raise _changed(address, pinned, seen) from error
        if isinstance(error, IncompatiblePeer):
            raise _too_old(address, connection.transport, error) from error
        if isinstance(error, EOFError | OSError | paramiko.SSHException):
            _explain(error, address, watchdog, limits)
        raise
    return connection


def _dial(address: Address, limits: VisitLimits) -> socket.socket:
    try:
        sock = socket.create_connection((address.host, address.port), timeout=limits.connect_s)
    except OSError as error:
        raise _unreachable(address, error.strerror or str(error) or "no answer") from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # The kernel gives up too, later than the watchdog: set to the idle limit itself it cut a
    # healthy line of 8 kB/s whose far end kept its window closed for 4 s.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(limits.idle_s * 4000))
    return sock


def _dial_through(
    jump: Address, address: Address, private_key: Path | paramiko.PKey, limits: VisitLimits
) -> Tunnel:
    """
    A connection to a station from a host that can dial it; each has its own pinned key.

    Raises: as ``open_channel``, in words about the jump host or about the station behind it.
    """
    if jump.host_key is None:
        seen = scan_host_key(jump.host, jump.port, limits)
        raise HostKeyUnknown(host=jump.host, port=jump.port, seen=seen.fingerprint)
    connection = _greet(jump, HostKey.parse(jump.host_key), None, limits)
    try:
        channel = _forward(connection, address, _key_of(private_key), limits)
    except BaseException:
        connection.close()
        raise
    connection.watchdog.rest()  # from here on the station's own looks after both
    assert isinstance(connection.sock, socket.socket)
    return Tunnel(channel, connection.sock, connection.close)


def _forward(
    connection: Connection, address: Address, key: paramiko.PKey, limits: VisitLimits
) -> paramiko.Channel:
    jump, transport = connection.address, connection.transport
    try:
        if transport.auth_publickey(jump.username, key):
            raise _refused(jump, "it wants more than a key")
        there, here = (address.host, address.port), ("127.0.0.1", 0)
        return transport.open_channel("direct-tcpip", there, here, timeout=limits.connect_s)
    except paramiko.ChannelException as error:
        raise _unreachable(address, f"{jump.host} says: {error.text}") from error
    except AuthenticationException as error:
        if transport.is_active():
            raise _refused(jump, str(error)) from error
        _explain(error, jump, connection.watchdog, limits)
    except (EOFError, OSError, paramiko.SSHException) as error:
        _explain(error, jump, connection.watchdog, limits)


def _transport(
    sock: socket.socket | Tunnel, pinned: HostKey | None, limits: VisitLimits
) -> paramiko.Transport:
    transport = _Transport(sock)  # type: ignore[arg-type]  # a tunnel has all that it uses
    # The watchdog decides; these come a little later, should it ever fail.
    late_s = limits.connect_s + 5
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = late_s
    transport.channel_timeout = late_s
    options = transport.get_security_options()
    options.ciphers = _CIPHERS
    options.digests = _MACS
    if pinned is not None:
        options.key_types = pinned.algorithms
    return transport


def _start_sftp(connection: Connection, key: paramiko.PKey, limits: VisitLimits) -> SftpChannel:
    address, transport = connection.address, connection.transport
    try:
        if transport.auth_publickey(address.username, key):
            raise _refused(address, "it wants more than a key")
        channel = transport.open_session()
        try:
            channel.invoke_subsystem("sftp")
        except paramiko.SSHException as error:
            if transport.is_active():
                raise BadAnswer(detail="it offers no SFTP") from error
            raise
    except AuthenticationException as error:
        if transport.is_active():
            raise _refused(address, str(error)) from error
        _explain(error, address, connection.watchdog, limits)
    except (EOFError, OSError, paramiko.SSHException) as error:
        _explain(error, address, connection.watchdog, limits)
    try:
        # Hung for ever with every timeout of the library set: it stays under the deadline.
        sftp = SftpChannel(channel, connection.watchdog, limits.idle_s)
    except LinkDown as error:
        _explain(error, address, connection.watchdog, limits)
    connection.watchdog.rest()
    return sftp


def _explain(
    error: Exception, address: Address, watchdog: Watchdog, limits: VisitLimits
) -> NoReturn:
    if watchdog.has_bitten:
        raise _unreachable(address, f"silent for {limits.connect_s:g} s") from error
    is_empty = isinstance(error, LinkDown) or not str(error)
    detail = "the connection was closed" if is_empty else str(error)
    raise _unreachable(address, detail) from error


def _too_old(
    address: Address, transport: paramiko.Transport, error: IncompatiblePeer
) -> StationError:
    """Nothing of SHA-1, CBC or ``ssh-rsa``: the client is not weakened for anybody."""
    words = {"cipher": "cipher", "macs": "MAC", "kex": "key exchange", "host key": "host key"}
    detail = next((named for word, named in words.items() if word in str(error)), str(error))
    return NoCommonCipher(
        host=address.host, port=address.port, detail=detail,
        server=harmless(transport.remote_version),
    )  # fmt: skip


def _unreachable(address: Address, detail: str) -> StationError:
    return Unreachable(host=address.host, port=address.port, detail=detail)


def _refused(address: Address, detail: str) -> StationError:
    return LoginRefused(
        host=address.host, port=address.port, username=address.username, detail=detail
    )


def _changed(address: Address, pinned: HostKey, seen: HostKey) -> StationError:
    return HostKeyChanged(
        host=address.host, port=address.port, seen=seen.fingerprint, pinned=pinned.fingerprint
    )
