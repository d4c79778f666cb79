"""Metric series from tables: long (one sample a row) and wide (a column for each series)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jobforge.autopilots.ops.rca.series import MetricSeries
from jobforge.autopilots.ops.rows import Row, number_of, required_text, required_time, text_of
from jobforge.core.errors import SourceMalformed

TIME_COLUMNS = ("timestamp", "time", "at", "unix_timestamp")
_STATISTIC = re.compile(r"p?\d{2,3}(\.\d+)?|avg|average|mean|median|min|max|sum|total|count|std")
_LONG = frozenset({"metric", "name", "value"})


def series_of(rows: Sequence[Row]) -> list[MetricSeries]:
    """One series per service, metric and statistic, by name; of two samples at a time the last.

    A table without columns for metric and value is wide: a time column, and columns that are named
    `service_metric`, or `service_metric_p99` with a statistic.

    Raises:
        SourceMalformed: a row has no service, metric or time, or a value that is no number.
    """
    if rows and not _LONG & set(rows[0]):
        return _wide(rows)
    samples: dict[tuple[str, str, str | None], dict[float, float]] = {}
    for number, row in enumerate(rows):
        key = (
            required_text(row, number, "metrics", "service", "resource"),
            required_text(row, number, "metrics", "metric", "name"),
            text_of(row, "statistic", "agg") or None,
        )
        at = required_time(row, number, "metrics", *TIME_COLUMNS).timestamp()
        value = number_of(row, number, "metrics", "value")
        samples.setdefault(key, {})[at] = float("nan") if value is None else value
    return [_to_series(key, points) for key, points in sorted(samples.items(), key=_by_name)]


def _wide(rows: Sequence[Row]) -> list[MetricSeries]:
    columns = dict.fromkeys(name for row in rows for name in row if name not in TIME_COLUMNS)
    keys = {column: key for column in columns if (key := split_column(column)) is not None}
    if not keys:
        raise SourceMalformed(
            "metrics: neither columns service, metric and value, nor columns like cart_cpu"
        )
    times = [
        required_time(row, number, "metrics", *TIME_COLUMNS).timestamp()
        for number, row in enumerate(rows)
    ]
    samples: dict[tuple[str, str, str | None], dict[float, float]] = {}
    for column, key in keys.items():
        points = samples.setdefault(key, {})
        for number, (at, row) in enumerate(zip(times, rows, strict=True)):
            value = number_of(row, number, "metrics", column)
            points[at] = float("nan") if value is None else value
    return [_to_series(key, points) for key, points in sorted(samples.items(), key=_by_name)]


def series_of_table(table: Mapping[str, Any]) -> list[MetricSeries]:
    """The series of a wide table given as columns, of which one is the time in Unix seconds.

    Raises:
        SourceMalformed: there is no time column, or none that is named like a series.
    """
    time = next((name for name in TIME_COLUMNS if name in table), None)
    if time is None:
        raise SourceMalformed(f"the table has no column {' or '.join(TIME_COLUMNS)}")
    times = np.asarray(table[time], dtype=np.float64)
    order = np.argsort(times, kind="stable")
    # Of two samples at a time the last counts, as in long tables.
    kept = order[np.append(np.diff(times[order]) > 0, True)] if order.size else order
    found = []
    for column, values in table.items():
        key = None if column in TIME_COLUMNS else split_column(column)
        if key is not None:
            service, metric, statistic = key
            taken = np.asarray(values, dtype=np.float64)[kept]
            found.append(MetricSeries(service, metric, times[kept], taken, statistic))
    if not found:
        raise SourceMalformed("no column is named like a series: cart_cpu, say")
    return sorted(found, key=lambda item: (item.service, item.metric, item.statistic or ""))


def split_column(column: str) -> tuple[str, str, str | None] | None:
    """Service, metric and statistic of a column like `front-end_latency_p99`; None for others."""
    head, _, last = column.rpartition("_")
    statistic = None
    if _STATISTIC.fullmatch(last.lower()) and "_" in head:
        statistic = last
        head, _, last = head.rpartition("_")
    return (head, last, statistic) if head and last else None


def _to_series(key: tuple[str, str, str | None], points: Mapping[float, float]) -> MetricSeries:
    times = np.array(sorted(points))
    values = np.array([points[at] for at in times.tolist()])
    service, metric, statistic = key
    return MetricSeries(service, metric, times, values, statistic)


def _by_name(item: tuple[tuple[str, str, str | None], Any]) -> tuple[str, str, str]:
    service, metric, statistic = item[0]
    return service, metric, statistic or ""
