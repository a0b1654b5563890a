"""What a visit did, step by step, as it went; whole also when the visit broke off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# In the order in which a visit passes them, as far as it does each of them.
DIARY_STEPS = (
    "call",
    "host_key",
    "sign_in",
    "room",
    "file_there",
    "file",
    "day",
    "urgent",
    "receipt",
    "log",
    "audit",
    "sweep",
    "probe",
    "close",
)
# So many entries of one step are told one by one; what is beyond them is told as one sum.
_ONE_BY_ONE = 10
_IN_ONE = frozenset({"file_there"})
_LONGEST_FACT = 200


@dataclass
class Entry:
    """One step of a visit."""

    step: str
    after_s: float  # since the visit began
    took_s: float | None = None  # None: it was never finished
    facts: dict[str, Any] = field(default_factory=dict)  # numbers, short texts
    error_code: str | None = None  # where it broke
    error_fields: dict[str, str] | None = None
    count: int = 1  # how many steps this one tells of


class Diary:
    """Kept by whoever opens a visit, so that it outlives one that never came about."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._began_s = seconds()
        self._entries: list[Entry] = []
        self._told: Exception | None = None

    @property
    def took_s(self) -> float:
        """Seconds since the visit began."""
        return self._seconds() - self._began_s

    @contextmanager
    def doing(self, step: str, **facts: Any) -> Iterator[Entry]:
        """Note a step, how long it takes, and the error that ends it."""
        entry = self.begin(step, **facts)
        try:
            yield entry
        except Exception as error:
            self.broke(entry, error)
            raise
        self.end(entry)

    def begin(self, step: str, **facts: Any) -> Entry:
        """Note a step that ends later, perhaps after others; or never, when the visit is over."""
        entry = Entry(step, self.took_s, facts=facts)
        self._entries.append(entry)
        return entry

    def end(self, entry: Entry) -> None:
        entry.took_s = self.took_s - entry.after_s

    def broke(self, entry: Entry, error: Exception) -> None:
        """Note what a step ended with; an error is told once, at the step that met it."""
        self.end(entry)
        code = getattr(error, "code", None)
        if error is self._told or code is None:
            return
        self._told = error
        entry.error_code = code
        fields: dict[str, Any] = getattr(error, "fields", {})
        entry.error_fields = {name: str(text)[:_LONGEST_FACT] for name, text in fields.items()}

    def entries(self) -> Sequence[Entry]:
        """The steps by their beginning; bounded, however many files a visit brought."""
        shown: list[Entry] = []
        sums: dict[str, Entry] = {}
        seen: dict[str, int] = {}
        for entry in self._entries:
            seen[entry.step] = seen.get(entry.step, 0) + 1
            is_whole = entry.took_s is not None and entry.error_code is None
            beyond = entry.step in _IN_ONE or seen[entry.step] > _ONE_BY_ONE
            if not (is_whole and beyond):
                shown.append(entry)
            elif entry.step in sums:
                _add(sums[entry.step], entry)
            else:
                sums[entry.step] = _opened_sum(entry)
                shown.append(sums[entry.step])
        return shown


def _opened_sum(entry: Entry) -> Entry:
    numbers = {name: one for name, one in entry.facts.items() if _is_number(one)}
    return Entry(entry.step, entry.after_s, entry.took_s, numbers)


def _add(total: Entry, entry: Entry) -> None:
    total.count += 1
    total.took_s = (total.took_s or 0.0) + (entry.took_s or 0.0)
    for name, one in entry.facts.items():
        if _is_number(one):
            total.facts[name] = total.facts.get(name, 0) + one


def _is_number(fact: Any) -> bool:
    return isinstance(fact, int | float) and not isinstance(fact, bool)
