"""Slots, their exceptions, the rules of the air, and releases."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from scheduler.store.models.base import Base, OptionalJson
from scheduler.store.models.people import Person
from scheduler.store.models.places import Station, Unit
from scheduler.store.models.programmes import Programme, Series, Theme

_WHOLE = text("unit_id IS NULL AND station_id IS NULL")


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
        back_populates="slot", cascade="all, delete-orphan", order_by="SlotTarget.id"
    )
    exceptions: Mapped[list[SlotException]] = relationship(
        order_by="(SlotException.on, SlotException.id)"
    )

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
    """
    What somebody decided about one day of a slot; the rule itself stays.

    With a unit or a station it holds there alone, and there it counts before what was decided for
    more places: scheduler.hearing.
    """

    __tablename__ = "slot_exception"
    __table_args__ = (
        UniqueConstraint("slot_id", "on", "unit_id"),
        UniqueConstraint("slot_id", "on", "station_id"),
        Index("ix_slot_exception_whole", "slot_id", "on", unique=True, sqlite_where=_WHOLE,
              postgresql_where=_WHOLE),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"))
    on: Mapped[date]  # a day that the rule names
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    station_id: Mapped[int | None] = mapped_column(ForeignKey("station.id"))
    kind: Mapped[str] = mapped_column(String(20))  # skip, move, replace, length
    moved_on: Mapped[date | None]  # where a move goes, local
    moved_at: Mapped[time | None]
    programme_id: Mapped[int | None] = mapped_column(ForeignKey("programme.id"))  # instead
    seconds: Mapped[int | None]  # another length, by itself or of what moves or replaces
    reason: Mapped[str] = mapped_column(String(300))
    created_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]

    programme: Mapped[Programme | None] = relationship()
    unit: Mapped[Unit | None] = relationship()
    station: Mapped[Station | None] = relationship()

    @property
    def is_for_all(self) -> bool:
        """Whether it holds wherever the slot is heard."""
        return self.unit_id is None and self.station_id is None


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
