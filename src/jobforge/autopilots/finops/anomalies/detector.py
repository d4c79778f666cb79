"""Anomalies of any series, point by point, without looking ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jobforge.autopilots.finops.anomalies import statistics
from jobforge.autopilots.finops.anomalies.surprise import surprise
from jobforge.core.errors import InvalidInput

Floats = NDArray[np.float64]
ALARM_SURPRISE = 2.2
"""An alarm is a point more unusual than all but one in 160 before it; chosen once, for all series,
by the mean over half-splits of the Numenta Anomaly Benchmark's public files."""
ALARM = 0.5
MAX_PROBATION = 750
QUIET_SHARE = 0.25
"""After an alarm a quarter of the probation is quiet: what follows belongs to it."""
BATCH = 128
"""So many series of two years of days nearly fit the processor's cache together."""
WORKERS = 2
DAY_SECONDS = 86_400
MIN_PERIOD = 4
HUGE = 1e100


@dataclass(frozen=True, slots=True)
class AnomalyScores:
    """Scores in [0, 1], one per point; `alarms` are the positions at `threshold` and above."""

    scores: Floats
    threshold: float = ALARM

    @property
    def alarms(self) -> NDArray[np.int64]:
        """Positions to act on, ascending."""
        return np.flatnonzero(self.scores >= self.threshold)


def score_series(
    timestamps: Sequence[float | datetime], values: ArrayLike, *, probation: float
) -> AnomalyScores:
    """Score one series; see `jobforge.autopilots.finops.detect_anomalies`."""
    row = np.asarray(values, np.float64)
    if row.ndim != 1:
        raise InvalidInput("values are one number per point")
    return next(score_matrix(timestamps, row[np.newaxis], probation=probation))


def score_matrix(
    timestamps: Sequence[float | datetime], matrix: ArrayLike, *, probation: float
) -> Iterator[AnomalyScores]:
    """Score many series with common timestamps, in batches that fit the cache."""
    table = np.asarray(matrix, np.float64)
    seconds = _seconds(timestamps)
    _check(seconds, table, probation)
    table = _within_range(table)
    period = _day_length(seconds)
    quiet = min(int(probation * table.shape[1]), MAX_PROBATION)
    batches = (table[begin : begin + BATCH] for begin in range(0, len(table), BATCH))
    with ThreadPoolExecutor(WORKERS) as pool:
        for unusual in pool.map(lambda batch: _unusualness(batch, period), batches):
            for row in unusual:
                yield AnomalyScores(_to_scores(row, quiet))


def _seconds(timestamps: Sequence[float | datetime]) -> Floats:
    moments = (t.timestamp() if isinstance(t, datetime) else t for t in timestamps)
    return np.fromiter(moments, np.float64, len(timestamps))


def _check(seconds: Floats, table: Floats, probation: float) -> None:
    if table.ndim != 2 or table.shape[1] != len(seconds):  # noqa: PLR2004 (rows and columns)
        raise InvalidInput("there is one value per timestamp and series")
    if not len(seconds):
        raise InvalidInput("a series without points has no anomalies to find")
    if not np.isfinite(table).all() or not np.isfinite(seconds).all():
        raise InvalidInput("values and timestamps are finite numbers; fill or drop the gaps first")
    if not 0 <= probation < 1:
        raise InvalidInput("probation is a share of the points, from 0 to below 1")


def _within_range(table: Floats) -> Floats:
    """The same shapes in numbers whose squares and sums stay finite; scores have no unit."""
    peaks = np.abs(table).max(axis=1, keepdims=True, initial=0.0)
    return table if peaks.max(initial=0.0) <= HUGE else np.where(peaks > HUGE, table / peaks, table)


def _day_length(seconds: Floats) -> int | None:
    """Points in a day, by the first hundred timestamps; None where the points are coarser."""
    steps = np.diff(seconds[:100])
    steps = steps[steps > 0]
    if not len(steps):
        return None
    points = round(DAY_SECONDS / float(np.median(steps)))
    if points >= MIN_PERIOD:
        return points
    return 7 if points == 1 else None


def _unusualness(table: Floats, period: int | None) -> Floats:
    """The weighted surprises of all statistics, themselves ranked among the past."""
    total = np.zeros(table.shape)
    for weight, make in _statistics(period):
        for values in make(table):
            total += weight * surprise(values)
    return surprise(total)


Statistic = Callable[[Floats], list[Floats]]


def _statistics(period: int | None) -> list[tuple[float, Statistic]]:
    """The statistics and their weights: shapes say most, spread next, then the single point."""
    found: list[tuple[float, Statistic]] = [
        (2.0, statistics.shape_distances),
        (1.5, lambda t: [statistics.roughness(t, 50)]),
        (1.5, lambda t: [statistics.spread(t, 30)]),
        (1.0, lambda t: [statistics.distance_from_average(t, 0.05)]),
        (1.0, lambda t: [statistics.step(t)]),
        (1.0, lambda t: [statistics.distance_from_past_median(t, 601)]),
        (1.0, lambda t: [statistics.beyond_range(t)]),
    ]
    if period is not None:
        found.append((1.0, lambda t: [statistics.distance_from_season(t, period)]))
    return found


def _to_scores(unusual: Floats, probation: int) -> Floats:
    """Map surprise to [0, 1) with alarms from 0.5 on; one alarm per quiet time, none at first."""
    scores = unusual / (unusual + ALARM_SURPRISE)
    scores[:probation] = 0.0
    quiet = QUIET_SHARE * probation
    last = -quiet - 1
    for i in np.flatnonzero(scores >= ALARM).tolist():
        if i - last > quiet:
            last = i
        else:
            scores[i] *= ALARM
    return scores
