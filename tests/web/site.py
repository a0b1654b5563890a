"""The real application in a real server, for tests that speak HTTP or drive a browser."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import uvicorn

from api.app import create_app
from api.auth import Viewer, cookie_name, form_token
from scheduler.engine import Engine
from scheduler.hub import Hub
from scheduler.people import open_session
from tests.web.data import Province

START_S = 10.0


@dataclass
class Site:
    """A running Loa with the province's data in it."""

    url: str
    hub: Hub
    province: Province
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, username: str) -> str:
        """A sign-in of this person, made once."""
        if username not in self.tokens:
            person = self.province.people[username]
            with self.hub.database.write() as session:
                token = open_session(
                    session, person, now=self.hub.clock.now(), address=None, hours=12
                )
            self.tokens[username] = token.text
        return self.tokens[username]

    @contextmanager
    def client(self, username: str | None = None, language: str = "vi") -> Iterator[Client]:
        """A client that keeps cookies and follows no redirect; signed in when a name is given."""
        # Loading the world's certificates would cost 30 ms, and nothing here speaks TLS.
        with Client(base_url=self.url, timeout=30, verify=False) as client:
            client.cookies.set("loa_language", language)
            if username is not None:
                client.cookies.set(cookie_name(self.hub), self.token(username))
                client.viewer = Viewer(self.province.people[username], self.token(username))
            yield client


class Client(httpx.Client):
    """An HTTP client that can fill in the forms of the person who is signed in."""

    viewer: Viewer | None = None

    def submit(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """Send a form as a page of ours would: with its token, from its origin."""
        assert self.viewer is not None
        origin = str(self.base_url).rstrip("/")
        return self.post(
            path,
            data={"form_token": form_token(self.viewer), **fields},
            headers={"origin": origin, "sec-fetch-site": "same-origin"},
        )


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@contextmanager
def serving(
    hub: Hub, province: Province, *, port: int = 0, engine: Engine | None = None
) -> Iterator[Site]:
    """Run the application on a free port, or on one that was free, until the block ends."""
    # With the protocol named, asyncio switches Nagle off: 40 ms a request less.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        config = uvicorn.Config(
            create_app(hub, engine), log_config=None, lifespan="off", ws="none",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = _Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert server.listens.wait(START_S), "the server did not start"
        try:
            yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", hub, province)
        finally:
            server.should_exit = True
            thread.join(START_S)
            assert not thread.is_alive(), "the server did not stop"
