"""The rehearsal from end to end: a province is made, its nights pass, its books are balanced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from api.i18n import mark
from api.rehearsal.faults import Fault, Script, StationEnd, faults_of
from api.rehearsal.nights import Nights, Tell
from api.rehearsal.province import Province
from api.rehearsal.reconciliation import (
    Balance,
    balance_of,
    heard_by_airing,
    rows_of,
    slots_due,
    station_ends,
)
from api.rehearsal.shard import Shard, ShardProcess, Worker, started_process
from scheduler.config import CollectSettings, DatabaseSettings, PathSettings, Settings
from stations.lineprocess import LineProcess


@dataclass(frozen=True)
class Order:
    """What is rehearsed."""

    nights: int = 30
    stations: int = 115
    faults: tuple[Fault, ...] = ()
    seed: int = 1
    processes: int = 2  # workers in processes of their own; 1: all in this one
    database: str = ""  # empty: SQLite in the folder


@dataclass(frozen=True)
class Outcome:
    order: Order
    balance: Balance
    stations: tuple[StationEnd, ...]

    @property
    def is_as_expected(self) -> bool:
        """The books balance, and every station tells of its fault what happened."""
        return self.balance.is_balanced and all(end.is_as_expected for end in self.stations)


def rehearse(folder: Path, order: Order, *, tell: Tell) -> Outcome:
    """Make the province below ``folder``, let the nights pass, and balance the books."""
    settings = Settings(
        paths=PathSettings(data=folder / "hub"),
        database=DatabaseSettings(url=order.database),
        collect=CollectSettings(null_device_counts=True),
    )
    tell(mark("The province is made"), 0, 1)
    with ExitStack() as stack:
        processes = [
            stack.enter_context(closing(started_process()))
            for _ in range(order.processes if order.processes > 1 else 0)
        ]
        province = Province(folder, settings, stations=order.stations)
        stack.enter_context(closing(province.hub.database))
        tell("The province is made", 1, 1)
        faults = faults_of(list(province.codes), order.faults, order.seed)
        script = Script(
            settings.zone, nights=order.nights, seed=order.seed, has_faults=bool(order.faults)
        )
        workers = [
            stack.enter_context(closing(worker))
            for worker in _workers(processes, folder / "stations", province, faults, order)
        ]
        nights = Nights(province, workers, script, tell=tell)
        heard = nights.run()
        due = slots_due(province, order.nights, script.retires_on)
        rows = rows_of(province, order.nights)
        balance = balance_of(due, rows, heard_by_airing(province, due, heard))
        ends = station_ends(province, faults, rows, nights.errors, balance)
    return Outcome(order, balance, tuple(ends))


def _workers(
    processes: Sequence[LineProcess], folder: Path, province: Province,
    faults: dict[str, Fault], order: Order,
) -> Sequence[Worker]:  # fmt: skip
    kinds: Sequence[Callable[..., Worker]]
    kinds = [partial(ShardProcess, process) for process in processes] or [Shard]
    codes = list(province.codes)
    return [
        kind(
            folder, province.settings, faults, codes[number :: len(kinds)],
            start=province.clock.now(), nights=order.nights, seed=order.seed,
        )
        for number, kind in enumerate(kinds)
    ]  # fmt: skip
