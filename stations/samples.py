"""Which bytes of a file to look at, when looking at all of them costs too much of a thin link."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

BLOCK_BYTES = 32 * 1024  # one read request that every SFTP server answers whole
# What a power cut or a cut line leaves is zeros, or another length, from some place to the end: a
# quarter of a block shows it as well, and costs a line of 256 kbit/s one second instead of four.
SAMPLE_BYTES = 8 * 1024


@dataclass(frozen=True, order=True)
class Block:
    """A stretch of a file."""

    offset: int
    length: int


def all_blocks(size_bytes: int) -> Iterator[Block]:
    """Every byte of a file, in order."""
    for offset in range(0, size_bytes, BLOCK_BYTES):
        yield Block(offset, min(BLOCK_BYTES, size_bytes - offset))


def sample_blocks(size_bytes: int, count: int, seed: str) -> list[Block]:
    """
    The first block, the last one, and others by chance: never more than ``count``, at least two.

    The last is always there because a cut or a power loss shows at the end of a file. The same
    seed gives the same blocks, so that a finding can be repeated; another seed on another day
    looks elsewhere.
    """
    last = (size_bytes - 1) // SAMPLE_BYTES
    picked = {0, last}
    if last > 1:
        # It spreads the looks, it protects no secret.
        chance = random.Random(seed)  # noqa: S311
        inner = range(1, last)
        picked.update(chance.sample(inner, min(len(inner), max(0, count - 2))))
    return [_block(index, size_bytes) for index in sorted(picked)] if size_bytes else []


def _block(index: int, size_bytes: int) -> Block:
    offset = index * SAMPLE_BYTES
    return Block(offset, min(SAMPLE_BYTES, size_bytes - offset))
