"""Metric series from long rows: one sample a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jobforge.autopilots.ops.rca.series import MetricSeries
from jobforge.autopilots.ops.rows import Row, number_of, required_text, required_time, text_of


def series_of(rows: Sequence[Row]) -> list[MetricSeries]:
    """One series per service, metric and statistic, by name; of two samples at a time the last.

    Raises:
        SourceMalformed: a row has no service, metric or time, or a value that is no number.
    """
    samples: dict[tuple[str, str, str | None], dict[float, float]] = {}
    for number, row in enumerate(rows):
        key = (
            required_text(row, number, "metrics", "service", "resource"),
            required_text(row, number, "metrics", "metric", "name"),
            text_of(row, "statistic", "agg") or None,
        )
        at = required_time(row, number, "metrics", "timestamp", "at", "time").timestamp()
        value = number_of(row, number, "metrics", "value")
        samples.setdefault(key, {})[at] = float("nan") if value is None else value
    found = []
    for (service, metric, statistic), points in sorted(
        samples.items(), key=lambda item: (item[0][0], item[0][1], item[0][2] or "")
    ):
        times = np.array(sorted(points))
        values = np.array([points[at] for at in times.tolist()])
        found.append(MetricSeries(service, metric, times, values, statistic))
    return found
