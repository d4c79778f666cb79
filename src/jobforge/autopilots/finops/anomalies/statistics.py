"""What may be unusual about a point: its level, its step, its spread, the shape it ends.

Every function takes `(n_series, n_points)` and gives the same shape; a value at `i` is made from
points up to `i` only. Before the first point the series counts as constant.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SHAPE_LENGTHS = (8, 24, 96)
WIDENING = (2, 2, 2, 3, 2, 2)
"""How windows of one point grow to those lengths."""
MAX_LAG = 20_000
"""Shapes are compared with the last 20,000 points; beyond that the work grows without bound."""


def distance_from_past_median(values: Floats, width: int) -> Floats:
    """Distance of a point from the median of the `width` points before it."""
    from scipy.ndimage import median_filter

    medians = np.array(
        [median_filter(row, size=width, mode="nearest", origin=width // 2) for row in values]
    )
    return np.abs(values - _shifted(medians))


def _shifted(values: Floats) -> Floats:
    return np.concatenate([values[:, :1], values[:, :-1]], axis=1)


def step(values: Floats) -> Floats:
    """Size of the step from the point before."""
    return np.abs(np.diff(values, axis=1, prepend=values[:, :1]))


def _windows(values: Floats, width: int) -> Floats:
    padded = np.concatenate([np.repeat(values[:, :1], width - 1, axis=1), values], axis=1)
    return sliding_window_view(padded, width, axis=1)


def spread(values: Floats, width: int) -> Floats:
    """Standard deviation of the last `width` points."""
    return np.asarray(_windows(values, width).std(axis=2))


def roughness(values: Floats, width: int) -> Floats:
    """Mean size of the last `width` steps."""
    return np.asarray(_windows(step(values), width).mean(axis=2))


def distance_from_average(values: Floats, weight: float) -> Floats:
    """Distance of a point from the exponential average of the points before it."""
    average = values[:, 0].copy()
    result = np.empty(values.shape)
    for i in range(values.shape[1]):
        gap = values[:, i] - average
        result[:, i] = np.abs(gap)
        average += weight * gap
    return result


def beyond_range(values: Floats) -> Floats:
    """How far a point lies outside everything before it, in units of that range."""
    highest = _shifted(np.maximum.accumulate(values, axis=1))
    lowest = _shifted(np.minimum.accumulate(values, axis=1))
    beyond = np.maximum(np.maximum(values - highest, lowest - values), 0)
    return np.asarray(beyond / np.maximum(highest - lowest, 1e-12))


def distance_from_season(values: Floats, period: int, seasons: int = 7) -> Floats:
    """Distance from the median of the same moment in the `seasons` periods before; 0 before two."""
    result = np.zeros(values.shape)
    size = values.shape[1]
    for known in range(2, seasons + 1):
        begin = known * period
        end = size if known == seasons else min(begin + period, size)
        if begin >= end:
            break
        past = [values[:, begin - n * period : end - n * period] for n in range(1, known + 1)]
        result[:, begin:end] = np.abs(values[:, begin:end] - np.median(np.stack(past), axis=0))
    return result


def shape_distances(values: Floats) -> list[Floats]:
    """Euclidean distance of the last 8, 24 and 96 points to their nearest earlier likeness.

    Overlapping windows don't count as earlier. A window without a past gives 0.

    Source: the left matrix profile; Yeh et al., Matrix Profile I, ICDM 2016, computed along
    diagonals as in Zhu et al., SCRIMP++, ICDM 2018, without z-normalisation.
    """
    # Points first: what is added and compared then lies side by side for all series.
    points = np.ascontiguousarray(values.T)
    nearest = {length: np.full(points.shape, np.inf) for length in SHAPE_LENGTHS}
    rooms = np.empty_like(points), np.empty_like(points)
    for lag in range(min(SHAPE_LENGTHS), min(len(points) - 1, MAX_LAG)):
        for length, sums in _squared_gaps(points, lag, rooms):
            if length in nearest:
                at = nearest[length][lag + length :]
                np.minimum(at, sums[1:], out=at)
    return [np.sqrt(np.where(np.isfinite(best), best, 0.0)).T for best in nearest.values()]


def _squared_gaps(
    points: Floats, lag: int, rooms: tuple[Floats, Floats]
) -> Iterator[tuple[int, Floats]]:
    """Sums of squared gaps to the point `lag` before, over windows of each length up to it.

    Longer windows are sums of shorter ones. Differences of running totals would be one addition
    less, but leave rounding where two windows are the same.
    """
    length, sums = 1, rooms[0][lag:]
    np.subtract(points[lag:], points[:-lag], out=sums)
    np.multiply(sums, sums, out=sums)
    for turn, times in enumerate(WIDENING, 1):
        size = len(sums) - (times - 1) * length
        if size <= 1 or lag < length * times:
            return
        wider = rooms[turn % 2][:size]
        np.add(sums[:size], sums[length : length + size], out=wider)
        for n in range(2, times):
            np.add(wider, sums[n * length : n * length + size], out=wider)
        length, sums = length * times, wider
        yield length, sums
