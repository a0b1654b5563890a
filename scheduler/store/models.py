"""The tables. Instants are UTC; dates and times of day are local to the zone in the settings."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from scheduler.store.db import UTCDateTime
from scheduler.store.states import (
    AiringState,
    DeliveryState,
    Grade,
    NoticeState,
    ProgrammeState,
    RenditionState,
)

# A column without a document is empty, not the document "null".
OptionalJson = JSON(none_as_null=True)
# SQLite counts only plain INTEGER keys up by itself.
BigKey = BigInteger().with_variant(Integer, "sqlite")


def words(kind: type[StrEnum]) -> Enum:
    """A state as its plain word: readable in any SQL client, extended without ALTER TYPE."""
    return Enum(
        kind,
        native_enum=False,
        length=20,
        validate_strings=True,
        create_constraint=False,
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own convention
        datetime: UTCDateTime(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
        ProgrammeState: words(ProgrammeState),
        RenditionState: words(RenditionState),
        DeliveryState: words(DeliveryState),
        AiringState: words(AiringState),
        Grade: words(Grade),
        NoticeState: words(NoticeState),
    }


# ── The administrative map ─────────────────────────────────────────────────────────────────────


class Unit(Base):
    """An administrative unit as it was from one day to another.

    Codes are reused for other places (13579 was Xã Đạo Lý and is now Xã Bắc Lý), so the key is our
    own. A unit whose parent, name or level changes ends and another begins.
    """

    __tablename__ = "unit"
    __table_args__ = (
        Index("ix_unit_code_valid_from", "code", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="validity"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), index=True)
    code: Mapped[str] = mapped_column(String(20))  # of the statistics office
    name: Mapped[str] = mapped_column(String(120))  # with its level: "Xã Đạo Lý"
    level: Mapped[str] = mapped_column(String(30))  # tỉnh, huyện, xã, phường …
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]  # the first day on which it is no more


class Link(Base):
    """A line that several stations share: a district's 3G mast, a VPN."""

    __tablename__ = "link"
    __table_args__ = (
        CheckConstraint("max_sessions >= 1", name="max_sessions"),
        CheckConstraint("kbps IS NULL OR kbps >= 1", name="kbps"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    max_sessions: Mapped[int]  # visits at once
    kbps: Mapped[int | None]  # kilobits a second for all of them together; none: what it gives

    def __str__(self) -> str:
        return self.name


class Jump(Base):
    """A district's server through which stations are reached that nobody can dial from outside."""

    __tablename__ = "jump"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int] = mapped_column(default=22)
    username: Mapped[str] = mapped_column(String(64))
    host_key: Mapped[str | None] = mapped_column(Text)  # pinned by a person, as a station's is

    def __str__(self) -> str:
        return self.name


class Station(Base):
    """A place with loudspeakers; it outlives its commune."""

    __tablename__ = "station"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    technology: Mapped[str] = mapped_column(String(20))  # ip, fm, wired
    kind: Mapped[str] = mapped_column(String(20))  # player, folder (no proof), person
    phone: Mapped[str | None] = mapped_column(String(40))  # of the person to call
    host: Mapped[str | None] = mapped_column(String(255))
    port: Mapped[int] = mapped_column(default=22)
    username: Mapped[str | None] = mapped_column(String(64))
    root: Mapped[str] = mapped_column(String(255), default=".")
    host_key: Mapped[str | None] = mapped_column(Text)  # "ssh-ed25519 AAAA…", pinned by a person
    profile: Mapped[str] = mapped_column(String(40), default="loa-48")
    languages: Mapped[list[Any] | None] = mapped_column(
        OptionalJson
    )  # that its people speak, the first one first; none: vi
    push_from: Mapped[time | None]  # local; none: the window of the settings
    push_until: Mapped[time | None]
    link_id: Mapped[int | None] = mapped_column(ForeignKey("link.id"), index=True)
    jump_id: Mapped[int | None] = mapped_column(ForeignKey("jump.id"), index=True)
    active: Mapped[bool] = mapped_column(default=True)
    key_number: Mapped[int] = mapped_column(default=0, server_default="0")  # in force at the box
    next_key_number: Mapped[int | None]  # given out, and not yet seen in a receipt
    key_changed_at: Mapped[datetime | None]  # when the box was first seen with the one in force
    next_seq: Mapped[int] = mapped_column(BigInteger, default=1)  # of the next manifest
    server: Mapped[dict[str, Any] | None]  # what the last probe found
    last_seen_at: Mapped[datetime | None]
    clock_skew_s: Mapped[float | None]
    free_bytes: Mapped[int | None] = mapped_column(BigInteger)
    player_version: Mapped[str | None] = mapped_column(String(40))
    receipt_at: Mapped[datetime | None]  # of the last receipt taken in, by the station's clock
    distrusted: Mapped[list[Any] | None]  # renditions that it found wrong itself: sent again
    audit_tried_at: Mapped[datetime | None]  # when a look at all that lies there was last begun
    audited_at: Mapped[datetime | None]  # and when one came to its end
    audit: Mapped[dict[str, Any] | None]  # what it found: scheduler.audit.Findings

    units: Mapped[list[StationUnit]] = relationship(back_populates="station")

    def __str__(self) -> str:
        return self.code


class StationUnit(Base):
    """Which unit a station serves, from one day to another."""

    __tablename__ = "station_unit"

    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True, index=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    valid_to: Mapped[date | None]

    station: Mapped[Station] = relationship(back_populates="units")
    unit: Mapped[Unit] = relationship()


# ── People ─────────────────────────────────────────────────────────────────────────────────────


class Person(Base):
    """Somebody who may sign in; the role counts below the unit (none: everywhere)."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    full_name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(20))  # administrator editor approver district commune
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=True)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    failed_sign_ins: Mapped[int] = mapped_column(default=0)  # since the last good one
    locked_until: Mapped[datetime | None]
    totp_secret: Mapped[str | None] = mapped_column(String(64))  # of the second factor
    totp_pending: Mapped[str | None] = mapped_column(String(64))  # shown, and not proved yet
    totp_step: Mapped[int | None] = mapped_column(BigInteger)  # of the last code: none works twice
    recovery: Mapped[list[Any] | None]  # hashes of the codes for a lost phone

    unit: Mapped[Unit | None] = relationship()

    def __str__(self) -> str:
        return self.username


class LoginSession(Base):
    """One sign-in; the cookie holds the token, the table only its hash."""

    __tablename__ = "login_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str | None] = mapped_column(String(64))  # from where
    agent: Mapped[str | None] = mapped_column(String(200))  # with which browser
    waits_for_code: Mapped[bool] = mapped_column(default=False)  # opens nothing until it came

    person: Mapped[Person] = relationship()


class Invitation(Base):
    """An address that lets one person choose a password, once."""

    __tablename__ = "invitation"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship()


class SignInTry(Base):
    """One try to sign in, good or not; kept for a year."""

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    username: Mapped[str] = mapped_column(String(64), index=True)  # as it was typed
    outcome: Mapped[str] = mapped_column(String(20))  # opened, password, code, locked
    address: Mapped[str | None] = mapped_column(String(64))
    agent: Mapped[str | None] = mapped_column(String(200))


class ApiToken(Base):
    """A program's part of what its person may do; the table holds only the token's hash."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))  # which program it is for
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]  # airings:read, programmes:write, *:read …
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]  # to the hour
    revoked_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship()

    def __str__(self) -> str:
        return f'"{self.name}"'


class Answer(Base):
    """What was answered to a program's request, by the key that the program gave it."""

    __tablename__ = "answer"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    asked: Mapped[str] = mapped_column(String(64))  # hash of what was asked for
    at: Mapped[datetime]
    status: Mapped[int | None]  # none: being answered
    body: Mapped[str | None] = mapped_column(Text)


# ── Programmes ─────────────────────────────────────────────────────────────────────────────────


class Programme(Base):
    """What the provincial station made; its master lies in the archive under its hash."""

    __tablename__ = "programme"
    __table_args__ = (
        Index("ix_programme_state", "state"),
        Index("ix_programme_upload_id", "upload_id", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    programme_class: Mapped[str] = mapped_column(String(20), default="normal")
    language: Mapped[str] = mapped_column(String(8), default="vi")
    theme: Mapped[str | None] = mapped_column(String(80))
    genre: Mapped[str | None] = mapped_column(String(80))
    # Which of the plan's two groups it counts towards: communication (truyền thông về giảm nghèo)
    # or information (giảm nghèo về thông tin).
    plan_group: Mapped[str] = mapped_column(String(20), default="communication")
    file_name: Mapped[str] = mapped_column(String(255))  # as it was uploaded; never used as a path
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    pcm_sha256: Mapped[str | None] = mapped_column(String(64), index=True)  # of the decoded sound
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    ms: Mapped[int | None]  # of the decoded sound
    lufs: Mapped[float | None]
    facts: Mapped[dict[str, Any] | None]  # audio.measure.Facts
    state: Mapped[ProgrammeState]
    uploaded_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    uploaded_at: Mapped[datetime]
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    approved_at: Mapped[datetime | None]
    not_before: Mapped[date | None]  # the first day on which it may air
    expires_on: Mapped[date | None]  # the last one
    published_at: Mapped[datetime | None] = mapped_column(index=True)  # for everybody to hear
    published_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id"), index=True)
    episode: Mapped[int | None]  # its number in the series
    made_on: Mapped[date | None]  # of an episode without a number; none: the day it was brought
    # The programme that this one says in another language; it airs wherever that one would.
    variant_of: Mapped[int | None] = mapped_column(ForeignKey("programme.id"), index=True)
    # The check on its way: a claim with a lease, as everywhere; and how far it has come.
    check_until: Mapped[datetime | None]
    check_attempts: Mapped[int] = mapped_column(default=0)  # a late checker's result is refused
    check_percent: Mapped[int] = mapped_column(default=0)
    upload_id: Mapped[str | None] = mapped_column(String(32))  # a form sent twice brings one
    check_error: Mapped[dict[str, Any] | None]  # code and fields of what forbade to decode it
    peaks: Mapped[list[Any] | None] = mapped_column(deferred=True)  # ≤ 800 heights of its outline
    trim_start_ms: Mapped[int | None]  # what is heard, of the master; none: to its edge
    trim_end_ms: Mapped[int | None]
    returned_reason: Mapped[str | None] = mapped_column(String(500))  # what the editor reads
    returned_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    returner: Mapped[Person | None] = relationship(foreign_keys=[returned_by])
    uploader: Mapped[Person] = relationship(foreign_keys=[uploaded_by])
    approver: Mapped[Person | None] = relationship(foreign_keys=[approved_by])
    renditions: Mapped[list[Rendition]] = relationship(back_populates="programme")
    series: Mapped[Series | None] = relationship()

    def __str__(self) -> str:
        return f'"{self.title}"'


class PartialUpload(Base):
    """A file on its way in. Its bytes lie in the data folder; how many came, the file says."""

    __tablename__ = "upload"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # random; also the file's name
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)  # nobody else's
    file_name: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int] = mapped_column(BigInteger)  # promised
    created_at: Mapped[datetime]
    touched_at: Mapped[datetime]  # when bytes came last; long ago: it is swept


class Series(Base):
    """Episodes that air one after the other (chuyên mục)."""

    __tablename__ = "series"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    order_by: Mapped[str] = mapped_column(String(10))  # number or date: what makes one the next
    created_at: Mapped[datetime]

    def __str__(self) -> str:
        return self.name


class Theme(Base):
    """What a programme is about: the plan's list, which changes. Programmes carry the name."""

    __tablename__ = "theme"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]  # the last day, included

    def __str__(self) -> str:
        return self.name


class Rendition(Base):
    """One encoding of a programme, named by its content."""

    __tablename__ = "rendition"
    __table_args__ = (UniqueConstraint("programme_id", "profile"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    profile: Mapped[str] = mapped_column(String(40))
    state: Mapped[RenditionState]
    sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    extension: Mapped[str | None] = mapped_column(String(8))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    ms: Mapped[int | None]
    lufs: Mapped[float | None]  # measured again on the encoded file
    peak_dbtp: Mapped[float | None]
    error: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None]  # of the worker that builds it

    programme: Mapped[Programme] = relationship(back_populates="renditions")

    def __str__(self) -> str:
        return f"{self.programme_id}/{self.profile}"


# ── The timetable ──────────────────────────────────────────────────────────────────────────────


class Slot(Base):
    """A line of the timetable: what airs, when and where."""

    __tablename__ = "slot"
    __table_args__ = (CheckConstraint("seconds BETWEEN 1 AND 86400", name="seconds"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))  # who owns the line
    title: Mapped[str] = mapped_column(String(200))
    # What airs: one programme, or the next episode of a series, or a theme in rotation, or a list
    # of these one after the other. One of the four.
    programme_id: Mapped[int | None] = mapped_column(ForeignKey("programme.id"), index=True)
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id"))
    theme_id: Mapped[int | None] = mapped_column(ForeignKey("theme.id"))
    items: Mapped[list[Any] | None] = mapped_column(
        OptionalJson
    )  # ["programme", 7] or ["series", 2] or ["theme", 1] …
    no_repeat_days: Mapped[int] = mapped_column(default=7)  # of a theme, at one station
    ident_id: Mapped[int | None] = mapped_column(ForeignKey("programme.id"))  # before the first
    # Airs where nothing else may, and fills what a list leaves; none: as the settings say.
    filler_id: Mapped[int | None] = mapped_column(ForeignKey("programme.id"))
    # programme, relay_province, relay_district, announcement
    kind: Mapped[str] = mapped_column(String(20), default="programme")
    programme_class: Mapped[str] = mapped_column(String(20), default="normal")
    starts_at: Mapped[time]  # local
    seconds: Mapped[int]  # start + length, never two clock times: midnight is no special case
    rrule: Mapped[str] = mapped_column(String(200))  # RFC 5545, without DTSTART
    late_ok_s: Mapped[int] = mapped_column(default=600)  # may start this much late; 0: not at all
    # Address of a live relay, opened at the time; the programme is then what plays if it fails.
    stream: Mapped[str | None] = mapped_column(String(500))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]  # the last day, included
    created_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    # What airs of it (scheduler.releases); none: nothing. The other columns are the draft.
    released: Mapped[dict[str, Any] | None] = mapped_column(OptionalJson)
    # Under which a calendar that was imported knows it; ours when there is none.
    uid: Mapped[str | None] = mapped_column(String(255), index=True, unique=True)

    unit: Mapped[Unit] = relationship()
    programme: Mapped[Programme | None] = relationship(foreign_keys=[programme_id])
    series: Mapped[Series | None] = relationship()
    theme: Mapped[Theme | None] = relationship()
    ident: Mapped[Programme | None] = relationship(foreign_keys=[ident_id])
    filler: Mapped[Programme | None] = relationship(foreign_keys=[filler_id])
    targets: Mapped[list[SlotTarget]] = relationship(
        back_populates="slot", cascade="all, delete-orphan"
    )
    exceptions: Mapped[list[SlotException]] = relationship(order_by="SlotException.on")

    def __str__(self) -> str:
        return f'"{self.title}"'


class SlotTarget(Base):
    """A part of a slot's audience: a unit with all below it, or one station; or an exception."""

    __tablename__ = "slot_target"
    __table_args__ = (
        CheckConstraint("(unit_id IS NULL) <> (station_id IS NULL)", name="one_of_two"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"), index=True)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    station_id: Mapped[int | None] = mapped_column(ForeignKey("station.id"))
    excluded: Mapped[bool] = mapped_column(default=False)

    slot: Mapped[Slot] = relationship(back_populates="targets")
    unit: Mapped[Unit | None] = relationship()
    station: Mapped[Station | None] = relationship()


class SlotException(Base):
    """What somebody decided about one day of a slot; the rule itself stays."""

    __tablename__ = "slot_exception"
    __table_args__ = (UniqueConstraint("slot_id", "on"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"))
    on: Mapped[date]  # a day that the rule names
    kind: Mapped[str] = mapped_column(String(20))  # skip, move, replace
    moved_on: Mapped[date | None]  # where a move goes, local
    moved_at: Mapped[time | None]
    programme_id: Mapped[int | None] = mapped_column(ForeignKey("programme.id"))  # instead
    reason: Mapped[str] = mapped_column(String(300))
    created_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]

    programme: Mapped[Programme | None] = relationship()


class Release(Base):
    """A version of the timetable: from then on it is what airs."""

    __tablename__ = "release"

    version: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    released_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    note: Mapped[str] = mapped_column(String(300), default="")
    restores: Mapped[int | None] = mapped_column(ForeignKey("release.version"))  # a return to it

    person: Mapped[Person] = relationship()
    changes: Mapped[list[ReleaseChange]] = relationship(order_by="ReleaseChange.slot_id")

    def __str__(self) -> str:
        return str(self.version)


class ReleaseChange(Base):
    """What a release made of one slot."""

    __tablename__ = "release_change"

    version: Mapped[int] = mapped_column(ForeignKey("release.version"), primary_key=True)
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"), primary_key=True, index=True)
    before: Mapped[dict[str, Any] | None] = mapped_column(
        OptionalJson
    )  # as Slot.released; none: it did not air
    after: Mapped[dict[str, Any] | None] = mapped_column(OptionalJson)


class Assignment(Base):
    """What was chosen for one place of a slot on one day: it stays chosen while it may air."""

    __tablename__ = "assignment"

    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)  # of the slot on that day
    position: Mapped[int] = mapped_column(primary_key=True)  # in the list; 0 when there is none
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))


class AirRule(Base):
    """What a unit lets onto its air, from one day to another; what is empty holds from above."""

    __tablename__ = "air_rule"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    windows: Mapped[list[Any] | None]  # ["05:00", "06:00", whose or null] …, local
    session_minutes: Mapped[int | None]  # at most, in one session
    sessions_a_day: Mapped[int | None]
    quiet_from: Mapped[time | None]  # local; a warning, never a refusal
    quiet_until: Mapped[time | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]  # the last day, included
    created_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]

    unit: Mapped[Unit] = relationship()


class AirOrder(Base):
    """In which order a unit airs priority slots that collide on one day."""

    __tablename__ = "air_order"

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    on: Mapped[date] = mapped_column(primary_key=True)
    slot_ids: Mapped[list[Any]]  # the first one first
    decided_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime]

    unit: Mapped[Unit] = relationship()
    person: Mapped[Person] = relationship()


class Feed(Base):
    """A calendar that a telephone or Outlook reads by itself; its address is the secret."""

    __tablename__ = "feed"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    label: Mapped[str] = mapped_column(String(120))  # for whom
    created_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_read_at: Mapped[datetime | None]  # to the hour

    unit: Mapped[Unit] = relationship()


class Airing(Base):
    """One programme, at one station, at one moment: what was planned and what was proved."""

    __tablename__ = "airing"
    __table_args__ = (
        Index("ix_airing_broadcast_date_station_id", "broadcast_date", "station_id"),
        Index("ix_airing_state_planned_at", "state", "planned_at"),
    )

    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), primary_key=True)
    planned_at: Mapped[datetime] = mapped_column(primary_key=True)
    broadcast_date: Mapped[date]  # local
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"), index=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"), index=True)
    programme_class: Mapped[str] = mapped_column(String(20))
    ms: Mapped[int]  # planned length
    late_ok_s: Mapped[int]
    ident_id: Mapped[int | None] = mapped_column(ForeignKey("programme.id"))  # sounds before it
    stream: Mapped[str | None] = mapped_column(String(500))  # a live relay, as it was planned
    # Ordered at once, outside of every plan: no day's manifest holds it.
    bulletin_id: Mapped[int | None] = mapped_column(ForeignKey("bulletin.id"))
    state: Mapped[AiringState]
    grade: Mapped[Grade] = mapped_column(default=Grade.D)
    evidence: Mapped[dict[str, Any] | None]  # the source: which log, which lines, who
    started_at: Mapped[datetime | None]
    played_ms: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(String(80))

    station: Mapped[Station] = relationship()
    slot: Mapped[Slot] = relationship()
    programme: Mapped[Programme] = relationship(foreign_keys=[programme_id])
    ident: Mapped[Programme | None] = relationship(foreign_keys=[ident_id])

    def __str__(self) -> str:
        return f"{self.station_id} {self.planned_at:%Y-%m-%dT%H:%MZ}"


class Bulletin(Base):
    """What a person with the right role ordered on air at once, and why."""

    __tablename__ = "bulletin"

    id: Mapped[int] = mapped_column(primary_key=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    slot_id: Mapped[int | None] = mapped_column(ForeignKey("slot.id"))  # under which it is logged
    title: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(300))
    is_drill: Mapped[bool] = mapped_column(default=False)  # everything is done but play
    issued_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    withdrawn_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    withdrawn_at: Mapped[datetime | None]

    programme: Mapped[Programme] = relationship()
    issuer: Mapped[Person] = relationship(foreign_keys=[issued_by])
    stations: Mapped[list[BulletinStation]] = relationship(back_populates="bulletin")

    def __str__(self) -> str:
        return f'"{self.title}"'


class ForeignAlert(Base):
    """A CAP alert that was taken in, and the draft that was made of it."""

    __tablename__ = "foreign_alert"
    __table_args__ = (UniqueConstraint("sender", "identifier"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(String(200))
    identifier: Mapped[str] = mapped_column(String(200))
    sent_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(20))  # Actual, Exercise
    kind: Mapped[str] = mapped_column(String(20))  # Alert, Update, Cancel
    headline: Mapped[str] = mapped_column(String(200))
    severity: Mapped[str] = mapped_column(String(20))
    urgency: Mapped[str] = mapped_column(String(20))
    expires_at: Mapped[datetime | None]
    units: Mapped[list[Any]]  # codes of the map of the day on which it came
    unknown_areas: Mapped[list[Any]]  # names that were not found on it
    programme_id: Mapped[int | None] = mapped_column(ForeignKey("programme.id"), index=True)
    imported_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    imported_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]


class BulletinStation(Base):
    """A bulletin on its way to one station; the row is its own queue."""

    __tablename__ = "bulletin_station"
    __table_args__ = (Index("ix_bulletin_station_state_next_try_at", "state", "next_try_at"),)

    bulletin_id: Mapped[int] = mapped_column(ForeignKey("bulletin.id"), primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), primary_key=True)
    planned_at: Mapped[datetime]  # names it at this station, as it names an airing
    state: Mapped[DeliveryState]
    manifest_sha256: Mapped[str | None] = mapped_column(String(64))  # as it was sent last
    attempts: Mapped[int] = mapped_column(default=0)  # also the fencing number of a lease
    next_try_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_fields: Mapped[dict[str, Any] | None]
    delivered_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    drilled_at: Mapped[datetime | None]  # by the station's clock: it would have played then

    bulletin: Mapped[Bulletin] = relationship(back_populates="stations")
    station: Mapped[Station] = relationship()

    def __str__(self) -> str:
        return f"{self.bulletin_id} at {self.station_id}"


# ── Getting it there ───────────────────────────────────────────────────────────────────────────


class Delivery(Base):
    """Getting one station its day. A changed day is a new delivery with a higher seq."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("station_id", "seq"),
        Index("ix_delivery_station_id_for_date", "station_id", "for_date"),
        Index("ix_delivery_state_next_try_at", "state", "next_try_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"))
    for_date: Mapped[date]  # the broadcast date
    seq: Mapped[int] = mapped_column(BigInteger)  # of the manifest; only grows at a station
    content_sha256: Mapped[str] = mapped_column(String(64))  # of what the day holds, without seq
    manifest_sha256: Mapped[str | None] = mapped_column(String(64))  # as it was sent
    generated_at: Mapped[datetime]
    first_air_at: Mapped[datetime]  # earliest first: the order of dispatch
    last_air_at: Mapped[datetime]  # the latest moment at which it still helps
    state: Mapped[DeliveryState]
    attempts: Mapped[int] = mapped_column(default=0)  # also the fencing number of a lease
    next_try_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None] = mapped_column(String(80))
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_fields: Mapped[dict[str, Any] | None]  # of the error's sentence
    delivered_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]

    station: Mapped[Station] = relationship()
    tries: Mapped[list[Attempt]] = relationship(back_populates="delivery")

    def __str__(self) -> str:
        return f"{self.station_id} {self.for_date} seq {self.seq}"


class Attempt(Base):
    """One try at a delivery."""

    __tablename__ = "attempt"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"), index=True)
    number: Mapped[int]
    worker: Mapped[str] = mapped_column(String(80))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(40))  # delivered, or the error's code
    bytes_sent: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_resumed: Mapped[int] = mapped_column(BigInteger, default=0)  # that lay there already

    delivery: Mapped[Delivery] = relationship(back_populates="tries")


class Forecast(Base):
    """When a station will have its next day, as it looked at one moment."""

    __tablename__ = "forecast"

    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), primary_key=True)
    for_date: Mapped[date]  # the broadcast date
    needed_at: Mapped[datetime]  # its first airing
    ready_at: Mapped[datetime | None]  # none: not within the time that we look ahead
    bytes_left: Mapped[int] = mapped_column(BigInteger)
    kbps: Mapped[int]  # of the station alone
    basis: Mapped[str] = mapped_column(String(20))  # measured, link, assumed
    made_at: Mapped[datetime]

    station: Mapped[Station] = relationship()


class AsrunFile(Base):
    """A log as the station gave it, kept whole in the archive under its hash."""

    __tablename__ = "asrun_file"
    __table_args__ = (UniqueConstraint("station_id", "for_date", "sha256"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"))
    for_date: Mapped[date]
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    fetched_at: Mapped[datetime]
    lines: Mapped[int]
    is_chained: Mapped[bool]
    rejected: Mapped[list[Any]]  # [line, reason] …, bounded


class Told(Base):
    """What was looked at and told once: a restart neither loses nor doubles a notice."""

    __tablename__ = "told"

    key: Mapped[str] = mapped_column(String(120), primary_key=True)  # ready/60/2022-10-16T22:00Z
    at: Mapped[datetime]


class Notice(Base):
    """One notice to one recipient, until it is sent or dead."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("key", "channel", "target"),
        Index("ix_notice_state_next_try_at", "state", "next_try_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    key: Mapped[str] = mapped_column(String(120))  # what it tells of, as in told
    kind: Mapped[str] = mapped_column(String(20))  # ready unconfirmed missed digest night test
    channel: Mapped[str] = mapped_column(String(20))  # mail, webhook, ping
    target: Mapped[str] = mapped_column(String(255))  # an e-mail address; empty for the others
    facts: Mapped[dict[str, Any]]  # what the text is made of, when it is sent
    made_at: Mapped[datetime]
    state: Mapped[NoticeState]
    attempts: Mapped[int] = mapped_column(default=0)  # also the fencing number of a sender
    next_try_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_fields: Mapped[dict[str, Any] | None]

    def __str__(self) -> str:
        return f"{self.key} {self.channel}"


class LedgerEntry(Base):
    """What somebody may have to account for. An entry is never changed and never removed."""

    __tablename__ = "ledger"
    __table_args__ = (Index("ix_ledger_subject", "subject"),)

    seq: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(80))
    what: Mapped[str] = mapped_column(String(80))  # past participle: programme_approved
    subject: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]]
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
