"""Units, the stations in them, and the ways to those stations."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from scheduler.store.models.base import Base, OptionalJson


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


class UnitEvent(Base):
    """Why the map changed on a day: what became of which units, and by which decision."""

    __tablename__ = "unit_event"
    __table_args__ = (Index("ix_unit_event_on_day", "on_day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    on_day: Mapped[date]  # the first day of the new state
    kind: Mapped[str] = mapped_column(String(20))  # renamed merged split moved abolished founded
    basis: Mapped[str] = mapped_column(String(200))  # "Nghị quyết 1674/NQ-UBTVQH15"
    recorded_by: Mapped[str] = mapped_column(String(80))
    recorded_at: Mapped[datetime]

    sides: Mapped[list[UnitEventSide]] = relationship(
        back_populates="event", order_by="UnitEventSide.unit_id"
    )


class UnitEventSide(Base):
    """A unit that took part in an event: one that was before it, or one that came of it."""

    __tablename__ = "unit_event_side"

    event_id: Mapped[int] = mapped_column(ForeignKey("unit_event.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True, index=True)
    side: Mapped[str] = mapped_column(String(6), primary_key=True)  # before, after

    event: Mapped[UnitEvent] = relationship(back_populates="sides")
    unit: Mapped[Unit] = relationship()


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

    lat: Mapped[
        float | None
    ]  # where it stands, in degrees; none: drawn in the grid of its district
    lon: Mapped[float | None]
    notes: Mapped[str | None] = mapped_column(String(500))  # what the next technician should know

    units: Mapped[list[StationUnit]] = relationship(
        back_populates="station", order_by="(StationUnit.valid_from, StationUnit.unit_id)"
    )

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
