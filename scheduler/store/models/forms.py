"""Forms of pages: what was answered to them, and what was typed into the refused ones."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.store.models.base import Base


class FormAnswer(Base):
    """What was answered to one form; sealed with what was sent, for it may show a secret."""

    __tablename__ = "form_answer"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)  # hash of what was sent
    at: Mapped[datetime]
    sealed: Mapped[str | None] = mapped_column(Text)  # none: being answered


class KeptForm(Base):
    """What somebody typed into a form that could not be taken; sealed with their cookie."""

    __tablename__ = "kept_form"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    at: Mapped[datetime]
    sealed: Mapped[str] = mapped_column(Text)
