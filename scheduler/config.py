"""``config.toml`` as one frozen ``Settings``: every number has a unit and bounds."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from string import Formatter
from typing import Any, Literal, Self, TypeVar
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from scheduler.errors import ConfigInvalid


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_S = TypeVar("_S", bound=Section)


class PathSettings(Section):
    data: Path = Field(Path("data"), description="where everything that Loa keeps lies")


class DatabaseSettings(Section):
    url: str = Field("", description="empty: SQLite in the data folder")
    password_file: Path | None = Field(None, description="holds the password of the server")

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.password is not None or "password" in parse_qs(parts.query):
            raise ValueError("a password does not belong here: put it into password_file")
        if url and not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("it must begin with sqlite:/// or postgresql+psycopg://")
        return url


class TimeSettings(Section):
    zone: str = Field("Asia/Ho_Chi_Minh", description="the zone of rules and broadcast dates")

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f'there is no time zone "{zone}"') from error
        return zone


class UiSettings(Section):
    language: Literal["vi", "en"] = Field("vi", description="of pages and messages")


class PlanSettings(Section):
    days_ahead: int = Field(7, ge=1, le=30, description="days planned and sent ahead")
    at: time = Field(time(12, 5), description="local time of the daily planning")
    filler: int = Field(0, ge=0, description="programme that airs where nothing else may; 0: none")


class PushSettings(Section):
    window_from: time = Field(time(18, 0), description="local; stations without one of their own")
    window_until: time = Field(time(4, 30), description="local; may lie after midnight")
    workers: int = Field(16, ge=1, le=256, description="visits at once")
    connect_limit_s: float = Field(15, ge=1, le=300)
    idle_limit_s: float = Field(30, ge=2, le=600, description="silence after which a visit ends")
    lease_s: int = Field(120, ge=10, le=3600, description="a silent worker loses its claim")
    first_retry_s: int = Field(30, ge=1, le=3600, description="doubled at each try")
    retry_cap_s: int = Field(1800, ge=1, le=86400)
    assumed_kbps: int = Field(256, ge=16, le=1_000_000, description="of a link never measured")


class CollectSettings(Section):
    every_s: int = Field(600, ge=10, le=86400, description="how often logs are fetched")
    limit_s: int = Field(600, ge=10, le=7200, description="longest look at one station")
    unknown_after_h: int = Field(36, ge=1, le=336, description="no proof by then: unknown")
    late_after_s: int = Field(60, ge=1, le=3600, description="started later: late")
    null_device_counts: bool = Field(False, description="true only where nothing must be heard")
    partial_below_percent: int = Field(95, ge=1, le=100, description="played less: partial")


class AuditSettings(Section):
    at: time = Field(time(0, 30), description="local; then all that lies there is looked at")
    before_air_min: int = Field(60, ge=5, le=720, description="and again so long before a day airs")
    budget_bytes: int = Field(1 << 20, ge=0, le=1 << 30, description="of sound read at a station")


class ReadySettings(Section):
    minutes_before: tuple[int, ...] = Field(
        (60, 15), min_length=1, description="before an airing; what is not ready then is told"
    )
    unconfirmed_after_s: int = Field(75, ge=30, le=3600, description="no start by then: told")
    silent_after_h: int = Field(24, ge=1, le=168, description="not seen for so long: not green")

    @field_validator("minutes_before")
    @classmethod
    def _in_bounds(cls, minutes: tuple[int, ...]) -> tuple[int, ...]:
        if not all(1 <= one <= 720 for one in minutes):
            raise ValueError("each must lie between 1 and 720 minutes")
        return tuple(sorted(set(minutes), reverse=True))


class Recipient(Section):
    address: str = Field(description="e-mail")
    unit: str = Field("", description="code: only stations of this unit and below it")
    kinds: tuple[Literal["ready", "unconfirmed", "missed", "digest"], ...] = Field(
        ("ready", "unconfirmed", "missed", "digest"), min_length=1
    )

    @field_validator("address")
    @classmethod
    def _plain(cls, address: str) -> str:
        if re.fullmatch(r"[^\s@<>,;:\"]{1,64}@[^\s@<>,;:\"]{1,190}", address) is None:
            raise ValueError(f'"{address}" is not an e-mail address')
        return address


class NoticeSettings(Section):
    digest_at: time = Field(time(7, 0), description="local; the daily report")
    recipients: tuple[Recipient, ...] = Field((), description="who gets which notices by e-mail")
    webhook_url: SecretStr = Field(SecretStr(""), description="every notice goes there too")
    webhook_secret_file: Path | None = Field(None, description="signs what goes to the webhook")
    ping_url: SecretStr = Field(SecretStr(""), description="called when the night's run is over")
    timeout_s: float = Field(15, ge=1, le=120, description="of one e-mail, one call")
    max_tries: int = Field(8, ge=1, le=30, description="then a notice is dead, with its reason")
    first_retry_s: int = Field(30, ge=1, le=3600, description="doubled at each try, up to an hour")

    @field_validator("webhook_url", "ping_url")
    @classmethod
    def _address(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        is_here = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if url.get_secret_value() and not (
            parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and is_here))
        ):
            raise ValueError("it must begin with https:// (http:// only to this machine)")
        return url

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.webhook_url.get_secret_value() and self.webhook_secret_file is None:
            raise ValueError("webhook_url needs webhook_secret_file")
        return self


class MailSettings(Section):
    host: str = Field("", description="of the SMTP server; empty: no e-mail is sent")
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = Field("starttls")
    username: str = Field("", description="empty: no sign-in")
    password_file: Path | None = Field(None, description="holds the password")
    sender: str = Field("", description="the address in From:")
    ca_file: Path | None = Field(None, description="whom to trust beside the system's list")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.host and not self.sender:
            raise ValueError("host needs sender")
        if self.username and self.password_file is None:
            raise ValueError("username needs password_file")
        if self.username and self.security == "none":
            raise ValueError("a password never goes over an open line: use starttls or tls")
        return self


class ProgrammeSettings(Section):
    max_bytes: int = Field(2 << 30, ge=1 << 20, le=16 << 30, description="of one upload")
    max_minutes: int = Field(240, ge=1, le=720)
    upload_kept_h: int = Field(72, ge=1, le=720, description="an upload that stopped is resumable")
    profiles: tuple[str, ...] = Field(
        ("loa-48", "loa-64"), min_length=1, description="made at approval"
    )
    ident: Path | None = Field(None, description="sound file played before every programme")
    sign_off: Path | None = Field(None, description="sound file played after every programme")


class RelaySettings(Section):
    hosts: tuple[str, ...] = Field((), description="from which live relays may come")

    @field_validator("hosts")
    @classmethod
    def _plain(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,252}", host) is None:
                raise ValueError(f'"{host}" is not a host name in small letters, without a port')
        return hosts


class SpeechEngineSettings(Section):
    command: tuple[str, ...] = Field(min_length=1, description="run without a shell")

    @field_validator("command")
    @classmethod
    def _fillable(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        try:
            used = {name for word in command for _, name, *_ in Formatter().parse(word)} - {None}
        except ValueError as error:
            raise ValueError(f"a brace is not closed in {' '.join(command)}") from error
        if not {"output"} <= used <= {"output", "voice", "words_per_minute"}:
            raise ValueError(
                "it must hold {output}, may hold {voice} and {words_per_minute}, no other braces"
            )
        return command


class SpeechSettings(Section):
    engine: str = Field("espeak-ng", description="reads announcements, unless one is asked for")
    voice: str = Field("vi", max_length=40, description="of the engine")
    words_per_minute: int = Field(150, ge=60, le=400)
    engines: dict[str, SpeechEngineSettings] = Field({}, description="by name, besides espeak-ng")


class UrgentSettings(Section):
    roles: tuple[Literal["approver", "editor", "district", "commune"], ...] = Field(
        ("approver",), description="who may order on air at once, beside the administrator"
    )
    expires_min: int = Field(60, ge=1, le=1440, description="when no other time is given")
    wait_s: int = Field(90, ge=0, le=3600, description="how long a command waits for receipts")


class WebSettings(Section):
    host: str = Field("127.0.0.1", description="0.0.0.0 only behind a proxy that speaks TLS")
    port: int = Field(8730, ge=1, le=65535)
    session_hours: int = Field(12, ge=1, le=720, description="a sign-in ends after this")
    secure_cookies: bool = Field(False, description="true wherever TLS is in front")
    second_factor_roles: tuple[
        Literal["administrator", "editor", "approver", "technician", "district", "commune"], ...
    ] = Field(("administrator",), description="who must have a second factor to get in")


class PublicSettings(Section):
    enabled: bool = Field(False, description="true: /listen is open to everybody")
    name: str = Field(
        "Đài truyền thanh", min_length=1, max_length=120, description="over the public page"
    )
    address: str = Field("", description="as the world writes it: https://loa.hanam.gov.vn")
    profile: str = Field("loa-64", description="the sound profile that is heard there")
    framed_by: tuple[str, ...] = Field(
        (), description="sites that may show /listen/frame in a frame"
    )

    @field_validator("address")
    @classmethod
    def _is_address(cls, address: str) -> str:
        if address and not re.fullmatch(r"https?://[A-Za-z0-9.:-]+", address):
            raise ValueError("it must be like https://loa.example.vn, without a path")
        return address

    @field_validator("framed_by")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not re.fullmatch(r"https?://[A-Za-z0-9.:-]+", origin):
                raise ValueError(f'"{origin}" must be like https://portal.example.vn')
        return origins


class Settings(Section):
    """Every setting of one Loa."""

    paths: PathSettings = PathSettings()
    database: DatabaseSettings = DatabaseSettings()
    time: TimeSettings = TimeSettings()
    ui: UiSettings = UiSettings()
    plan: PlanSettings = PlanSettings()
    push: PushSettings = PushSettings()
    collect: CollectSettings = CollectSettings()
    audit: AuditSettings = AuditSettings()
    ready: ReadySettings = ReadySettings()
    notice: NoticeSettings = NoticeSettings()
    mail: MailSettings = MailSettings()
    programmes: ProgrammeSettings = ProgrammeSettings()
    relay: RelaySettings = RelaySettings()
    speech: SpeechSettings = SpeechSettings()
    urgent: UrgentSettings = UrgentSettings()
    web: WebSettings = WebSettings()
    public: PublicSettings = PublicSettings()
    # Changes to the shipped sound profiles and new ones, by name; audio.profiles checks them.
    profiles: dict[str, dict[str, Any]] = {}

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time.zone)


def default_path() -> Path:
    """The configuration in force: $LOA_CONFIG, else config.toml here, else the shipped one."""
    named = os.environ.get("LOA_CONFIG")
    if named:
        return Path(named)
    here = Path("config.toml")
    return here if here.exists() else Path(__file__).parent.parent / "config.toml"


def load_settings(path: Path) -> Settings:
    """
    Read and check a configuration; paths in it are relative to its folder.

    Raises:
        ConfigInvalid: with every problem at once: unknown keys, wrong values, broken TOML.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise ConfigInvalid(path=path, problems="; ".join(_problems(error))) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigInvalid(path=path, problems=str(error)) from error
    return settings.model_copy(
        update={
            "paths": _placed(path, settings.paths, "data"),
            "database": _placed(path, settings.database, "password_file"),
            "programmes": _placed(path, settings.programmes, "ident", "sign_off"),
            "profiles": {
                name: _table_placed(path, table) for name, table in settings.profiles.items()
            },
            "notice": _placed(path, settings.notice, "webhook_secret_file"),
            "mail": _placed(path, settings.mail, "password_file", "ca_file"),
        }
    )


def _placed(config: Path, section: _S, *names: str) -> _S:
    """The section with these paths, where there are any, beside the configuration."""
    named = {name: getattr(section, name) for name in names}
    return section.model_copy(
        update={name: _beside(config, path) for name, path in named.items() if path is not None}
    )


def _table_placed(config: Path, table: dict[str, Any]) -> dict[str, Any]:
    """As ``_placed``, for a sound profile; an empty text says that it has none."""
    jingles = {name: table[name] for name in ("ident", "sign_off") if table.get(name)}
    placed = {
        name: str(_beside(config, Path(named)))
        for name, named in jingles.items()
        if isinstance(named, str)
    }
    return {**table, **placed}


def _beside(config: Path, named: Path) -> Path:
    return (config.parent / named.expanduser()).resolve()


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        *sections, key = (str(part) for part in problem["loc"])
        where = f"[{'.'.join(sections)}] {key}" if sections else f"[{key}]"
        if problem["type"] == "extra_forbidden":
            yield f"{where}: unknown key{_suggestion(sections, key)}"
        else:
            yield f"{where}: {problem['msg'].removeprefix('Value error, ')}"


def _suggestion(sections: list[str], key: str) -> str:
    model: Any = Settings
    for name in sections:
        fields = getattr(model, "model_fields", {})
        if name not in fields:  # below a name that somebody chose, as of a speech engine
            return ""
        model = fields[name].annotation
    if not hasattr(model, "model_fields"):
        return ""
    close = difflib.get_close_matches(key, model.model_fields, n=1)
    return f', did you mean "{close[0]}"?' if close else ""
