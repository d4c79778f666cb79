"""How unusual each point is among the points before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
BLOCK = 64
"""Below 256: counts inside a block are single bytes."""
WARM_UP = 20
"""The first points have no past to be unusual against."""


def surprise(values: Floats) -> Floats:
    """-log10 of the share of points so far that are as large, per row of `(n_series, n_points)`.

    2 means one in a hundred. The first `WARM_UP` points give 0; a later point is never used.
    """
    past = np.arange(values.shape[1])
    as_large = past - _smaller_before(_separate_ranks(values))
    result = np.asarray(-np.log10((as_large + 1) / (past + 1)))
    result[:, :WARM_UP] = 0.0
    return result


def _separate_ranks(values: Floats) -> Ints:
    """Ranks that are equal for equal values; those of a row lie above all of the row before."""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    steps = np.zeros(values.shape, np.int32)
    steps[:, 1:] = np.cumsum(ordered[:, 1:] > ordered[:, :-1], axis=1)
    steps += np.arange(len(values), dtype=np.int32)[:, np.newaxis] * values.shape[1]
    ranks = np.empty_like(steps)
    np.put_along_axis(ranks, order, steps, axis=1)
    return ranks


def _smaller_before(ranks: Ints) -> Ints:
    """For each point, how many points before it in its row have a smaller rank.

    Block by block: what lies before the block is sorted once for all rows together, which the
    separate ranks keep apart; within the block each point is compared with each.
    """
    rows, size = ranks.shape
    counts = np.zeros(ranks.shape, np.int32)
    for begin in range(0, size, BLOCK):
        block = ranks[:, begin : begin + BLOCK]
        before = np.sort(ranks[:, :begin], axis=None)
        below = np.searchsorted(before, block.ravel()).reshape(block.shape)
        below -= np.arange(rows)[:, np.newaxis] * begin
        counts[:, begin : begin + BLOCK] = below + _smaller_inside(block)
    return counts


def _smaller_inside(block: Ints) -> NDArray[np.uint8]:
    points = np.ascontiguousarray(block.T)
    counts = np.zeros(points.shape, np.uint8)
    for lag in range(1, len(points)):
        counts[lag:] += points[:-lag] < points[lag:]
    return counts.T
