"""Learning from the past only: each block of time is judged by what was known before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from jobforge.core.errors import InvalidInput

Ints = NDArray[np.int64]
BLOCKS = 5
MIN_SEEN = 100
"""Fewer customers before a block teach too little to judge it by."""


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Positions to learn from and to judge, block by block, earliest first.

    What is learned from lies at least the horizon before the block: its labels were known then.
    """

    blocks: tuple[tuple[Ints, Ints], ...]
    judged_from: date

    def __iter__(self) -> Iterator[tuple[Ints, Ints]]:
        return iter(self.blocks)


def split_by_time(moments: Sequence[date], horizon_days: int) -> TimeSplit:
    """Cut customers into blocks of about equal size by the day they describe; a day stays whole.

    The last block is the one to judge by; `judged_from` is its first day.

    Raises:
        InvalidInput: the days are too close together: no block has enough customers whose labels
            were known before it.
    """
    days = np.array([moment.toordinal() for moment in moments], np.int64)
    edges = np.unique(np.quantile(days, np.linspace(0, 1, BLOCKS + 1)[1:-1], method="higher"))
    found = []
    for start, stop in zip(edges, [*edges[1:], days.max() + 1], strict=True):
        seen = np.flatnonzero(days + horizon_days <= start)
        block = np.flatnonzero((days >= start) & (days < stop))
        if len(seen) >= MIN_SEEN and len(block):
            found.append((seen, block))
    if not found:
        raise InvalidInput(
            f"no split by time: fewer than {MIN_SEEN} customers are described {horizon_days} days "
            "before the later ones",
            hint="add older snapshots, or state a shorter horizon_days",
        )
    first = int(days[found[-1][1]].min())
    return TimeSplit(tuple(found), date.fromordinal(first))
