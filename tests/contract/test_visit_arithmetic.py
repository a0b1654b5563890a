"""The small sums of a visit: which blocks to look at, how fast to send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stations.pace import Pace
from stations.samples import BLOCK_BYTES, all_blocks, sample_blocks


@given(st.integers(0, 3_000_000))
def test_all_blocks_are_every_byte_once(size: int) -> None:
    """Nothing is read twice, nothing is left out."""
    blocks = list(all_blocks(size))

    assert sum(block.length for block in blocks) == size
    assert [block.offset for block in blocks] == list(range(0, size, BLOCK_BYTES))


@given(st.integers(1, 50_000_000), st.integers(0, 20), st.text(max_size=5))
def test_samples_hold_the_first_and_the_last_byte(size: int, count: int, seed: str) -> None:
    """Within the budget, inside the file, the ends always among them, the same for a seed."""
    blocks = sample_blocks(size, count, seed)

    assert blocks[0].offset == 0
    assert blocks[-1].offset + blocks[-1].length == size
    assert len(blocks) <= max(2, count)
    assert all(0 < block.length <= BLOCK_BYTES for block in blocks)
    assert blocks == sorted(set(blocks)) == sample_blocks(size, count, seed)


def test_nothing_of_nothing_is_looked_at() -> None:
    """An empty file has no blocks."""
    assert sample_blocks(0, 8, "") == []


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_pace_is_kept_and_a_small_file_is_not_slowed() -> None:
    """256 kbit/s is 32,000 bytes a second: the first second's worth is free."""
    clock = Clock()
    pace = Pace(256, clock.monotonic, clock.sleep)

    pace.spend(32_000)
    assert clock.now == 0
    for _ in range(10):
        pace.spend(32_000)

    assert abs(clock.now - 10) < 0.01


def test_idle_time_is_not_saved_up_beyond_a_second() -> None:
    """After an hour's silence a link is not flooded."""
    clock = Clock()
    pace = Pace(8, clock.monotonic, clock.sleep)
    clock.sleep(3600)

    pace.spend(1000)
    pace.spend(5000)

    assert clock.now - 3600 == 5
