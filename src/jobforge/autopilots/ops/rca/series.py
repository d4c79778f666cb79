"""Metric series on one time grid, and what kind of thing a metric measures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jobforge.core.errors import SourceMalformed

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
MetricKind = Literal["resource", "latency", "errors", "availability", "load", "other"]

MAX_VALUE = 1e100
"""Squares and ratios of what lies below stay finite."""
MAX_SERIES = 20_000
MAX_POINTS = 100_000_000

_KINDS: tuple[tuple[MetricKind, re.Pattern[str]], ...] = (
    ("availability", re.compile(r"availab|success|uptime")),
    ("errors", re.compile(r"err|fail|fault|5xx|4xx|exception|timeout|reject|drop")),
    ("latency", re.compile(r"laten|duration|response.?time|delay|elapsed|rtt|_lat\b|^lat")),
    ("resource", re.compile(
        r"cpu|mem|heap|disk|\bio\b|iops|network|net_|socket|thread|conn|gc\b|swap|file|queue|throttl")),
    ("load", re.compile(
        r"request|workload|load|rps|qps|tps|throughput|rate|calls|invocation|count")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One metric of one service; `timestamps` are Unix seconds, ascending; NaN is no value."""

    service: str
    metric: str
    timestamps: Sequence[float] | FloatArray
    values: Sequence[float] | FloatArray
    statistic: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesGrid:
    """All series on the union of their times: `values` has shape (n_series, n_times)."""

    services: tuple[str, ...]
    metrics: tuple[str, ...]
    statistics: tuple[str | None, ...]
    times: FloatArray
    values: FloatArray

    def find(self, service: str, metric: str, statistic: str | None = None) -> int | None:
        """The row of this series; without a statistic `Average`, then the first, wins."""
        rows = [
            row
            for row, (s, m) in enumerate(zip(self.services, self.metrics, strict=True))
            if s == service and m == metric
        ]
        wanted = [row for row in rows if self.statistics[row] == statistic]
        average = [row for row in rows if self.statistics[row] in {None, "Average", "Sum", "mean"}]
        return next(iter([*(wanted if statistic else []), *average, *rows]), None)


def metric_kind(metric: str) -> MetricKind:
    """What a metric measures, judged by its name."""
    lower = metric.lower()
    return next((kind for kind, pattern in _KINDS if pattern.search(lower)), "other")


def _to_series(item: MetricSeries | Mapping[str, Any]) -> MetricSeries:
    if isinstance(item, MetricSeries):
        return item
    try:
        return MetricSeries(
            service=str(item["service"]),
            metric=str(item["metric"]),
            timestamps=item["timestamps"],
            values=item["values"],
            statistic=None if item.get("statistic") is None else str(item["statistic"]),
        )
    except KeyError as error:
        raise SourceMalformed(f"a metric series lacks {error}") from None


def to_grid(metrics: Sequence[MetricSeries | Mapping[str, Any]]) -> SeriesGrid:
    """Put all series on one grid; infinities, and what is nearly so, count as no value.

    Raises:
        SourceMalformed: a series has no times, times and values differ in number or are none,
            times do not ascend, or there is too much of it.
    """
    series = [_to_series(item) for item in metrics]
    if len(series) > MAX_SERIES:
        raise SourceMalformed(f"{len(series):,} series, more than {MAX_SERIES:,}")
    times = [_times_of(item) for item in series]
    union = _union(times)
    if len(series) * len(union) > MAX_POINTS:
        raise SourceMalformed(f"{len(series)} series of {len(union)} times are too many points")
    grid = np.full((len(series), len(union)), np.nan)
    for row, (item, own) in enumerate(zip(series, times, strict=True)):
        values = _to_numbers(item, "values", item.values)
        if values.shape != own.shape:
            raise SourceMalformed(
                f"{item.service} {item.metric}: {own.size} times, {values.size} values"
            )
        place = slice(None) if own.size == union.size else np.searchsorted(union, own)
        grid[row, place] = values
    grid[~(np.abs(grid) < MAX_VALUE)] = np.nan
    return SeriesGrid(
        services=tuple(item.service for item in series),
        metrics=tuple(item.metric for item in series),
        statistics=tuple(item.statistic for item in series),
        times=union,
        values=grid,
    )


def _times_of(item: MetricSeries) -> FloatArray:
    times = _to_numbers(item, "times", item.timestamps)
    name = f"{item.service} {item.metric}"
    if times.ndim != 1 or not np.isfinite(times).all():
        raise SourceMalformed(f"{name}: times must be a list of finite numbers")
    if times.size > 1 and (np.diff(times) <= 0).any():
        raise SourceMalformed(f"{name}: times do not ascend")
    return times


def _to_numbers(item: MetricSeries, what: str, given: object) -> FloatArray:
    try:
        return np.asarray(given, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        raise SourceMalformed(f"{item.service} {item.metric}: {what} must be numbers") from None


def _union(times: Sequence[FloatArray]) -> FloatArray:
    if not times:
        return np.empty(0)
    first = times[0]
    if all(other is first or np.array_equal(other, first) for other in times):
        return first
    return np.unique(np.concatenate(list(times)))
