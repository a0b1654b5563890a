"""Programmes, their series and themes, and their encodings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from scheduler.store.models.base import Base
from scheduler.store.models.people import Person
from scheduler.store.states import (
    ProgrammeState,
    RenditionState,
)


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
    returned_reason: Mapped[str | None] = mapped_column(String(500))  # why, the last time
    returned_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    returner: Mapped[Person | None] = relationship(foreign_keys=[returned_by])
    uploader: Mapped[Person] = relationship(foreign_keys=[uploaded_by])
    approver: Mapped[Person | None] = relationship(foreign_keys=[approved_by])
    renditions: Mapped[list[Rendition]] = relationship(
        back_populates="programme", order_by="Rendition.id"
    )
    series: Mapped[Series | None] = relationship()

    def __str__(self) -> str:
        return f'"{self.title}"'

    @hybrid_property
    def heard_ms(self) -> int | None:
        """How long what airs of it lasts, between the cuts; none before it was measured."""
        end = self.ms if self.trim_end_ms is None else self.trim_end_ms
        return None if end is None else end - (self.trim_start_ms or 0)

    @heard_ms.inplace.expression
    @classmethod
    def _heard_ms(cls) -> ColumnElement[int]:
        return func.coalesce(cls.trim_end_ms, cls.ms) - func.coalesce(cls.trim_start_ms, 0)


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
