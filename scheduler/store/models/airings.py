"""What airs and aired, with what proves it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from scheduler.store.models.base import Base, BigKey
from scheduler.store.models.people import Person
from scheduler.store.models.places import Station
from scheduler.store.models.programmes import Programme
from scheduler.store.models.timetable import Slot
from scheduler.store.states import (
    HEARD_AIRINGS,
    AiringState,
    Grade,
)

_LOG_ORDER = ("broadcast_date", "planned_at", "station_id")
# An airing that is not what nearly all become: said in these words, an index has it.
NOT_PROVED = "state <> 'aired' OR grade <> 'A'"
_LOG_FILTERS = ("programme_id", "state", "grade")


class Airing(Base):
    """One programme, at one station, at one moment: what was planned and what was proved."""

    __tablename__ = "airing"
    __table_args__ = (
        # Whatever the log is asked, one of these two holds the answer, and the rows stay unread:
        # by time for everybody's days, by station for a province's. Both are in its order.
        Index("ix_airing_log", *_LOG_ORDER, *_LOG_FILTERS),
        Index("ix_airing_log_of_station", "station_id", *_LOG_ORDER[:2], *_LOG_FILTERS),
        Index("ix_airing_programme_id_broadcast_date", "programme_id", "broadcast_date"),
        # Nearly all that was ever planned aired and is proved, and nobody asks for it by its state.
        Index(
            "ix_airing_state_planned_at",
            "state",
            "planned_at",
            postgresql_where=text(NOT_PROVED),
            postgresql_include=["broadcast_date", "grade"],
        ),
    )

    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), primary_key=True)
    planned_at: Mapped[datetime] = mapped_column(primary_key=True)
    broadcast_date: Mapped[date]  # local
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"))
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
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
    objections: Mapped[list[Objection]] = relationship(order_by="Objection.id", viewonly=True)

    @property
    def objection(self) -> Objection | None:
        return standing_objection(self.state, self.grade, self.objections)

    def __str__(self) -> str:
        return f"{self.station_id} {self.planned_at:%Y-%m-%dT%H:%MZ}"


def standing_objection(
    state: AiringState, grade: Grade, objections: Sequence[Objection]
) -> Objection | None:
    """A person's word that stands against what the player's log proves; the last counts."""
    if grade is not Grade.A or not objections:
        return None
    last = objections[-1]
    return last if last.heard != (state in HEARD_AIRINGS) else None


class Objection(Base):
    """A named person says of an airing that a log has proved: it was otherwise. Never edited."""

    __tablename__ = "airing_objection"
    __table_args__ = (
        ForeignKeyConstraint(
            ["station_id", "planned_at"], ["airing.station_id", "airing.planned_at"]
        ),
        Index("ix_airing_objection_station_id_planned_at", "station_id", "planned_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    station_id: Mapped[int]
    planned_at: Mapped[datetime]
    heard: Mapped[bool]  # what people at the place say
    reason: Mapped[str] = mapped_column(String(300))
    said_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]

    person: Mapped[Person] = relationship()


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
