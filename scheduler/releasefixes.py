"""Where a release cannot air beside what stays on air: it is refused, with what would help."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.errors import OutsideUnit, Said, SlotRefused, said
from scheduler.hub import Hub
from scheduler.lines import drafts
from scheduler.releasecheck import Air, Conflict, Timetable, airing, new_conflicts
from scheduler.slotcheck import retimed
from scheduler.slotfixes import Fix, fixes_for
from scheduler.slotowners import refuse_foreign_unit
from scheduler.slots import checker_of
from scheduler.store.models import Person, Slot, Station

_TRIED_ONE_BY_ONE = 12  # other drafts that might make room; each trial looks at all that airs
_OPTIONS = {"starts_at": "--at", "seconds": "--seconds"}


def may_release(hub: Hub, session: Session, slot: Slot, by: Person) -> bool:
    """Whether all of it is the person's own."""
    try:
        refuse_foreign_unit(hub, session, slot, by)
    except OutsideUnit:
        return False
    return True


def refuse_conflicts(hub: Hub, session: Session, coming: Mapping[int, Slot | None]) -> None:
    """
    Raises:
        ReleaseOverlaps, ReleaseBreaksRules: the first one, with all others.
    """
    found = list(new_conflicts(hub, session, airing(session), coming))
    if found:
        raise _first(found)


def refuse_release(hub: Hub, session: Session, chosen: Sequence[Slot], by: Person) -> None:
    """
    Refuse to let these drafts air where they would overlap what stays on air, or break a rule.

    Raises:
        ReleaseOverlaps, ReleaseBreaksRules: the first one, with all others and with proposals that
            were tried.
    """
    now = airing(session)
    trial = _Trial(hub, session, now, {slot.id: slot for slot in drafts(session)})
    numbers = frozenset(slot.id for slot in chosen)
    found = list(trial.conflicts(numbers))
    if found:
        error = _first(found)
        error.fixes = tuple(_fixes(trial, numbers, found, by))
        raise error


def _first(found: Sequence[Conflict]) -> SlotRefused:
    error = found[0].error
    error.problems = tuple(one.error for one in found)
    return error


class _Trial:
    """Which drafts could be released together."""

    def __init__(
        self, hub: Hub, session: Session, now: Timetable, drafts: Mapping[int, Slot]
    ) -> None:
        self.hub, self.session, self.now, self.drafts = hub, session, now, drafts

    def coming(self, numbers: Collection[int]) -> dict[int, Slot | None]:
        return {
            number: None if self.drafts[number].removed_at else self.drafts[number]
            for number in numbers
        }

    def conflicts(self, numbers: Collection[int]) -> Iterator[Conflict]:
        return new_conflicts(self.hub, self.session, self.now, self.coming(numbers))

    def is_free(self, numbers: Collection[int]) -> bool:
        return next(self.conflicts(numbers), None) is None

    def with_needed(self, numbers: frozenset[int]) -> frozenset[int] | None:
        """These, and the fewest other drafts that make room for them; none if that is no way."""
        for _ in self.drafts:
            found = list(self.conflicts(numbers))
            if not found:
                return numbers
            missing = {one.other_id for one in found if one.other_id is not None} - numbers
            if not missing:
                return self._with_room(numbers)
            if not missing <= self.drafts.keys():
                return None
            numbers |= missing
        return None

    def _with_room(self, numbers: frozenset[int]) -> frozenset[int] | None:
        """One more draft after which the rules are kept, or all of them."""
        others = sorted(self.drafts.keys() - numbers)
        for number in others[:_TRIED_ONE_BY_ONE]:
            if self.is_free(numbers | {number}):
                return numbers | {number}
        everything = numbers.union(others)
        return everything if len(others) > 1 and self.is_free(everything) else None


def _fixes(
    trial: _Trial, numbers: frozenset[int], found: Sequence[Conflict], by: Person
) -> Iterator[Fix]:
    together = trial.with_needed(numbers)
    if together is not None:
        more = sorted(together - numbers)
        names = ", ".join(f'"{trial.drafts[number].title}"' for number in more)
        foreign = [
            n for n in more if not may_release(trial.hub, trial.session, trial.drafts[n], by)
        ]
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
    changed = list(_changed_first(trial, numbers, found[0]))
    yield from changed
    if not changed:
        number = found[0].slot_id
        yield Fix("move_other", said('give "{other}" another time first',
                                     other=trial.drafts[number].title), {},
                  ("slot", "edit", str(number), "--at", "HH:MM"))  # fmt: skip


def _changed_first(trial: _Trial, numbers: frozenset[int], first: Conflict) -> Iterator[Fix]:
    """Another time or length of the line, tried on the air to come and among the drafts."""
    if first.other_id is not None:
        return
    hub, session, draft = trial.hub, trial.session, trial.drafts[first.slot_id]
    merged = {**trial.now, **trial.coming(numbers)}
    after = {number: line for number, line in merged.items() if line is not None}
    checker, parts = Air(hub, session, after).checked(draft)
    beside, _ = checker_of(hub, session, draft)
    codes = {row.id: row.code for row in session.execute(select(Station.id, Station.code))}
    shortest_s = -(-(draft.programme.heard_ms or 0) // 1000) if draft.programme else 0
    problems = [first.error]
    for fix in fixes_for(checker, parts[0], problems, shortest_s=shortest_s, codes=codes):
        if (
            fix.changes.keys() <= _OPTIONS.keys()
            and fix.changes
            and all(
                checker.is_free(trial_line) and beside.is_free(trial_line)
                for trial_line in (retimed(part, **fix.changes) for part in parts)
            )
        ):
            [(name, value)] = fix.changes.items()
            word = f"{value:%H:%M}" if name == "starts_at" else str(value)
            yield Fix(
                "edit_first",
                said('change "{slot}" first: {change}', slot=draft.title, change=fix.sentence),
                {"slot_id": draft.id, **fix.changes},
                ("slot", "edit", str(draft.id), _OPTIONS[name], word),
            )


def _release(kind: str, sentence: Said, numbers: Collection[int]) -> Fix:
    chosen = tuple(sorted(numbers))
    options = [word for number in chosen for word in ("--slot", str(number))]
    return Fix(kind, sentence, {"slot_ids": chosen}, ("timetable", "release", *options))
