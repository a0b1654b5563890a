"""The tables. Instants are UTC; dates and times of day are local to the zone in the settings."""

from scheduler.store.models.airings import Airing, AsrunFile, Forecast, Objection
from scheduler.store.models.base import Base, BigKey, OptionalJson, words
from scheduler.store.models.bulletins import Bulletin, BulletinStation, ForeignAlert
from scheduler.store.models.deliveries import Attempt, Delivery, StationVisit
from scheduler.store.models.forms import FormAnswer, KeptForm
from scheduler.store.models.notices import ChainCheck, LedgerEntry, Notice, Told
from scheduler.store.models.people import (
    Answer,
    ApiToken,
    Invitation,
    LoginSession,
    Person,
    SignInTry,
)
from scheduler.store.models.places import (
    Jump,
    Link,
    Station,
    StationUnit,
    Unit,
    UnitEvent,
    UnitEventSide,
)
from scheduler.store.models.programmes import PartialUpload, Programme, Rendition, Series, Theme
from scheduler.store.models.timetable import (
    AirOrder,
    AirRule,
    Assignment,
    Feed,
    Release,
    ReleaseChange,
    Slot,
    SlotException,
    SlotTarget,
)

__all__ = [
    "AirOrder",
    "AirRule",
    "Airing",
    "Answer",
    "ApiToken",
    "AsrunFile",
    "Assignment",
    "Attempt",
    "Base",
    "BigKey",
    "Bulletin",
    "BulletinStation",
    "ChainCheck",
    "Delivery",
    "Feed",
    "Forecast",
    "ForeignAlert",
    "FormAnswer",
    "Invitation",
    "Jump",
    "KeptForm",
    "LedgerEntry",
    "Link",
    "LoginSession",
    "Notice",
    "Objection",
    "OptionalJson",
    "PartialUpload",
    "Person",
    "Programme",
    "Release",
    "ReleaseChange",
    "Rendition",
    "Series",
    "SignInTry",
    "Slot",
    "SlotException",
    "SlotTarget",
    "Station",
    "StationUnit",
    "StationVisit",
    "Theme",
    "Told",
    "Unit",
    "UnitEvent",
    "UnitEventSide",
    "words",
]
