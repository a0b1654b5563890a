"""What is ordered on air at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from scheduler.store.models.base import Base
from scheduler.store.models.people import Person
from scheduler.store.models.places import Station
from scheduler.store.models.programmes import Programme
from scheduler.store.states import (
    DeliveryState,
)


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
    stations: Mapped[list[BulletinStation]] = relationship(
        back_populates="bulletin", order_by="BulletinStation.station_id"
    )

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
