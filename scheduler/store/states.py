"""The states that things go through, and the only place that changes one.

A state changes either on a loaded row (``move``) or in one conditional UPDATE (``moving``), which
is what lets two processes race for the same row: both carry the same table of allowed steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Update, update

from scheduler.errors import WrongState
from scheduler.store.db import one_of


class ProgrammeState(StrEnum):
    UPLOADED = "uploaded"
    MEASURING = "measuring"
    REJECTED = "rejected"
    READY = "ready"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class RenditionState(StrEnum):
    DUE = "due"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"


class DeliveryState(StrEnum):
    DUE = "due"
    QUEUED = "queued"
    LEASED = "leased"
    DELIVERED = "delivered"  # we wrote and renamed
    VERIFIED = "verified"  # the station's receipt lists the hashes that it checked
    SUPERSEDED = "superseded"
    FAILED = "failed"


class AiringState(StrEnum):
    PLANNED = "planned"
    ON_STATION = "on_station"
    AIRED = "aired"
    LATE = "late"
    PARTIAL = "partial"
    MISSED = "missed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class NoticeState(StrEnum):
    DUE = "due"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"  # tried as often as the settings allow; the row says why


class Grade(StrEnum):
    """How we know: A the player's log, B a named person, C inferred, D not known."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


_P, _R, _D, _A, _N = ProgrammeState, RenditionState, DeliveryState, AiringState, NoticeState

_PROVABLE = frozenset(AiringState)

# State → the states from which it may be reached. By kind, because words of two kinds are equal:
# a ready programme and a ready rendition are the same text.
_STEPS: Mapping[type[StrEnum], Mapping[StrEnum, frozenset[StrEnum]]] = {
    ProgrammeState: {
        _P.UPLOADED: frozenset({_P.MEASURING}),  # the checker died, or the machine was at fault
        _P.MEASURING: frozenset({_P.UPLOADED}),
        # From returned: what the approver asked for is mended, and somebody listens again.
        _P.READY: frozenset({_P.UPLOADED, _P.MEASURING, _P.REJECTED}),
        _P.REJECTED: frozenset({_P.UPLOADED, _P.MEASURING, _P.READY}),
        _P.APPROVED: frozenset({_P.READY}),
        _P.WITHDRAWN: frozenset({_P.READY, _P.APPROVED}),
        _P.EXPIRED: frozenset({_P.READY, _P.APPROVED}),
    },
    RenditionState: {
        _R.DUE: frozenset({_R.BUILDING, _R.FAILED}),
        _R.BUILDING: frozenset({_R.DUE, _R.FAILED}),
        _R.READY: frozenset({_R.BUILDING}),
        _R.FAILED: frozenset({_R.BUILDING}),
    },
    DeliveryState: {
        # A failed try, a lost queue message, a person who says "send again", or an audit that
        # finds a delivered day gone from the station.
        _D.DUE: frozenset({_D.QUEUED, _D.LEASED, _D.FAILED, _D.DELIVERED, _D.VERIFIED}),
        _D.QUEUED: frozenset({_D.DUE}),
        _D.LEASED: frozenset({_D.DUE, _D.QUEUED}),
        _D.DELIVERED: frozenset({_D.LEASED}),
        _D.VERIFIED: frozenset({_D.DELIVERED}),
        _D.FAILED: frozenset({_D.DUE, _D.QUEUED, _D.LEASED}),
        _D.SUPERSEDED: frozenset(set(DeliveryState) - {_D.SUPERSEDED}),
    },
    AiringState: {
        # A slot taken out and put back before air time is planned again.
        _A.PLANNED: frozenset({_A.CANCELLED, _A.ON_STATION}),
        _A.ON_STATION: frozenset({_A.PLANNED}),
        # Proof may come late (it lifts unknown) and may grow (a log fetched again is longer).
        _A.AIRED: _PROVABLE,
        _A.LATE: _PROVABLE,
        _A.PARTIAL: _PROVABLE,
        # Also from what was heard: a log overrules a person, and a person may have erred.
        _A.MISSED: frozenset(set(AiringState) - {_A.CANCELLED}),
        _A.UNKNOWN: frozenset({_A.PLANNED, _A.ON_STATION}),
        _A.CANCELLED: frozenset({_A.PLANNED, _A.ON_STATION}),
    },
    NoticeState: {
        _N.DUE: frozenset({_N.SENDING, _N.DEAD}),
        _N.SENDING: frozenset({_N.DUE}),
        _N.SENT: frozenset({_N.SENDING}),
        _N.DEAD: frozenset({_N.DUE, _N.SENDING}),
    },
}

# What may still be planned anew; everything else is history.
OPEN_AIRINGS = (AiringState.PLANNED, AiringState.ON_STATION)
# What stands in no manifest: cancelled, or over before the station could be reached (a day that is
# still sent is younger than the hours after which silence makes an airing unknown).
LEFT_OUT_AIRINGS = (AiringState.CANCELLED, AiringState.UNKNOWN)
HEARD_AIRINGS = (AiringState.AIRED, AiringState.LATE, AiringState.PARTIAL)
# A delivery that still wants a visit.
OPEN_DELIVERIES = (DeliveryState.DUE, DeliveryState.QUEUED, DeliveryState.LEASED)
# The one delivery of a day that counts: whatever was not replaced by a newer one.
CURRENT_DELIVERIES = tuple(
    state for state in DeliveryState if state is not DeliveryState.SUPERSEDED
)


def can_move(old: StrEnum, new: StrEnum) -> bool:
    return old in _STEPS[type(new)].get(new, frozenset())


def move(row: Any, new: StrEnum) -> None:
    """
    Change the state of a loaded row.

    Raises:
        WrongState: the step is not allowed from where the row is.
    """
    old = type(new)(row.state)
    if not can_move(old, new):
        raise WrongState(what=f"{row.__tablename__} {row!s}", state=old.value)
    row.state = new


def moving(model: Any, new: StrEnum) -> Update:
    """An UPDATE to the new state of those rows that may take the step; add the WHERE and values."""
    return update(model).where(model.state.in_(list(_STEPS[type(new)][new]))).values(state=new)


def moving_rows(model: Any, new: StrEnum) -> Update:
    """
    The same for a statement that is prepared once and run a thousand times, on the bare table.

    What a session has loaded of these rows is left as it was.
    """
    table = model.__table__
    may_step = one_of(table.c.state, sorted(_STEPS[type(new)][new]))
    return update(table).where(may_step).values(state=new)
