"""How far each series departs from its own past, robustly, and whether it often does.

Source: Pham et al. 2024, "BARO: Robust Root Cause Analysis for Microservices via Multivariate
Bayesian Online Change Point Detection", section 3.3 (median and interquartile range); the damping
of small relative changes and the comparison with the past's own windows are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobforge.autopilots.ops.rca.series import (
    FloatArray,
    IntArray,
    MetricKind,
    SeriesGrid,
    metric_kind,
)

IQR_TO_SIGMA = 1.349
MAX_Z = 1000.0
FULL_CHANGE = 0.2
"""A relative change below this counts in part only: tiny changes of quiet series mean little."""
PAST_WINDOWS = 40
MIN_BASELINE = 5

# A resource that runs out is a cause, load is mostly an effect; latency and errors travel.
KIND_WEIGHT: dict[MetricKind, float] = {
    "resource": 1.0, "latency": 0.8, "errors": 0.8, "availability": 0.8, "other": 0.7, "load": 0.5,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deviations:
    """One entry per series. `level` and `peak` are in robust standard deviations.

    `level` is the incident's median against the past's, `peak` its farthest point. `past` is the
    99 % quantile of `level` over windows of the past as long as the incident. `onset` is the
    index of the first of two departing points in a row, or -1.
    """

    level: FloatArray
    peak: FloatArray
    past: FloatArray
    relative: FloatArray
    center: FloatArray
    now: FloatArray
    score: FloatArray
    onset: IntArray


def deviations_of(grid: SeriesGrid, start: int) -> Deviations:
    """Compare the columns from `start` on with those before; a series without a past scores 0."""
    before, after = grid.values[:, :start], grid.values[:, start:]
    center, scale = _robust_moments(before)
    with np.errstate(all="ignore"):
        now = _row_median(after)
        # A constant past has no scale: a tenth of the step makes a clear but not a huge departure.
        step = np.nan_to_num(np.nanmax(np.abs(after - center[:, None]), axis=1, initial=0.0))
        floor = np.maximum(1e-3 * np.abs(center), np.where(scale == 0, 0.1 * step, 0.0))
        scale = np.maximum(np.maximum(scale, floor), 1e-12)
        z = (after - center[:, None]) / scale[:, None]
        level = np.nan_to_num(np.abs(now - center) / scale)
        peak = np.nan_to_num(np.nanmax(np.abs(z), axis=1, initial=0.0))
        relative = np.nan_to_num(np.abs(now - center) / np.maximum(np.abs(center), 1e-9))
    past = _past_levels(before, center, scale, after.shape[1])
    enough = np.isfinite(before).sum(axis=1) >= MIN_BASELINE
    level = np.where(enough, np.minimum(level, MAX_Z), 0.0)
    peak = np.where(enough, np.minimum(peak, MAX_Z), 0.0)
    return Deviations(
        level=level,
        peak=peak,
        past=past,
        relative=relative,
        center=center,
        now=now,
        score=_scores(grid, level, peak, past, relative),
        onset=_onsets(z, start),
    )


def _robust_moments(before: FloatArray) -> tuple[FloatArray, FloatArray]:
    if before.shape[1] == 0:
        empty = np.full(before.shape[0], np.nan)
        return empty, empty.copy()
    with np.errstate(all="ignore"):
        low, middle, high = _row_quantiles(before, (25.0, 50.0, 75.0))
    return middle, np.nan_to_num((high - low) / IQR_TO_SIGMA)


def _row_quantiles(values: FloatArray, percents: tuple[float, ...]) -> FloatArray:
    complete = np.isfinite(values).all(axis=1)
    result = np.full((len(percents), values.shape[0]), np.nan)
    if complete.any():
        result[:, complete] = np.percentile(values[complete], percents, axis=1)
    for row in np.flatnonzero(~complete):
        known = values[row][np.isfinite(values[row])]
        if known.size:
            result[:, row] = np.percentile(known, percents)
    return result


def _row_median(values: FloatArray) -> FloatArray:
    if values.shape[1] == 0:
        return np.full(values.shape[0], np.nan)
    complete = np.isfinite(values).all(axis=1)
    median = np.full(values.shape[0], np.nan)
    if complete.any():
        median[complete] = np.median(values[complete], axis=1)
    for row in np.flatnonzero(~complete):
        known = values[row][np.isfinite(values[row])]
        if known.size:
            median[row] = np.median(known)
    return median


def _past_levels(
    before: FloatArray, center: FloatArray, scale: FloatArray, width: int
) -> FloatArray:
    """The 99 % quantile of |median - center| / scale over windows of the past."""
    width = max(1, min(width, before.shape[1] // 4))
    starts = np.unique(np.linspace(0, max(before.shape[1] - width, 0), PAST_WINDOWS).astype(int))
    if before.shape[1] < 2 * width:
        return np.zeros(before.shape[0])
    levels = np.stack([_row_median(before[:, s : s + width]) for s in starts], axis=1)
    with np.errstate(all="ignore"):
        z = np.nan_to_num(np.abs(levels - center[:, None]) / scale[:, None])
    quantile: FloatArray = np.quantile(z, 0.99, axis=1)
    return quantile


def _scores(
    grid: SeriesGrid, level: FloatArray, peak: FloatArray, past: FloatArray, relative: FloatArray
) -> FloatArray:
    weight = np.array([KIND_WEIGHT[metric_kind(metric)] for metric in grid.metrics])
    # Both the level and the peak must speak: a single wild point is no incident. What the past did
    # as well is subtracted.
    departure = np.sqrt(np.maximum(level - past, 0.0) * peak)
    damping = np.minimum(1.0, relative / FULL_CHANGE)
    scores: FloatArray = weight * np.log1p(departure) * damping
    return scores


def _onsets(z: FloatArray, start: int) -> IntArray:
    far = np.nan_to_num(np.abs(z)) > 3.0  # noqa: PLR2004 (three sigma)
    if z.shape[1] > 1:
        far = far[:, :-1] & far[:, 1:]
    first = far.argmax(axis=1) if far.shape[1] else np.zeros(z.shape[0], dtype=np.int64)
    found = far.any(axis=1) if far.shape[1] else np.zeros(z.shape[0], dtype=bool)
    return np.where(found, first + start, -1).astype(np.int64)
