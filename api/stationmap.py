"""The map of stations as it is drawn: marks by their place on earth, tiles by their district."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from api.vietnamese import sort_key
from scheduler.stationlist import Spot, Standing

# Drawn by their place: more marks than this hide each other on a telephone.
MOST_MARKS = 120
# As tiles: more than a province has is shown as one tile a unit.
MOST_TILES = 400

# One mark is a pill with its icon and its number; no two lie in one cell of this grid.
WIDTH, CELL_X, CELL_Y = 360, 40, 26
_MIN_ROWS, _MAX_ROWS = 5, 24


@dataclass(frozen=True)
class Mark:
    """A station at its place on the drawing; the table beside it has the same number."""

    number: int
    spot: Spot
    x: int
    y: int


@dataclass(frozen=True)
class Drawing:
    """Marks on a drawing of this height; the width is always ``WIDTH``."""

    marks: Sequence[Mark]
    height: int


@dataclass(frozen=True)
class Group:
    """The stations of one unit: each as a tile, or only how many stand how."""

    name: str
    code: str
    spots: Sequence[Spot]

    @property
    def standings(self) -> Mapping[Standing, int]:
        found = Counter(spot.standing for spot in self.spots)
        return {standing: found[standing] for standing in Standing if found[standing]}


def draw(spots: Sequence[Spot]) -> Drawing | None:
    """
    The stations that have coordinates, each in a cell of its own, north above.

    None when there are fewer than two, or too many to be told apart: the tiles show those.
    """
    placed = [spot for spot in spots if spot.lat is not None and spot.lon is not None]
    if not 2 <= len(placed) <= MOST_MARKS:
        return None
    placed.sort(key=lambda spot: sort_key(spot.name))
    columns = WIDTH // CELL_X
    rows = _rows(placed, columns)
    taken: set[tuple[int, int]] = set()
    marks = []
    for number, (spot, wanted) in enumerate(_cells(placed, columns, rows), start=1):
        column, row = _free_cell(wanted, taken, columns, rows)
        taken.add((column, row))
        marks.append(Mark(number, spot, column * CELL_X, row * CELL_Y))
    return Drawing(marks, rows * CELL_Y)


def groups_of(spots: Sequence[Spot]) -> list[Group]:
    """Tiles by the unit above, each in Vietnamese order; what serves no unit stands last."""
    by_unit: dict[str, list[Spot]] = defaultdict(list)
    for spot in spots:
        by_unit[spot.above or spot.unit].append(spot)
    return [
        Group(name, "", sorted(found, key=lambda spot: sort_key(spot.unit or spot.name)))
        for name, found in sorted(by_unit.items(), key=lambda one: (not one[0], sort_key(one[0])))
    ]


def _rows(placed: Sequence[Spot], columns: int) -> int:
    """As high as the land is, and high enough that every mark finds a cell near its place."""
    west, east, south, north = _bounds(placed)
    breadth = max((east - west) * math.cos(math.radians((north + south) / 2)), 1e-6)
    wanted = (north - south) / breadth * WIDTH / CELL_Y
    least = math.ceil(len(placed) * 2 / columns)
    return max(_MIN_ROWS, least, min(round(wanted), _MAX_ROWS))


def _bounds(placed: Sequence[Spot]) -> tuple[float, float, float, float]:
    lons = [spot.lon or 0.0 for spot in placed]
    lats = [spot.lat or 0.0 for spot in placed]
    return min(lons), max(lons), min(lats), max(lats)


def _cells(
    placed: Sequence[Spot], columns: int, rows: int
) -> Iterator[tuple[Spot, tuple[int, int]]]:
    west, east, south, north = _bounds(placed)
    for spot in placed:
        across = ((spot.lon or 0.0) - west) / max(east - west, 1e-6)
        down = (north - (spot.lat or 0.0)) / max(north - south, 1e-6)
        yield spot, (round(across * (columns - 1)), round(down * (rows - 1)))


def _free_cell(
    wanted: tuple[int, int], taken: set[tuple[int, int]], columns: int, rows: int
) -> tuple[int, int]:
    """The free cell nearest to the one that is wanted; there are twice as many as marks."""
    cells = ((column, row) for column in range(columns) for row in range(rows))
    return min(
        (cell for cell in cells if cell not in taken),
        key=lambda cell: (cell[0] - wanted[0]) ** 2 + (cell[1] - wanted[1]) ** 2,
    )
