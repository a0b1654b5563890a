"""What all tables share: the base class, names of constraints, columns that are words."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Enum,
    Integer,
    MetaData,
)
from sqlalchemy.orm import DeclarativeBase

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
