"""Getting a station its day, try by try."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from scheduler.store.models.base import Base, BigKey
from scheduler.store.models.places import Station
from scheduler.store.states import (
    DeliveryState,
)


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
    tries: Mapped[list[Attempt]] = relationship(back_populates="delivery", order_by="Attempt.id")

    def __str__(self) -> str:
        return f"{self.station_id} {self.for_date} seq {self.seq}"


class StationVisit(Base):
    """The last visit to a station of its purpose that ended so, step by step."""

    __tablename__ = "station_visit"

    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(10), primary_key=True)  # scheduler.visitlog
    is_broken: Mapped[bool] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    took_ms: Mapped[int] = mapped_column(BigInteger)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_fields: Mapped[dict[str, Any] | None]  # of the error's sentence
    steps: Mapped[list[Any]]  # stations.diary.Entry, at most some dozens


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
    error_fields: Mapped[dict[str, Any] | None]  # of the error's sentence
    bytes_sent: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_resumed: Mapped[int] = mapped_column(BigInteger, default=0)  # that lay there already

    delivery: Mapped[Delivery] = relationship(back_populates="tries")
