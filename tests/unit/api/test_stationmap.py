"""The map of stations: every mark finds a place of its own, north above."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from api.stationmap import CELL_X, CELL_Y, MOST_MARKS, WIDTH, draw, groups_of
from scheduler.stationlist import PAGE_ROWS, Spot, Standing, StationQuery, fitting, page_of

_degrees = st.floats(min_value=-89, max_value=89, allow_nan=False)


def spot(number: int, *, lat: float | None = None, lon: float | None = None, unit: str = "",
         above: str = "Huyện Lý Nhân", standing: Standing = Standing.READY) -> Spot:  # fmt: skip
    return Spot(
        id=number, code=f"d{number}", name=f"Đài {number}", technology="ip", phone=None, lat=lat,
        lon=lon, last_seen_at=None, free_bytes=None, clock_skew_s=None, unit_id=1,
        unit=unit or f"Xã {number}", above=above, standing=standing,
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(_degrees, _degrees), min_size=2, max_size=60))
def test_no_two_marks_lie_on_each_other_and_none_outside(places: list[tuple[float, float]]) -> None:
    """Whatever coordinates somebody typed, also all of them the same."""
    drawing = draw([spot(n, lat=lat, lon=lon) for n, (lat, lon) in enumerate(places)])

    assert drawing is not None
    cells = {(mark.x, mark.y) for mark in drawing.marks}
    assert len(cells) == len(places)
    assert all(0 <= x <= WIDTH - CELL_X and 0 <= y <= drawing.height - CELL_Y for x, y in cells)
    assert [mark.number for mark in drawing.marks] == list(range(1, len(places) + 1))


def test_north_is_above_and_east_is_right() -> None:
    """As on every map."""
    drawing = draw([spot(1, lat=21.0, lon=105.0), spot(2, lat=20.0, lon=106.0)])

    assert drawing is not None
    north_west, south_east = drawing.marks
    assert north_west.y < south_east.y
    assert north_west.x < south_east.x


def test_too_many_or_too_few_places_are_not_drawn() -> None:
    """The tiles show those stations all the same."""
    crowd = [spot(n, lat=random.random(), lon=1.0) for n in range(MOST_MARKS + 1)]

    assert draw(crowd) is None
    assert draw([spot(1, lat=20.0, lon=106.0), spot(2)]) is None
    assert sum(len(group.spots) for group in groups_of(crowd)) == len(crowd)


def test_tiles_lie_by_district_in_vietnamese_order() -> None:
    """Đ after D; what serves no unit stands last."""
    found = groups_of([
        spot(1, above="Huyện Đông Anh"), spot(2, above="Huyện Duy Tiên"), spot(3, above=""),
        spot(4, unit="Xã Đạo Lý"), spot(5, unit="Xã Dân Lý"),
    ])  # fmt: skip

    assert [group.name for group in found] == [
        "Huyện Duy Tiên", "Huyện Đông Anh", "Huyện Lý Nhân", "Xã 3",
    ]  # fmt: skip
    assert [one.unit for one in found[2].spots] == ["Xã Dân Lý", "Xã Đạo Lý"]


def test_a_page_of_a_nation_is_bounded_and_every_station_stands_on_one_page() -> None:
    """Ten thousand stations are 200 pages; a page beyond the last is the last."""
    spots = [spot(n) for n in range(PAGE_ROWS * 3 + 1)]

    pages = [page_of(spots, StationQuery(), number) for number in range(1, 6)]

    seen = [one.id for page in pages[:4] for one in page.spots]
    assert sorted(seen) == [one.id for one in spots]
    assert [len(page.spots) for page in pages] == [PAGE_ROWS] * 3 + [1, 1]
    assert pages[4].page == pages[4].pages == 4


def test_who_needs_somebody_stands_first_and_closed_ones_only_when_asked_for() -> None:
    """The list begins with what there is to do."""
    spots = [spot(1), spot(2, standing=Standing.CLOSED), spot(3, standing=Standing.NEEDS)]

    page = page_of(spots, StationQuery(), 1)

    assert [one.id for one in page.spots] == [3, 1]
    assert page.standings[Standing.CLOSED] == 1
    assert [one.id for one in fitting(spots, StationQuery(standing="closed"))] == [2]
    assert [one.id for one in fitting(spots, StationQuery(needs=True))] == [3]
    assert [one.id for one in fitting(spots, StationQuery(words="dai 1"))] == [1]
    assert [one.id for one in fitting(spots, StationQuery(words="ly nhan d3"))] == [3]
    assert fitting(spots, StationQuery(technology="fm")) == []
