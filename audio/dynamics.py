"""How the level moves: a voice rests between its words, and in its rests the room is heard."""

from __future__ import annotations

from dataclasses import dataclass, field

BLOCK_WINDOWS = 30  # three seconds: no sentence is spoken without a rest for so long
LIVELY_DB = 9.0  # a voice moves by 20 to 40 dB in a block, dense music by 3 to 7, noise by 1
DEEPEST_DBFS = -90  # the last bin also takes zeros: a gate or an editor made the pauses


@dataclass
class Dynamics:
    """A histogram of levels and a count of blocks that move as speech does."""

    counts: list[int] = field(default_factory=lambda: [0] * -DEEPEST_DBFS)
    blocks: int = 0
    lively_blocks: int = 0
    _block: list[float] = field(default_factory=list)

    def add(self, level_dbfs: float) -> None:
        """Take the level of one window of 100 ms."""
        self.counts[max(0, min(int(-level_dbfs), len(self.counts) - 1))] += 1
        self._block.append(level_dbfs)
        if len(self._block) == BLOCK_WINDOWS:
            self._end_block()

    def _end_block(self) -> None:
        heard = sorted(self._block)
        self._block.clear()
        if heard[-1] <= DEEPEST_DBFS / 2:
            return  # a pause of the programme says nothing about what is in it
        self.blocks += 1
        # Not the outermost windows: one click is not a voice.
        self.lively_blocks += heard[-3] - heard[2] >= LIVELY_DB

    @property
    def speech_percent(self) -> float:
        """How much of the sound moves as speech does; 100 where there is too little to tell."""
        return 100.0 * self.lively_blocks / self.blocks if self.blocks else 100.0

    @property
    def noise_floor_dbfs(self) -> float | None:
        """The level that nineteen windows of twenty lie above."""
        return self._level_below(0.05)

    @property
    def room_db(self) -> float | None:
        """How far the voice stands above that floor."""
        floor, voice = self._level_below(0.05), self._level_below(0.9)
        return None if floor is None or voice is None else voice - floor

    def _level_below(self, share: float) -> float | None:
        left = share * sum(self.counts)
        if left == 0:
            return None
        for level in range(len(self.counts) - 1, -1, -1):
            left -= self.counts[level]
            if left <= 0:
                return -float(level)
        return 0.0
