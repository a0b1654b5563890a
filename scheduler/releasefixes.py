"""Where a release cannot air beside what stays on air: it is refused, with what would help."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy.orm import Session

from scheduler.errors import OutsideUnit, ReleaseOverlaps, Said, said
from scheduler.hub import Hub
from scheduler.lines import every_slot, is_draft
from scheduler.releasecheck import Overlap, Timetable, airing, new_overlaps
from scheduler.slotfixes import Fix
from scheduler.slots import refuse_foreign_unit
from scheduler.store.models import Person, Slot


def may_release(session: Session, slot: Slot, by: Person) -> bool:
    """Whether all of it is the person's own."""
    try:
        refuse_foreign_unit(session, slot, by)
    except OutsideUnit:
        return False
    return True


def refuse_overlaps(hub: Hub, session: Session, coming: Mapping[int, Slot | None]) -> None:
    """
    Raises:
        ReleaseOverlaps: the first one, with all others.
    """
    found = list(new_overlaps(hub, session, airing(session), coming))
    if found:
        raise _first(found)


def refuse_release(hub: Hub, session: Session, chosen: Sequence[Slot], by: Person) -> None:
    """
    Refuse to let these drafts air where they would overlap what stays on air.

    Raises:
        ReleaseOverlaps: the first one, with all others and with proposals that were tried.
    """
    now = airing(session)
    drafts = {slot.id: slot for slot in every_slot(session) if is_draft(slot)}
    trial = _Trial(hub, session, now, drafts)
    numbers = frozenset(slot.id for slot in chosen)
    found = list(trial.overlaps(numbers))
    if found:
        error = _first(found)
        error.fixes = tuple(_fixes(trial, numbers, found, by))
        raise error


def _first(found: Sequence[Overlap]) -> ReleaseOverlaps:
    error = found[0].error
    error.problems = tuple(one.error for one in found)
    return error


class _Trial:
    """Which drafts could be released together."""

    def __init__(
        self, hub: Hub, session: Session, now: Timetable, drafts: Mapping[int, Slot]
    ) -> None:
        self.hub, self.session, self.now, self.drafts = hub, session, now, drafts

    def overlaps(self, numbers: Collection[int]) -> Iterator[Overlap]:
        coming = {
            number: None if self.drafts[number].removed_at else self.drafts[number]
            for number in numbers
        }
        return new_overlaps(self.hub, self.session, self.now, coming)

    def is_free(self, numbers: Collection[int]) -> bool:
        return next(self.overlaps(numbers), None) is None

    def with_needed(self, numbers: frozenset[int]) -> frozenset[int] | None:
        """These, and the fewest other drafts that make room for them; none if that is no way."""
        for _ in self.drafts:
            missing = {one.other_id for one in self.overlaps(numbers)} - numbers
            if not missing <= self.drafts.keys():
                return None
            if not missing:
                return numbers if self.is_free(numbers) else None
            numbers |= missing
        return None


def _fixes(
    trial: _Trial, numbers: frozenset[int], found: Sequence[Overlap], by: Person
) -> Iterator[Fix]:
    together = trial.with_needed(numbers)
    if together is not None:
        more = sorted(together - numbers)
        names = ", ".join(f'"{trial.drafts[number].title}"' for number in more)
        foreign = [n for n in more if not may_release(trial.session, trial.drafts[n], by)]
        if foreign:
            unit = trial.drafts[foreign[0]].unit.name
            yield Fix("ask_other", said("ask {unit} to release {slots} first", unit=unit,
                                        slots=names), {}, ("timetable", "diff"))  # fmt: skip
        else:
            yield _release("release_too", said("release {slots} with it", slots=names), together)
    rest = numbers - {one.slot_id for one in found}
    if rest and trial.is_free(rest):
        left = ", ".join(f'"{trial.drafts[one].title}"' for one in sorted(numbers - rest))
        yield _release("leave_out", said("leave {slots} out of it", slots=left), rest)
    first = found[0]
    yield Fix("move_other", said('give "{other}" another time first',
                                 other=trial.drafts[first.slot_id].title), {},
              ("slot", "edit", str(first.slot_id), "--at", "HH:MM"))  # fmt: skip


def _release(kind: str, sentence: Said, numbers: Collection[int]) -> Fix:
    chosen = tuple(sorted(numbers))
    options = [word for number in chosen for word in ("--slot", str(number))]
    return Fix(kind, sentence, {"slot_ids": chosen}, ("timetable", "release", *options))
