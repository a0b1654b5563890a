"""Why an airing went as it did: the chain that led there, or the first link that broke."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.day import ITEM_ID
from scheduler.hearing import decision_at, rule_of
from scheduler.hub import Hub
from scheduler.keys import keys_of
from scheduler.lines import made_of
from scheduler.store.models import (
    Airing,
    AsrunFile,
    Attempt,
    Delivery,
    LedgerEntry,
    Objection,
    Person,
    Programme,
    Release,
    ReleaseChange,
    Rendition,
    Slot,
    SlotException,
    Station,
)
from scheduler.store.states import (
    HEARD_AIRINGS,
    OPEN_AIRINGS,
    AiringState,
    DeliveryState,
    Grade,
    ProgrammeState,
    RenditionState,
)
from scheduler.timetable import Rule
from scheduler.units import stations_by_unit
from stations.asrun import AsrunRecord, read_asrun

_NEAREST = 3  # offered to either side
_ENTRIES_MAX = 30  # of the ledger, the newest
_A_MINUTE = timedelta(seconds=59)


class Mark(StrEnum):
    """How a link of the chain stands."""

    OK = "ok"
    WAITING = "waiting"  # its time has not come
    UNKNOWN = "unknown"  # nobody can say
    BROKEN = "broken"


@dataclass(frozen=True)
class Detail:
    """One dated line below a link: a try, a line of the log, an entry of the ledger."""

    at: datetime
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ChainLink:
    """One link: what was done, by whom, when. The face has the sentences for its code."""

    name: str  # slot release programme rendition delivery receipt log result
    mark: Mark
    code: str
    at: datetime | None = None
    who: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class Story:
    """One airing and all that led to it."""

    airing: Airing
    rule: Rule
    links: tuple[ChainLink, ...]
    ledger: tuple[LedgerEntry, ...]  # what was written down about it, oldest first

    @property
    def broken(self) -> ChainLink | None:
        """The first link that broke; else the first of which nobody knows, or that waits."""
        if self.airing.state is AiringState.AIRED:
            return None
        for mark in (Mark.BROKEN, Mark.UNKNOWN, Mark.WAITING):
            for link in self.links:
                if link.mark is mark:
                    return link
        return None


def find_airing(session: Session, station: Station, at: datetime) -> Airing | None:
    """What was planned there in that minute."""
    statement = _told().where(
        Airing.station_id == station.id, Airing.planned_at.between(at, at + _A_MINUTE)
    )
    return session.scalars(statement.order_by(Airing.planned_at).limit(1)).first()


def nearest_airings(session: Session, station: Station, at: datetime) -> list[Airing]:
    """What was planned there around that time, by time: offered when nothing was at it."""
    mine = _told().where(Airing.station_id == station.id)
    before = mine.where(Airing.planned_at < at).order_by(Airing.planned_at.desc())
    after = mine.where(Airing.planned_at >= at).order_by(Airing.planned_at)
    found = [
        airing
        for statement in (before, after)
        for airing in session.scalars(statement.limit(_NEAREST))
    ]
    return sorted(found, key=lambda one: one.planned_at)


def why(hub: Hub, session: Session, airing: Airing) -> Story:
    """Everything that the rows, the kept logs and the ledger say of one airing."""
    told = _Telling(hub, session, airing)
    return Story(airing, rule_of(told.line), tuple(told.links()), tuple(told.entries()))


def _told() -> Select[Airing]:
    return select(Airing).options(
        joinedload(Airing.station),
        selectinload(Airing.objections).joinedload(Objection.person),
        joinedload(Airing.slot).joinedload(Slot.unit),
        joinedload(Airing.slot).selectinload(Slot.exceptions),
        joinedload(Airing.programme).options(
            joinedload(Programme.uploader),
            joinedload(Programme.approver),
            selectinload(Programme.renditions),
        ),
    )


class _Telling:
    """One airing, looked at from its beginning to its end."""

    def __init__(self, hub: Hub, session: Session, airing: Airing) -> None:
        self.hub, self.session, self.airing = hub, session, airing
        self.station, self.slot, self.programme = airing.station, airing.slot, airing.programme
        self.now = hub.clock.now()
        self.is_over = airing.planned_at + timedelta(seconds=airing.late_ok_s) < self.now
        self.was_heard = airing.state in HEARD_AIRINGS
        self.change = self._release_change()
        # As it was released then: the columns of the slot are a draft of something later.
        content = self.change.after if self.change else None
        self.line = made_of(session, self.slot, content) if content else self.slot
        self.deliveries = self._deliveries()
        self.delivery = self._delivery()

    def links(self) -> Iterator[ChainLink]:
        steps: Sequence[Callable[[], ChainLink | None]] = (
            self.slot_link, self.release_link, self.programme_link, self.rendition_link,
            self.delivery_link, self.receipt_link, self.log_link, self.result_link,
        )  # fmt: skip
        yield from (link for step in steps if (link := step()) is not None)

    # ── What was wanted ────────────────────────────────────────────────────────────────────────

    def slot_link(self) -> ChainLink:
        slot = self.slot
        facts = {"id": slot.id, "title": self.line.title, "unit": self.line.unit.name}
        made_by = self._name(slot.created_by)
        change = self._change()
        details = [] if change is None else [self._change_detail(change)]
        if self.airing.state is not AiringState.CANCELLED:
            return ChainLink("slot", Mark.OK, "slot", slot.created_at, made_by, facts,
                             tuple(details))  # fmt: skip
        code = "cancelled"
        if slot.removed_at is not None:
            code, facts = "slot_removed", {**facts, "removed_at": slot.removed_at}
        elif change is not None:
            code = f"slot_{change.kind}"
        return ChainLink("slot", Mark.BROKEN, code, slot.created_at, made_by, facts, tuple(details))

    def _change(self) -> SlotException | None:
        """What was decided about that day of the slot, or about the day that was moved to it."""
        on, here = self.airing.broadcast_date, self.station.id
        if not any(on in (one.on, one.moved_on) for one in self.slot.exceptions):
            return None
        inside = stations_by_unit(self.session, on)
        mine = decision_at(self.slot, here, on, inside)
        return mine or decision_at(self.slot, here, on, inside, moved_here=True)

    def _change_detail(self, change: SlotException) -> Detail:
        facts = {
            "on": change.on,
            "reason": change.reason,
            "who": self._name(change.created_by),
            "moved_on": change.moved_on,
            "moved_at": change.moved_at,
            "seconds": change.seconds,
            "place": _called(change),
        }
        return Detail(change.created_at, f"exception_{change.kind}", facts)

    def release_link(self) -> ChainLink | None:
        """The version of the timetable that was in force; left out while nothing was released."""
        if self.change is None:
            return None
        release = self.session.get_one(Release, self.change.version)
        facts = {"version": release.version, "note": release.note}
        return ChainLink(
            "release", Mark.OK, "release", release.at, self._name(release.released_by), facts
        )  # fmt: skip

    def _release_change(self) -> ReleaseChange | None:
        statement = (
            select(ReleaseChange)
            .join(Release)
            .where(ReleaseChange.slot_id == self.slot.id, Release.at <= self.airing.planned_at)
            .order_by(ReleaseChange.version.desc())
            .limit(1)
        )
        return self.session.scalars(statement).first()

    def programme_link(self) -> ChainLink:
        made = self.programme
        facts = {
            "id": made.id, "title": made.title, "uploaded_by": made.uploader.full_name,
            "uploaded_at": made.uploaded_at, "expires_on": made.expires_on,
        }  # fmt: skip
        who = made.approver.full_name if made.approver else None
        expired = made.expires_on is not None and self.airing.broadcast_date > made.expires_on
        if self.was_heard or (made.state is ProgrammeState.APPROVED and not expired):
            return ChainLink("programme", Mark.OK, "approved", made.approved_at, who, facts)
        code = "programme_expired" if expired else f"programme_{made.state.value}"
        return ChainLink("programme", Mark.BROKEN, code, made.approved_at, who, facts)

    def rendition_link(self) -> ChainLink | None:
        """The encoding for this station; one without a computer needs none."""
        if self.station.kind == "person":
            return None
        profile = self.station.profile
        found = next((one for one in self.programme.renditions if one.profile == profile), None)
        facts = {"profile": profile, **_rendition_facts(found)}
        if found is not None and found.state is RenditionState.READY:
            return ChainLink("rendition", Mark.OK, "encoded", facts=facts)
        if self.was_heard:  # the station has changed its profile since
            return ChainLink("rendition", Mark.UNKNOWN, "no_rendition", facts=facts)
        if found is not None and found.state is not RenditionState.FAILED and not self.is_over:
            return ChainLink("rendition", Mark.WAITING, "being_encoded", facts=facts)
        is_failed = found is not None and found.state is RenditionState.FAILED
        code = "encoding_failed" if is_failed else "no_rendition"
        return ChainLink("rendition", Mark.BROKEN, code, facts=facts)

    # ── How it got there ───────────────────────────────────────────────────────────────────────

    def delivery_link(self) -> ChainLink:
        if self.station.kind == "person":
            return ChainLink("delivery", Mark.OK, "by_hand")
        details = tuple(self._attempts())
        one = self.delivery
        if one is None:
            return ChainLink("delivery", *self._undelivered(), details=details)
        facts = {
            "seq": one.seq, "for_date": one.for_date, "state": one.state.value,
            "attempts": one.attempts, "next_try_at": one.next_try_at,
            "error_code": one.error_code, "error_fields": one.error_fields,
            "manifest_sha256": one.manifest_sha256,
        }  # fmt: skip
        return ChainLink("delivery", *self._delivered(one), one.delivered_at, None, facts, details)

    def _undelivered(self) -> tuple[Mark, str]:
        if self.airing.grade is Grade.A or self.was_heard:
            return Mark.UNKNOWN, "brought_otherwise"  # the player had it: by hand, perhaps
        return (Mark.BROKEN, "never_planned") if self.is_over else (Mark.WAITING, "no_delivery")

    def _delivered(self, one: Delivery) -> tuple[Mark, str]:
        latest = self.airing.planned_at + timedelta(seconds=self.airing.late_ok_s)
        if one.delivered_at is not None:
            is_late = one.delivered_at > latest and not self.was_heard
            return (Mark.BROKEN, "delivered_late") if is_late else (Mark.OK, "delivered")
        if one.state is DeliveryState.FAILED or self.is_over:
            return Mark.BROKEN, "never_delivered"
        return Mark.WAITING, "not_delivered_yet"

    def _attempts(self) -> Iterator[Detail]:
        """Every try of every delivery of that day, and what each said."""
        for one in self.deliveries:
            for attempt in sorted(one.tries, key=lambda attempt: attempt.number):
                facts = {
                    "seq": one.seq,
                    "number": attempt.number,
                    "ended_at": attempt.ended_at,
                    "bytes_sent": attempt.bytes_sent,
                    "outcome": attempt.outcome,
                    "error_fields": _fields_of(one, attempt),
                }
                yield Detail(attempt.started_at, "attempt", facts)

    def receipt_link(self) -> ChainLink | None:
        one = self.delivery
        if self.station.kind != "player" or one is None or one.delivered_at is None:
            return None
        facts = {"seq": one.seq, "last_seen_at": self.station.last_seen_at}
        if one.verified_at is not None and one.state is not DeliveryState.DUE:
            return ChainLink("receipt", Mark.OK, "verified", one.verified_at, None, facts)
        if one.error_code == "lost_at_station":
            return ChainLink("receipt", Mark.BROKEN, "lost_at_station", None, None, facts)
        mark = Mark.UNKNOWN if self.is_over else Mark.WAITING
        return ChainLink("receipt", mark, "not_verified", None, None, facts)

    # ── What became of it ──────────────────────────────────────────────────────────────────────

    def log_link(self) -> ChainLink | None:
        """What the player wrote down about it, read anew from the kept log."""
        if self.station.kind != "player" or self.airing.state is AiringState.CANCELLED:
            return None
        if self.airing.planned_at > self.now:
            return ChainLink("log", Mark.WAITING, "not_yet")
        files = self._log_files()
        if not files:
            seen = {"last_seen_at": self.station.last_seen_at}
            return ChainLink("log", Mark.UNKNOWN, "no_log", facts=seen)
        records = [record for file in files for record in self._records(file)]
        details = tuple(_record_detail(record) for record in records)
        facts: dict[str, Any] = {
            "files": [file.sha256 for file in files],
            "is_chained": all(file.is_chained for file in files),
        }
        mark, code = _said(records)
        return ChainLink("log", mark, code, files[-1].fetched_at, None, facts, details)

    def _log_files(self) -> list[AsrunFile]:
        """The newest log of that day and of the next: an item may run over midnight."""
        on = self.airing.broadcast_date
        statement = (
            select(AsrunFile)
            .where(
                AsrunFile.station_id == self.station.id,
                AsrunFile.for_date.in_((on, on + timedelta(days=1))),
            )
            .order_by(AsrunFile.for_date, AsrunFile.fetched_at, AsrunFile.id)
        )
        newest = {file.for_date: file for file in self.session.scalars(statement)}
        return list(newest.values())

    def _records(self, file: AsrunFile) -> list[AsrunRecord]:
        path = self.hub.asrun / f"{file.sha256}.jsonl"
        if not path.exists():
            return []  # the archive was moved away; the rows keep what it proved
        keys = keys_of(self.hub, self.station)
        day = read_asrun(
            path.read_bytes(), station=self.station.code, key=keys.current, next_key=keys.next,
            previous_key=keys.previous_of_log(file.for_date), for_date=file.for_date,
            now=file.fetched_at,
        )  # fmt: skip
        item_id = f"{self.airing.planned_at:{ITEM_ID}}"
        return [record for record in day.records if record.item_id == item_id]

    def result_link(self) -> ChainLink:
        one = self.airing
        facts = {
            "state": one.state.value, "grade": one.grade.value, "evidence": one.evidence,
            "started_at": one.started_at, "played_ms": one.played_ms, "ms": one.ms,
            "reason": one.reason,
        }  # fmt: skip
        said = tuple(_objection_detail(entry) for entry in one.objections)
        return ChainLink("result", self._result_mark(), one.state.value, None, None, facts, said)

    def _result_mark(self) -> Mark:
        match self.airing.state:
            case AiringState.AIRED:
                return Mark.OK
            case AiringState.UNKNOWN:
                return Mark.UNKNOWN
            case AiringState.PLANNED | AiringState.ON_STATION:
                return Mark.WAITING if self.airing.planned_at > self.now else Mark.UNKNOWN
        return Mark.BROKEN

    # ── The ledger ─────────────────────────────────────────────────────────────────────────────

    def entries(self) -> list[LedgerEntry]:
        """Who did what to the slot, the programme, the station's day and the airing itself."""
        one = self.airing
        moment = one.planned_at.isoformat()
        subjects = [
            f"slot {one.slot_id}",
            f"programme {one.programme_id}",
            f"station {one.station_id} {moment}",
            f"{self.station.code} {one.broadcast_date}",
            *([f"release {self.change.version}"] if self.change else []),
        ]
        retried = (
            (LedgerEntry.subject == self.station.code)
            & (LedgerEntry.what == "delivery_retried")
            & LedgerEntry.at.between(one.planned_at - timedelta(days=8), one.planned_at)
        )
        statement = (
            select(LedgerEntry)
            .where(or_(LedgerEntry.subject.in_(subjects), retried))
            .order_by(LedgerEntry.seq.desc())
            .limit(_ENTRIES_MAX)
        )
        return [one for one in self.session.scalars(statement) if self._is_of_this_day(one)][::-1]

    def _is_of_this_day(self, entry: LedgerEntry) -> bool:
        """What was decided about other days of the slot is another story."""
        days = {str(entry.detail.get(name)) for name in ("on", "moved_on")}
        is_of_a_day = entry.what in ("slot_day_changed", "slot_day_restored")
        return not is_of_a_day or str(self.airing.broadcast_date) in days

    # ── Inside ─────────────────────────────────────────────────────────────────────────────────

    def _deliveries(self) -> list[Delivery]:
        statement = (
            select(Delivery)
            .where(
                Delivery.station_id == self.station.id,
                Delivery.for_date == self.airing.broadcast_date,
            )
            .options(selectinload(Delivery.tries))
            .order_by(Delivery.seq)
        )
        return list(self.session.scalars(statement))

    def _delivery(self) -> Delivery | None:
        """What the station obeyed at that moment: the last one that came in time, else the last."""
        in_time = [
            one
            for one in self.deliveries
            if one.delivered_at is not None and one.delivered_at <= self.airing.planned_at
        ]
        if in_time and (self.is_over or self.airing.state not in OPEN_AIRINGS):
            return in_time[-1]
        return self.deliveries[-1] if self.deliveries else None

    def _name(self, person_id: int) -> str | None:
        person = self.session.get(Person, person_id)
        return person.full_name if person else None


def _called(change: SlotException) -> str:
    """The only place at which it holds; empty: wherever the slot is heard."""
    place = change.unit or change.station
    return place.name if place else ""


def _fields_of(delivery: Delivery, attempt: Attempt) -> dict[str, Any]:
    """What the try said; of one from before tries kept it, what the delivery still knows."""
    if attempt.error_fields is not None:
        return attempt.error_fields
    fields = delivery.error_fields or {}
    if attempt.number == delivery.attempts and attempt.outcome == delivery.error_code:
        return fields
    return {name: fields[name] for name in ("host", "port") if name in fields}


def _rendition_facts(found: Rendition | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {
        "sha256": found.sha256,
        "size_bytes": found.size_bytes,
        "ms": found.ms,
        "error": found.error,
    }


def _objection_detail(one: Objection) -> Detail:
    facts = {"who": one.person.full_name, "reason": one.reason}
    return Detail(one.at, "said_heard" if one.heard else "said_not_heard", facts)


def _record_detail(record: AsrunRecord) -> Detail:
    facts = {
        "line": record.line,
        "seq": record.seq,
        "reason": record.reason,
        "played_ms": record.played_ms,
        "device": record.device,
        "clock_ok": record.clock_ok,
    }
    return Detail(record.at, f"log_{record.event}", facts)


def _said(records: Sequence[AsrunRecord]) -> tuple[Mark, str]:
    """What the log makes of it; the last word counts."""
    if not records:
        return Mark.UNKNOWN, "not_in_log"
    last = records[-1]
    if last.event == "ended":
        is_whole = last.reason not in ("partial", "overran")
        return (Mark.OK, "log_ended") if is_whole else (Mark.BROKEN, "log_interrupted")
    if last.event in ("missed", "interrupted"):
        return Mark.BROKEN, f"log_{last.event}"
    return Mark.OK, "log_started"
