"""What every test may ask for: databases of both kinds, a hub on them, a clock that stands."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, event

from scheduler.clock import ManualClock
from scheduler.config import DatabaseSettings, PathSettings, Settings
from scheduler.hub import Hub
from scheduler.store import db
from tests.postgres import PostgresServer, find_binaries, postgres_server
from tests.templates import EVENING, Template, make


def _create_engine(url: URL, **settings: Any) -> Engine:
    """
    Like SQLAlchemy's, but a statement is compiled once for all tests.

    Every test has a database of its own; compiling what it asks anew took a third of its time.
    """
    engine = create_engine(url, query_cache_size=5_000, **settings)
    first = _first_engines.get(engine.name)
    if first is None or first.dialect.default_schema_name is None:  # has never been connected
        _first_engines[engine.name] = engine
        return engine
    engine.dialect = engine.pool._dialect = first.dialect
    engine._compiled_cache = first._compiled_cache
    return engine


_first_engines: dict[str, Engine] = {}
db.create_engine = _create_engine  # type: ignore[assignment]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-soak", action="store_true", help="also what takes hours")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--run-soak"):
        soak = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if item not in soak]
    _mix(items)


def _mix(items: list[pytest.Item]) -> None:
    """
    Spread the modules that wait for a wire or a browser among those that compute.

    Side by side they use the processors to the full, one kind after the other they do not.
    Within a kind the largest come first, and the end is left to what is small and computes.
    """
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    waiting, computing = [], []
    for module in sorted(modules, key=lambda one: (-len(modules[one]), one)):
        waits = module.parent.name == "faults" or "browser" in module.name
        (waiting if waits else computing).append(module)
    place = {module: 0.8 * n / len(waiting) for n, module in enumerate(waiting)}
    place |= {module: n / len(computing) for n, module in enumerate(computing)}
    items.sort(key=lambda item: place[item.path])


@event.listens_for(Engine, "connect")
def _reverse_what_has_no_order(connection: object, _record: object) -> None:
    """SQLite gives rows that no ORDER BY sorts backwards, so nothing comes to rely on their order.

    PostgreSQL may give them in any order, and does so once in a thousand runs.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA reverse_unordered_selects=ON")


def need(what: str, found: object) -> None:
    """Skip where a program is missing, with its name; in CI that is a failure."""
    if found:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and in CI nothing may be skipped")
    pytest.skip(f"{what} is missing here")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    binaries = find_binaries()
    need("PostgreSQL (initdb)", binaries)
    assert binaries is not None
    with postgres_server(binaries) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Everything that asks for a database runs on both; a module may say which one is enough."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if database_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'loa.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(EVENING)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        paths=PathSettings(data=tmp_path / "data"), database=DatabaseSettings(url=database_url)
    )


Templates = Callable[[str, bool], Template]


@pytest.fixture(scope="session")
def templates(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Templates:
    """By database and whether it knows the province: each of the four is made on first use."""
    made: dict[tuple[str, bool], Template] = {}

    def template(kind: str, with_units: bool) -> Template:
        if (kind, with_units) not in made:
            data = tmp_path_factory.mktemp("template") / "data"
            url = ""
            if kind == "postgresql":
                server: PostgresServer = request.getfixturevalue("postgres")
                url = server.new_database()
            made[kind, with_units] = make(data, url, with_units)
        return made[kind, with_units]

    return template


@pytest.fixture
def hub(
    database_kind: str, templates: Templates, tmp_path: Path, clock: ManualClock
) -> Iterator[Hub]:
    """A new Loa with its first administrator and nothing else."""
    with templates(database_kind, False).opened(tmp_path / "data", clock) as opened:
        yield opened
