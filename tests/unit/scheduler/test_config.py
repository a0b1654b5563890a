"""One file of settings: every key known, every number in its bounds, no secret in it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from scheduler.config import Settings, default_path, load_settings
from scheduler.errors import ConfigInvalid

SHIPPED = Path(__file__).parents[3] / "config.toml"


def load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def problem(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigInvalid) as refused:
        load(tmp_path, text)
    return str(refused.value.fields["problems"])


def every_setting() -> Iterator[tuple[str, str]]:
    for section, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from ((section, name) for name in kind.model_fields)


@pytest.mark.parametrize(("section", "name"), list(every_setting()))
def test_every_setting_stands_in_the_file_that_ships_with_a_comment(
    section: str, name: str
) -> None:
    """A setting that nobody can read about is one that nobody can set."""
    text = SHIPPED.read_text(encoding="utf-8")
    part = text.partition(f"[{section}]")[2].partition("\n[")[0]
    lines = [line for line in part.splitlines() if line.lstrip("# ").startswith(f"{name} =")]

    assert len(lines) == 1


def test_the_file_that_ships_says_what_holds_without_it(tmp_path: Path) -> None:
    """Its values are the defaults, so that leaving one out changes nothing."""
    shipped = load_settings(SHIPPED)
    bare = load(tmp_path, "")

    assert shipped.model_dump(exclude={"paths"}) == bare.model_dump(exclude={"paths"})
    assert tomllib.loads(SHIPPED.read_text(encoding="utf-8")).keys() >= {"paths", "push", "web"}


def test_every_problem_is_told_at_once_and_a_near_name_is_suggested(tmp_path: Path) -> None:
    """A person edits the file once."""
    told = problem(
        tmp_path, "[push]\nworker = 3\nlease_s = 5\n[tine]\nzone = 'UTC'\n[ui]\nxyz = 1\n"
    )

    assert '[push] worker: unknown key, did you mean "workers"?' in told
    assert "[push] lease_s: " in told
    assert '[tine]: unknown key, did you mean "time"?' in told
    assert "[ui] xyz: unknown key;" in told


@pytest.mark.parametrize(
    "text",
    ["[push]\nworkers = 0", "[push]\nworkers = 'many'", "[web]\nport = 65536",
     "[time]\nzone = 'Asia/Ha_Noi'", "[time]\nzone = '../etc/passwd'", "[plan]\nat = 25:00:00",
     "[plan]\ndays_ahead = 31", "[ui]\nlanguage = 'fr'", "[push", "push = 3",
     "[database]\nurl = 'mysql://x'", "[programmes]\nprofiles = []"],
)  # fmt: skip
def test_what_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    """Out of bounds, of another type, no such zone, no TOML."""
    assert problem(tmp_path, text)


@pytest.mark.parametrize(
    "url",
    ["postgresql+psycopg://loa:geheim@db/loa", "postgresql+psycopg://loa:@db/loa",
     "postgresql+psycopg://db/loa?user=loa&password=geheim"],
)  # fmt: skip
def test_a_password_does_not_belong_here(tmp_path: Path, url: str) -> None:
    """Settings are read aloud, copied and committed; the sentence says where it belongs."""
    told = problem(tmp_path, f"[database]\nurl = '{url}'")

    assert "password_file" in told
    assert "geheim" not in told


def test_an_address_with_a_port_is_no_password(tmp_path: Path) -> None:
    """A colon alone gives nothing away."""
    url = "postgresql+psycopg://loa@db.example:5433/loa"

    assert load(tmp_path, f"[database]\nurl = '{url}'").database.url == url


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts Loa from wherever works on the same data, with the same secret."""
    monkeypatch.chdir("/")

    found = load(tmp_path, "[paths]\ndata = 'here'\n[database]\npassword_file = 'db.password'\n")

    assert found.paths.data == tmp_path / "here"
    assert found.database.password_file == tmp_path / "db.password"


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, content: bytes | None) -> None:
    """Another encoding, or not there: a sentence with its path."""
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigInvalid) as refused:
        load_settings(path)

    assert str(path) in str(refused.value)


def test_which_file_is_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named one, else the one here, else the one that ships."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOA_CONFIG", raising=False)
    assert default_path() == SHIPPED
    (tmp_path / "config.toml").touch()
    assert default_path() == Path("config.toml")
    monkeypatch.setenv("LOA_CONFIG", "/etc/loa.toml")
    assert default_path() == Path("/etc/loa.toml")
