"""A server of asyncssh, as it ships. Arguments: port, host key, allowed keys."""

from __future__ import annotations

import asyncio
import sys

import asyncssh


async def serve(port: str, host_key: str, allowed_keys: str) -> None:
    await asyncssh.listen(
        "127.0.0.1",
        int(port),
        server_host_keys=[host_key],
        authorized_client_keys=allowed_keys,
        sftp_factory=True,
    )
    await asyncio.Event().wait()


asyncio.run(serve(*sys.argv[1:]))
